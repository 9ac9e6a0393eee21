//! The number types shared by every layer above: offsets, epochs, producer ids, timestamps.
//!
//! Each is a plain number with a name, so that an offset is not passed where an epoch belongs.
//! Arithmetic on offsets and timestamps saturates: a hostile batch at the end of the number range
//! must not turn into a small offset, nor stop the process.

use std::fmt;
use std::ops::{Add, Sub};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(number: $inner) -> Self {
                Self(number)
            }
        }
    };
}

number! {
    /// The logical number of a record within its partition. Not a byte place: that is a position.
    Offset(i64)
}
number! {
    /// How many times the leadership of a partition has changed hands.
    LeaderEpoch(i32)
}
number! {
    /// The number under which an idempotent or transactional producer is known.
    ProducerId(i64)
}
number! {
    /// Which incarnation of a producer id wrote a batch; older ones are fenced.
    ProducerEpoch(i16)
}
number! {
    /// Milliseconds since the Unix epoch; [`Timestamp::NONE`] where there is none.
    Timestamp(i64)
}

impl Offset {
    /// The first offset of a partition.
    pub const ZERO: Self = Self(0);
    /// The largest offset there can be.
    pub const MAX: Self = Self(i64::MAX);

    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The offset `records` further on (or back, when negative).
    #[must_use]
    pub const fn plus(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

impl Add<i64> for Offset {
    type Output = Self;

    fn add(self, records: i64) -> Self {
        self.plus(records)
    }
}

impl Sub<i64> for Offset {
    type Output = Self;

    fn sub(self, records: i64) -> Self {
        Self(self.0.saturating_sub(records))
    }
}

impl Sub<Offset> for Offset {
    type Output = i64;

    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl LeaderEpoch {
    /// What the wire and the files hold where no epoch is known.
    pub const NONE: Self = Self(-1);
    /// The epoch of the first leader.
    pub const ZERO: Self = Self(0);
}

impl ProducerEpoch {
    /// What a batch without a producer id carries.
    pub const NONE: Self = Self(-1);
}

impl Timestamp {
    /// No timestamp.
    pub const NONE: Self = Self(-1);

    /// Whether there is a timestamp at all.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != Self::NONE.0
    }

    /// The time `ms` milliseconds later (or earlier, when negative).
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
