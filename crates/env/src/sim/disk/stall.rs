//! A disk that takes its time: all that wait for it are held up, or one is, while others go on.
//!
//! Nothing of the disk is locked meanwhile, so whoever is told of it may use the disk.

use std::path::Path;

use parking_lot::{Condvar, Mutex};

/// What is done while a call of the disk is under way, by the thread that called; it is told of which file
/// or folder.
pub type Meanwhile = Box<dyn FnOnce(&Path) + Send>;

/// Holds up whoever waits for the disk.
#[derive(Default)]
pub(super) struct Stall {
    state: Mutex<Stalling>,
    changed: Condvar,
}

#[derive(Default)]
struct Stalling {
    on: bool,
    /// Calls until one is held up, and by what.
    due: Option<(u64, Meanwhile)>,
}

impl std::fmt::Debug for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stall").field("on", &self.state.lock().on).finish_non_exhaustive()
    }
}

impl Stall {
    pub fn wait(&self, path: &Path) {
        let mut state = self.state.lock();
        while state.on {
            self.changed.wait(&mut state);
        }
        if let Some((left, _)) = &mut state.due {
            *left = left.saturating_sub(1);
        }
        let due = state.due.take_if(|(left, _)| *left == 0);
        drop(state);
        if let Some((_, meanwhile)) = due {
            meanwhile(path);
        }
    }

    pub fn set(&self, on: bool) {
        self.state.lock().on = on;
        self.changed.notify_all();
    }

    pub fn plan(&self, nth: u64, meanwhile: Meanwhile) {
        self.state.lock().due = Some((nth, meanwhile));
    }
}
