//! What all fuzz targets share: the frame around a check, memory that is counted, and the checks
//! that hold for every message.
//!
//! A target is a check of any bytes and a list of seeds, bytes that are as they should be, from which
//! libFuzzer sets out. The seeds are made by our own encoders, so that a message added to `wire` has
//! its seeds without anybody doing anything; what fuzzing found beyond them is kept in `corpus/`.
//!
//! Not here: what is special about a decoder (its target has that), and running (`cargo xtask fuzz`).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use wire::Message;
use wire::generate::{Dice, Generate};
use wire::reader::budget_of;

#[doc(hidden)]
pub use libfuzzer_sys;

/// Set to a folder, a target writes its seeds there and ends.
const SEEDS_VARIABLE: &str = "WALSER_FUZZ_SEEDS";

/// Makes a fuzz target of a check and its seeds.
#[macro_export]
macro_rules! target {
    ($check:path, $seeds:path) => {
        $crate::libfuzzer_sys::fuzz_target!(init: $crate::write_seeds($seeds), |data: &[u8]| {
            $check(data);
        });
    };
}

/// Writes the seeds if that is what was asked for.
pub fn write_seeds(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os(SEEDS_VARIABLE) else { return };
    let folder = std::path::PathBuf::from(folder);
    for (number, seed) in seeds().into_iter().enumerate() {
        let path = folder.join(format!("seed-{number:04}"));
        std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    std::process::exit(0);
}

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Counts what this thread holds. `realloc` is the provided one, which holds both blocks while it
/// copies: the worst that any allocator does.
struct Counting;

// SAFETY: every call goes on to the system's allocator with the arguments it came with; the
// counters are plain numbers in thread-local memory that needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = NOW.try_with(|now| {
            now.set(now.get().wrapping_add(layout.size()));
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
        });
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = NOW.try_with(|now| now.set(now.get().wrapping_sub(layout.size())));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `work`, which may hold `limit` bytes at once beyond what was held before.
pub fn within<T>(limit: usize, work: impl FnOnce() -> T) -> T {
    // Frees of older blocks must not wrap the count.
    let before = 1 << 40;
    NOW.set(before);
    PEAK.set(before);
    let result = work();
    let peak = PEAK.get() - before;
    assert!(peak <= limit, "{peak} bytes of memory, {limit} are allowed");
    result
}

/// Decoding `bytes` takes bounded memory, and what was decoded is encoded and decoded to the same
/// bytes ever after. The first time it need not be the same: tags nobody knows are dropped.
pub fn message<M: Message>(bytes: &Bytes, version: i16) {
    let name = M::NAME;
    let len = bytes.len();
    let mut rest = bytes.clone();
    // While an array grows, its old and its new room exist at once.
    let decoded = within(2 * budget_of(len), || M::decode(&mut rest, version));
    let message = match decoded {
        Ok(message) => message,
        Err(error) => {
            assert_eq!(rest.len(), len, "{name} {version}: an error took bytes off");
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let encode = |message: &M| {
        let encoded = message
            .encode(version)
            .unwrap_or_else(|error| panic!("{name} {version}: decoded but not encoded: {error}"));
        let bytes = encoded.to_bytes().expect("nothing external was decoded");
        let measured = message.measure(version).expect("it was encoded").total();
        assert_eq!(measured, bytes.len(), "{name} {version}: measured and written");
        bytes
    };
    let once = encode(&message);
    let again = M::decode_exact(once.clone(), version)
        .unwrap_or_else(|error| panic!("{name} {version}: encoded but not decoded: {error}"));
    // Compared as bytes: a float may be NaN, which is not equal to itself.
    assert_eq!(encode(&again), once, "{name} {version}");
}

/// A short message with something in it, and versions worth starting from: the first and the last.
pub fn samples<M: Message + Generate>() -> Vec<(i16, M)> {
    let mut versions = vec![*M::VERSIONS.start(), *M::VERSIONS.end()];
    versions.dedup();
    let sample = |number| {
        let version = M::version(number).expect("a version of the message");
        let size = |message: &M| message.measure(number).map_or(usize::MAX, |size| size.total());
        let messages = (0..8).map(|seed| M::generate(&mut Dice::new(seed), version));
        let shortest = messages.filter(|one| size(one) > 16).min_by_key(size).unwrap_or_default();
        (number, shortest)
    };
    versions.into_iter().map(sample).collect()
}

/// Takes bytes off the front of `data` as a target's own parameters; zero where there are none left.
pub fn number<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let (taken, rest) = data.split_at(data.len().min(N));
    *data = rest;
    let mut number = [0; N];
    number[..taken.len()].copy_from_slice(taken);
    number
}

/// Takes a part off the front of `data` that has its length (`u16`) before it, or what is left.
pub fn part<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let len = usize::from(u16::from_be_bytes(number(data)));
    let (taken, rest) = data.split_at(data.len().min(len));
    *data = rest;
    taken
}

/// What [`part`] takes off.
pub fn put_part(data: &mut Vec<u8>, part: &[u8]) {
    let len = u16::try_from(part.len()).expect("a short part");
    data.extend(len.to_be_bytes());
    data.extend(part);
}

/// Where the checksum of a batch stands, and what it covers to the end.
const BATCH_CRC: std::ops::Range<usize> = 17..21;

/// Gives every batch the checksum that fits, so that fuzzing comes past it.
pub fn mend_batches(bytes: &mut [u8]) {
    let mut position = 0;
    while let Ok(batch) = records::Batch::parse(&bytes[position..]) {
        let end = position + batch.header.size_in_bytes();
        let covered = &bytes[position + BATCH_CRC.end..end];
        let crc = records::crc::crc32c(covered).to_be_bytes();
        bytes[position + BATCH_CRC.start..position + BATCH_CRC.end].copy_from_slice(&crc);
        position = end;
    }
}

/// A batch of two records with headers.
pub fn sample_batch(codec: records::Codec, base: i64) -> Vec<u8> {
    use records::{BatchBuilder, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
    let mut builder = BatchBuilder::new(codec)
        .base_offset(Offset(base))
        .leader_epoch(LeaderEpoch(3))
        .producer(ProducerId(7), ProducerEpoch(1), 0);
    builder.push(Timestamp(1_000), Some(b"key"), Some(b"valuevaluevalue"), &[]);
    builder.push(Timestamp(2_000), None, Some(b"v"), &[("name", Some(b"value"))]);
    builder.build().expect("a small batch").to_vec()
}
