//! Changing settings at run time: checked against the registry here, kept in the metadata.
//!
//! Each resource is changed as a whole or not at all. What a list becomes is checked against the
//! value it has now; the controller edits the newest one.

use std::collections::BTreeMap;

use metadata::{
    ConfigAlteration, ConfigChange, ConfigEdit, ConfigResource, Operation, Outcome, Refusal,
};

use crate::broker::Broker;
use crate::config::{
    BrokerConfig, ConfigError, DescribedConfig, Scope, TopicConfig, ValueType, lookup,
    validate_broker_override, validate_topic_override,
};
use crate::error::QuorumUnavailable;

/// Settings of one resource to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterRequest {
    /// Whose.
    pub resource: ConfigResource,
    /// How.
    pub change: RequestedChange,
}

/// How settings are to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedChange {
    /// These keys and no others.
    Incremental(Vec<(String, RequestedEdit)>),
    /// These overrides and nothing else.
    Replace(BTreeMap<String, String>),
}

/// How one key is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedEdit {
    /// Override it.
    Set(String),
    /// Stop overriding it.
    Delete,
    /// Add items to a list.
    Append(String),
    /// Take items from a list.
    Subtract(String),
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum AlterRefusal {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Items can be added to lists only.
    #[error("{key} is not a list: it can be set or deleted, not added to or taken from")]
    NotAList {
        /// The key.
        key: String,
    },
    /// Settings of this kind are not kept here.
    #[error("settings of this kind of resource cannot be changed")]
    UnknownResource,
    /// Settings of another broker.
    #[error("this is broker {here}, which cannot change settings of broker {asked}")]
    OtherBroker {
        /// Who was asked.
        here: i32,
        /// Whose settings were meant.
        asked: i32,
    },
    /// The controller declined.
    #[error(transparent)]
    Declined(#[from] Refusal),
    /// The quorum does not answer.
    #[error(transparent)]
    Unavailable(#[from] QuorumUnavailable),
}

impl Broker {
    /// Changes settings, each resource by itself; the answers are in order.
    pub async fn alter_configs(
        &self,
        requests: Vec<AlterRequest>,
        validate_only: bool,
    ) -> Vec<Result<(), AlterRefusal>> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.alter(request, validate_only).await);
        }
        answers
    }

    async fn alter(&self, request: AlterRequest, validate_only: bool) -> Result<(), AlterRefusal> {
        let change = self.checked(&request)?;
        let alteration = ConfigAlteration { resource: request.resource, change };
        let operation = Operation::AlterConfigs { alterations: vec![alteration], validate_only };
        match self.submit(operation).await? {
            Outcome::ConfigsAltered(mut answers) => match answers.pop() {
                Some(answer) => Ok(answer.map(|_| ())?),
                None => Err(QuorumUnavailable("no answer".into()).into()),
            },
            other => Err(QuorumUnavailable(format!("answered {other:?}")).into()),
        }
    }

    /// The change with every value in its normal form, or what is wrong with it.
    fn checked(&self, request: &AlterRequest) -> Result<ConfigChange, AlterRefusal> {
        let validate = match &request.resource {
            ConfigResource::Topic(_) => validate_topic_override,
            ConfigResource::ClusterDefault => validate_broker_override,
            ConfigResource::Broker(node) if *node == self.node => validate_broker_override,
            ConfigResource::Broker(node) => {
                return Err(AlterRefusal::OtherBroker { here: self.node.0, asked: node.0 });
            }
            ConfigResource::Group(_) | ConfigResource::ClientMetrics(_) => {
                return Err(AlterRefusal::UnknownResource);
            }
        };
        let image = self.image();
        let mut after: BTreeMap<String, String> =
            image.config(&request.resource).map(|all| (**all).clone()).unwrap_or_default();
        let change = match &request.change {
            RequestedChange::Replace(all) => {
                after.clear();
                for (key, value) in all {
                    after.insert(key.clone(), validate(key, value)?);
                }
                ConfigChange::Replace(after.clone())
            }
            RequestedChange::Incremental(edits) => {
                let mut checked = Vec::with_capacity(edits.len());
                for (key, edit) in edits {
                    let edit = match edit {
                        RequestedEdit::Set(value) => ConfigEdit::Set(validate(key, value)?),
                        RequestedEdit::Delete => ConfigEdit::Delete,
                        RequestedEdit::Append(items) => {
                            let default = self.list_now(&request.resource, key, &after)?;
                            ConfigEdit::Append { items: items.clone(), default }
                        }
                        RequestedEdit::Subtract(items) => {
                            let default = self.list_now(&request.resource, key, &after)?;
                            ConfigEdit::Subtract { items: items.clone(), default }
                        }
                    };
                    edited(&mut after, key, &edit, validate)?;
                    checked.push((key.clone(), edit));
                }
                ConfigChange::Incremental(checked)
            }
        };
        self.check_together(&request.resource, &after)?;
        Ok(change)
    }

    /// Whether the settings go together.
    fn check_together(
        &self,
        resource: &ConfigResource,
        after: &BTreeMap<String, String>,
    ) -> Result<(), AlterRefusal> {
        let checked = match resource {
            ConfigResource::Topic(_) => {
                TopicConfig::resolve(&self.config(), after).map(|_| ()).map_err(|error| vec![error])
            }
            ConfigResource::Broker(_) => {
                self.config_at_start.with_dynamic(&BTreeMap::new(), after).map(|_| ())
            }
            _ => self.config_at_start.with_dynamic(after, &BTreeMap::new()).map(|_| ()),
        };
        match checked.map_err(|errors| errors.into_iter().next()) {
            Err(Some(error)) => Err(error.into()),
            Ok(()) | Err(None) => Ok(()),
        }
    }

    /// The list a key starts from when nothing overrides it.
    fn list_now(
        &self,
        resource: &ConfigResource,
        key: &str,
        overrides: &BTreeMap<String, String>,
    ) -> Result<String, AlterRefusal> {
        let (scope, described) = match resource {
            ConfigResource::Topic(_) => {
                (Scope::Topic, self.config().describe_topic(&BTreeMap::new()))
            }
            _ => (Scope::Broker, self.config().describe_broker()),
        };
        match lookup(scope, key) {
            Some(known) if known.value_type == ValueType::List => {}
            _ => return Err(AlterRefusal::NotAList { key: key.to_owned() }),
        }
        if let Some(value) = overrides.get(key) {
            return Ok(value.clone());
        }
        let found = described.into_iter().find(|config| config.name == key);
        Ok(found.and_then(|config| config.value).unwrap_or_default())
    }

    /// Every setting of a topic.
    #[must_use]
    pub fn describe_topic_config(&self, topic: &str) -> Vec<DescribedConfig> {
        let overrides = self.image().config(&ConfigResource::Topic(topic.to_owned())).cloned();
        self.config().describe_topic(&overrides.unwrap_or_default())
    }

    /// Every setting of this broker.
    #[must_use]
    pub fn describe_broker_config(&self) -> Vec<DescribedConfig> {
        self.config().describe_broker()
    }

    /// What was set at run time for all brokers.
    #[must_use]
    pub fn describe_every_broker_config(&self) -> Vec<DescribedConfig> {
        let overrides = self.image().config(&ConfigResource::ClusterDefault).cloned();
        BrokerConfig::describe_every_broker(&overrides.unwrap_or_default())
    }
}

/// Makes an edit on a copy, to check what comes of it.
fn edited(
    after: &mut BTreeMap<String, String>,
    key: &str,
    edit: &ConfigEdit,
    validate: fn(&str, &str) -> Result<String, ConfigError>,
) -> Result<(), AlterRefusal> {
    let value = match edit {
        ConfigEdit::Set(value) => value.clone(),
        ConfigEdit::Delete => {
            after.remove(key);
            return Ok(());
        }
        ConfigEdit::Append { items, default } => crate::config::list_append(default, items),
        ConfigEdit::Subtract { items, default } => crate::config::list_subtract(default, items),
    };
    after.insert(key.to_owned(), validate(key, &value)?);
    Ok(())
}
