//! The text files of a data folder, chosen by the first byte: the leader epochs of a partition, a
//! checkpoint of all partitions (recovery points, log starts), whose partition a folder holds, names,
//! and the catalogue, which is no text. What was read and written again is read as the same.
#![no_main]

use log::{Epochs, names, reread};

/// `reread` of what it wrote is what it wrote.
fn stable(bytes: &[u8], reread: impl Fn(&[u8]) -> Option<String>) {
    if let Some(once) = reread(bytes) {
        assert_eq!(reread(once.as_bytes()).as_ref(), Some(&once));
    }
}

fn check(data: &[u8]) {
    let mut rest = data;
    let [which] = walser_fuzz::number(&mut rest);
    match which % 5 {
        0 => stable(rest, |bytes| Some(Epochs::decode(bytes)?.encode())),
        1 => stable(rest, reread::checkpoint),
        2 => stable(rest, reread::partition_metadata),
        4 => {
            if let Some(once) = reread::catalogue(rest) {
                assert_eq!(reread::catalogue(&once).as_ref(), Some(&once));
            }
        }
        _ => file_names(&String::from_utf8_lossy(rest)),
    }
}

fn file_names(name: &str) {
    if let Some((base, kind)) = names::parse_segment_file(name) {
        assert_eq!(names::segment_file(base, kind), name);
    }
    if let Some((topic, partition)) = names::parse_partition_folder(name) {
        assert_eq!(names::partition_folder(topic, partition), name);
    }
    if let Some(id) = names::parse_id(name) {
        assert_eq!(names::id_text(id), name);
    }
    assert!(names::moved_folder(name, "0123", names::STRAY_FOLDER).chars().count() <= 255);
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "\u{0}0\n2\n0 0\n3 17\n",
        "\u{1}0\n2\norders 0 42\norders 1 7\n",
        "\u{2}version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAATQ",
        "\u{3}00000000000000000042.timeindex",
        "\u{3}orders-7",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

walser_fuzz::target!(check, seeds);
