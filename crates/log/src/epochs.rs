//! Which leader epoch began at which offset, and the file that holds it.
//!
//! Epochs and offsets both strictly increase. The file is Kafka's text: a version line, a count, and
//! one `epoch offset` line each. Of a log in a folder with a catalogue that holds them, as long as they are
//! few: files for 10,000 logs take seconds. An epoch that began without a record is forgotten when the log is
//! closed; all others can be read off the batches.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};
use records::{LeaderEpoch, Offset};

/// What the catalogue holds of a log. Shared, as a checkpoint copies all of them.
pub(crate) type ListedEpochs = Arc<[(LeaderEpoch, Offset)]>;

/// A log with more epochs than this has a file of its own for them: the catalogue is written as a whole each
/// minute. A broker that is started anew every day has seven in a week.
pub(crate) const LISTED_EPOCHS_MAX: usize = 8;

/// The epochs of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// Those that begin before `end`, for the catalogue.
    pub(crate) fn listed(&self, end: Offset) -> ListedEpochs {
        self.entries.iter().copied().take_while(|(_, start)| *start < end).collect()
    }

    /// What the catalogue said; `None` where epochs or offsets do not rise.
    pub(crate) fn of_list(entries: &[(LeaderEpoch, Offset)]) -> Option<Epochs> {
        let mut epochs = Epochs::default();
        entries.iter().all(|entry| epochs.push(*entry)).then_some(epochs)
    }

    /// Without what begins at `end` or after.
    pub(crate) fn cut(mut self, end: Offset) -> Epochs {
        self.truncate_from_end(end);
        self
    }

    /// With those of `later` that are newer.
    pub(crate) fn followed_by(mut self, later: &Epochs) -> Epochs {
        for (epoch, start) in &later.entries {
            self.assign(*epoch, *start);
        }
        self
    }

    /// Adds a newer one behind all others; false where it is none.
    fn push(&mut self, (epoch, start): (LeaderEpoch, Offset)) -> bool {
        let last = self.entries.last();
        let rises = last.is_none_or(|(before, from)| epoch > *before && start > *from);
        if rises {
            self.entries.push((epoch, start));
        }
        rises
    }

    /// Every epoch with its first offset.
    #[must_use]
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The newest epoch.
    #[must_use]
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// `epoch` begins at `start`. Says whether that was news. Entries that contradict it, such as an
    /// older epoch that got no record, make place.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch < LeaderEpoch::ZERO || self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        while self.entries.last().is_some_and(|(_, last)| *last >= start) {
            self.entries.pop();
        }
        self.entries.push((epoch, start));
        true
    }

    /// The epoch of the record at `offset`.
    #[must_use]
    pub fn of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.entries.partition_point(|(_, start)| *start <= offset);
        self.get(count.checked_sub(1)?).map(|(epoch, _)| epoch)
    }

    /// The greatest epoch up to `epoch` and the offset at which it ended, for a follower that looks
    /// for the place where its log parts from this one.
    #[must_use]
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        if self.latest()? == epoch {
            return Some((epoch, log_end));
        }
        let above = self.entries.partition_point(|(known, _)| *known <= epoch);
        // An epoch newer than the newest: nothing can be said.
        let (_, end) = self.get(above)?;
        match above.checked_sub(1).and_then(|floor| self.get(floor)) {
            Some((floor, _)) => Some((floor, end)),
            // Older than everything here: it ended before the first epoch began.
            None => Some((epoch, end)),
        }
    }

    /// Forgets what begins at `end` or after. Says whether anything was.
    pub fn truncate_from_end(&mut self, end: Offset) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(_, start)| *start < end);
        self.entries.len() != before
    }

    /// Forgets what ended before `start`; the epoch at `start` then begins there.
    pub fn truncate_from_start(&mut self, start: Offset) -> bool {
        let covered = self.entries.partition_point(|(_, begin)| *begin <= start);
        let Some(floor) = covered.checked_sub(1) else { return false };
        self.entries.drain(..floor);
        match self.entries.first_mut() {
            Some((_, begin)) if *begin < start => {
                *begin = start;
                true
            }
            _ => floor > 0,
        }
    }

    fn get(&self, index: usize) -> Option<(LeaderEpoch, Offset)> {
        self.entries.get(index).copied()
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{epoch} {start}");
        }
        text
    }

    /// The file back; `None` when it is not what was written.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Epochs> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut epochs = Epochs::default();
        for line in lines.by_ref().take(count) {
            let (epoch, start) = line.split_once(' ')?;
            let (epoch, start) = (LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?));
            if !epochs.push((epoch, start)) {
                return None;
            }
        }
        (epochs.entries.len() == count && lines.next().is_none() && text.ends_with('\n'))
            .then_some(epochs)
    }
}

/// Those of a log that is open. Nearly all that is asked, and each append does, is which is the newest: that
/// lies beside what an append reads in any case, and not in a list elsewhere.
#[derive(Debug)]
pub(crate) struct OpenEpochs {
    /// -1 where there is none. Changed under the lock of the list.
    newest: AtomicI32,
    list: RwLock<Epochs>,
}

impl OpenEpochs {
    pub fn new(epochs: Epochs) -> OpenEpochs {
        OpenEpochs { newest: AtomicI32::new(newest_of(&epochs)), list: RwLock::new(epochs) }
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Epochs> {
        self.list.read()
    }

    pub fn newest(&self) -> Option<LeaderEpoch> {
        let newest = LeaderEpoch(self.newest.load(Ordering::Acquire));
        (newest >= LeaderEpoch::ZERO).then_some(newest)
    }

    /// [`Epochs::assign`], which is no news for nearly all appends.
    pub fn assign(&self, epoch: LeaderEpoch, start: Offset) -> bool {
        self.newest() != Some(epoch) && self.change(|epochs| epochs.assign(epoch, start))
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Epochs) -> T) -> T {
        let mut list = self.list.write();
        let changed = change(&mut list);
        self.newest.store(newest_of(&list), Ordering::Release);
        changed
    }
}

fn newest_of(epochs: &Epochs) -> i32 {
    epochs.latest().map_or(-1, |epoch| epoch.0)
}

#[cfg(test)]
mod tests;
