//! A call of the disk that takes its time, and what others do meanwhile.
//!
//! The work that will be held up runs on a thread of its own, but never at the same time as the rest of
//! the trial: this thread waits until that one is done or stands in the disk, and lets it go on when
//! it has done what it wants to. So a trial is the same each time, and a lock that is held over such a
//! call by somebody who must not shows as a trial that hangs.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use env::sim::Meanwhile;

use super::errors;

/// Says that the work has ended, also by a panic.
struct Ended(Sender<Option<PathBuf>>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Nobody hears it when the trial itself has panicked.
        let _ = self.0.send(None);
    }
}

/// Does `work`, and `meanwhile` when it is held up in the disk by what `plan` was given; that may not
/// happen.
pub fn during<T: Send>(
    plan: impl FnOnce(Meanwhile),
    work: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(&Path),
) -> T {
    let (events, heard) = channel();
    let (resume, resumed) = channel::<()>();
    let ended = Ended(events.clone());
    plan(Box::new(move |path| {
        if events.send(Some(path.to_owned())).is_ok() {
            // Ends when the other end is dropped.
            let _ = resumed.recv();
        }
    }));
    std::thread::scope(move |scope| {
        let worker = scope.spawn(move || {
            let _ended = ended;
            (work(), errors::take())
        });
        let held_up = heard.recv().ok().flatten();
        if let Some(path) = held_up {
            meanwhile(&path);
        }
        drop(resume);
        match worker.join() {
            Ok((done, lines)) => {
                errors::add(lines);
                done
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
