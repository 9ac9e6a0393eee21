//! Settings of topics and brokers: read and change.

use wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::{Admin, Answerer, check, missing};
use crate::ClientError;

/// The first version of DescribeConfigs that can explain settings.
const DESCRIBE_WITH_DOCUMENTATION: i16 = 3;

/// What has settings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConfigResourceKind {
    /// A topic, by name.
    Topic,
    /// A broker, by id; all of them, with an empty name.
    Broker,
    /// The log levels of a broker, by its id.
    BrokerLogger,
    /// A consumer group, by id.
    Group,
}

/// A topic, broker or group that has settings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ConfigResourceKind,
    /// Its name or id.
    pub name: String,
}

/// A setting and where its value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// Its key.
    pub name: String,
    /// Its value; none if it has none, or is a secret.
    pub value: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether its value is kept back.
    pub is_sensitive: bool,
    /// Where the value comes from: 1 topic, 2 this broker, 3 all brokers, 4 the broker's file,
    /// 5 the default, 8 group.
    pub source: i8,
    /// What it is for, if asked and known.
    pub documentation: Option<String>,
}

/// A change of one setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigChange {
    /// Gives it a value.
    Set(String),
    /// Takes it back to its default.
    Delete,
    /// Adds to a list.
    Append(String),
    /// Takes from a list.
    Subtract(String),
}

impl ConfigResource {
    /// A topic.
    #[must_use]
    pub fn topic(name: impl Into<String>) -> Self {
        ConfigResource { kind: ConfigResourceKind::Topic, name: name.into() }
    }

    /// A broker.
    #[must_use]
    pub fn broker(id: i32) -> Self {
        ConfigResource { kind: ConfigResourceKind::Broker, name: id.to_string() }
    }

    const fn number(&self) -> i8 {
        match self.kind {
            ConfigResourceKind::Topic => 2,
            ConfigResourceKind::Broker => 4,
            ConfigResourceKind::BrokerLogger => 8,
            ConfigResourceKind::Group => 32,
        }
    }

    fn subject(&self) -> String {
        match self.kind {
            ConfigResourceKind::Topic => format!("topic '{}'", self.name),
            ConfigResourceKind::Broker => format!("broker {}", self.name),
            ConfigResourceKind::BrokerLogger => format!("the loggers of broker {}", self.name),
            ConfigResourceKind::Group => format!("group '{}'", self.name),
        }
    }

    /// A broker answers for itself.
    fn answerer(&self) -> Answerer<'static> {
        match self.kind {
            ConfigResourceKind::Broker | ConfigResourceKind::BrokerLogger => {
                self.name.parse().map_or(Answerer::Controller, Answerer::Node)
            }
            ConfigResourceKind::Topic | ConfigResourceKind::Group => Answerer::Any,
        }
    }
}

impl Admin {
    /// The settings of a resource: those with these keys, or all.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        keys: Option<&[&str]>,
        with_documentation: bool,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let make = |version| DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name.as_str().into(),
                configuration_keys: keys.map(|keys| keys.iter().map(|&key| key.into()).collect()),
            }],
            include_synonyms: false,
            include_documentation: with_documentation && version >= DESCRIBE_WITH_DOCUMENTATION,
        };
        self.ask(resource.answerer(), make, |response| {
            let Some(result) = response.results.into_iter().next() else {
                return Err(missing::<DescribeConfigsRequest>(resource.subject()));
            };
            let message = result.error_message.as_deref();
            check::<DescribeConfigsRequest>(result.error_code, message, || resource.subject())?;
            let entries = result.configs.into_iter().map(|config| ConfigEntry {
                name: config.name.to_string(),
                value: config.value.map(String::from),
                is_read_only: config.read_only,
                is_sensitive: config.is_sensitive,
                source: config.config_source,
                documentation: config.documentation.map(String::from),
            });
            Ok(entries.collect())
        })
        .await
    }

    /// Changes settings of a resource, or only checks whether that would succeed.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[(&str, ConfigChange)],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let make = |_| IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name.as_str().into(),
                configs: changes
                    .iter()
                    .map(|(name, change)| AlterableConfig {
                        name: (*name).into(),
                        config_operation: change.number(),
                        value: change.value().map(Into::into),
                    })
                    .collect(),
            }],
            validate_only,
        };
        self.ask(resource.answerer(), make, |response| {
            let Some(result) = response.responses.into_iter().next() else {
                return Err(missing::<IncrementalAlterConfigsRequest>(resource.subject()));
            };
            let message = result.error_message.as_deref();
            check::<IncrementalAlterConfigsRequest>(result.error_code, message, || {
                resource.subject()
            })
        })
        .await
    }
}

impl ConfigChange {
    const fn number(&self) -> i8 {
        match self {
            ConfigChange::Set(_) => 0,
            ConfigChange::Delete => 1,
            ConfigChange::Append(_) => 2,
            ConfigChange::Subtract(_) => 3,
        }
    }

    fn value(&self) -> Option<&str> {
        match self {
            ConfigChange::Set(value)
            | ConfigChange::Append(value)
            | ConfigChange::Subtract(value) => Some(value),
            ConfigChange::Delete => None,
        }
    }
}
