//! Consumer groups: drives the pure machines of `coordinators` over the partitions of
//! `__consumer_offsets`.
//!
//! Each partition of that topic which this broker leads is a shard: a machine, the requests parked
//! in it, and the offset up to which its records were appended. A request goes into the machine
//! under the shard's lock, its records are appended inline as one batch, and its answer is given
//! when that batch is acknowledged: nobody is told what a crash could take back. The lock is held
//! for the machine and the page-cache write, never while waiting.
//!
//! After a crash a shard is what its partition replays to; requests meanwhile are told that it
//! loads.

mod load;

// The machines' own vocabulary, for front ends.
pub use coordinators::*;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use log::Origin;
use parking_lot::{Mutex, RwLock};
use records::{BatchBuilder, Codec, Offset, Timestamp};
use replication::Partition;
use tokio::sync::{Notify, oneshot};

use crate::append::acknowledged;

/// The topic that holds all group state.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A batch of group records is closed when it has grown to this: far below what a topic allows, and
/// large enough to carry any usual change in one.
const BATCH_BYTES: usize = 256 * 1024;

/// All groups this broker coordinates.
#[derive(Debug)]
pub struct Groups {
    env: Env,
    config: GroupConfig,
    shards: RwLock<BTreeMap<i32, Arc<Shard>>>,
    partition_count: RwLock<Option<u32>>,
    /// A deadline may have come nearer.
    sooner: Notify,
}

/// One partition of the offsets topic.
#[derive(Debug)]
struct Shard {
    partition: Arc<Partition>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Absent while the partition is replayed.
    machine: Option<GroupShard>,
    parked: HashMap<Token, oneshot::Sender<Answer>>,
    token_next: u64,
    /// The machine decided what the log did not take: what it knows is no longer what is kept.
    stale: bool,
    /// Everything this shard appended lies below.
    appended: Offset,
    deadline: Option<Duration>,
}

/// A reply, and the watermark at which it may be given.
type Answer = (GroupReply, Offset);

impl Groups {
    pub(crate) fn new(env: Env, config: GroupConfig) -> Groups {
        Groups {
            env,
            config,
            shards: RwLock::default(),
            partition_count: RwLock::default(),
            sooner: Notify::new(),
        }
    }

    /// Asks the group's shard. Waits for other members, for the shard's timers and for stable
    /// storage, as the request demands.
    pub async fn request(&self, request: GroupRequest) -> GroupReply {
        let Some(shard) = request.group_id().and_then(|group| self.shard_of(group)) else {
            return request.refuse(GroupError::NotCoordinator);
        };
        self.ask(&shard, request).await
    }

    /// Every group that passes the filter.
    pub async fn list(
        &self,
        filter: &coordinators::ListFilter,
    ) -> Result<Vec<coordinators::ListedGroup>, GroupError> {
        let shards: Vec<_> = self.shards.read().values().cloned().collect();
        let mut all = Vec::new();
        for shard in shards {
            match self.ask(&shard, GroupRequest::List(filter.clone())).await {
                GroupReply::List(groups) => all.extend(groups?),
                other => unreachable!("a list was answered with {other:?}"),
            }
        }
        Ok(all)
    }

    /// The partition of the offsets topic that holds a group, once that topic exists.
    #[must_use]
    pub fn partition_of(&self, group: &str) -> Option<i32> {
        let count = (*self.partition_count.read())?;
        i32::try_from(coordinators::partition_for(group, count)).ok()
    }

    /// Takes up a partition of the offsets topic: replays it and then answers for its groups.
    pub(crate) fn lead(self: &Arc<Groups>, partition: Arc<Partition>, partition_count: u32) {
        *self.partition_count.write() = Some(partition_count);
        let shard = Arc::new(Shard { partition, state: Mutex::default() });
        self.shards.write().insert(shard.partition.id().index, shard.clone());
        self.load(shard);
    }

    /// Forgets the offsets of a deleted topic in every group.
    pub(crate) fn forget_topic(&self, name: &str, id: [u8; 16]) {
        let shards: Vec<_> = self.shards.read().values().cloned().collect();
        for shard in shards {
            let mut state = shard.state.lock();
            if let Some(machine) = state.machine.as_mut() {
                let effects = machine.topics_deleted(&[(name, Some(id))]);
                let _ = self.carry_out(&shard, &mut state, effects, None);
            }
        }
    }

    /// Gives up all partitions: the topic is gone.
    pub(crate) fn resign(&self) {
        *self.partition_count.write() = None;
        let shards = std::mem::take(&mut *self.shards.write());
        for shard in shards.into_values() {
            let mut state = shard.state.lock();
            if let Some(mut machine) = state.machine.take() {
                let replies = machine.close(GroupError::NotCoordinator);
                state.release(replies, Offset::ZERO);
            }
        }
    }

    fn load(self: &Arc<Groups>, shard: Arc<Shard>) {
        let groups = self.clone();
        tokio::task::spawn_blocking(move || {
            match load::replay(&shard.partition, groups.config.clone()) {
                Ok((mut machine, end)) => {
                    machine.loaded(groups.env.clock.monotonic());
                    let mut state = shard.state.lock();
                    state.appended = end;
                    state.deadline = machine.next_deadline();
                    state.machine = Some(machine);
                    groups.sooner.notify_one();
                }
                Err(error) => tracing::error!(
                    partition = shard.partition.id().index,
                    %error,
                    "groups cannot be loaded: this partition of the offsets topic is unreadable"
                ),
            }
        });
    }

    fn shard_of(&self, group: &str) -> Option<Arc<Shard>> {
        self.shards.read().get(&self.partition_of(group)?).cloned()
    }

