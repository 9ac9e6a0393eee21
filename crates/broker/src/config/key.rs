//! What one row of the registry says, and finding a row by name.
//!
//! Broker and topic keys are two name spaces (Kafka has `compression.type` in both), so every look-up
//! says which one it means.

use super::error::{At, ConfigError};
use super::{BROKER_KEYS, TOPIC_KEYS, kafka_names};

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// A 32-bit whole number.
    Int,
    /// A 64-bit whole number.
    Long,
    /// A number with a fraction.
    Double,
    /// Text.
    String,
    /// Several texts with commas between them.
    List,
    /// Text that is never shown.
    Password,
}

impl ValueType {
    /// The number `DescribeConfigs` uses for it.
    #[must_use]
    pub fn kafka_number(self) -> i8 {
        match self {
            ValueType::Boolean => 1,
            ValueType::String => 2,
            ValueType::Int => 3,
            ValueType::Long => 5,
            ValueType::Double => 6,
            ValueType::List => 7,
            ValueType::Password => 9,
        }
    }

    /// Its name in the reference page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Boolean => "boolean",
            ValueType::Int => "int",
            ValueType::Long => "long",
            ValueType::Double => "double",
            ValueType::String => "string",
            ValueType::List => "list",
            ValueType::Password => "password",
        }
    }
}

/// Which values of its type a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// All of them.
    Any,
    /// Whole numbers from the first to the second, both included.
    Range(i64, i64),
    /// Whole numbers from the first to the second, or -1 for the codec's own default.
    RangeOrDefault(i64, i64),
    /// Numbers from 0 to 1, both included.
    Share,
    /// Numbers above 0.
    Positive,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these words.
    EachOf(&'static [&'static str]),
    /// `PLAINTEXT://HOST:PORT`.
    Listeners,
    /// Exactly one folder.
    Folder,
    /// Folders, at least one.
    Folders,
}

/// What a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A broker.
    Broker,
    /// A topic; a broker key of the same meaning gives its default.
    Topic,
}

impl Scope {
    /// Its keys, sorted by name.
    #[must_use]
    pub fn keys(self) -> &'static [ConfigKey] {
        match self {
            Scope::Broker => BROKER_KEYS,
            Scope::Topic => TOPIC_KEYS,
        }
    }

    /// Its name in messages and pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::Broker => "broker",
            Scope::Topic => "topic",
        }
    }
}

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// At once.
    Live,
    /// When the broker starts again.
    Restart,
}

/// How much a person should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Decide on it before the first record.
    High,
    /// Know that it is there.
    Medium,
    /// The default is right for nearly everyone.
    Low,
}

impl Importance {
    /// Its name in the reference page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Importance::High => "high",
            Importance::Medium => "medium",
            Importance::Low => "low",
        }
    }
}

/// A broker key that gives a topic key its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The broker key.
    pub name: &'static str,
    /// What its value is multiplied by to be the topic key's.
    pub factor: i64,
}

/// One row: a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigKey {
    /// Kafka's name, or ours where Kafka has none.
    pub name: &'static str,
    /// What kind of value it takes.
    pub value_type: ValueType,
    /// The value when nothing sets it; `None` leaves the decision to what [`doc`](Self::doc) says.
    pub default: Option<&'static str>,
    /// Which values it takes.
    pub valid: Valid,
    /// What it belongs to.
    pub scope: Scope,
    /// When a changed value takes effect.
    pub update: Update,
    /// How much a person should care.
    pub importance: Importance,
    /// Of a topic key: the broker keys that give its default, strongest first.
    pub synonyms: &'static [Synonym],
    /// Where it differs from Kafka and why; `None` when it does not.
    pub differs: Option<&'static str>,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

impl ConfigKey {
    /// A broker key that takes effect at the next start, of medium importance.
    pub(super) const fn broker(
        name: &'static str,
        value_type: ValueType,
        default: Option<&'static str>,
        valid: Valid,
        doc: &'static str,
    ) -> ConfigKey {
        ConfigKey {
            name,
            value_type,
            default,
            valid,
            scope: Scope::Broker,
            update: Update::Restart,
            importance: Importance::Medium,
            synonyms: &[],
            differs: None,
            doc,
        }
    }

