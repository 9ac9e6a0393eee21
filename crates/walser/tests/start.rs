//! `walser start` and `quickstart`: what a person sees when it works, and when it cannot.

mod support;

use std::net::TcpListener;

use support::{Sandbox, disk, finished, walser};

#[test]
fn it_says_where_it_is_and_stops_cleanly() {
    let sandbox = Sandbox::new("start");
    let broker = sandbox.start(&[]);
    assert!(broker.greeting.contains("is ready after"), "{}", broker.greeting);
    assert!(broker.greeting.contains("/data\n"), "{}", broker.greeting);
    let next = format!("walser topic create hello --bootstrap-server {}", broker.address);
    assert!(broker.greeting.contains(&next), "{}", broker.greeting);
    assert_eq!(broker.stop(), Some(0));
}

#[test]
fn a_second_start_goes_on_where_the_first_was() {
    let sandbox = Sandbox::new("restart");
    let broker = sandbox.start(&[]);
    broker.out(&["topic", "create", "t", "-c", "retention.ms=-1"]);
    broker.out_with(&["topic", "produce", "t"], "one\ntwo\n");
    assert_eq!(broker.out(&["topic", "consume", "t", "--group", "g", "--max", "1"]), "one\n");
    assert_eq!(broker.stop(), Some(0));

    let broker = sandbox.start(&[]);
    assert_eq!(broker.out(&["topic", "consume", "t"]), "one\ntwo\n");
    assert_eq!(broker.out(&["topic", "consume", "t", "--group", "g"]), "two\n");
    let described = broker.json(&["topic", "describe", "t"]);
    assert_eq!(described[0]["settings"]["retention.ms"], "-1");
    assert_eq!(broker.stop(), Some(0));
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let sandbox = Sandbox::new("kill");
    let broker = sandbox.start(&[]);
    let input: String = (0..1000).map(|number| format!("record {number}\n")).collect();
    broker.out_with(&["topic", "produce", "t"], &input);
    broker.kill();
    let broker = sandbox.start(&[]);
    assert_eq!(broker.out(&["topic", "consume", "t"]), input);
}

#[test]
fn a_folder_has_one_broker() {
    let sandbox = Sandbox::new("second");
    let broker = sandbox.start(&[]);
    let data = sandbox.path("data");
    let second = sandbox.refused(&[
        "--data-dir",
        &data.to_string_lossy(),
        "--set",
        "listeners=PLAINTEXT://127.0.0.1:0",
    ]);
    assert_eq!(second.code, 7, "{second:?}");
    assert_eq!(second.err.lines().count(), 1, "{second:?}");
    assert!(second.err.contains("another process"), "{second:?}");
    // The first is none the worse for it.
    broker.out(&["topic", "create", "t"]);
}

