//! What recovery knows of leader epochs: what the catalogue or the epoch file says as far as it can be believed,
//! and beyond that what the batches say.
//!
//! The catalogue was right about everything before the recovery point it has, and so is the file where the
//! catalogue has no list. The journal may have raised that point since, and no list tells of the epochs in
//! between: then a list or a file that ends with the epoch of the last batch before the point is right up to
//! there, as epochs rise with the offsets. Otherwise the headers in between are walked.
//!
//! A file is never left with what is not true of the log: one that is old when the catalogue has a list is
//! removed, and one that a crash has left is written anew.

use std::sync::Arc;

use env::disk::DirEntry;
use parking_lot::Mutex;
use records::Offset;

use super::state::each_header;
use super::{Opening, SMALL_FILE_MAX};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::files;
use crate::names;
use crate::producers::known_epoch;
use crate::segment::{Segment, Warm};

impl Opening<'_> {
    /// The epochs of the log, and whether the file has them and they are durable there.
    pub(super) fn load_epochs(
        &mut self,
        names: &[DirEntry],
        segments: &[Arc<Segment>],
        log_start: Offset,
        log_end: Offset,
    ) -> Result<(Epochs, bool), LogError> {
        let has_file = names.iter().any(|entry| entry.name == names::EPOCHS);
        let list = self.epochs.take().and_then(|list| Epochs::of_list(&list));
        let is_listed = list.is_some();
        let file = if has_file && !(self.clean && is_listed) { self.epoch_file() } else { None };
        let mut epochs = if !self.clean {
            self.recovered_epochs(list, file.as_ref(), segments, log_start)?
        } else if let Some(known) = list.or_else(|| file.clone()) {
            known.cut(log_end.next())
        } else {
            self.epochs_from(segments, log_start, Epochs::default())?
        };
        epochs.truncate_from_start(log_start);
        let is_same = file.as_ref() == Some(&epochs);
        match has_file && !is_same {
            true if !self.clean => self.rewrite_epoch_file(&epochs)?,
            true if is_listed => self.remove(&self.dir.join(names::EPOCHS))?,
            _ => {}
        }
        Ok((epochs, self.clean && !is_listed && is_same))
    }

    /// The epochs of a log that was not closed in order.
    fn recovered_epochs(
        &self,
        list: Option<Epochs>,
        file: Option<&Epochs>,
        segments: &[Arc<Segment>],
        log_start: Offset,
    ) -> Result<Epochs, LogError> {
        let point = self.recovery_point;
        let sure = point.min(self.epochs_to);
        if sure < point {
            let last = point.max(log_start.next()) - 1;
            let seen = self.epochs_from(segments, last, Epochs::default())?;
            let last = seen.entries().first().filter(|(_, base)| *base < point);
            for known in list.iter().chain(file).map(|known| known.clone().cut(point)) {
                if last.is_some_and(|(epoch, _)| known.latest() == Some(*epoch)) {
                    return Ok(known.followed_by(&seen));
                }
            }
        }
        match list.or_else(|| file.cloned()) {
            Some(known) => self.epochs_from(segments, sure.max(log_start), known.cut(sure)),
            None => self.epochs_from(segments, log_start, Epochs::default()),
        }
    }

    fn epoch_file(&self) -> Option<Epochs> {
        let path = self.dir.join(names::EPOCHS);
        Epochs::decode(&self.disk().read(&path, SMALL_FILE_MAX).ok()?)
    }

    /// What is known, and the epochs of all batches that end at `from` or after it.
    fn epochs_from(
        &self,
        segments: &[Arc<Segment>],
        from: Offset,
        mut known: Epochs,
    ) -> Result<Epochs, LogError> {
        let warm = Mutex::new(Warm::default());
        each_header(self.disk(), &warm, segments, from, |_, header, _| {
            if let Some(epoch) = known_epoch(header.leader_epoch) {
                known.assign(epoch, header.base_offset);
            }
            Ok(())
        })?;
        Ok(known)
    }

    /// It may be all that tells of what the journal knows to be synced, until the catalogue is written again. On
    /// a full disk there is none then, and the batches say it.
    fn rewrite_epoch_file(&mut self, epochs: &Epochs) -> Result<(), LogError> {
        let path = self.dir.join(names::EPOCHS);
        match files::replace_unsynced(self.disk(), &path, epochs.encode().as_bytes()) {
            Err(error) if error.is_full() => self.remove(&path),
            written => {
                self.names_changed = true;
                self.small.push(written?);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
