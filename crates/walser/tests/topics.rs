//! Topics, records and groups through the command line.

mod support;

use serde_json::json;
use support::{Sandbox, finished, walser};

#[test]
fn a_topic_is_created_shown_changed_and_deleted() {
    let sandbox = Sandbox::new("topic");
    let broker = sandbox.start(&[]);
    let done = broker.run(&["topic", "list"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{done:?}");
    assert!(done.err.contains("there are no topics"), "{done:?}");

    let create = ["topic", "create", "t", "--partitions", "3", "--config", "durability=relaxed"];
    assert_eq!(broker.out(&create), "created topic t with 3 partitions, durability relaxed\n");
    let again = broker.run(&create);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("--if-not-exists"), "{again:?}");
    broker.out(&["topic", "create", "t", "--if-not-exists"]);

    let listed = broker.json(&["topic", "list"]);
    assert_eq!(
        listed,
        json!([{
            "name": "t", "partitions": 3, "replication_factor": 1, "durability": "relaxed",
            "internal": false,
        }])
    );
    broker.out(&[
        "topic",
        "alter",
        "t",
        "--partitions",
        "5",
        "-c",
        "retention.ms=60000",
        "--unset",
        "durability",
    ]);
    let described = &broker.json(&["topic", "describe", "t"])[0];
    assert_eq!(described["durability"], "fsync");
    assert_eq!(described["settings"], json!({ "retention.ms": "60000" }));
    assert_eq!(described["partitions"].as_array().unwrap().len(), 5);

    broker.out(&["topic", "delete", "t"]);
    for verb in [["topic", "describe", "t"], ["topic", "delete", "t"], ["topic", "consume", "t"]] {
        let done = broker.run(&verb);
        assert_eq!(done.code, 5, "{done:?}");
        assert!(done.err.contains("there is no topic 't'"), "{done:?}");
    }
}

#[test]
fn a_compacted_topic_keeps_the_last_record_of_each_key() {
    let sandbox = Sandbox::new("compact");
    let broker = sandbox.start(&["--set", "log.cleaner.backoff.ms=50"]);
    let settings = ["cleanup.policy=compact", "segment.ms=1", "min.cleanable.dirty.ratio=0"];
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    broker.out(&["topic", "create", "t"].into_iter().chain(settings).collect::<Vec<_>>());
    // Each batch has a time of its own, so each begins a segment.
    for n in 0..6_i64 {
        let time = 1_700_000_000_000_i64 + n * 1000;
        let record = |key: &str| json!({"key": key, "value": n.to_string(), "timestamp": time});
        let input = format!("{}\n{}\n", record("a"), record(if n < 3 { "b" } else { "c" }));
        broker.out_with(&["topic", "produce", "t", "--json"], &input);
    }
    let consume = ["topic", "consume", "t", "-o", "json"];
    let fields = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        (record["offset"].as_i64().unwrap(), record["key"].clone(), record["value"].clone())
    };
    // What is not in the last segment is compacted: of a the last but one, of b the last, of c one.
    let expected = [(5, "b", "2"), (8, "a", "4"), (9, "c", "4"), (10, "a", "5"), (11, "c", "5")];
    let expected = expected.map(|(at, key, value)| (at, json!(key), json!(value)));
    let is_compacted = || broker.out(&consume).lines().map(fields).eq(expected.iter().cloned());
    let patience = std::iter::repeat_with(|| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        is_compacted()
    });
    assert!(patience.take(1200).any(|done| done), "not compacted: {}", broker.out(&consume));
    let keyless = broker.run_with(&["topic", "produce", "t"], "no key\n");
    assert_ne!(keyless.code, 0, "{keyless:?}");
    assert!(keyless.err.contains("a compacted topic"), "{keyless:?}");
}