#[test]
fn a_foreign_folder_is_left_alone() {
    let sandbox = Sandbox::new("foreign");
    disk().create_dir_all(&sandbox.path("data")).unwrap();
    sandbox.write("data/thesis.txt", "my thesis");
    let data = sandbox.path("data");
    let refused = sandbox.refused(&[
        "--data-dir",
        &data.to_string_lossy(),
        "--set",
        "listeners=PLAINTEXT://127.0.0.1:0",
    ]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert_eq!(refused.err.lines().count(), 1, "{refused:?}");
    assert_eq!(sandbox.names("data"), ["thesis.txt"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let sandbox = Sandbox::new("unwritable");
    sandbox.write("file", "not a folder");
    let inside = sandbox.path("file").join("data");
    let refused = sandbox.refused(&[
        "--data-dir",
        &inside.to_string_lossy(),
        "--set",
        "listeners=PLAINTEXT://127.0.0.1:0",
    ]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.err.contains(&*inside.to_string_lossy()), "{refused:?}");
}

#[test]
fn a_taken_port_is_named_and_nothing_is_touched() {
    let sandbox = Sandbox::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let data = sandbox.path("data");
    let refused = sandbox.refused(&[
        "--data-dir",
        &data.to_string_lossy(),
        "--set",
        &format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
    ]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains(&format!("127.0.0.1:{port}")), "{refused:?}");
    assert!(refused.err.contains("--set listeners="), "{refused:?}");
    assert!(!disk().exists(&data), "the folder was made though the start failed");

    let mut command = walser();
    command.args(["quickstart", "--exit", "--port", &port.to_string(), "--data-dir"]).arg(&data);
    let refused = finished(command, "");
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("walser quickstart --port"), "{refused:?}");
}

#[test]
fn wrong_settings_are_named_with_their_place_and_nothing_is_touched() {
    let sandbox = Sandbox::new("settings");
    let file = sandbox.write("w.properties", "node.id=1\nlog.retenton.ms=5\nnum.partitions=0\n");
    let file = file.to_string_lossy();
    let data = sandbox.path("data");
    let refused = sandbox.refused(&[
        "--config",
        &file,
        "--data-dir",
        &data.to_string_lossy(),
        "--set",
        "nod.id=5",
    ]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(
        refused.err,
        format!(
            "error: {file}:2: there is no broker setting 'log.retenton.ms'; did you mean 'log.retention.ms'?\n\
             error: {file}:3: num.partitions cannot be '0': it takes a whole number, 1 or more\n\
             error: --set nod.id=5: there is no broker setting 'nod.id'; did you mean 'node.id'?\n"
        )
    );
    let refused = sandbox.refused(&["--set", "listeners=PLAINTEXT://0.0.0.0:0"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("--insecure"), "{refused:?}");
    let refused = sandbox.refused(&["--config", "/nonexistent/walser.toml"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("/nonexistent/walser.toml"), "{refused:?}");
    assert!(!disk().exists(&data), "the folder was made though the start failed");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let sandbox = Sandbox::new("precedence");
    let file = sandbox.write(
        "w.toml",
        "num.partitions = 2\ndefault.replication.factor = 1\n[log.retention]\nms = 1000000\nbytes = 5\n",
    );
    let mut command = walser();
    command
        .args(["start", "--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "num.partitions=4"])
        .env("WALSER_NUM_PARTITIONS", "3")
        .env("WALSER_LOG_RETENTION_MS", "2000000")
        .env("WALSER_CONFIG", file)
        .arg("--data-dir")
        .arg(sandbox.path("data"));
    let broker = support::Broker::spawn(command);
    broker.out(&["topic", "create", "t"]);
    assert_eq!(
        broker.json(&["topic", "describe", "t"])[0]["partitions"].as_array().unwrap().len(),
        4
    );
    let settings = broker.json(&["config", "list", "--topic", "t"]);
    let value = |name: &str| {
        let all = settings.as_array().unwrap();
        all.iter().find(|entry| entry["setting"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("retention.ms"), "2000000");
    assert_eq!(value("retention.bytes"), "5");
}

#[test]
fn quickstart_shows_the_broker_at_work_twice_in_one_folder() {
    let sandbox = Sandbox::new("quickstart");
    for beginning in ["created topic 'quickstart'", "found topic 'quickstart'"] {
        let mut command = walser();
        command
            .args(["quickstart", "--exit", "--port", "0", "--records", "2000", "--data-dir"])
            .arg(sandbox.path("data"));
        let done = finished(command, "");
        assert_eq!(done.code, 0, "{done:?}");
        for part in [beginning, "sent 2,000 records", "read 2,000 records", "records/s"] {
            assert!(done.out.contains(part), "no '{part}' in {done:?}");
        }
        assert_eq!(done.err, "", "{done:?}");
    }
}

#[test]
fn nothing_answers_where_no_broker_is() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = walser();
    command.args(["topic", "list", "-b", &free.to_string()]);
    let done = finished(command, "");
    assert_eq!((done.code, done.out.as_str()), (3, ""), "{done:?}");
    assert!(done.err.contains("walser quickstart"), "{done:?}");
}
