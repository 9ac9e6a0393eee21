//! What there is to take over: the topics of the metadata with their folders, every batch checked.
//! Only reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use broker::config::{
    BrokerConfig, TopicConfig, validate_broker_override, validate_topic_override,
};
use env::Disk;
use env::disk::OpenMode;
use log::dump::{Dump, Entry};
use log::names;
use records::Offset;
use uuid::Uuid;

use super::kraft::{self, Kraft};
use crate::failure::Failure;

/// Kafka deletes it when it starts and writes it when it has stopped in order.
const CLEAN: &str = ".kafka_cleanshutdown";
const META: &str = "meta.properties";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const SMALL_FILE_MAX: u64 = 64 << 20;

/// Topics in which Kafka keeps states that nothing here can use.
const STATES: [(&str, &str); 2] =
    [("__transaction_state", "transactions"), ("__share_group_state", "share groups")];

/// What will be taken over.
#[derive(Debug)]
pub(super) struct Plan {
    pub cluster_id: String,
    pub topics: Vec<Topic>,
    /// Settings for all brokers that were changed at run time.
    pub broker_configs: BTreeMap<String, String>,
    pub next_producer_id: i64,
    /// What is not taken over, in words.
    pub left_out: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub id: Uuid,
    pub name: String,
    pub configs: BTreeMap<String, String>,
    pub resolved: TopicConfig,
    /// By number.
    pub partitions: Vec<Partition>,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub folder: PathBuf,
    pub leader_epoch: i32,
    /// Names of the files to copy.
    pub files: Vec<String>,
    pub bytes: u64,
    pub log_start: Offset,
    /// Known after [`Plan::check`].
    pub log_end: Offset,
    pub records: u64,
}

impl Plan {
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.topics.iter().flat_map(|topic| &topic.partitions)
    }

    pub fn bytes(&self) -> u64 {
        self.partitions().map(|partition| partition.bytes).sum()
    }

    /// Reads every batch. The first that is damaged, or in a format that is not served, ends it.
    pub fn check(&mut self, disk: &dyn Disk, done: &dyn Fn(u64)) -> Result<(), Failure> {
        for topic in &mut self.topics {
            let mut transactional: u64 = 0;
            for partition in &mut topic.partitions {
                transactional += partition.check(disk)?;
                done(partition.bytes);
            }
            if transactional > 0 {
                self.left_out.push(format!(
                    "topic {}: the outcome of transactions; its {transactional} transactional batches \
                     are read by everyone, aborted ones too",
                    topic.name
                ));
            }
        }
        Ok(())
    }
}

impl Partition {
    fn check(&mut self, disk: &dyn Disk) -> Result<u64, Failure> {
        let mut transactional = 0;
        for name in &self.files {
            let Some((base, names::LOG)) = names::parse_segment_file(name) else { continue };
            let path = self.folder.join(name);
            if base < self.log_end {
                return Err(Failure::failed(format!(
                    "{} begins before the offset at which the segment before it ends, {}",
                    path.display(),
                    self.log_end
                )));
            }
            self.log_end = base;
            let entries: Dump =
                log::dump::open(disk, &path).map_err(|error| Failure::failed(error.to_string()))?;
            for entry in entries {
                match entry {
                    Entry::Batch(batch) if batch.crc_is_valid => {
                        let header = batch.header;
                        self.log_end = header.next_offset();
                        let attributes = header.attributes;
                        if !attributes.is_control() {
                            self.records += u64::try_from(header.record_count).unwrap_or(0);
                            transactional += u64::from(attributes.is_transactional());
                        }
                    }
                    other => {
                        return Err(Failure::failed(format!(
                            "{}: {other}; nothing was imported",
                            path.display()
                        )));
                    }
                }
            }
        }
        Ok(transactional)
    }
}

