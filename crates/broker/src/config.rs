//! The configuration registry: every setting there is, once.
//!
//! Owns the two tables of keys ([`BROKER_KEYS`], [`TOPIC_KEYS`]), what a value may be, where a value
//! came from, and the typed views the rest of the broker works with ([`BrokerConfig`],
//! [`TopicConfig`]). Parsing, `DescribeConfigs`, `walser config explain` and the reference page all
//! read the same rows; no key is read anywhere else.
//!
//! Invariants: a key is in a table only if setting it changes what the broker does; a value inside
//! [`Settings`] has passed its key's check; of several sources the strongest wins
//! (default < file < environment < flag < changed at run time for all < for this node).
//!
//! Deliberately not here: reading files or the environment (the text is handed in), and keeping
//! what was changed at run time (that is metadata).

mod broker;
mod broker_keys;
mod describe;
mod error;
mod file;
mod kafka_names;
mod key;
mod listener;
mod settings;
mod source;
mod topic;
mod topic_keys;
mod value;

#[cfg(test)]
mod tests;

pub use broker::BrokerConfig;
pub use broker_keys::BROKER_KEYS;
pub use describe::{DescribedConfig, DescribedSynonym};
pub use error::ConfigError;
pub use file::Format;
pub use key::{ConfigKey, Importance, Scope, Synonym, Update, Valid, ValueType};
pub use key::{lookup, nearest};
pub use listener::Listener;
pub use settings::{RESERVED_VARIABLES, Setting, Settings};
pub use source::Source;
pub use topic::{TopicConfig, acknowledgement};
pub use topic_keys::TOPIC_KEYS;
pub use value::{list_append, list_subtract};

use error::At;

/// The rows of a key, of the broker, of topics or both; at least one.
pub fn rows(name: &str) -> Result<Vec<&'static ConfigKey>, ConfigError> {
    let found: Vec<_> =
        [Scope::Broker, Scope::Topic].into_iter().filter_map(|scope| lookup(scope, name)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let at = At::source(Source::Default);
    let of_broker = key::find(Scope::Broker, name, &at);
    match (of_broker, key::find(Scope::Topic, name, &at)) {
        // The scope that has the name from Kafka, or knows a near one, has the better advice.
        (Err(ConfigError::Unknown { .. }), Err(better @ ConfigError::NotServed { .. }))
        | (Err(ConfigError::Unknown { nearest: None, .. }), Err(better))
        | (Err(better), _) => Err(better),
        (Ok(key), _) => Ok(vec![key]),
    }
}

/// Checks a value a topic is to be given, and returns it in its normal form.
pub fn validate_topic_override(name: &str, value: &str) -> Result<String, ConfigError> {
    let at = At::source(Source::DynamicTopic);
    let key = key::find(Scope::Topic, name, &at)?;
    value::check(key, value, &at)
}

/// Checks a value a running broker is to be given, and returns it in its normal form. A key that
/// takes effect only at the next start is refused.
pub fn validate_broker_override(name: &str, value: &str) -> Result<String, ConfigError> {
    let at = At::source(Source::DynamicBroker);
    let key = key::find(Scope::Broker, name, &at)?;
    if key.update == Update::Restart {
        return Err(ConfigError::NeedsRestart { key: key.name });
    }
    value::check(key, value, &at)
}
