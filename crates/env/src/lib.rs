//! The only door to the operating system: time, disk, network and randomness.
//!
//! Everything above takes an [`Env`] and asks it. [`Env::system`] answers with the machine,
//! [`sim`] with a disk that forgets what was not synced, a network inside the process, a clock that
//! moves when told to and seeded randomness, so that a failure found in a test replays from its seed.
//!
//! Deliberately not here: threads and tasks (they own no time of their own; only how much they yield is
//! said here, in [`thread`]), and anything that
//! knows what is written or sent.

pub mod clock;
pub mod disk;
pub mod net;
pub mod random;
pub mod sim;
pub mod thread;

use std::sync::Arc;

pub use clock::Clock;
pub use disk::{Disk, File};
pub use net::Net;
pub use random::Random;

/// One machine as the layers above see it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    /// Wall and monotonic time, and waiting.
    pub clock: Arc<dyn Clock>,
    /// Files and folders.
    pub disk: Arc<dyn Disk>,
    /// Listeners and streams.
    pub net: Net,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}

impl Env {
    /// The machine the process runs on.
    #[must_use]
    pub fn system() -> Env {
        Env {
            clock: Arc::new(clock::SystemClock::new()),
            disk: Arc::new(disk::SystemDisk::default()),
            net: Net::system(),
            random: Arc::new(random::SystemRandom),
        }
    }
}
