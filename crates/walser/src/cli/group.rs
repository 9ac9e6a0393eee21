//! `walser group ...`

use clap::{Args, Subcommand};

use super::{GroupTarget, Position, Remote};

#[derive(Debug, Subcommand)]
pub(crate) enum GroupVerb {
    /// List consumer groups.
    #[command(visible_alias = "ls")]
    List(ListGroupsArgs),
    /// Show groups: their members, what they have read and how much is left.
    Describe(DescribeGroupsArgs),
    /// Move the place a group goes on reading from.
    ///
    /// Only for a group without members: stop its consumers first.
    Seek(SeekArgs),
    /// Delete groups and their offsets.
    ///
    /// Only groups without members: stop their consumers first.
    #[command(visible_alias = "rm")]
    Delete(DeleteGroupsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListGroupsArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct DescribeGroupsArgs {
    /// Their names.
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct SeekArgs {
    /// The group.
    pub(crate) group: String,
    /// Topics, or single partitions as TOPIC:PARTITION; every topic the group has read when not
    /// given.
    #[arg(value_name = "TOPIC[:PARTITION]")]
    pub(crate) targets: Vec<GroupTarget>,
    /// Where to: start, end, an offset, a time (2026-01-31T12:00:00Z, or local without zone) or how
    /// long ago (15m).
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: Position,
    /// Show what would change and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct DeleteGroupsArgs {
    /// Their names.
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}
