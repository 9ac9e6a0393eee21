//! Each codec on its own: hostile input stays within its cap and its memory, and what was compressed
//! comes back. Parameters: which codec, and the power of two that is the cap.
#![no_main]

use records::Codec;
use records::codec::{CodecError, compress, decompress};

/// Blocks and tables of a codec beside its output; lz4 keeps two blocks of 4 MiB.
fn beside(codec: Codec) -> usize {
    if codec == Codec::Lz4 { 10 << 20 } else { 512 << 10 }
}

fn check(data: &[u8]) {
    let mut data = data;
    let [which, power] = walser_fuzz::number(&mut data);
    let codec = Codec::ALL[usize::from(which) % Codec::ALL.len()];
    let cap = 1_usize << (power % 20);
    let hostile = walser_fuzz::within(2 * cap + beside(codec), || decompress(codec, data, cap));
    match hostile {
        Ok(plain) => assert!(plain.len() <= cap),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let packed = compress(codec, None, data).expect("any bytes can be compressed");
    let plain = decompress(codec, &packed, data.len()).expect("within the cap");
    assert_eq!(plain, data);
    if let Some(less) = data.len().checked_sub(1) {
        let refused = decompress(codec, &packed, less);
        assert!(matches!(refused, Err(CodecError::TooLarge { .. })), "{codec}: {refused:?}");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let text = b"abcabcabcabcabcabcabcabcabcabc, and some more that repeats: abcabcabc";
    (0..5_u8)
        .zip(Codec::ALL)
        .map(|(number, codec)| {
            let mut seed = vec![number, 12];
            seed.extend(compress(codec, None, text).expect("any bytes can be compressed"));
            seed
        })
        .collect()
}

walser_fuzz::target!(check, seeds);
