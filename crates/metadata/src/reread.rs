//! The quorum's files as they would be written again, for fuzz targets: each function reads a file and
//! gives what it would write for what it read, or why it does not believe it. And one small sample of
//! each. Their types stay private.

use std::path::Path;
use std::sync::Arc;

use openraft::EntryPayload;

use crate::files::segment::{self, HEADER_LEN, Header, Origin};
use crate::files::snapshot::Snapshot;
use crate::files::vote;
use crate::quorum::types::{Batch, Entry, StoredMembership, Vote, log_id};
use crate::{Image, MetadataRecord, NodeId};

/// A snapshot.
///
/// # Errors
/// It is none.
pub fn snapshot(bytes: &[u8]) -> Result<Vec<u8>, String> {
    Snapshot::decode(bytes).map(|snapshot| snapshot.encode())
}

/// A vote.
///
/// # Errors
/// It is none.
pub fn vote(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (sim, dir) = (env::sim::Sim::new(0), Path::new("/"));
    let (env, path) = (sim.env(), dir.join("vote"));
    env.disk.replace(&path, bytes).map_err(|error| error.to_string())?;
    let read = vote::read(&*env.disk, dir).map_err(|error| error.to_string())?;
    vote_bytes(&read.ok_or("no vote")?)
}

fn vote_bytes(vote: &Vote) -> Result<Vec<u8>, String> {
    let (sim, dir) = (env::sim::Sim::new(0), Path::new("/"));
    let env = sim.env();
    vote::write(&*env.disk, dir, vote).map_err(|error| error.to_string())?;
    env.disk.read(&dir.join("vote"), 4_096).map_err(|error| error.to_string())
}

/// A segment of the log: its header and the frames that check.
///
/// # Errors
/// The header or a frame is none.
pub fn segment(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let header = Header::decode(Path::new("segment"), bytes).map_err(|error| error.to_string())?;
    let mut written = header.ok_or("no header")?.encode();
    let mut rest = bytes.get(HEADER_LEN..).unwrap_or_default();
    while let Some((body, len)) = segment::frame(rest) {
        let entries = segment::entries(body)?;
        // No append writes a frame without entries, so none has an index to be written again.
        if !entries.is_empty() {
            written.extend(segment::encode_frame(&entries));
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(written)
}

fn sample_records() -> Vec<MetadataRecord> {
    vec![
        MetadataRecord::ClusterId { id: "cluster".to_owned() },
        MetadataRecord::ProducerIds { next: 1_000 },
    ]
}

/// A small snapshot.
#[must_use]
pub fn sample_snapshot() -> Vec<u8> {
    let (image, _) = Image::default().apply(&sample_records());
    let last = Some(log_id(1, NodeId(1), 7));
    let voters = StoredMembership::default();
    Snapshot { last, voters, image: Arc::new(image.at(3, Some(NodeId(1)))) }.encode()
}

/// A vote.
#[must_use]
pub fn sample_vote() -> Vec<u8> {
    vote_bytes(&Vote::new_committed(3, NodeId(1))).unwrap_or_default()
}

/// A segment with one frame of two entries.
#[must_use]
pub fn sample_segment() -> Vec<u8> {
    let header = Header { sequence: 1, origin: Origin::Full, previous: None };
    let entry = |index, payload| Entry { log_id: log_id(1, NodeId(1), index), payload };
    let batch = Batch { base: 0, records: Arc::new(sample_records()) };
    let entries = [entry(1, EntryPayload::Blank), entry(2, EntryPayload::Normal(batch))];
    [header.encode(), segment::encode_frame(&entries)].concat()
}
