//! Settings as `DescribeConfigs` answers them: value, where it came from, and what else would have
//! given one.

use std::collections::BTreeMap;

use super::broker::{BrokerConfig, topic_default};
use super::error::At;
use super::key::{self, ConfigKey, Scope, Update, ValueType};
use super::source::Source;
use super::{BROKER_KEYS, TOPIC_KEYS, value};

/// One setting with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfig {
    /// The key.
    pub name: &'static str,
    /// The value in its normal form; `None` when it has none or must not be shown.
    pub value: Option<String>,
    /// Whether nothing set it.
    pub is_default: bool,
    /// Where the value came from.
    pub source: Source,
    /// Whether a running broker cannot change it.
    pub read_only: bool,
    /// Whether the value is kept from view.
    pub sensitive: bool,
    /// What kind of value it is.
    pub value_type: ValueType,
    /// What it does.
    pub documentation: &'static str,
    /// Everything that gives it a value, strongest first, itself included.
    pub synonyms: Vec<DescribedSynonym>,
}

/// A key and source that gives a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The key that was set.
    pub name: &'static str,
    /// Its value in its normal form and the unit of its own name; `None` when it must not be shown.
    pub value: Option<String>,
    /// Where it was set.
    pub source: Source,
}

impl BrokerConfig {
    /// Every setting of a topic that has `overrides`. What is in the map but not in the registry, or
    /// not valid, takes no part: it could not have been set.
    #[must_use]
    pub fn describe_topic(&self, overrides: &BTreeMap<String, String>) -> Vec<DescribedConfig> {
        TOPIC_KEYS.iter().map(|key| self.describe_topic_key(key, overrides)).collect()
    }

    /// Every setting of this broker.
    #[must_use]
    pub fn describe_broker(&self) -> Vec<DescribedConfig> {
        BROKER_KEYS
            .iter()
            .map(|key| {
                let synonyms = self.synonyms_of(key);
                let strongest = synonyms.first();
                DescribedConfig {
                    name: key.name,
                    value: strongest.and_then(|synonym| synonym.value.clone()),
                    is_default: self.settings().explicit(key.name).is_empty(),
                    source: strongest.map_or(Source::Default, |synonym| synonym.source.clone()),
                    read_only: key.update == Update::Restart,
                    sensitive: key.is_sensitive(),
                    value_type: key.value_type,
                    documentation: key.doc,
                    synonyms,
                }
            })
            .collect()
    }

    /// What was changed at run time for all brokers, as Kafka answers for the broker without a name.
    #[must_use]
    pub fn describe_every_broker(overrides: &BTreeMap<String, String>) -> Vec<DescribedConfig> {
        overrides
            .iter()
            .filter_map(|(name, value)| {
                let key = key::lookup(Scope::Broker, name)?;
                let value = (!key.is_sensitive()).then(|| value.clone());
                let source = Source::DynamicDefaultBroker;
                Some(DescribedConfig {
                    name: key.name,
                    value: value.clone(),
                    is_default: false,
                    source: source.clone(),
                    read_only: key.update == Update::Restart,
                    sensitive: key.is_sensitive(),
                    value_type: key.value_type,
                    documentation: key.doc,
                    synonyms: vec![DescribedSynonym { name: key.name, value, source }],
                })
            })
            .collect()
    }

    fn describe_topic_key(
        &self,
        key: &'static ConfigKey,
        overrides: &BTreeMap<String, String>,
    ) -> DescribedConfig {
        let at = At::source(Source::DynamicTopic);
        let own = overrides.get(key.name).and_then(|text| value::check(key, text, &at).ok());
        let (default, _, default_source) = topic_default(self.settings(), key);
        let (value, source) = match &own {
            Some(value) => (value.clone(), Source::DynamicTopic),
            None => (default, default_source),
        };
        let mut synonyms: Vec<DescribedSynonym> = own
            .into_iter()
            .map(|value| DescribedSynonym {
                name: key.name,
                value: Some(value),
                source: Source::DynamicTopic,
            })
            .collect();
        for synonym in key.synonyms {
            let Some(broker_key) = key::lookup(Scope::Broker, synonym.name) else { continue };
            synonyms.extend(self.synonyms_of(broker_key));
        }
        // The stable sort keeps the order of the keys and puts what was set before what was not.
        synonyms.sort_by_key(|synonym| synonym.source == Source::Default);
        DescribedConfig {
            name: key.name,
            value: Some(value),
            is_default: source == Source::Default,
            source,
            read_only: false,
            sensitive: key.is_sensitive(),
            value_type: key.value_type,
            documentation: key.doc,
            synonyms,
        }
    }

    fn synonyms_of(&self, key: &'static ConfigKey) -> Vec<DescribedSynonym> {
        let shown = |value: &str| (!key.is_sensitive()).then(|| value.to_owned());
        let mut synonyms: Vec<DescribedSynonym> = self
            .settings()
            .explicit(key.name)
            .iter()
            .map(|setting| DescribedSynonym {
                name: key.name,
                value: shown(&setting.value),
                source: setting.source.clone(),
            })
            .collect();
        synonyms.extend(key.default.map(|value| DescribedSynonym {
            name: key.name,
            value: shown(value),
            source: Source::Default,
        }));
        synonyms
    }
}
