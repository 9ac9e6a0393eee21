//! The simulated twin: a disk that forgets, a network inside the process, a clock that obeys,
//! randomness from a seed.

mod disk;
mod net;

pub use disk::{CrashLoss, Lie, Meanwhile, SECTOR_BYTES, SimDisk};
pub use net::{SimListener, SimNet};

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::{Clock, Env, Net, Random};

/// A machine that exists only in memory.
#[derive(Clone, Debug)]
pub struct Sim {
    /// Moves only when told to.
    pub clock: Arc<SimClock>,
    /// Keeps what was synced.
    pub disk: Arc<SimDisk>,
    /// Reaches every listener in this process.
    pub net: Arc<SimNet>,
    /// The same sequence for the same seed.
    pub random: Arc<SimRandom>,
}

impl Sim {
    /// A fresh machine; everything random in it follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Sim {
        Sim {
            clock: Arc::new(SimClock::default()),
            disk: Arc::new(SimDisk::new()),
            net: Arc::new(SimNet::default()),
            random: Arc::new(SimRandom::new(seed)),
        }
    }

    /// The machine as the layers above take it: a process that starts now and lives until the disk's
    /// next crash.
    #[must_use]
    pub fn env(&self) -> Env {
        Env {
            clock: self.clock.clone(),
            disk: Arc::new(self.disk.of_process()),
            net: Net::Simulated(self.net.clone()),
            random: self.random.clone(),
        }
    }
}

/// A clock that stands still until it is moved. Wall time starts at a fixed day in 2026.
#[derive(Debug, Default)]
pub struct SimClock(Mutex<Duration>);

/// 2026-01-01T00:00:00Z.
const WALL_START_MS: i64 = 1_767_225_600_000;

impl SimClock {
    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for SimClock {
    fn wall_ms(&self) -> i64 {
        WALL_START_MS + i64::try_from(self.0.lock().as_millis()).unwrap_or(i64::MAX / 2)
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock()
    }
}

/// SplitMix64 from a seed.
#[derive(Debug)]
pub struct SimRandom(Mutex<u64>);

impl SimRandom {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> SimRandom {
        SimRandom(Mutex::new(seed))
    }
}

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            for (byte, random) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
                *byte = random;
            }
        }
    }
}
