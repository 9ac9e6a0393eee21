//! How many files and sockets the process may have open.
//!
//! The limit that a shell gives is a soft one of 1024, out of consideration for programs that count
//! descriptors in a fixed table; ours do not. It is raised as far as this user may.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the hard one, and says in the log what it is for `connections`.
pub(crate) fn raise(connections: usize) {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the limit on open files cannot be raised");
    }
    let now = getrlimit(Resource::Nofile).current;
    let shown = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    // Not said to everyone: a start that is refused says one line, and that is why.
    tracing::debug!(before = shown(before.current), now = shown(now), "limit on open files");
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    if now.is_some_and(|now| now < connections) {
        tracing::debug!(
            connections,
            "fewer files may be open than max.connections; connections beyond that wait unaccepted"
        );
    }
}