    /// A topic key; always live. Its default is its strongest synonym's.
    pub(super) const fn topic(
        name: &'static str,
        value_type: ValueType,
        valid: Valid,
        synonyms: &'static [Synonym],
        doc: &'static str,
    ) -> ConfigKey {
        ConfigKey {
            name,
            value_type,
            default: None,
            valid,
            scope: Scope::Topic,
            update: Update::Live,
            importance: Importance::Medium,
            synonyms,
            differs: None,
            doc,
        }
    }

    /// The same, taking effect at once.
    pub(super) const fn live(mut self) -> ConfigKey {
        self.update = Update::Live;
        self
    }

    /// The same, of high importance.
    pub(super) const fn high(mut self) -> ConfigKey {
        self.importance = Importance::High;
        self
    }

    /// The same, of low importance.
    pub(super) const fn low(mut self) -> ConfigKey {
        self.importance = Importance::Low;
        self
    }

    /// The same, with how it differs from Kafka.
    pub(super) const fn differs(mut self, how: &'static str) -> ConfigKey {
        self.differs = Some(how);
        self
    }

    /// Whether its value must not be shown.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.value_type == ValueType::Password
    }

    /// The environment variable that sets it, for broker keys.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        (self.scope == Scope::Broker)
            .then(|| format!("WALSER_{}", self.name.replace('.', "_").to_uppercase()))
    }

    /// The values it takes, in words.
    #[must_use]
    pub fn valid_words(&self) -> String {
        match self.valid {
            Valid::Any => match self.value_type {
                ValueType::Boolean => "true or false".to_owned(),
                ValueType::Int | ValueType::Long => "a whole number".to_owned(),
                ValueType::Double => "a number".to_owned(),
                ValueType::List => "values with commas between them".to_owned(),
                ValueType::String | ValueType::Password => "any text".to_owned(),
            },
            Valid::Range(min, max) if self.is_unbounded(max) => {
                format!("a whole number, {min} or more")
            }
            Valid::Range(min, max) => format!("a whole number from {min} to {max}"),
            Valid::RangeOrDefault(min, max) => {
                format!("a whole number from {min} to {max}, or -1 for the codec's own default")
            }
            Valid::Share => "a number from 0 to 1".to_owned(),
            Valid::Positive => "a number above 0".to_owned(),
            Valid::OneOf(words) => format!("one of {}", words.join(", ")),
            Valid::EachOf(words) => {
                format!("any of {}, with commas between them", words.join(", "))
            }
            Valid::Listeners => "PLAINTEXT://HOST:PORT".to_owned(),
            Valid::Folder => "the path of one folder".to_owned(),
            Valid::Folders => "the paths of one or more folders".to_owned(),
        }
    }

    fn is_unbounded(&self, max: i64) -> bool {
        match self.value_type {
            ValueType::Int => max == i64::from(i32::MAX),
            _ => max == i64::MAX,
        }
    }
}

/// The row of a key.
#[must_use]
pub fn lookup(scope: Scope, name: &str) -> Option<&'static ConfigKey> {
    let keys = scope.keys();
    let at = keys.binary_search_by(|key| key.name.cmp(name)).ok()?;
    keys.get(at)
}

/// The key whose name is closest to one that does not exist, if any is close.
#[must_use]
pub fn nearest(scope: Scope, name: &str) -> Option<&'static ConfigKey> {
    let name = name.to_lowercase().replace(['_', '-'], ".");
    let (distance, key) = scope
        .keys()
        .iter()
        .map(|key| (edits(&name, key.name), key))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 5).then_some(key)
}

/// The row of a key, or the error that names the nearest one.
pub(super) fn find(scope: Scope, name: &str, at: &At) -> Result<&'static ConfigKey, ConfigError> {
    lookup(scope, name).ok_or_else(|| {
        if kafka_names::is_known(scope, name) {
            return ConfigError::NotServed { scope, name: name.to_owned(), at: at.clone() };
        }
        let other = match scope {
            Scope::Broker => Scope::Topic,
            Scope::Topic => Scope::Broker,
        };
        ConfigError::Unknown {
            scope,
            name: name.to_owned(),
            nearest: nearest(scope, name).map(|key| key.name),
            of_other_scope: lookup(other, name).is_some(),
            at: at.clone(),
        }
    })
}

/// How many characters must be put in, taken out, changed or swapped with their neighbour to make
/// one name of the other.
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}
