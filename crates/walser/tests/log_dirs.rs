//! The binary with several log directories: one that becomes unusable does not take the others, is
//! said to be offline, and has all it had when it is back.

mod support;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{Broker, Sandbox, disk, finished, walser};

const TOPICS: [&str; 4] = ["t0", "t1", "t2", "t3"];

fn command(sandbox: &Sandbox, dirs: &[&str]) -> std::process::Command {
    let dirs: Vec<String> =
        dirs.iter().map(|dir| sandbox.path(dir).display().to_string()).collect();
    let mut command = walser();
    command.args(["start", "--set", "listeners=PLAINTEXT://127.0.0.1:0"]);
    command.args(["--set", &format!("log.dirs={}", dirs.join(","))]);
    command
}

fn count(broker: &Broker, topic: &str) -> usize {
    broker.out(&["topic", "consume", topic, "-o", "json"]).lines().count()
}

fn has(folder: &Path, topic: &str) -> bool {
    disk().exists(&folder.join(format!("{topic}-0")))
}

#[test]
fn a_folder_that_is_unusable_is_offline_and_comes_back_whole() {
    let sandbox = Sandbox::new("log-dirs");
    let (first, second): (PathBuf, PathBuf) = (sandbox.path("one"), sandbox.path("two"));
    let broker = Broker::spawn(command(&sandbox, &["one", "two"]));
    for topic in TOPICS {
        broker.out(&["topic", "create", topic, "--partitions", "1"]);
        broker.out_with(&["topic", "produce", topic], "one\ntwo\n");
    }
    let (in_first, in_second): (Vec<&str>, Vec<&str>) =
        TOPICS.iter().partition(|topic| has(&first, topic));
    assert_eq!((in_first.len(), in_second.len()), (2, 2), "{in_first:?} {in_second:?}");
    assert!(in_second.iter().all(|topic| has(&second, topic)));
    broker.kill();

    // A file in its place cannot be a log directory.
    let away = sandbox.path("away");
    disk().rename(&second, &away).unwrap();
    sandbox.write("two", "not a folder");
    let mut starting = command(&sandbox, &["one", "two"]);
    starting.stderr(Stdio::piped());
    let mut broker = Broker::spawn_as_is(starting);
    let mut errors = broker.take_stderr().unwrap();
    for topic in &in_first {
        assert_eq!(count(&broker, topic), 2);
        broker.out_with(&["topic", "produce", topic], "three\n");
    }
    // What is offline is said to be so, and where to look.
    let described = &broker.json(&["topic", "describe", in_second[0]])[0];
    assert_eq!(described["partitions"][0]["state"], "offline", "{described}");
    assert!(described["partitions"][0]["leader"].is_null(), "{described}");
    let reason = described["problems"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&second.display().to_string()), "{reason}");
    let described = broker.out(&["topic", "describe", in_second[0], in_first[0]]);
    assert!(described.contains("offline") && described.contains("online"), "{described}");
    assert!(described.contains(reason), "{described}");
    let described = &broker.json(&["topic", "describe", in_first[0]])[0];
    assert_eq!(described["partitions"][0]["state"], "online", "{described}");
    assert_eq!(described["problems"], serde_json::json!([]));
    broker.out(&["topic", "create", "later", "--partitions", "2"]);
    broker.out_with(&["topic", "produce", "later"], "one\n");
    assert_eq!(broker.stop(), Some(0));
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert!(said.contains("a log directory is offline"), "{said}");
    assert!(said.contains(&second.display().to_string()), "{said}");

    disk().remove_file(&second).unwrap();
    disk().rename(&away, &second).unwrap();
    let broker = Broker::spawn(command(&sandbox, &["one", "two"]));
    for topic in &in_first {
        assert_eq!(count(&broker, topic), 3);
    }
    for topic in &in_second {
        assert_eq!(count(&broker, topic), 2);
        broker.out_with(&["topic", "produce", topic], "three\n");
    }
    assert_eq!(count(&broker, "later"), 1);
    assert_eq!(broker.stop(), Some(0));

    // The wrong order is a mistake that would begin a cluster without a topic.
    let refused = finished(command(&sandbox, &["two", "one"]), "");
    assert_eq!(refused.code, 7, "{}", refused.err);
    assert!(refused.err.contains("metadata.log.dir"), "{}", refused.err);
}
