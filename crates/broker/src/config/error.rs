//! What can be wrong with a setting, in data; the text says what, where, and what to do.

use std::fmt;

use super::key::Scope;
use super::source::Source;

/// Where a setting was found to be wrong. Values that come over the network have no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At(Option<Source>);

impl At {
    pub(super) fn source(source: Source) -> At {
        match source {
            Source::File(..) | Source::Environment(_) | Source::Flag(_) => At(Some(source)),
            Source::Default
            | Source::DynamicDefaultBroker
            | Source::DynamicBroker
            | Source::DynamicTopic => At(None),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(source) => write!(f, "{source}: "),
            None => Ok(()),
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{at}there is no {} setting '{name}'{}", .scope.name(), way_out(*.scope, *.nearest, *.of_other_scope))]
    Unknown {
        /// Where keys were looked for.
        scope: Scope,
        /// The name that was given.
        name: String,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
        /// Whether the other scope has a key of this name.
        of_other_scope: bool,
        /// Where it was given.
        at: At,
    },
    /// Kafka has the key, this broker does not act on it yet.
    #[error(
        "{at}'{name}' is a {} setting of Kafka that Walser does not serve yet; leave it out",
        .scope.name()
    )]
    NotServed {
        /// Where keys were looked for.
        scope: Scope,
        /// The name that was given.
        name: String,
        /// Where it was given.
        at: At,
    },
    /// The value is not one the key takes.
    #[error("{at}{key} cannot be '{value}': it takes {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What the key takes, in words.
        expected: String,
        /// Where it was given.
        at: At,
    },
    /// Two values, or a value and the machine, do not go together.
    #[error("{at}{problem}; {fix}")]
    Conflict {
        /// What does not go together.
        problem: String,
        /// What to do.
        fix: String,
        /// Where the value was given.
        at: At,
    },
    /// A line or file that cannot be understood.
    #[error("{at}{problem}")]
    Syntax {
        /// What is wrong with it.
        problem: String,
        /// Where.
        at: At,
    },
    /// A running broker cannot change the key.
    #[error(
        "{key} takes effect only when the broker starts: set it in the configuration file and restart"
    )]
    NeedsRestart {
        /// The key.
        key: &'static str,
    },
}

impl ConfigError {
    /// Whether the name was wrong, rather than the value.
    #[must_use]
    pub fn is_unknown_name(&self) -> bool {
        matches!(self, ConfigError::Unknown { .. } | ConfigError::NotServed { .. })
    }
}

fn way_out(scope: Scope, nearest: Option<&str>, of_other_scope: bool) -> String {
    match (nearest, scope) {
        (_, Scope::Broker) if of_other_scope => {
            "; it is a topic setting: give it with 'walser topic create --config' or 'walser topic alter'"
                .to_owned()
        }
        (_, Scope::Topic) if of_other_scope => {
            "; it is a broker setting: give it to 'walser start'".to_owned()
        }
        (Some(key), _) => format!("; did you mean '{key}'?"),
        (None, _) => "; 'walser config list' names all there are".to_owned(),
    }
}
