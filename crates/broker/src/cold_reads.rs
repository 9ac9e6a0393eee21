//! Reads that wait for a disk, away from the threads that serve connections.
//!
//! A connection's worker never waits for a disk to read: it looks at what is in memory, and hands what is
//! not to a thread that may wait. So many do at once; who comes later waits in line without a thread.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::limits::COLD_READS_MAX;

/// The line before the disk, and the places at its front.
#[derive(Debug)]
pub struct ColdReads {
    places: Arc<Semaphore>,
}

impl Default for ColdReads {
    fn default() -> ColdReads {
        ColdReads { places: Arc::new(Semaphore::new(COLD_READS_MAX)) }
    }
}

impl ColdReads {
    /// Does `work`, which may wait for the disk. Dropping the future does not stop work that has begun,
    /// nor free its place before it ends.
    pub fn run<T, W>(&self, work: W) -> impl Future<Output = io::Result<T>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let places = self.places.clone();
        async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let done = tokio::task::spawn_blocking(move || {
                let _place = place;
                work()
            });
            done.await.map_err(io::Error::other)
        }
    }
}
