//! A segment of the metadata log: its header, then frames. Input: the header's fields, then bodies of
//! frames as parts; magic, lengths and checksums are put there.
#![no_main]

use metadata::reread;
use records::crc::{crc32c, crc32c_parts};

/// Fields of the header, before its checksum.
const FIELDS: usize = 40;

fn check(data: &[u8]) {
    let (fields, mut rest) = data.split_at(data.len().min(FIELDS));
    let mut segment = fields.to_vec();
    segment.extend(crc32c(fields).to_be_bytes());
    while !rest.is_empty() {
        let body = walser_fuzz::part(&mut rest);
        let len = u32::try_from(body.len()).expect("a short part").to_be_bytes();
        segment.extend(b"WMFR");
        segment.extend(len);
        segment.extend(crc32c_parts(&[&len, body]).to_be_bytes());
        segment.extend(body);
    }
    if let Ok(once) = reread::segment(&segment) {
        assert_eq!(reread::segment(&once).as_ref(), Ok(&once));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let segment = reread::sample_segment();
    let (fields, rest) = segment.split_at(FIELDS);
    let mut seed = fields.to_vec();
    // The header's checksum, then magic, length and checksum of the one frame.
    walser_fuzz::put_part(&mut seed, &rest[4 + 12..]);
    vec![seed]
}

walser_fuzz::target!(check, seeds);
