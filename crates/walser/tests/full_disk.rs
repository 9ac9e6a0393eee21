//! The binary on a real file system that is small: filled by producers until they are refused, used
//! meanwhile, freed, restarted. Mounts a tmpfs, and says so when it may not.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use client::{ClientError, ClientOptions, Cluster, NewRecord, Producer, ProducerOptions};
use env::Env;
use support::{Broker, Sandbox, walser};
use wire::ErrorCode;

const DISK_BYTES: usize = 48 << 20;
const VALUE_BYTES: usize = 500_000;

struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(path: PathBuf) -> Mounted {
        support::disk().create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES}"), "walser-test"]);
        let done = support::finished(
            {
                mount.arg(&path);
                mount
            },
            "",
        );
        assert_eq!(
            done.code, 0,
            "this test mounts a small tmpfs and has to be run by someone who may (root, or \
             'unshare --user --map-root-user --mount cargo test'): {done:?}"
        );
        Mounted(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn start(disks: &[&Mounted]) -> Broker {
    let folders: Vec<String> =
        disks.iter().map(|disk| disk.0.join("data").display().to_string()).collect();
    let mut command = walser();
    command.args(["start", "--set", "listeners=PLAINTEXT://127.0.0.1:0"]);
    command.args(["--set", "group.initial.rebalance.delay.ms=0"]);
    command.args(["--data-dir", &folders.join(",")]);
    Broker::spawn(command)
}

fn count(broker: &Broker, topic: &str) -> usize {
    broker.out(&["topic", "consume", topic, "-o", "json"]).lines().count()
}

/// What a producer that does not wait long is told.
fn produce(broker: &Broker, topic: &str, value: &str) -> Result<(), ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = ClientOptions::default();
        let cluster = Cluster::connect(&Env::system(), &broker.address, options).await?;
        let options =
            ProducerOptions { delivery_timeout: Duration::from_secs(2), ..Default::default() };
        let producer = Producer::new(&cluster, options);
        let sent = producer.send(NewRecord::new(topic, value.to_owned())).await?;
        sent.wait().await.map(|_| ())
    })
}

fn refused(done: Result<(), ClientError>) -> bool {
    match done {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.code(), Some(ErrorCode::KafkaStorageError), "{error}");
            true
        }
    }
}

/// Writes until it is refused; how many records were taken.
fn fill(broker: &Broker, topic: &str) -> usize {
    let value = "x".repeat(VALUE_BYTES);
    let mut acknowledged = 0;
    while !refused(produce(broker, topic, &value)) {
        acknowledged += 1;
        assert!(acknowledged < 200, "never refused");
    }
    acknowledged
}

/// Writes until it is taken.
fn wait_until_taken(broker: &Broker, topic: &str, value: &str) {
    let clock = Env::system().clock;
    let begun = clock.monotonic();
    while refused(produce(broker, topic, value)) {
        assert!(
            clock.monotonic() < begun + Duration::from_secs(60),
            "refused though there is room"
        );
    }
}

#[test]
fn a_full_disk_loses_nothing_and_ends_by_itself() {
    let sandbox = Sandbox::new("full-disk");
    let mounted = Mounted::tmpfs(sandbox.path("mount"));
    let broker = start(&[&mounted]);
    broker.out(&["topic", "create", "big"]);
    broker.out(&["topic", "create", "kept"]);
    produce(&broker, "kept", "one").unwrap();

    let value = "x".repeat(VALUE_BYTES);
    let acknowledged = fill(&broker, "big");
    assert!(acknowledged >= 20, "refused after {acknowledged} records of 500 KB");

    // Reads, commits, deletes and the metadata go on.
    assert_eq!(count(&broker, "big"), acknowledged);
    let read = broker.out(&["topic", "consume", "kept", "--group", "g", "--max", "1"]);
    assert!(read.contains("one"), "{read}");
    broker.out(&["topic", "create", "later"]);
    assert!(refused(produce(&broker, "later", &value)));

    // Killed and started again it is as it was.
    broker.kill();
    let broker = start(&[&mounted]);
    assert_eq!(count(&broker, "big"), acknowledged);
    let group = broker.out(&["group", "describe", "g"]);
    assert!(group.contains("kept"), "{group}");
    assert!(refused(produce(&broker, "later", &value)));

    broker.out(&["topic", "delete", "big"]);
    wait_until_taken(&broker, "kept", &value);
    assert_eq!(count(&broker, "kept"), 2);
    assert_eq!(broker.stop(), Some(0));
}

#[test]
fn one_of_two_disks_that_is_full_does_not_stop_the_other() {
    let sandbox = Sandbox::new("full-of-two");
    let disks = ["one", "two"].map(|name| Mounted::tmpfs(sandbox.path(name)));
    let all: Vec<&Mounted> = disks.iter().collect();
    let [_, second] = &disks;
    let broker = start(&all);
    let topics = ["a", "b"];
    for topic in topics {
        broker.out(&["topic", "create", topic]);
        produce(&broker, topic, "one").unwrap();
    }
    let is_in_second =
        |topic: &str| support::disk().exists(&second.0.join(format!("data/{topic}-0")));
    let (full, roomy): (Vec<&str>, Vec<&str>) =
        topics.iter().partition(|topic| is_in_second(topic));
    assert_eq!((full.len(), roomy.len()), (1, 1), "{full:?} {roomy:?}");
    let (full, roomy) = (full[0], roomy[0]);
    // Something else has a part of the disk.
    let filler = second.0.join("filler");
    support::disk().replace(&filler, &vec![1; 16 << 20]).unwrap();

    let value = "x".repeat(VALUE_BYTES);
    let acknowledged = 1 + fill(&broker, full);
    let others = 10;
    for _ in 0..others {
        produce(&broker, roomy, &value).unwrap();
    }
    // What is new goes where there is room.
    broker.out(&["topic", "create", "later", "--partitions", "3"]);
    for _ in 0..6 {
        produce(&broker, "later", "one").unwrap();
    }
    let full_ones = (0..3)
        .filter(|index| support::disk().exists(&second.0.join(format!("data/later-{index}"))));
    assert_eq!(full_ones.count(), 0);
    assert!(refused(produce(&broker, full, &value)));
    assert_eq!((count(&broker, full), count(&broker, roomy)), (acknowledged, 1 + others));

    broker.kill();
    let broker = start(&all);
    assert_eq!((count(&broker, full), count(&broker, roomy)), (acknowledged, 1 + others));
    assert!(refused(produce(&broker, full, &value)));
    produce(&broker, roomy, &value).unwrap();

    // It needs no restart.
    support::disk().remove_file(&filler).unwrap();
    wait_until_taken(&broker, full, &value);
    assert_eq!((count(&broker, full), count(&broker, roomy)), (acknowledged + 1, 2 + others));
    assert_eq!(broker.stop(), Some(0));
}
