//! What a Kafka broker's metadata log says: topics, partitions, settings, producer ids.
//!
//! Reads the newest snapshot of `__cluster_metadata-0` and the segments behind it, and replays the
//! records that matter here; of the others it counts those that will be missed. A record is a frame
//! version, an API key, a version, each a variable length integer, and then fields as in any of
//! Kafka's messages, so they are read with [`wire::Reader`]. A kind or version this does not know is an
//! error where it matters and skipped where it does not. Nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use env::Disk;
use records::{Offset, batches};
use uuid::Uuid;
use wire::{DecodeError, Reader};

use crate::failure::Failure;

/// The metadata log's folder in a folder of `log.dirs`.
pub(super) const FOLDER: &str = "__cluster_metadata-0";

const FILE_BYTES_MAX: u64 = 1 << 31;
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Resource kinds of settings.
const BROKER: i8 = 4;
const TOPIC: i8 = 2;

/// What a changed partition says of its leader when that did not change.
const SAME_LEADER: i32 = -2;

/// A cluster as Kafka's controller knew it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kraft {
    pub topics: BTreeMap<Uuid, Topic>,
    /// Settings of topics, by name.
    pub topic_configs: BTreeMap<String, BTreeMap<String, String>>,
    /// Settings of brokers changed at run time: by node id, those for all brokers under "".
    pub broker_configs: BTreeMap<String, BTreeMap<String, String>>,
    pub next_producer_id: i64,
    /// What is not carried over, and how many there are of it.
    pub others: BTreeMap<&'static str, i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topic {
    pub name: String,
    /// The leader epoch of each partition.
    pub partitions: BTreeMap<i32, i32>,
}

/// Reads the metadata log in `folder`.
pub(super) fn read(disk: &dyn Disk, folder: &Path) -> Result<Kraft, Failure> {
    let mut kraft = Kraft::default();
    let names: Vec<String> = disk.read_dir(folder)?.into_iter().map(|entry| entry.name).collect();
    let snapshot = names.iter().filter_map(|name| Some((snapshot_end(name)?, name))).max();
    let mut from = Offset::ZERO;
    if let Some((end, name)) = snapshot {
        replay_file(disk, &folder.join(name), Offset::ZERO, &mut kraft)?;
        from = end;
    }
    let mut segments: Vec<(Offset, PathBuf)> = names
        .iter()
        .filter_map(|name| match log::names::parse_segment_file(name) {
            Some((base, log::names::LOG)) => Some((base, folder.join(name))),
            _ => None,
        })
        .collect();
    segments.sort();
    match segments.first() {
        Some((base, _)) if *base > from => {
            return Err(Failure::failed(format!(
                "{} begins at offset {base}, but its newest snapshot ends at {from}: records between \
                 them are missing",
                folder.display()
            )));
        }
        Some(_) => {}
        None => {
            let folder = folder.display();
            return Err(Failure::not_found(format!("{folder} holds no metadata log")));
        }
    }
    for (_, path) in segments {
        replay_file(disk, &path, from, &mut kraft)?;
    }
    Ok(kraft)
}

