//! Must crash, and soon: shows that the targets are instrumented and that a finding is reported.
#![no_main]

fn check(data: &[u8]) {
    if let Some((b"WALS", number)) = data.split_first_chunk::<4>() {
        let number = number.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        assert_ne!(number, Some(0x1234_5678), "the planted bug was found");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    vec![b"nothing".to_vec()]
}

walser_fuzz::target!(check, seeds);
