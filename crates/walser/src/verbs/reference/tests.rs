//! The committed pages of the guide are the generated ones.

use std::path::Path;

use clap::CommandFactory;

use super::{man_page, pages};
use crate::cli::Cli;

#[test]
fn committed_pages_are_up_to_date() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let disk = env::Env::system().disk;
    for (name, page) in pages::all() {
        let committed = disk.read(&guide.join(name), 1 << 20).unwrap_or_default();
        assert!(
            committed == page.as_bytes(),
            "docs/guide/{name} is not what the definitions say: run `cargo run -- docs --write docs/guide`"
        );
    }
}

#[test]
fn man_pages_name_their_options() {
    let mut command = Cli::command();
    command.build();
    let topic = command.find_subcommand("topic").unwrap().find_subcommand("create").unwrap();
    let page = String::from_utf8(man_page(topic, "walser-topic-create").unwrap()).unwrap();
    assert!(page.contains("replication\\-factor"), "{page}");
}
