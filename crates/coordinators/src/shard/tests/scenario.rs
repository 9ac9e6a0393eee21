//! The scenarios in `testdata`: commands in, replies, records and states out, compared exactly. They
//! are documentation too. `UPDATE=1 cargo test -p walser-coordinators` records new outcomes.

use super::script::Script;
use std::fmt::Write as _;
use std::path::Path;

/// Runs a scenario and gives it back with the outcomes there were.
fn run(text: &str) -> String {
    let mut script = Script::default();
    let mut out = String::new();
    let mut outcome = false;
    for line in text.lines() {
        match line {
            "----" => outcome = true,
            "" => outcome = false,
            _ if outcome => continue,
            _ => {}
        }
        if line.is_empty() || line.starts_with('#') {
            writeln!(out, "{line}").unwrap();
        } else if !outcome {
            writeln!(out, "{line}\n----").unwrap();
            out.push_str(&script.run(line));
        }
    }
    out
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let recorded = std::fs::read_to_string(&path).unwrap();
    let actual = run(&recorded);
    if std::env::var_os("UPDATE").is_some() {
        #[expect(clippy::disallowed_methods, reason = "records what a person then reviews")]
        std::fs::write(&path, actual).unwrap();
        return;
    }
    for (number, (recorded, actual)) in recorded.lines().zip(actual.lines()).enumerate() {
        assert_eq!(actual, recorded, "{name}, line {}", number + 1);
    }
    assert_eq!(actual.lines().count(), recorded.lines().count(), "{name}: number of lines");
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(concat!(stringify!($name), ".txt")); })*

        #[test]
        fn every_scenario_is_run() {
            let listed = [$(concat!(stringify!($name), ".txt")),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
            for file in std::fs::read_dir(folder).unwrap() {
                let file = file.unwrap().file_name().into_string().unwrap();
                assert!(listed.contains(&file.as_str()), "{file} is not run");
            }
        }
    };
}

scenarios! {
    two_members
    initial_delay
    static_members
    fencing
    sessions
    leaving
    sync_timeout
    protocols
    cooperative
    group_size
    offsets
    offset_expiry
    deleting
    restart
    log_failure
}