#[test]
fn what_cannot_be_is_refused_by_the_broker_with_its_reason() {
    let sandbox = Sandbox::new("refused");
    let broker = sandbox.start(&[]);
    for (verb, part) in [
        (&["topic", "create", "bad/name"][..], "bad/name"),
        (&["topic", "create", "t", "-c", "retenton.ms=5"], "did you mean 'retention.ms'?"),
        (&["topic", "create", "t", "-c", "retention.ms=soon"], "a whole number, -1 or more"),
        (&["topic", "create", "t", "-r", "3"], "replication factor"),
    ] {
        let done = broker.run(verb);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.to_lowercase().contains(&part.to_lowercase()), "no '{part}' in {done:?}");
    }
    broker.out(&["topic", "create", "t", "-p", "2"]);
    let done = broker.run(&["topic", "alter", "t", "-p", "1"]);
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn records_come_back_as_they_were_sent() {
    let sandbox = Sandbox::new("records");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t", "-p", "2"]);
    let lines = [
        json!({"partition": 0, "timestamp": 1_700_000_000_000_i64, "key": "k", "value": "v",
               "headers": {"h": "x", "n": null}}),
        json!({"partition": 0, "timestamp": 1_700_000_000_001_i64, "key": null, "value": "é",
               "headers": {}}),
        json!({"partition": 0, "timestamp": 1_700_000_000_002_i64, "key_hex": "00ff",
               "value": null,
               "headers": [{"name": "h", "value": "1"}, {"name": "h", "value_hex": "80"}]}),
        json!({"partition": 1, "timestamp": 1_700_000_000_003_i64, "key": "", "value": "",
               "headers": {}}),
    ];
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let produce = ["topic", "produce", "t", "--json", "--compression", codec];
        broker.out_with(&produce, &input);
    }
    let text = broker.out(&["topic", "consume", "t", "--partition", "0", "-o", "json"]);
    let found: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), 15, "{text}");
    for (offset, mut record) in found.into_iter().enumerate() {
        assert_eq!(record["offset"], offset);
        record.as_object_mut().unwrap().remove("offset");
        assert_eq!(record, lines[offset % 3]);
    }
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let sandbox = Sandbox::new("places");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t"]);
    let line = |n: i64| {
        format!("{}\n", json!({"value": n.to_string(), "timestamp": 1_700_000_000_000 + n * 1000}))
    };
    let input: String = (0..10).map(line).collect();
    broker.out_with(&["topic", "produce", "t", "--json"], &input);
    let consume = |arguments: &[&str]| {
        broker.out(&[&["topic", "consume", "t"], arguments].concat()).replace('\n', " ")
    };
    assert_eq!(consume(&["--max", "3"]), "0 1 2 ");
    assert_eq!(consume(&["--from", "8"]), "8 9 ");
    assert_eq!(consume(&["--from", "99"]), "");
    assert_eq!(consume(&["--from", "2023-11-14T22:13:27Z"]), "7 8 9 ");
    assert_eq!(consume(&["--from", "1h"]), "");
    assert_eq!(consume(&["--from", "9", "--key-separator", ":"]), ":9 ");
}

#[test]
fn following_waits_for_what_comes() {
    let sandbox = Sandbox::new("follow");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t"]);
    broker.out_with(&["topic", "produce", "t"], "before\n");
    let mut command = walser();
    command
        .args(["topic", "consume", "t", "--follow", "--max", "2"])
        .env("WALSER_BOOTSTRAP_SERVER", &broker.address);
    let following = std::thread::spawn(move || finished(command, ""));
    broker.out_with(&["topic", "produce", "t"], "after\n");
    let done = following.join().unwrap();
    assert_eq!((done.code, done.out.as_str()), (0, "before\nafter\n"), "{done:?}");
}

#[test]
fn long_input_goes_through_in_order() {
    let sandbox = Sandbox::new("long");
    let broker = sandbox.start(&[]);
    let input: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    let done = broker.run_with(&["topic", "produce", "t"], &input);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.err, "100,000 records sent to t\n", "no bar where nobody watches");
    assert!(broker.out(&["topic", "consume", "t"]) == input, "the lines came back changed");
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let sandbox = Sandbox::new("lines");
    let broker = sandbox.start(&[]);
    let done = broker.run_with(
        &["topic", "produce", "t", "--json"],
        "{\"value\": \"good\"}\n{\"valu\": \"bad\"}\n",
    );
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("line 2 is no record"), "{done:?}");
    assert_eq!(broker.out(&["topic", "consume", "t"]), "good\n");
}

#[test]
fn a_group_goes_on_where_it_was_and_can_be_moved() {
    let sandbox = Sandbox::new("group");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t"]);
    broker.out_with(&["topic", "produce", "t"], "1\n2\n3\n4\n5\n");
    let consume = |arguments: &[&str]| {
        broker.out(&[&["topic", "consume", "t", "--group", "g"], arguments].concat())
    };
    assert_eq!(consume(&["--max", "2"]), "1\n2\n");
    let described = &broker.json(&["group", "describe", "g"])[0];
    assert_eq!(described["state"], "Empty");
    let at = |committed: i64| {
        json!([{"topic": "t", "partition": 0, "committed": committed, "end": 5,
                "lag": 5 - committed, "member": null}])
    };
    assert_eq!(described["offsets"], at(2));
    assert_eq!(consume(&[]), "3\n4\n5\n");
    assert_eq!(consume(&[]), "");

    broker.out(&["group", "seek", "g", "t:0", "--to", "3", "--dry-run"]);
    assert_eq!(broker.json(&["group", "describe", "g"])[0]["offsets"], at(5));
    broker.out(&["group", "seek", "g", "--to", "3"]);
    assert_eq!(consume(&[]), "4\n5\n");

    assert_eq!(broker.json(&["group", "list"])[0]["name"], "g");
    assert_eq!(broker.out(&["group", "delete", "g"]), "deleted group g\n");
    for verb in [
        &["group", "describe", "g"][..],
        &["group", "delete", "g"],
        &["group", "seek", "g", "--to", "end"],
    ] {
        let done = broker.run(verb);
        assert_eq!(done.code, 5, "{done:?}");
        assert!(done.err.contains("there is no group 'g'"), "{done:?}");
    }
}

