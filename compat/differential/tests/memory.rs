//! Decoding hostile bytes takes memory within its bound, measured by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use wire::generate::{Dice, Generate};
use wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use wire::reader::budget_of;

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

/// Most memory that `work` held at once, beyond what was held before.
fn peak_of(work: impl FnOnce()) -> usize {
    // Frees of older blocks must not wrap the count.
    let before = 1 << 40;
    NOW.set(before);
    PEAK.set(before);
    work();
    PEAK.get() - before
}

/// While an array grows, its old and its new room exist at once.
fn allowed(len: usize) -> usize {
    2 * budget_of(len)
}

fn decode_within<M: wire::Message>(bytes: Vec<u8>, version: i16, limit: usize, case: &str) {
    let len = bytes.len();
    let mut bytes = Bytes::from(bytes);
    let peak = peak_of(|| {
        let _ = M::decode(&mut bytes, version);
    });
    assert!(peak <= limit, "{case}: {peak} bytes of memory for {len} bytes, {limit} allowed");
}

trait Check {
    fn check<M: wire::Message + Generate>(version: i16, case: &str);
}

fn every_message<C: Check>() {
    fn versions<C: Check, M: wire::Message + Generate>() {
        for version in M::VERSIONS {
            C::check::<M>(version, &format!("{} version {version}", M::NAME));
        }
    }
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            $(
                versions::<C, wire::messages::$request>();
                versions::<C, wire::messages::$response>();
            )*
        };
    }
    wire::for_each_api!(each);
    versions::<C, ConsumerProtocolSubscription>();
    versions::<C, ConsumerProtocolAssignment>();
}

#[test]
fn the_allocator_counts() {
    assert_eq!(peak_of(|| drop(std::hint::black_box(vec![0_u8; 12_345]))), 12_345);
    let sum = peak_of(|| {
        let one = std::hint::black_box(vec![0_u8; 1000]);
        drop(one);
        drop(std::hint::black_box(vec![0_u8; 500]));
    });
    assert_eq!(sum, 1000);
}

/// A billion entries declared at every place of a message: not even the floor of the budget is
/// touched, since nothing is allocated by what is declared.
#[test]
fn a_declared_length_allocates_nothing() {
    struct Each;
    impl Check for Each {
        fn check<M: wire::Message + Generate>(version: i16, case: &str) {
            let wire_version = M::version(version).expect("a version of the message");
            let message = M::generate(&mut Dice::new(3), wire_version);
            let bytes = message.encode(version).expect("encodes").to_bytes().expect("in memory");
            let huge: &[u8] = if wire_version.flexible() {
                &[0x81, 0x94, 0xeb, 0xdc, 0x03]
            } else {
                &[0x3b, 0x9a, 0xca, 0x00]
            };
            for at in 0..bytes.len() {
                let mut hostile = bytes[..at].to_vec();
                hostile.extend_from_slice(huge);
                hostile.extend_from_slice(&bytes[at + 1..]);
                let limit = 16 * 1024 + 32 * hostile.len();
                decode_within::<M>(hostile, version, limit, &format!("{case} at {at}"));
            }
        }
    }
    every_message::<Each>();
}

/// Bytes that are as much array as they can be: a declared length as large as the bytes allow,
/// then nothing but empty entries.
#[test]
fn small_entries_stay_within_the_budget() {
    struct Each;
    impl Check for Each {
        fn check<M: wire::Message + Generate>(version: i16, case: &str) {
            const LEN: usize = 200_000;
            for fill in [0, 1, 2] {
                for count in [LEN / 2, LEN / 4, LEN / 8, LEN / 20, LEN / 40] {
                    for lead in 0..12 {
                        let mut hostile = vec![fill; lead];
                        let count = u32::try_from(count).expect("fits");
                        hostile.extend_from_slice(&count.to_be_bytes());
                        hostile.resize(LEN, fill);
                        decode_within::<M>(hostile, version, allowed(LEN), case);
                        let mut hostile = vec![fill; lead];
                        let groups = [count & 0x7f | 0x80, count >> 7 & 0x7f | 0x80, count >> 14];
                        hostile.extend(groups.map(|group| u8::try_from(group).expect("fits")));
                        hostile.resize(LEN, fill);
                        decode_within::<M>(hostile, version, allowed(LEN), case);
                    }
                }
            }
        }
    }
    every_message::<Each>();
}

#[test]
fn damage_and_noise_stay_within_the_budget() {
    struct Each;
    impl Check for Each {
        fn check<M: wire::Message + Generate>(version: i16, case: &str) {
            let wire_version = M::version(version).expect("a version of the message");
            for seed in 0..100 {
                let mut dice = Dice::new(seed);
                let message = M::generate(&mut dice, wire_version);
                let encoded = message.encode(version).expect("encodes");
                let mut damaged = encoded.to_bytes().expect("in memory").to_vec();
                for _ in 0..3 {
                    let at = dice.below(damaged.len());
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte = dice.roll() as u8;
                    }
                }
                let limit = allowed(damaged.len());
                decode_within::<M>(damaged, version, limit, case);

                let len = dice.below(4000);
                let noise: Vec<u8> = (0..len).map(|_| dice.roll() as u8 & 0x0f).collect();
                decode_within::<M>(noise, version, allowed(len), case);
            }
        }
    }
    every_message::<Each>();
}
