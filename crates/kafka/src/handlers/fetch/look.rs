//! One look at the partitions of a fetch: where their batches are, and then the batches themselves, as
//! bytes or as regions of files.
//!
//! A look that must not wait for the disk stops at the first partition that would have it wait; it is
//! taken anew by a thread that may. So is the loading of what was found.

use std::io;
use std::sync::Arc;

use broker::limits::COLD_READ_BYTES;
use broker::read::{Fetched, check_epoch, read};
use broker::{Broker, Partition, Region, TopicId, TopicRef, Wait, error::ReadRefusal};
use bytes::Bytes;
use records::{LeaderEpoch, Offset};
use smallvec::SmallVec;

use super::Terms;
use crate::fetch_sessions::Wanted;
use crate::output::FilePiece;

/// What was found for one wanted partition.
pub(super) struct Found {
    pub(super) log: Option<Arc<Partition>>,
    pub(super) fetched: Result<Fetched, ReadRefusal>,
    /// What was found, once it was loaded.
    pub(super) parts: SmallVec<[Part; 1]>,
}

/// Some batches.
pub(super) enum Part {
    Bytes(Bytes),
    File(FilePiece),
}

/// One look at all partitions.
pub(super) struct Look {
    pub(super) found: Vec<Found>,
    bytes: usize,
    refused: bool,
    /// It was not to wait for the disk, and would have had to.
    pub(super) cut_short: bool,
}

impl Look {
    pub(super) fn take(broker: &Broker, wanted: &[Wanted], terms: Terms, wait: Wait) -> Look {
        let found = Vec::with_capacity(wanted.len());
        let mut look = Look { found, bytes: 0, refused: false, cut_short: false };
        for wanted in wanted {
            let found = look_at(broker, wanted, terms, look.bytes, wait);
            match &found.fetched {
                Ok(fetched) => look.bytes += fetched.slice.len(),
                Err(ReadRefusal::NotInMemory) => {
                    look.cut_short = true;
                    return look;
                }
                Err(_) => look.refused = true,
            }
            look.found.push(found);
        }
        look
    }

    pub(super) fn suffices(&self, terms: Terms) -> bool {
        self.refused || self.bytes >= terms.bytes_min
    }

    /// Where each partition stood, to wait for what comes after.
    pub(super) fn seen(&self) -> Vec<(Arc<Partition>, Offset)> {
        self.found
            .iter()
            .filter_map(|found| match (&found.log, &found.fetched) {
                (Some(log), Ok(fetched)) => Some((log.clone(), fetched.high_watermark)),
                _ => None,
            })
            .collect()
    }

    /// Loads regions up to `copy_max` bytes, and makes sure of the beginning of larger ones. False where
    /// the disk would have to be waited for.
    pub(super) fn load(&mut self, copy_max: usize, wait: Wait) -> bool {
        for found in &mut self.found {
            let Ok(fetched) = &found.fetched else { continue };
            let parts = fetched.slice.regions.iter().map(|region| load(region, copy_max, wait));
            match parts.collect::<io::Result<Option<_>>>() {
                Ok(Some(parts)) => found.parts = parts,
                Ok(None) => return false,
                Err(error) => {
                    let id = found.log.as_deref().map(Partition::id);
                    let topic = id.map_or("", |id| &id.topic);
                    let partition = id.map_or(-1, |id| id.index);
                    tracing::error!(topic, partition, %error, "a segment cannot be read");
                    found.fetched = Err(ReadRefusal::Storage(error.to_string()));
                }
            }
        }
        true
    }
}

/// `None` where the disk would have to be waited for.
fn load(region: &Region, copy_max: usize, wait: Wait) -> io::Result<Option<Part>> {
    if region.len <= copy_max {
        let bytes = match wait {
            Wait::ForDisk => Some(region.load()?),
            Wait::Never => region.load_in_memory()?,
        };
        return Ok(bytes.map(Part::Bytes));
    }
    if !region.is_in_memory(COLD_READ_BYTES) {
        match wait {
            Wait::ForDisk => region.bring_in(COLD_READ_BYTES)?,
            Wait::Never => return Ok(None),
        }
    }
    Ok(Some(Part::File(FilePiece { region: region.clone(), in_memory: COLD_READ_BYTES })))
}

fn look_at(
    broker: &Broker,
    wanted: &Wanted,
    terms: Terms,
    bytes_before: usize,
    wait: Wait,
) -> Found {
    let named = if terms.by_id {
        TopicRef::Id(TopicId(wanted.topic.id))
    } else {
        TopicRef::Name(&wanted.topic.name)
    };
    let parts = SmallVec::new();
    let partition = broker.topic(named).and_then(|topic| topic.partition(wanted.partition));
    let log = match partition {
        Ok(log) => log,
        Err(error) => return Found { log: None, fetched: Err(error.into()), parts },
    };
    let known =
        (wanted.current_leader_epoch >= 0).then_some(LeaderEpoch(wanted.current_leader_epoch));
    let left = terms.bytes_max.saturating_sub(bytes_before);
    let bytes_max = usize::try_from(wanted.bytes_max).unwrap_or_default().min(left);
    let fetched = check_epoch(&log, known)
        .map_err(ReadRefusal::from)
        .and_then(|()| read(&log, Offset(wanted.fetch_offset), bytes_max, bytes_before == 0, wait));
    Found { log: Some(log), fetched, parts }
}
