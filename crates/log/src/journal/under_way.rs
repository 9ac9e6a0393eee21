//! Which commits are under way, and where each stands: while the disk has one, the next comes together and is
//! given to it as well ([`super::commit`]).
//!
//! An entry counts once it and all before it are durable, whichever of them the disk did first. So commits
//! end in the order in which they began: one that the disk has done early waits for those before it. What a
//! crash leaves of them is told by [`super::entry::Header::behind`].
//!
//! One that begins a file, or has it grow, is under way alone.

use std::collections::VecDeque;

use super::commit::Written;
use crate::error::LogError;

/// So many at most.
pub(crate) const COMMITS_AT_ONCE: usize = 2;

/// Where a commit stands.
#[derive(Debug)]
enum State {
    /// It is being written.
    Begun,
    /// The disk is done with it; those before it have not ended yet.
    Written(Box<Written>),
    /// What became of it; whoever began it does not know yet.
    Ended(Result<(), LogError>),
}

/// All commits that were begun and whose ends were not asked for, in their order.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    commits: VecDeque<(u64, State)>,
    /// The last that was begun is to be alone.
    alone: bool,
    /// One lacked room. Those behind it do not count either, and are written again after it.
    lacking: Option<LogError>,
}

impl UnderWay {
    fn open(&self) -> impl Iterator<Item = u64> {
        let open = self.commits.iter().filter(|(_, state)| !matches!(state, State::Ended(_)));
        open.map(|(sequence, _)| *sequence)
    }

    /// How many have not ended.
    pub fn len(&self) -> usize {
        self.open().count()
    }

    /// Whether all have ended that have lower numbers than this.
    pub fn is_through(&self, before: u64) -> bool {
        self.open().all(|sequence| sequence >= before)
    }

    /// Whether another may begin, which has to be `alone` or not.
    pub fn has_room(&self, alone: bool) -> bool {
        match self.len() {
            0 => true,
            len => len < COMMITS_AT_ONCE && !alone && !self.alone && self.lacking.is_none(),
        }
    }

    /// Whether one begins a file, or has it grow.
    pub fn is_changing(&self) -> bool {
        self.alone && self.len() > 0
    }

    pub fn begin(&mut self, sequence: u64, alone: bool) {
        self.alone = alone;
        self.commits.push_back((sequence, State::Begun));
    }

    fn set(&mut self, sequence: u64, state: State) {
        if let Some(known) = self.commits.iter_mut().find(|(number, _)| *number == sequence) {
            known.1 = state;
        }
    }

    pub fn set_written(&mut self, written: Written) {
        let sequence = written.commit.header.sequence;
        self.set(sequence, State::Written(Box::new(written)));
    }

    /// The first that has not ended, if the disk is done with it, to be ended.
    pub fn next_written(&mut self) -> Option<Written> {
        let open = |(_, state): &&mut (u64, State)| !matches!(state, State::Ended(_));
        let (_, state) = self.commits.iter_mut().find(open)?;
        match std::mem::replace(state, State::Begun) {
            State::Written(written) => Some(*written),
            begun => {
                *state = begun;
                None
            }
        }
    }

    /// Why what is written does not count, if so: one before it lacked room.
    pub fn lacking(&self) -> Option<&LogError> {
        self.lacking.as_ref()
    }

    /// The first that has not ended lacked room.
    pub fn set_lacking(&mut self, error: LogError) {
        self.lacking = Some(error);
    }

    pub fn end(&mut self, sequence: u64, result: Result<(), LogError>) {
        self.set(sequence, State::Ended(result));
        if self.len() == 0 {
            self.lacking = None;
        }
    }

    /// What became of a commit that has ended, once.
    pub fn take_end(&mut self, sequence: u64) -> Option<Result<(), LogError>> {
        let ended = |(number, state): &(u64, State)| {
            *number == sequence && matches!(state, State::Ended(_))
        };
        match self.commits.remove(self.commits.iter().position(ended)?)? {
            (_, State::Ended(result)) => Some(result),
            _ => None,
        }
    }
}
