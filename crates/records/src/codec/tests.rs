//! Every codec both ways, other writers' frames, and bombs against the cap.

use super::*;
use proptest::prelude::*;

const CAP: usize = 1 << 20;

fn check_round_trip(codec: Codec, level: Option<i32>, bytes: &[u8]) {
    let compressed = compress(codec, level, bytes).unwrap();
    let back = decompress(codec, &compressed, bytes.len()).unwrap();
    assert!(back == bytes, "{codec} at {level:?} changed {} bytes", bytes.len());
}

fn sample(len: usize) -> Vec<u8> {
    (0..)
        .flat_map(|i: u32| format!("{}-{} ", i, i.wrapping_mul(2_654_435_761)).into_bytes())
        .take(len)
        .collect()
}

#[test]
fn all_codecs_give_back_what_they_took() {
    for codec in Codec::ALL {
        for len in [0, 1, 100, 32 * 1024, 32 * 1024 + 1, 64 * 1024 + 1, 300_000] {
            check_round_trip(codec, None, &sample(len));
            check_round_trip(codec, None, &vec![0; len]);
        }
    }
}

#[test]
fn all_levels_work_and_others_are_refused() {
    let bytes = sample(20_000);
    for (codec, levels) in [
        (Codec::Gzip, &[-1, 1, 6, 9][..]),
        (Codec::Lz4, &[1, 9, 17]),
        (Codec::Zstd, &[-131_072, -7, 0, 3, 19, 20, 22]),
        (Codec::Snappy, &[3]),
    ] {
        for &level in levels {
            check_round_trip(codec, Some(level), &bytes);
        }
    }
    for (codec, level) in
        [(Codec::Gzip, 0), (Codec::Gzip, 10), (Codec::Lz4, 0), (Codec::Lz4, 18), (Codec::Zstd, 23)]
    {
        let refused = compress(codec, Some(level), &bytes);
        assert!(matches!(refused, Err(CodecError::BadLevel { .. })), "{codec} {level}");
    }
}

#[test]
fn a_cap_is_exact() {
    for codec in Codec::ALL {
        let bytes = sample(100_000);
        let compressed = compress(codec, None, &bytes).unwrap();
        assert!(decompress(codec, &compressed, 100_000).is_ok(), "{codec}");
        let cut = decompress(codec, &compressed, 99_999);
        assert!(matches!(cut, Err(CodecError::TooLarge { cap: 99_999 })), "{codec}: {cut:?}");
    }
}

#[test]
fn bombs_stop_at_the_cap() {
    let zeros = vec![0; 64 << 20];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bomb = compress(codec, None, &zeros).unwrap();
        assert!(bomb.len() < zeros.len() / 15, "{codec} makes no bomb: {}", bomb.len());
        let defused = decompress(codec, &bomb, CAP);
        assert!(matches!(defused, Err(CodecError::TooLarge { cap: CAP })), "{codec}");
    }
}

#[test]
fn declared_sizes_are_not_believed() {
    // Raw snappy that declares 4 GiB, and one that declares what the cap allows but cannot make.
    let huge = decompress(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], CAP);
    assert!(matches!(huge, Err(CodecError::TooLarge { .. })), "{huge:?}");
    let lie = decompress(Codec::Snappy, &[0x80, 0x80, 0x40, 0, 0], CAP);
    assert!(matches!(lie, Err(CodecError::Malformed { .. })), "{lie:?}");
    // A framed block that is longer than the input.
    let mut framed = compress(Codec::Snappy, None, b"abc").unwrap();
    framed[16..20].copy_from_slice(&[0xff; 4]);
    assert!(matches!(decompress(Codec::Snappy, &framed, CAP), Err(CodecError::Malformed { .. })));
    // A zstd frame header with a window of 2^31 and no content size.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3, 0x01, 0x00, 0x00];
    let refused = decompress(Codec::Zstd, &window, CAP);
    assert!(matches!(refused, Err(CodecError::Malformed { .. })), "{refused:?}");
    // A zstd frame that declares 2^60 bytes of content and has none.
    let mut content = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x00];
    content.extend_from_slice(&(1_u64 << 60).to_le_bytes());
    assert!(decompress(Codec::Zstd, &content, CAP).is_err());
}

#[test]
fn snappy_is_read_raw_and_framed() {
    let bytes = sample(70_000);
    let raw = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
    assert!(decompress(Codec::Snappy, &raw, CAP).unwrap() == bytes, "raw");
    let framed = compress(Codec::Snappy, None, &bytes).unwrap();
    assert_eq!(framed[..8], *b"\x82SNAPPY\0");
    let joined = [&framed[..], &framed[..]].concat();
    assert_eq!(decompress(Codec::Snappy, &joined, CAP).unwrap().len(), 140_000, "joined");
}

#[test]
fn lz4_is_read_with_linked_and_large_blocks() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use std::io::Write;
    let bytes = sample(300_000);
    for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
        for mode in [BlockMode::Linked, BlockMode::Independent] {
            let info = FrameInfo::new()
                .block_size(size)
                .block_mode(mode)
                .block_checksums(true)
                .content_checksum(true);
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(&bytes).unwrap();
            let frame = encoder.finish().unwrap();
            assert!(decompress(Codec::Lz4, &frame, CAP).unwrap() == bytes, "{size:?}");
        }
    }
}

/// Its blocks of 8 MiB are allocated whatever is in them; found by fuzzing.
#[test]
fn lz4_from_before_frames_is_refused() {
    let mut legacy = 0x184c_2102_u32.to_le_bytes().to_vec();
    legacy.extend(4_u32.to_le_bytes());
    legacy.extend([0x30, b'a', b'b', b'c']);
    for bytes in [&legacy[..], b"", b"lz4"] {
        let refused = decompress(Codec::Lz4, bytes, CAP);
        assert!(matches!(refused, Err(CodecError::Malformed { .. })), "{refused:?}");
    }
}

#[test]
fn names_go_both_ways() {
    for codec in Codec::ALL {
        assert_eq!(codec.name().parse::<Codec>().unwrap(), codec);
        assert_eq!(Codec::from_id(codec.id()), Some(codec));
    }
    assert!("brotli".parse::<Codec>().is_err());
    assert_eq!(Codec::from_id(5), None);
}

fn any_codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(&Codec::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn round_trip(codec in any_codec(), bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        check_round_trip(codec, None, &bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        codec in any_codec(),
        bytes in proptest::collection::vec(any::<u8>(), 0..500),
    ) {
        let _ = decompress(codec, &bytes, 4096);
    }

    #[test]
    fn damaged_data_never_panics(
        codec in any_codec(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = compress(codec, None, &sample(3000)).unwrap();
        let len = bytes.len();
        bytes[at.index(len)] = byte;
        let _ = decompress(codec, &bytes, 8192);
        bytes.truncate(cut.index(len));
        let _ = decompress(codec, &bytes, 8192);
    }
}
