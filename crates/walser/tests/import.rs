//! `walser import` where it must not begin. What it carries over is checked against a real Kafka by
//! `cargo xtask import`.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod support;

use std::path::Path;

use support::{Refusal, Sandbox, disk, finished, walser};

fn import(from: &Path, data: &Path) -> Refusal {
    let mut command = walser();
    command.arg("import").arg("--from").arg(from).arg("--data-dir").arg(data);
    finished(command, "")
}

fn put(folder: &Path, name: &str, text: &str) {
    disk().create_dir_all(folder).unwrap();
    disk().replace(&folder.join(name), text.as_bytes()).unwrap();
}

#[test]
fn only_a_kafka_folder_that_was_left_in_order_is_imported() {
    let sandbox = Sandbox::new("import");
    let (kafka, data) = (sandbox.path("kafka"), sandbox.path("data"));
    let refused = |part: &str, code: i32| {
        let done = import(&kafka, &data);
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.err.contains(part), "no '{part}' in {done:?}");
        assert!(!disk().exists(&data), "something was made");
        let unfinished = sandbox.path("data.importing");
        assert!(!disk().exists(&unfinished), "something was left");
    };
    refused("it is not a folder of a Kafka broker", 5);
    let meta = "version=1\ncluster.id=abc\nnode.id=1\n";
    put(&kafka, "meta.properties", meta);
    refused("is in use, or was not left in order", 1);
    put(&kafka, ".kafka_cleanshutdown", "{}");
    refused("none of the folders holds __cluster_metadata-0", 5);
    put(&kafka.join("__cluster_metadata-0"), "quorum-state", "");
    refused("holds no metadata log", 5);
    put(&kafka.join("__cluster_metadata-0"), "00000000000000000007.log", "");
    refused("records between them are missing", 1);
    put(&kafka, "meta.properties", &format!("{meta}walser.version=1\n"));
    refused("is a data folder of walser already", 2);
}

#[test]
fn nothing_is_written_over() {
    let sandbox = Sandbox::new("import-over");
    let (kafka, data) = (sandbox.path("kafka"), sandbox.path("data"));
    put(&data.with_file_name("data.importing"), "something", "");
    let done = import(&kafka, &data);
    assert!(done.err.contains("an import that ended early; delete it"), "{done:?}");
    put(&data, "something", "");
    let done = import(&kafka, &data);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("is not empty"), "{done:?}");
}