/// The offset after the last that is in a snapshot, out of its name.
fn snapshot_end(name: &str) -> Option<Offset> {
    let (end, _epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    Some(Offset(end.parse().ok()?))
}

fn replay_file(
    disk: &dyn Disk,
    path: &Path,
    from: Offset,
    kraft: &mut Kraft,
) -> Result<(), Failure> {
    let damaged = |offset: Offset, what: &dyn std::fmt::Display| {
        Failure::failed(format!("{} cannot be read at offset {offset}: {what}", path.display()))
    };
    let bytes = disk.read(path, FILE_BYTES_MAX)?;
    let mut at = Offset::ZERO;
    // Records of a transaction count once it ends.
    let mut held: Option<Vec<Bytes>> = None;
    for batch in batches(&bytes) {
        let batch = batch.map_err(|error| damaged(at, &error))?;
        batch.check_crc().map_err(|error| damaged(at, &error))?;
        at = batch.header.next_offset();
        if at <= from || batch.header.attributes.is_control() {
            continue;
        }
        let section = batch
            .uncompressed_records(DECOMPRESSED_BYTES_MAX)
            .map_err(|error| damaged(at, &error))?;
        for record in batch.records(&section) {
            let record = record.map_err(|error| damaged(at, &error))?;
            let Some(value) = record.value else { continue };
            let value = Bytes::copy_from_slice(value);
            let key = api_key(&value).map_err(|error| damaged(at, &error))?;
            match (key, &mut held) {
                (key::BEGIN_TRANSACTION, _) => held = Some(Vec::new()),
                (key::ABORT_TRANSACTION, _) => held = None,
                (key::END_TRANSACTION, _) => {
                    for value in held.take().unwrap_or_default() {
                        kraft.apply(&value).map_err(|error| damaged(at, &error))?;
                    }
                }
                (_, Some(held)) => held.push(value),
                (_, None) => kraft.apply(&value).map_err(|error| damaged(at, &error))?,
            }
        }
    }
    Ok(())
}

/// API keys of metadata records.
mod key {
    pub(super) const TOPIC: u32 = 2;
    pub(super) const PARTITION: u32 = 3;
    pub(super) const CONFIG: u32 = 4;
    pub(super) const PARTITION_CHANGE: u32 = 5;
    pub(super) const REMOVE_TOPIC: u32 = 9;
    pub(super) const DELEGATION_TOKEN: u32 = 10;
    pub(super) const SCRAM_CREDENTIAL: u32 = 11;
    pub(super) const CLIENT_QUOTA: u32 = 14;
    pub(super) const PRODUCER_IDS: u32 = 15;
    pub(super) const ACCESS_CONTROL_ENTRY: u32 = 18;
    pub(super) const REMOVE_ACCESS_CONTROL_ENTRY: u32 = 19;
    pub(super) const REMOVE_SCRAM_CREDENTIAL: u32 = 22;
    pub(super) const BEGIN_TRANSACTION: u32 = 23;
    pub(super) const END_TRANSACTION: u32 = 24;
    pub(super) const ABORT_TRANSACTION: u32 = 25;
    pub(super) const REMOVE_DELEGATION_TOKEN: u32 = 26;
}

fn api_key(value: &Bytes) -> Result<u32, DecodeError> {
    let mut reader = Reader::new(value);
    reader.uvarint()?;
    reader.uvarint()
}

impl Kraft {
    /// Replays one record.
    pub(super) fn apply(&mut self, value: &Bytes) -> Result<(), String> {
        let mut reader = Reader::new(value);
        let failed = |error: DecodeError| error.to_string();
        let frame = reader.uvarint().map_err(failed)?;
        let key = reader.uvarint().map_err(failed)?;
        let version = reader.uvarint().map_err(failed)?;
        let newest = match key {
            key::PARTITION | key::PARTITION_CHANGE => 2,
            key::TOPIC | key::CONFIG | key::REMOVE_TOPIC | key::PRODUCER_IDS => 0,
            _ => u32::MAX,
        };
        if frame > 1 || version > newest {
            return Err(format!(
                "a metadata record of kind {key} has version {version} in frame version {frame}, \
                 which is newer than what this version of walser reads"
            ));
        }
        self.apply_fields(key, version, &mut reader).map_err(failed)
    }

    fn apply_fields(
        &mut self,
        key: u32,
        version: u32,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        match key {
            key::TOPIC => {
                let name = text(reader)?.unwrap_or_default();
                let topic = Topic { name, partitions: BTreeMap::new() };
                self.topics.insert(id(reader)?, topic);
            }
            key::PARTITION => {
                let number = i32::from_be_bytes(reader.array()?);
                let topic = id(reader)?;
                for list in ["Replicas", "Isr", "RemovingReplicas", "AddingReplicas"] {
                    reader.enter(list);
                    skip_array(reader, 4)?;
                }
                let _leader = i32::from_be_bytes(reader.array()?);
                let leader_epoch = i32::from_be_bytes(reader.array()?);
                let _partition_epoch = i32::from_be_bytes(reader.array()?);
                if version > 0 {
                    skip_array(reader, 16)?;
                }
                if let Some(topic) = self.topics.get_mut(&topic) {
                    topic.partitions.insert(number, leader_epoch);
                }
            }
            key::PARTITION_CHANGE => {
                let number = i32::from_be_bytes(reader.array()?);
                let topic = id(reader)?;
                let mut leader = SAME_LEADER;
                reader.tagged(|tag, reader| {
                    if tag == 1 {
                        leader = i32::from_be_bytes(reader.array()?);
                    }
                    Ok(tag == 1)
                })?;
                let partitions = self.topics.get_mut(&topic).map(|topic| &mut topic.partitions);
                if let Some(epoch) = partitions.and_then(|all| all.get_mut(&number))
                    && leader != SAME_LEADER
                {
                    *epoch += 1;
                }
            }
            key::REMOVE_TOPIC => {
                if let Some(topic) = self.topics.remove(&id(reader)?) {
                    self.topic_configs.remove(&topic.name);
                }
            }
            key::CONFIG => {
                let [kind] = reader.array()?;
                let resource = text(reader)?.unwrap_or_default();
                let name = text(reader)?.unwrap_or_default();
                let value = text(reader)?;
                match i8::from_be_bytes([kind]) {
                    TOPIC => set(&mut self.topic_configs, resource, name, value),
                    BROKER => set(&mut self.broker_configs, resource, name, value),
                    _ => self.count("settings of groups and client metrics", 1),
                }
            }
            key::PRODUCER_IDS => {
                let _broker = reader.array::<4>()?;
                let _broker_epoch = reader.array::<8>()?;
                self.next_producer_id = i64::from_be_bytes(reader.array()?);
            }
            key::ACCESS_CONTROL_ENTRY => self.count(ACLS, 1),
            key::REMOVE_ACCESS_CONTROL_ENTRY => self.count(ACLS, -1),
            key::SCRAM_CREDENTIAL => self.count(SCRAM, 1),
            key::REMOVE_SCRAM_CREDENTIAL => self.count(SCRAM, -1),
            key::DELEGATION_TOKEN => self.count(TOKENS, 1),
            key::REMOVE_DELEGATION_TOKEN => self.count(TOKENS, -1),
            key::CLIENT_QUOTA => self.count("client quotas", 1),
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, what: &'static str, more: i64) {
        let count = self.others.entry(what).or_default();
        *count = (*count + more).max(0);
    }
}

const ACLS: &str = "access control entries";
const SCRAM: &str = "SCRAM credentials";
const TOKENS: &str = "delegation tokens";

fn set(
    configs: &mut BTreeMap<String, BTreeMap<String, String>>,
    resource: String,
    name: String,
    value: Option<String>,
) {
    let of_resource = configs.entry(resource).or_default();
    match value {
        Some(value) => of_resource.insert(name, value),
        None => of_resource.remove(&name),
    };
}

fn id(reader: &mut Reader<'_>) -> Result<Uuid, DecodeError> {
    Ok(Uuid::from_bytes(reader.array()?))
}

/// A compact string; `None` is null.
fn text(reader: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    let Some(len) = reader.uvarint()?.checked_sub(1) else { return Ok(None) };
    let len = reader.length(len)?;
    Ok(Some(reader.text(len)?.to_string()))
}

/// A compact array of entries of a fixed width.
fn skip_array(reader: &mut Reader<'_>, width: usize) -> Result<(), DecodeError> {
    let Some(count) = reader.uvarint()?.checked_sub(1) else { return Ok(()) };
    let count = reader.length(count)?;
    reader.take(count.saturating_mul(width)).map(|_| ())
}

#[cfg(test)]
mod tests;
