//! Where a value came from: what an error points at and what `DescribeConfigs` answers.

use std::fmt;
use std::sync::Arc;

/// Where a value came from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nothing set it.
    Default,
    /// A line of a file, counted from 1.
    File(Arc<str>, usize),
    /// An environment variable.
    Environment(Arc<str>),
    /// The command line, as it was written there.
    Flag(Arc<str>),
    /// Changed at run time for every broker.
    DynamicDefaultBroker,
    /// Changed at run time for this broker.
    DynamicBroker,
    /// Set on the topic.
    DynamicTopic,
}

impl Source {
    /// The number `DescribeConfigs` uses for it.
    #[must_use]
    pub fn kafka_number(&self) -> i8 {
        match self {
            Source::DynamicTopic => 1,
            Source::DynamicBroker => 2,
            Source::DynamicDefaultBroker => 3,
            Source::File(..) | Source::Environment(_) | Source::Flag(_) => 4,
            Source::Default => 5,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path, line) => write!(f, "{path}:{line}"),
            Source::Environment(variable) => f.write_str(variable),
            Source::Flag(flag) => f.write_str(flag),
            Source::DynamicDefaultBroker => f.write_str("changed at run time for all brokers"),
            Source::DynamicBroker => f.write_str("changed at run time for this broker"),
            Source::DynamicTopic => f.write_str("set on the topic"),
        }
    }
}
