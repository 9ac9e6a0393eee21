//! Each check against a planted fault, and against what is right.

use std::collections::{BTreeMap, BTreeSet};

use super::{architecture, header, layers, left_behind, machine_names, readme};

fn uses(pairs: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    pairs
        .iter()
        .map(|(name, uses)| {
            ((*name).to_owned(), uses.iter().map(|used| (*used).to_owned()).collect())
        })
        .collect()
}

#[test]
fn an_arrow_that_points_up_is_found() {
    assert_eq!(layers(&uses(&[("log", &["env", "records"])])), Vec::<String>::new());
    assert_eq!(layers(&uses(&[("log", &["broker"])])).len(), 1);
    assert_eq!(layers(&uses(&[("kafka", &["log"])])).len(), 1);
    assert_eq!(layers(&uses(&[("common", &[])])).len(), 1, "a crate without a row");
}

#[test]
fn a_file_without_a_header_is_found() {
    assert!(header("a.rs", "//! Owns a.\n").is_none());
    assert!(header("a.rs", "use b;\n").is_some());
    assert!(header("a.rs", "").is_some());
}

#[test]
fn what_was_left_behind_is_found() {
    let planted = "fn a() { to".to_owned() + "do!() }";
    assert_eq!(left_behind("a.rs", &planted).len(), 1);
    assert!(left_behind("a.rs", "fn a() {}").is_empty());
}

#[test]
fn a_path_of_a_machine_is_found() {
    let planted = "see /wo".to_owned() + "rk/x";
    assert_eq!(machine_names("a.md", &planted).len(), 1);
    assert!(machine_names("a.md", "see docs/guide").is_empty());
}

#[test]
fn a_missing_command_is_found() {
    let both = "cargo run --release -- quickstart\ncargo test --workspace\n";
    assert!(readme(both, both).is_empty());
    assert_eq!(readme("", both).len(), 2);
    assert_eq!(readme(both, "cargo test --workspace").len(), 1);
}

#[test]
fn names_that_do_not_exist_are_found() {
    let files = ["crates/log/src/log.rs".to_owned()];
    let sources = [("crates/log/src/log.rs".to_owned(), "pub struct Log {}".to_owned())];
    let check = |text: &str| architecture(text, &files, &sources);
    assert!(
        check("`crates/log/src/log.rs` `crates/log` `log.rs` `Log` `Log::read` `acks`").is_empty()
    );
    assert_eq!(check("`crates/log/src/gone.rs`").len(), 1);
    assert_eq!(check("`gone.rs`").len(), 1);
    assert_eq!(check("`Gone`").len(), 1);
}
