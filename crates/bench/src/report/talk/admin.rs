//! What an administrator asks for: more partitions, another setting, the size of a topic.

use anyhow::{Context, Result};
use wire::Str;
use wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::{Talk, refuse};

/// The last versions that are not flexible.
const CREATE_PARTITIONS: i16 = 1;
const INCREMENTAL_ALTER_CONFIGS: i16 = 0;
const DESCRIBE_LOG_DIRS: i16 = 1;

/// The protocol's number for a topic, and for setting a value.
const TOPIC: i8 = 2;
const SET: i8 = 0;

impl Talk {
    /// Gives a topic more partitions.
    pub(crate) fn grow_topic(&mut self, name: &str, partitions: i32) -> Result<()> {
        let topic = CreatePartitionsTopic {
            name: Str::from(name),
            count: partitions,
            ..CreatePartitionsTopic::default()
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 60_000,
            ..CreatePartitionsRequest::default()
        };
        for answer in self.ask(CREATE_PARTITIONS, &request)?.results {
            let why = answer.error_message.as_ref().map_or("", |text| text.as_str());
            refuse(answer.error_code, "create partitions").context(why.to_owned())?;
        }
        Ok(())
    }

    /// Sets one setting of a topic.
    pub(crate) fn set_topic(&mut self, name: &str, key: &str, value: &str) -> Result<()> {
        let setting = AlterableConfig {
            name: Str::from(key),
            config_operation: SET,
            value: Some(Str::from(value)),
        };
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: Str::from(name),
            configs: vec![setting],
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        for answer in self.ask(INCREMENTAL_ALTER_CONFIGS, &request)?.responses {
            let why = answer.error_message.as_ref().map_or("", |text| text.as_str());
            refuse(answer.error_code, "alter configs").context(why.to_owned())?;
        }
        Ok(())
    }

    /// Bytes of a topic's logs, as the broker counts them.
    pub(crate) fn topic_bytes(&mut self, name: &str) -> Result<u64> {
        let request = DescribeLogDirsRequest { topics: None };
        let mut bytes = 0;
        for folder in self.ask(DESCRIBE_LOG_DIRS, &request)?.results {
            refuse(folder.error_code, "describe log dirs")?;
            for topic in folder.topics.iter().filter(|topic| topic.name.as_str() == name) {
                for partition in &topic.partitions {
                    bytes += u64::try_from(partition.partition_size)?;
                }
            }
        }
        Ok(bytes)
    }
}
