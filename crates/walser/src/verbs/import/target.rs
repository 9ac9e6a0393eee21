//! The new data folder: copies of the partitions, opened and closed as the broker would, and a metadata
//! log that knows them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use broker::METADATA_FOLDER;
use env::{Disk, Env};
use log::LogDir;
use metadata::{
    AdoptedTopic, ConfigAlteration, ConfigChange, ConfigResource, NodeId, Operation, Outcome,
    Quorum, QuorumConfig, TopicId,
};
use records::{LeaderEpoch, Offset};
use uuid::Uuid;

use super::source::{Plan, Topic};
use crate::failure::Failure;

/// Where it is to be, and whose it will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub data: &'a Path,
    pub node: i32,
}

/// Where it is built.
fn unfinished(data: &Path) -> PathBuf {
    PathBuf::from(format!("{}.importing", data.display().to_string().trim_end_matches('/')))
}

/// Whether nothing is in the way.
pub(super) fn check_free(disk: &dyn Disk, data: &Path) -> Result<(), Failure> {
    if disk.exists(data) && !disk.read_dir(data)?.is_empty() {
        return Err(Failure::usage(format!(
            "{} is not empty; an import makes a new data folder",
            data.display()
        )));
    }
    let unfinished = unfinished(data);
    if disk.exists(&unfinished) {
        return Err(Failure::usage(format!(
            "{} is left of an import that ended early; delete it",
            unfinished.display()
        )));
    }
    Ok(())
}

/// Bytes that are free where the folder is to be.
pub(super) fn room(disk: &dyn Disk, data: &Path) -> Result<u64, Failure> {
    let data = std::path::absolute(data)?;
    let there = data.ancestors().find(|folder| disk.exists(folder)).unwrap_or(Path::new("/"));
    Ok(disk.space(there)?.available)
}

/// Makes the folder.
pub(super) async fn write(
    env: &Env,
    target: Target<'_>,
    plan: &mut Plan,
    done: &dyn Fn(u64),
) -> Result<(), Failure> {
    let disk = &*env.disk;
    let data = std::path::absolute(target.data)?;
    let building = unfinished(&data);
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let dir = LogDir::open_in_cluster(env, &building, target.node, Some(&plan.cluster_id))
        .map_err(|error| failed(&error))?;
    for partition in plan.topics.iter().flat_map(|topic| &topic.partitions) {
        let Some(name) = partition.folder.file_name() else { continue };
        let folder = building.join(name);
        disk.create_dir_all(&folder)?;
        for file in &partition.files {
            disk.copy(&partition.folder.join(file), &folder.join(file))?;
        }
        done(partition.bytes);
    }
    disk.sync_all(&building)?;
    for topic in &plan.topics {
        open_all(&dir, topic, done)?;
    }
    write_metadata(env, &building.join(METADATA_FOLDER), NodeId(target.node), plan).await?;
    dir.close().map_err(|error| failed(&error))?;
    drop(dir);
    disk.sync_all(&building)?;
    disk.rename(&building, &data)?;
    if let Some(parent) = data.parent() {
        disk.sync_dir(parent)?;
    }
    Ok(())
}

/// Opens each log, which checks it once more and notes how far it is durable.
fn open_all(dir: &LogDir, topic: &Topic, done: &dyn Fn(u64)) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    for (number, partition) in (0..).zip(&topic.partitions) {
        let log = dir
            .open_log(&topic.name, number, topic.id, topic.resolved.log.clone())
            .map_err(|error| failed(&error))?;
        if log.log_end() != partition.log_end {
            return Err(Failure::failed(format!(
                "the copy of {} ends at offset {} and not at {}; nothing was imported",
                partition.folder.display(),
                log.log_end(),
                partition.log_end
            )));
        }
        let start = partition.log_start.min(partition.log_end).max(Offset::ZERO);
        log.advance_log_start(start).map_err(|error| failed(&error))?;
        log.close().map_err(|error| failed(&error))?;
        done(partition.bytes);
    }
    Ok(())
}

async fn write_metadata(
    env: &Env,
    folder: &Path,
    node: NodeId,
    plan: &Plan,
) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let quorum = Quorum::start(env.clone(), folder.to_owned(), node, QuorumConfig::default())
        .await
        .map_err(|error| failed(&error))?;
    let cluster_id = plan.cluster_id.clone();
    let submit = async |operation| match quorum.submit(operation).await {
        Ok(Outcome::TopicsAdopted(answers)) => match answers.into_iter().find_map(Result::err) {
            Some(refusal) => Err(failed(&refusal)),
            None => Ok(()),
        },
        Ok(Outcome::ConfigsAltered(answers)) => match answers.into_iter().find_map(Result::err) {
            Some(refusal) => Err(failed(&refusal)),
            None => Ok(()),
        },
        Ok(Outcome::BrokerRegistered(Err(refusal))) => Err(failed(&refusal)),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(&error)),
    };
    submit(Operation::Bootstrap { cluster_id, features: BTreeMap::new() }).await?;
    submit(Operation::RegisterBroker {
        node,
        incarnation: Uuid::from_bytes(env.random.id()),
        endpoints: Vec::new(),
        rack: None,
        fenced: false,
    })
    .await?;
    for topic in &plan.topics {
        // Newer than the last of its Kafka leaders, whose epoch is in the records.
        let epochs =
            topic.partitions.iter().map(|found| LeaderEpoch(found.leader_epoch.max(0) + 1));
        let adopted = AdoptedTopic {
            id: TopicId(topic.id),
            name: topic.name.clone(),
            leader_epochs: epochs.collect(),
            configs: topic.configs.clone(),
            internal: topic.name == broker::groups::OFFSETS_TOPIC,
        };
        let next_producer_id = plan.next_producer_id;
        submit(Operation::AdoptTopics { node, topics: vec![adopted], next_producer_id }).await?;
    }
    if !plan.broker_configs.is_empty() {
        let alteration = ConfigAlteration {
            resource: ConfigResource::ClusterDefault,
            change: ConfigChange::Replace(plan.broker_configs.clone()),
        };
        let operation =
            Operation::AlterConfigs { alterations: vec![alteration], validate_only: false };
        submit(operation).await?;
    }
    quorum.shutdown().await;
    Ok(())
}
