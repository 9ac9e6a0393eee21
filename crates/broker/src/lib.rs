//! Protocol-neutral operations: append, read, topics, groups, configuration, delayed operations.

pub mod config;
