//! The two index files of a segment. Parameters: the segment's size, and the length of the first
//! file. What is believed is what would have been written, byte for byte.
#![no_main]

fn check(data: &[u8]) {
    let mut rest = data;
    let size = u32::from_be_bytes(walser_fuzz::number(&mut rest));
    let offsets = walser_fuzz::part(&mut rest);
    let limit = 8 * data.len() + 4096;
    let reread = walser_fuzz::within(limit, || log::reread::index(offsets, rest, size));
    if let Some((offsets_again, times_again)) = reread {
        assert_eq!(offsets_again, offsets);
        assert_eq!(times_again, rest);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut offsets = Vec::new();
    let mut times = Vec::new();
    for number in 1..4_u32 {
        offsets.extend((number * 10).to_be_bytes());
        offsets.extend((number * 4096).to_be_bytes());
        times.extend((u64::from(number) * 1_000).to_be_bytes());
        times.extend((number * 10).to_be_bytes());
    }
    let mut seed = (1_u32 << 20).to_be_bytes().to_vec();
    walser_fuzz::put_part(&mut seed, &offsets);
    seed.extend(times);
    vec![seed]
}

walser_fuzz::target!(check, seeds);
