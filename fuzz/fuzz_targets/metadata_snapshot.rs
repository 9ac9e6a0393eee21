//! Snapshots of the metadata and the vote, chosen by the first byte; the checksum at their end is
//! put there, so that fuzzing comes past it.
#![no_main]

use metadata::reread;

fn check(data: &[u8]) {
    let mut rest = data;
    let [which] = walser_fuzz::number(&mut rest);
    let mut bytes = rest.to_vec();
    bytes.extend(records::crc::crc32c(rest).to_be_bytes());
    let reread = if which % 2 == 0 { reread::snapshot } else { reread::vote };
    if let Ok(once) = reread(&bytes) {
        assert_eq!(reread(&once).as_ref(), Ok(&once));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |which: u8, file: Vec<u8>| {
        let mut seed = vec![which];
        seed.extend(&file[..file.len() - 4]);
        seed
    };
    vec![seed(0, reread::sample_snapshot()), seed(1, reread::sample_vote())]
}

walser_fuzz::target!(check, seeds);