#[test]
fn settings_are_explained_with_what_they_are() {
    let sandbox = Sandbox::new("explain");
    let broker = sandbox.start(&["--set", "log.retention.hours=1"]);
    broker.out(&["topic", "create", "t"]);
    let text = broker.out(&["config", "explain", "retention.ms", "--topic", "t"]);
    assert!(text.contains("is 3600000 (file, environment or flag)"), "{text}");
    let text = broker.out(&["config", "list", "--broker", "1"]);
    assert!(text.contains("log.retention.hours"), "{text}");
    let done = broker.run(&["config", "list", "--broker", "9"]);
    assert_eq!(done.code, 5, "{done:?}");
}

#[test]
fn a_topic_says_what_its_acknowledgements_mean() {
    let sandbox = Sandbox::new("acknowledged");
    let broker = sandbox.start(&[]);
    let relaxed = ["-c", "durability=relaxed"];
    for (name, settings, said) in [
        ("safe", &["-c", "flush.messages=9"][..], "once on stable storage"),
        ("loose", &relaxed, "once in the page cache; a loss of power may take what came last"),
        (
            "bounded",
            &["-c", "durability=relaxed", "-c", "flush.messages=100"],
            "once in the page cache; a loss of power may take the last 99 of a partition",
        ),
        (
            "timed",
            &["-c", "durability=relaxed", "-c", "flush.ms=500"],
            "once in the page cache; a loss of power may take what came in the last 500 ms",
        ),
        (
            "each",
            &["-c", "durability=relaxed", "-c", "flush.messages=1"],
            "once on stable storage, as flush.messages or flush.ms ask",
        ),
    ] {
        broker.out(&[&["topic", "create", name], settings].concat());
        assert_eq!(broker.json(&["topic", "describe", name])[0]["acknowledged"], said);
        let text = broker.out(&["topic", "describe", name]);
        assert!(text.contains(&format!("acks        {said}\n")), "{text}");
        let text = broker.out(&["config", "explain", "flush.ms", "--topic", name]);
        assert!(text.contains(&format!("records are acknowledged {said}\n")), "{text}");
    }
}

#[test]
fn settings_are_listed_and_explained_without_a_broker() {
    let run = |arguments: &[&str]| {
        let mut command = walser();
        command.args(arguments).env("WALSER_BOOTSTRAP_SERVER", "127.0.0.1:1");
        finished(command, "")
    };
    let done = run(&["config", "list", "-o", "json"]);
    let keys: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let count = broker::config::BROKER_KEYS.len() + broker::config::TOPIC_KEYS.len();
    assert_eq!(keys.as_array().unwrap().len(), count);
    assert!(run(&["config", "explain", "retention.ms"]).out.contains("(topic setting)"));
    let done = run(&["config", "explain", "retenton.ms"]);
    assert_eq!(done.code, 5, "{done:?}");
    assert!(done.err.contains("did you mean 'retention.ms'?"), "{done:?}");
}

#[test]
fn files_are_dumped_without_a_broker() {
    let sandbox = Sandbox::new("dump");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t"]);
    broker.out_with(&["topic", "produce", "t", "-k", ":"], "a:1\nb:2\n");
    // Of a log with little in it no snapshot is made when it is closed.
    broker.out(&["topic", "create", "large"]);
    let lines = format!("{}\n", "v".repeat(100_000)).repeat(30);
    broker.out_with(&["topic", "produce", "large"], &lines);
    assert_eq!(broker.stop(), Some(0));
    let dump = |name: &str, arguments: &[&str]| {
        let mut command = walser();
        command.arg("dump").arg(sandbox.path("data/t-0").join(name)).args(arguments);
        finished(command, "")
    };
    let done = dump("00000000000000000000.log", &["--records"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.starts_with("baseOffset: 0 lastOffset: 1 count: 2"), "{done:?}");
    assert!(done.out.contains(r#""key":"b","value":"2""#), "{done:?}");
    let done = dump("00000000000000000000.log", &["-o", "json"]);
    let first: serde_json::Value = serde_json::from_str(done.out.lines().next().unwrap()).unwrap();
    assert_eq!((&first["base_offset"], &first["crc_is_right"]), (&json!(0), &json!(true)));
    assert_eq!(dump("00000000000000000001.log", &[]).code, 5);
    for name in ["partition.metadata", "../catalogue", "../large-0/00000000000000000030.snapshot"] {
        assert_eq!(dump(name, &[]).code, 0, "{name} is shown too");
    }
    assert_eq!(dump("something.else", &[]).code, 2);
}
