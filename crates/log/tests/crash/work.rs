//! What the trials did, to see that they did all there is to do.

use std::collections::BTreeMap;

/// Everything that must have happened in enough trials.
const ALL: [&str; 22] = [
    "advances",
    "appends",
    "checkpoints",
    "commits",
    "crashes",
    "cuts",
    "damages",
    "damages reported",
    "damages without effect",
    "deletions",
    "duplicates",
    "faults",
    "full disks",
    "partitions",
    "proofs",
    "recreations",
    "refusals",
    "relaxed openings",
    "restarts",
    "rests",
    "rolls",
    "truncations",
];

/// Counts of things by their names.
#[derive(Clone, Debug, Default)]
pub struct Work(BTreeMap<&'static str, u64>);

impl Work {
    pub fn count(&mut self, what: &'static str, by: u64) {
        *self.0.entry(what).or_default() += by;
    }

    pub fn add(&mut self, other: &Work) {
        for (what, count) in &other.0 {
            self.count(what, *count);
        }
    }

    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// A harness that does nothing finds nothing.
    pub fn check_variety(&self) {
        for what in ALL {
            assert!(self.of(what) > 0, "no trial had any {what}: {self:?}");
        }
    }

    /// As the members of a JSON object.
    pub fn json(&self) -> String {
        let members = self.0.iter().map(|(what, count)| format!("\"{what}\": {count}"));
        members.collect::<Vec<_>>().join(", ")
    }
}
