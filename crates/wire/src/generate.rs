//! Random values of messages, for property tests and the differential test.
//!
//! Only fields that the version carries differ from their defaults, so that what is generated
//! must survive a round trip. The same seed gives the same values.

use bytes::Bytes;
use uuid::Uuid;

use crate::payload::Records;
use crate::text::Str;
use crate::value::{Nullable, Version};

/// A small deterministic generator of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that always fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Dice { state: seed }
    }

    /// The next random number.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next random number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll().to_le_bytes()[0]).collect()
    }
}

/// A type with random values.
pub trait Generate: Sized {
    /// A value that the version can carry.
    fn generate(dice: &mut Dice, version: Version) -> Self;
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl Generate for $ty {
            fn generate(dice: &mut Dice, _version: Version) -> Self {
                // The ends of the range and its middle are where codecs go wrong.
                match dice.below(8) {
                    0 => <$ty>::MIN,
                    1 => <$ty>::MAX,
                    2 => 0,
                    _ => {
                        let mut bytes = [0; size_of::<$ty>()];
                        let random = dice.roll().to_le_bytes();
                        bytes.iter_mut().zip(random).for_each(|(to, from)| *to = from);
                        <$ty>::from_le_bytes(bytes)
                    }
                }
            }
        }
    )*};
}

numbers!(i8 i16 u16 i32 u32 i64);

/// Never NaN, which is not equal to itself.
impl Generate for f64 {
    fn generate(dice: &mut Dice, version: Version) -> Self {
        let number = f64::from(i32::generate(dice, version));
        if dice.below(2) == 0 { number / 1000.0 } else { number }
    }
}

impl Generate for bool {
    fn generate(dice: &mut Dice, _version: Version) -> Self {
        dice.below(2) == 0
    }
}

impl Generate for Uuid {
    fn generate(dice: &mut Dice, _version: Version) -> Self {
        let (high, low) = (dice.roll(), dice.roll());
        Uuid::from_u64_pair(high, low)
    }
}

impl Generate for Str {
    fn generate(dice: &mut Dice, _version: Version) -> Self {
        const LETTERS: [char; 8] = ['a', 'Z', '.', '0', '\0', 'ß', '語', '🦀'];
        // Now and then long enough for a length of two compact bytes.
        let len = if dice.below(16) == 0 { 200 } else { dice.below(8) };
        let text: String = (0..len).map(|_| LETTERS[dice.below(LETTERS.len())]).collect();
        Str::from(text)
    }
}

impl Generate for Bytes {
    fn generate(dice: &mut Dice, _version: Version) -> Self {
        // Now and then long enough to be passed on and not copied.
        let len =
            if dice.below(8) == 0 { crate::SHARE_MIN + dice.below(9) } else { dice.below(20) };
        Bytes::from(dice.bytes(len))
    }
}

impl Generate for Records {
    fn generate(dice: &mut Dice, version: Version) -> Self {
        Records::from(Bytes::generate(dice, version))
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(dice: &mut Dice, version: Version) -> Self {
        let len = dice.below(4);
        (0..len).map(|_| T::generate(dice, version)).collect()
    }
}

impl<T: Generate + Nullable> Generate for Option<T> {
    fn generate(dice: &mut Dice, version: Version) -> Self {
        (dice.below(4) != 0).then(|| T::generate(dice, version))
    }
}
