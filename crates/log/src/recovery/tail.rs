//! Reading a segment that is not trusted as it is, and cutting what lies behind the last whole batch of
//! what was never acknowledged.
//!
//! What is durable is only looked through, and an error says where it is damaged; what is done about
//! that is decided in `damage.rs`.

use std::io::IoSlice;
use std::sync::Arc;

use env::File;
use env::disk::OpenMode;
use records::Offset;

use super::Opening;
use super::segments::Found;
use crate::config::Durability;
use crate::error::LogError;
use crate::index::{self, Index};
use crate::segment::{Segment, Written, read_index_files};
use crate::truncate::resume;
use crate::walk::{WalkError, to_usize};

/// Bytes of a tail that are written again in one go.
const REWRITTEN_AT_ONCE: u32 = 1 << 20;

impl Opening<'_> {
    /// Reads a segment as far as it must be: headers of what is durable and not indexed, whole
    /// batches of what is not durable.
    pub(super) fn read_segment(
        &mut self,
        found: &Found,
        next_base: Option<Offset>,
        is_examined: bool,
    ) -> Result<(Arc<Segment>, Arc<dyn File>), LogError> {
        let path = &found.path;
        let file = self
            .disk()
            .open(path, OpenMode::Write)
            .map_err(|error| LogError::io(path, "open", error))?;
        let segment = Segment::active(path.clone(), found.base, file.clone());
        segment.set_holes(self.quarantine.holes(found.base));
        let interval = self.interval;
        let trusted = self.trusted();
        self.resume(&segment, &*file, found, trusted);
        if !self.clean {
            // Beyond the recovery point they may be of records that are lost; they are written anew
            // when the segment is sealed.
            self.remove_indexes(found.base)?;
        }

        let mut walk = segment.headers(&*file, segment.extent().size, found.size);
        loop {
            segment.pass_hole();
            if segment.extent().next >= trusted {
                break;
            }
            // A base offset that is wrong must not pass for the end of what is durable.
            let end = next_base.unwrap_or(Offset::MAX).min(self.known_end());
            let step = walk.next().and_then(|step| match step {
                Some((position, header))
                    if header.base_offset < segment.extent().next || header.next_offset() > end =>
                {
                    let what = format!("offset {} in its place", header.base_offset);
                    Err(WalkError::Damaged { position, what })
                }
                step => Ok(step),
            });
            match step.map_err(|error| error.in_file(path, segment.extent().next))? {
                Some((_, header)) => segment.publish(&[Written::of(&header)], interval),
                None => break,
            }
        }

        segment.pass_hole();
        let mut walk = segment.batches(&*file, segment.extent().size, found.size);
        let mut durable_size = segment.extent().size;
        loop {
            segment.pass_hole();
            let extent = segment.extent();
            if extent.next <= self.durable {
                durable_size = extent.size;
            }
            let mut is_durable = extent.next < self.durable;
            let step = walk.next().and_then(|step| match step {
                Some((position, batch)) if batch.header.base_offset != extent.next => {
                    // One of those that are durable would say that an offset before it is wrong; else it
                    // is torn.
                    is_durable |= !is_examined && batch.header.base_offset < self.durable;
                    let what = format!("offset {} instead", batch.header.base_offset);
                    Err(WalkError::Damaged { position, what })
                }
                step => Ok(step),
            });
            match step {
                Ok(Some((_, batch))) => {
                    segment.publish(&[Written::of(&batch.header)], interval);
                }
                Ok(None) => break,
                Err(error @ WalkError::Io(_)) => return Err(error.in_file(path, extent.next)),
                Err(error) if is_durable => {
                    return Err(error.in_file(path, extent.next));
                }
                Err(WalkError::Damaged { position, what }) => {
                    tracing::info!(
                        segment = %path.display(), position, offset = %extent.next, what,
                        bytes = found.size - extent.size, "tail beyond the durable mark cut"
                    );
                    file.set_len(u64::from(extent.size))
                        .map_err(|error| LogError::io(path, "cut", error))?;
                    self.cut = true;
                    break;
                }
            }
        }
        if !self.clean && self.durability == Durability::Fsync {
            rewrite(&*file, durable_size, segment.extent().size)
                .map_err(|error| LogError::io(path, "write", error))?;
        }
        if !self.clean && (self.cut || segment.extent().next > self.recovery_point) {
            self.synced.push(file.clone());
        } else if !self.clean {
            // Its length may not be what the disk knows: a truncation may have been interrupted.
            self.small.push(file.clone());
        }
        Ok((Arc::new(segment), file))
    }

    /// Takes what the index files say about the part that is trusted. They were written over while the
    /// segment grew, and a crash may have torn that: then they are not those that were durable.
    fn resume(&mut self, segment: &Segment, file: &dyn File, found: &Found, trusted: Offset) {
        self.covered = 0;
        let Some((offsets, times)) = read_index_files(self.disk(), &found.path, found.base) else {
            return;
        };
        let checksum = index::checksum(found.base, &offsets, &times);
        let is_known = self.index == Some(checksum);
        // One from before there were checksums is believed of a log that was closed in order.
        if !is_known && (self.index.is_some() || !self.clean) {
            return;
        }
        self.indexed = self.index.filter(|_| self.clean);
        if let Some(index) = Index::decode(&offsets, &times, found.size) {
            self.covered = index.offsets.last().map_or(0, |last| last.position);
            resume(segment, file, index, trusted, found.size);
        }
    }
}

/// Writes a part of a file again. A sync that failed before a restart may have left it in the page cache
/// as if it were on the disk, where the next sync would pass it over.
fn rewrite(file: &dyn File, mut from: u32, to: u32) -> std::io::Result<()> {
    let mut bytes = vec![0; to_usize((to - from).min(REWRITTEN_AT_ONCE))];
    while from < to {
        let len = (to - from).min(REWRITTEN_AT_ONCE);
        let part = bytes.get_mut(..to_usize(len)).unwrap_or_default();
        file.read_exact_at(part, u64::from(from))?;
        file.write_all_at(&[IoSlice::new(part)], u64::from(from))?;
        from += len;
    }
    Ok(())
}