    async fn ask(&self, shard: &Arc<Shard>, request: GroupRequest) -> GroupReply {
        let waiting = {
            let mut state = shard.state.lock();
            let token = Token(state.token_next);
            state.token_next += 1;
            let Some(machine) = state.machine.as_mut() else {
                return request.refuse(GroupError::CoordinatorLoadInProgress);
            };
            let (now, wall) = self.now();
            let effects = machine.handle(now, wall, token, request);
            self.carry_out(shard, &mut state, effects, Some(token))
        };
        let answered = match waiting {
            Ok(answer) => Ok(answer),
            Err(parked) => parked.await,
        };
        let Ok((reply, visible_at)) = answered else {
            // The broker is stopping: its connections end before this wait would.
            return std::future::pending().await;
        };
        match acknowledged(&shard.partition, visible_at).await {
            Ok(()) => reply,
            Err(_) => reply.replaced_by(GroupError::CoordinatorNotAvailable),
        }
    }

    /// Appends the records and hands out the replies; the one of `own` is returned, or the place
    /// where it will arrive.
    fn carry_out(
        &self,
        shard: &Arc<Shard>,
        state: &mut State,
        mut effects: Effects,
        own: Option<Token>,
    ) -> Result<Answer, oneshot::Receiver<Answer>> {
        let visible_at = if effects.records.is_empty() {
            if effects.barrier { state.appended } else { Offset::ZERO }
        } else {
            match self.append(shard, &effects) {
                Ok(end) => {
                    state.appended = end;
                    end
                }
                Err(error) => {
                    tracing::error!(
                        partition = shard.partition.id().index,
                        error,
                        "group records were not appended"
                    );
                    self.fail(state, &mut effects);
                    Offset::ZERO
                }
            }
        };
        let own_reply = own.and_then(|own| {
            let at = effects.replies.iter().position(|(token, _)| *token == own)?;
            Some(effects.replies.swap_remove(at).1)
        });
        state.release(effects.replies, visible_at);
        let deadline = state.machine.as_ref().and_then(GroupShard::next_deadline);
        if deadline.is_some_and(|new| state.deadline.is_none_or(|known| new < known)) {
            self.sooner.notify_one();
        }
        state.deadline = deadline;
        match (own_reply, own) {
            (Some(reply), _) => Ok((reply, visible_at)),
            (None, own) => {
                let (sender, receiver) = oneshot::channel();
                if let Some(own) = own {
                    state.parked.insert(own, sender);
                }
                Err(receiver)
            }
        }
    }

    fn append(&self, shard: &Shard, effects: &Effects) -> Result<Offset, String> {
        let (_, wall) = self.now();
        let mut end = Offset::ZERO;
        let mut records = effects.records.iter().peekable();
        // Any prefix of the records is a state that can be replayed, so a large change may take
        // several batches.
        while records.peek().is_some() {
            let mut batch = BatchBuilder::new(Codec::None);
            while let Some(record) = records.next_if(|_| batch.size_estimate() < BATCH_BYTES) {
                batch.push(wall, Some(&record.key), record.value.as_deref(), &[]);
            }
            let batch = batch.build().map_err(|error| error.to_string())?;
            let appended = shard.partition.append(&batch, Origin::Coordinator, 1);
            end = appended.map_err(|error| error.to_string())?.acknowledged_at;
        }
        Ok(end)
    }

    /// The log did not take what the machine decided: everybody is told to try again, and the shard
    /// is replayed from what the log has. A fenced log stays closed until the next start.
    fn fail(&self, state: &mut State, effects: &mut Effects) {
        let error = GroupError::CoordinatorNotAvailable;
        for (_, reply) in &mut effects.replies {
            let given = std::mem::replace(reply, GroupReply::Heartbeat(Ok(())));
            *reply = given.replaced_by(error);
        }
        state.stale = true;
        self.sooner.notify_one();
        if let Some(mut machine) = state.machine.take() {
            effects.replies.extend(machine.failed());
        }
    }

    /// Fires the machines' timers, for as long as the broker lives.
    pub(crate) async fn keep_time(self: Arc<Groups>) {
        loop {
            self.replay_stale();
            let due = {
                let shards = self.shards.read();
                shards.values().filter_map(|shard| shard.state.lock().deadline).min()
            };
            let now = self.env.clock.monotonic();
            match due {
                Some(due) if due <= now => self.tick(now),
                Some(due) => {
                    let _ = env::clock::timeout(due - now, self.sooner.notified()).await;
                }
                None => self.sooner.notified().await,
            }
        }
    }

    fn replay_stale(self: &Arc<Groups>) {
        let shards: Vec<_> = self.shards.read().values().cloned().collect();
        for shard in shards {
            let is_stale = std::mem::take(&mut shard.state.lock().stale);
            if is_stale && shard.partition.fenced().is_none() {
                self.load(shard);
            }
        }
    }

    fn tick(&self, now: Duration) {
        let shards: Vec<_> = self.shards.read().values().cloned().collect();
        for shard in shards {
            let mut state = shard.state.lock();
            if state.deadline.is_none_or(|deadline| deadline > now) {
                continue;
            }
            let (now, wall) = self.now();
            match state.machine.as_mut() {
                Some(machine) => {
                    let effects = machine.tick(now, wall);
                    let _ = self.carry_out(&shard, &mut state, effects, None);
                }
                None => state.deadline = None,
            }
        }
    }

    fn now(&self) -> (Duration, Timestamp) {
        (self.env.clock.monotonic(), Timestamp(self.env.clock.wall_ms()))
    }
}

impl State {
    fn release(&mut self, replies: Vec<(Token, GroupReply)>, visible_at: Offset) {
        for (token, reply) in replies {
            if let Some(parked) = self.parked.remove(&token) {
                // A connection that is gone no longer listens.
                let _ = parked.send((reply, visible_at));
            }
        }
    }
}
