//! `walser config ...`

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// List settings.
    ///
    /// Without --topic or --broker: every setting there is, with its default; no broker is needed.
    #[command(visible_alias = "ls")]
    List(ListKeysArgs),
    /// Explain a setting.
    ///
    /// With --topic or --broker also what it is there, and everything that gives it a value.
    Explain(ExplainArgs),
}

/// Whose settings.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
pub(crate) struct ResourceArgs {
    /// Ask for the settings of this topic.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Ask for the settings of the broker with this number.
    #[arg(long, value_name = "NODE")]
    pub(crate) broker: Option<i32>,
}

#[derive(Args, Debug)]
pub(crate) struct ListKeysArgs {
    #[command(flatten)]
    pub(crate) resource: ResourceArgs,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The setting.
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) resource: ResourceArgs,
    #[command(flatten)]
    pub(crate) remote: Remote,
}