/// Finds out what can be taken over.
pub(super) fn plan(
    disk: &dyn Disk,
    from: &[PathBuf],
    metadata: Option<&Path>,
) -> Result<Plan, Failure> {
    let mut cluster_id = None;
    let mut log_starts = BTreeMap::new();
    for dir in from {
        let found = check_dir(disk, dir)?;
        if cluster_id.get_or_insert(found.clone()) != &found {
            return Err(Failure::usage(format!(
                "{} belongs to another cluster, {found}",
                dir.display()
            )));
        }
        log_starts.extend(read_log_starts(disk, dir));
    }
    let dirs = metadata.into_iter().chain(from.iter().map(PathBuf::as_path));
    let metadata = dirs.map(|dir| dir.join(kraft::FOLDER)).find(|folder| disk.exists(folder));
    let Some(metadata) = metadata else {
        return Err(Failure::not_found(format!(
            "none of the folders holds {}; give the broker's metadata.log.dir with --metadata",
            kraft::FOLDER
        )));
    };
    let kraft = kraft::read(disk, &metadata)?;
    let mut plan = Plan {
        cluster_id: cluster_id.unwrap_or_default(),
        topics: Vec::new(),
        broker_configs: BTreeMap::new(),
        next_producer_id: kraft.next_producer_id,
        left_out: Vec::new(),
    };
    let mut missing = Vec::new();
    for (id, topic) in &kraft.topics {
        if let Some((name, whose)) = STATES.iter().find(|(name, _)| *name == topic.name) {
            plan.left_out.push(format!("the states of {whose} in topic {name}"));
            continue;
        }
        let mut partitions = Vec::new();
        for (number, leader_epoch) in &topic.partitions {
            let name = names::partition_folder(&topic.name, *number);
            match from.iter().map(|dir| dir.join(&name)).find(|folder| disk.exists(folder)) {
                Some(folder) => {
                    let log_start = log_starts.get(&(topic.name.clone(), *number));
                    let log_start = log_start.copied().unwrap_or(Offset::ZERO);
                    partitions.push(partition(disk, folder, *id, *leader_epoch, log_start)?);
                }
                None => missing.push(name),
            }
        }
        let configs = kraft.topic_configs.get(&topic.name);
        let (configs, resolved) = topic_configs(&topic.name, configs, &mut plan.left_out);
        plan.topics.push(Topic {
            id: *id,
            name: topic.name.clone(),
            configs,
            resolved,
            partitions,
        });
    }
    if let Some(first) = missing.first() {
        return Err(Failure::failed(format!(
            "{} partitions are in none of the folders, {first} for one; give every folder of the \
             broker's log.dirs with --from. A broker that has only some of a cluster's partitions \
             cannot be imported: move them all to one broker first",
            missing.len()
        )));
    }
    plan.topics.sort_by(|left, right| left.name.cmp(&right.name));
    leave_out(&kraft, &mut plan);
    Ok(plan)
}

/// The cluster a folder belongs to, if it is one that may be imported.
fn check_dir(disk: &dyn Disk, dir: &Path) -> Result<String, Failure> {
    let shown = dir.display();
    let Ok(meta) = disk.read(&dir.join(META), SMALL_FILE_MAX) else {
        return Err(Failure::not_found(format!(
            "{shown} has no {META}: it is not a folder of a Kafka broker's log.dirs"
        )));
    };
    let meta = String::from_utf8_lossy(&meta).into_owned();
    let value = |key: &str| meta.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    if value("walser.version").is_some() {
        return Err(Failure::usage(format!(
            "{shown} is a data folder of walser already: 'walser start --data-dir {shown}'"
        )));
    }
    let Some(cluster) = value("cluster.id") else {
        return Err(Failure::failed(format!("{shown}/{META} names no cluster.id")));
    };
    if !disk.exists(&dir.join(CLEAN)) {
        return Err(Failure::failed(format!(
            "{shown} is in use, or was not left in order: there is no {CLEAN} in it. Stop the broker \
             with SIGTERM and wait for its end; after a crash, start it once more before that"
        )));
    }
    Ok(cluster.trim().to_owned())
}

