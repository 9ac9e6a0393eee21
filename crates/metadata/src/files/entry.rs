//! One entry of the log, one set of voters, as bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::EntryPayload;
use serde::{Deserialize, Serialize};

use super::bytes::{Cursor, put_sized};
use crate::quorum::types::{Batch, Entry, LogId, Membership, StoredMembership, Voter, log_id};
use crate::{MetadataRecord, NodeId};

const BLANK: u8 = 0;
const RECORDS: u8 = 1;
const VOTERS: u8 = 2;

/// The format of a set of voters that is written.
const VOTERS_VERSION: u8 = 1;

/// Appends term, leader, kind and content; the index is the frame's to know.
pub(crate) fn encode(entry: &Entry, bytes: &mut Vec<u8>) {
    bytes.extend(entry.log_id.leader_id.term.to_be_bytes());
    bytes.extend(entry.log_id.leader_id.node_id.0.to_be_bytes());
    match &entry.payload {
        EntryPayload::Blank => bytes.push(BLANK),
        EntryPayload::Normal(batch) => {
            bytes.push(RECORDS);
            bytes.extend(batch.base.to_be_bytes());
            put_records(&batch.records, bytes);
        }
        EntryPayload::Membership(voters) => {
            bytes.push(VOTERS);
            put_voters(voters, bytes);
        }
    }
}

/// Reads an entry that fills `bytes` exactly.
pub(crate) fn decode(bytes: &[u8], index: u64) -> Result<Entry, String> {
    let mut cursor = Cursor(bytes);
    let short = || "entry is cut short".to_owned();
    let term = cursor.u64().ok_or_else(short)?;
    let node = NodeId(cursor.i32().ok_or_else(short)?);
    let payload = match cursor.u8().ok_or_else(short)? {
        BLANK => EntryPayload::Blank,
        RECORDS => {
            let base = cursor.u64().ok_or_else(short)?;
            let records = Arc::new(take_records(&mut cursor)?);
            EntryPayload::Normal(Batch { base, records })
        }
        VOTERS => EntryPayload::Membership(take_voters(&mut cursor)?),
        kind => return Err(format!("entry of unknown kind {kind}")),
    };
    if !cursor.0.is_empty() {
        return Err(format!("entry has {} bytes too many", cursor.0.len()));
    }
    Ok(Entry { log_id: log_id(term, node, index), payload })
}

pub(crate) fn put_records(records: &[MetadataRecord], bytes: &mut Vec<u8>) {
    bytes.extend(u32::try_from(records.len()).unwrap_or(u32::MAX).to_be_bytes());
    for record in records {
        put_sized(bytes, |bytes| record.encode(bytes));
    }
}

/// How many bytes [`put_records`] would append.
pub(crate) fn records_len(records: &[MetadataRecord]) -> usize {
    let mut one = Vec::new();
    let sizes = records.iter().map(|record| {
        one.clear();
        record.encode(&mut one);
        4 + one.len()
    });
    4 + sizes.sum::<usize>()
}

pub(crate) fn take_records(cursor: &mut Cursor<'_>) -> Result<Vec<MetadataRecord>, String> {
    let count = cursor.u32().ok_or("records are cut short")?;
    // A record has five bytes at least, so the bytes left bound what is allocated.
    let fits = cursor.0.len() / 5;
    let mut records = Vec::with_capacity(fits.min(usize::try_from(count).unwrap_or(fits)));
    for _ in 0..count {
        let record = cursor.sized().ok_or("records are cut short")?;
        records.push(MetadataRecord::decode(record).map_err(|error| error.to_string())?);
    }
    Ok(records)
}

/// The voters as the format has them, whatever openraft's own types become.
#[derive(Serialize, Deserialize)]
struct Voters {
    configs: Vec<BTreeSet<NodeId>>,
    nodes: BTreeMap<NodeId, Voter>,
}

fn put_voters(membership: &Membership, bytes: &mut Vec<u8>) {
    let voters = Voters {
        configs: membership.get_joint_config().clone(),
        nodes: membership.nodes().map(|(node, voter)| (*node, voter.clone())).collect(),
    };
    put_sized(bytes, |bytes| {
        bytes.push(VOTERS_VERSION);
        // Writing plain collections to memory does not fail.
        bytes.extend(postcard::to_stdvec(&voters).unwrap_or_default());
    });
}

fn take_voters(cursor: &mut Cursor<'_>) -> Result<Membership, String> {
    let bytes = cursor.sized().ok_or("voters are cut short")?;
    match bytes.split_first() {
        Some((&VOTERS_VERSION, body)) => {
            let voters: Voters = postcard::from_bytes(body).map_err(|error| error.to_string())?;
            Ok(Membership::new(voters.configs, voters.nodes))
        }
        Some((version, _)) => Err(format!("voters of unknown format version {version}")),
        None => Err("voters without a format version".to_owned()),
    }
}

pub(crate) fn put_log_id(id: Option<&LogId>, bytes: &mut Vec<u8>) {
    bytes.push(u8::from(id.is_some()));
    let id = id.copied().unwrap_or_default();
    bytes.extend(id.leader_id.term.to_be_bytes());
    bytes.extend(id.leader_id.node_id.0.to_be_bytes());
    bytes.extend(id.index.to_be_bytes());
}

pub(crate) fn take_log_id(cursor: &mut Cursor<'_>) -> Option<Option<LogId>> {
    let present = cursor.u8()?;
    let id = log_id(cursor.u64()?, NodeId(cursor.i32()?), cursor.u64()?);
    Some((present == 1).then_some(id))
}

pub(crate) fn put_membership(stored: &StoredMembership, bytes: &mut Vec<u8>) {
    put_log_id(stored.log_id().as_ref(), bytes);
    put_voters(stored.membership(), bytes);
}

pub(crate) fn take_membership(cursor: &mut Cursor<'_>) -> Result<StoredMembership, String> {
    let id = take_log_id(cursor).ok_or("voters are cut short")?;
    Ok(StoredMembership::new(id, take_voters(cursor)?))
}
