//! File and folder names both ways.

use super::*;

#[test]
fn ids_are_kafkas_text() {
    // What `kafka-storage random-uuid` prints for these bits.
    for (bits, text) in [
        (0_u128, "AAAAAAAAAAAAAAAAAAAAAA"),
        (1, "AAAAAAAAAAAAAAAAAAAAAQ"),
        (u128::MAX, "_____________________w"),
    ] {
        assert_eq!(id_text(Uuid::from_u128(bits)), text);
        assert_eq!(parse_id(text), Some(Uuid::from_u128(bits)));
    }
    for bad in ["", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA=A"] {
        assert_eq!(parse_id(bad), None, "{bad:?}");
    }
}

#[test]
fn names_come_back() {
    assert_eq!(segment_file(Offset(42), LOG), "00000000000000000042.log");
    assert_eq!(parse_segment_file("00000000000000000042.log"), Some((Offset(42), LOG)));
    for bad in ["42.log", "00000000000000000042", "0000000000000000004x.log", EPOCHS] {
        assert_eq!(parse_segment_file(bad), None, "{bad}");
    }
    assert_eq!(parse_partition_folder("a-b-3"), Some(("a-b", 3)));
    for bad in ["a", "-3", "a-", "a-03", "a--1-delete", "a-0.6f-delete", "a-99999999999"] {
        assert_eq!(parse_partition_folder(bad), None, "{bad}");
    }
}

#[test]
fn a_moved_folder_has_a_name_that_is_no_partition() {
    let long = format!("{}-0", "x".repeat(249));
    for ending in [DELETED_FOLDER, STRAY_FOLDER] {
        let moved = moved_folder(&long, "AAAAAAAAAAAAAAAAAAAAAA", ending);
        assert_eq!(moved.len(), 255);
        assert!(moved.ends_with(ending), "{moved}");
        assert_eq!(parse_partition_folder(&moved), None);
    }
}