fn partition(
    disk: &dyn Disk,
    folder: PathBuf,
    topic: Uuid,
    leader_epoch: i32,
    log_start: Offset,
) -> Result<Partition, Failure> {
    let whose = disk.read(&folder.join(names::PARTITION_METADATA), SMALL_FILE_MAX)?;
    let whose = String::from_utf8_lossy(&whose).into_owned();
    let id = whose.lines().find_map(|line| line.strip_prefix("topic_id:"));
    if id.and_then(|id| names::parse_id(id.trim())) != Some(topic) {
        return Err(Failure::failed(format!(
            "{} is not of the topic that the metadata has under this name",
            folder.display()
        )));
    }
    let mut files = Vec::new();
    let mut bytes = 0;
    for entry in disk.read_dir(&folder)? {
        // The rest can be built from these, or is of operations that Kafka had not ended.
        let wanted = match names::parse_segment_file(&entry.name) {
            Some((_, kind)) => {
                [names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT].contains(&kind)
            }
            None => [names::EPOCHS, names::PARTITION_METADATA].contains(&entry.name.as_str()),
        };
        if wanted {
            bytes += disk.open(&folder.join(&entry.name), OpenMode::Read)?.len()?;
            files.push(entry.name);
        }
    }
    let (log_end, records) = (Offset::ZERO, 0);
    Ok(Partition { folder, leader_epoch, files, bytes, log_start, log_end, records })
}

/// Kafka's `log-start-offset-checkpoint`: a version, a count, then topic, partition and offset.
fn read_log_starts(disk: &dyn Disk, dir: &Path) -> BTreeMap<(String, i32), Offset> {
    let bytes = disk.read(&dir.join(LOG_STARTS), SMALL_FILE_MAX).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let topic = words.next()?.to_owned();
        Some(((topic, words.next()?.parse().ok()?), Offset(words.next()?.parse().ok()?)))
    };
    String::from_utf8_lossy(&bytes).lines().skip(2).filter_map(entry).collect()
}

/// The settings of a topic that mean something here.
fn topic_configs(
    topic: &str,
    configs: Option<&BTreeMap<String, String>>,
    left_out: &mut Vec<String>,
) -> (BTreeMap<String, String>, TopicConfig) {
    let broker = BrokerConfig::default();
    let mut kept = BTreeMap::new();
    for (key, value) in configs.into_iter().flatten() {
        let alone = key == "min.insync.replicas" && value != "1";
        let checked = validate_topic_override(key, value).ok().filter(|_| !alone);
        let together = checked.is_some_and(|checked| {
            let before = kept.insert(key.clone(), checked);
            let goes = TopicConfig::resolve(&broker, &kept).is_ok();
            if !goes {
                match before {
                    Some(before) => kept.insert(key.clone(), before),
                    None => kept.remove(key),
                };
            }
            goes
        });
        if !together {
            left_out.push(format!("topic {topic}: {key}={value}"));
        }
    }
    let resolved =
        TopicConfig::resolve(&broker, &kept).unwrap_or_else(|_| broker.topic_defaults.clone());
    (kept, resolved)
}

fn leave_out(kraft: &Kraft, plan: &mut Plan) {
    for (node, configs) in &kraft.broker_configs {
        for (key, value) in configs {
            let alone = key == "min.insync.replicas" && value != "1";
            match validate_broker_override(key, value) {
                Ok(value) if node.is_empty() && !alone => {
                    plan.broker_configs.insert(key.clone(), value);
                }
                _ => {
                    let whose = if node.is_empty() { "all brokers" } else { node.as_str() };
                    plan.left_out.push(format!("setting of {whose}: {key}={value}"));
                }
            }
        }
    }
    for (what, count) in kraft.others.iter().filter(|(_, count)| **count > 0) {
        plan.left_out.push(format!("{count} {what}"));
    }
}
