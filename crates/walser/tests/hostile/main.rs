//! Hostile peers against the built binary, with an eye on its memory.
//!
//! Each test has a broker of its own, attacks it over raw sockets, and then holds it to three things:
//! its memory stayed below a bound that is stated with its reason, a client of good will is served,
//! and nothing in its log says that it was surprised.

#![expect(clippy::unwrap_used, reason = "only tests are here")]

#[path = "../support/mod.rs"]
mod support;

mod arrays;
mod batch;
mod bombs;
mod budget;
mod connections;
mod frames;
mod noise;
mod peer;
mod readers;
mod target;
