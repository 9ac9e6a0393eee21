//! Incremental fetch sessions (KIP-227): a client names its partitions once and then only what
//! changed; the answers leave out what did not.
//!
//! A session is a list of partitions with the position of each and what was last said of it. It
//! belongs to one client, which has one fetch under way. There are a fixed number of slots
//! (`max.incremental.fetch.session.cache.slots`); when all are taken, a session that was silent for
//! two minutes gives way, else the new client simply gets none and sends full requests.
//!
//! Invariant: the epoch of a session goes up by one with each request; a request with any other
//! epoch is refused, so a lost answer is noticed and the client starts anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;
use wire::messages::fetch::{FetchPartition, FetchRequest, ForgottenTopic, PartitionData};
use wire::{ErrorCode, Str};

/// A session that was silent for this long may be evicted, as in Kafka.
const EVICTABLE_AFTER: Duration = Duration::from_secs(120);

/// The first version that names topics by id.
pub(crate) const IDS_SINCE: i16 = 13;

/// The first version with sessions.
const SESSIONS_SINCE: i16 = 7;

/// Session epochs with a meaning of their own.
const EPOCH_FINAL: i32 = -1;
const EPOCH_INITIAL: i32 = 0;

/// All sessions of a front end.
pub(crate) struct FetchSessions {
    slots: usize,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    sessions: HashMap<i32, Arc<Mutex<Session>>>,
    /// Ids count up and never come back while the process lives.
    id_last: i32,
}

/// What one client reads.
struct Session {
    epoch_next: i32,
    used_at: Duration,
    by_id: bool,
    partitions: Vec<Wanted>,
    places: HashMap<(TopicKey, i32), usize>,
}

/// How a fetch names a topic: one of the two, by version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopicKey {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
}

/// One partition that a client reads, and what it was told of it last.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) fetch_offset: i64,
    pub(crate) current_leader_epoch: i32,
    pub(crate) bytes_max: i32,
    told: Option<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start: i64,
    error: i16,
}

/// What a request asks for in full, after its session was looked up.
pub(crate) struct Plan {
    pub(crate) wanted: Vec<Wanted>,
    /// The session id of the answer; 0 without a session.
    pub(crate) session_id: i32,
    session: Option<Arc<Mutex<Session>>>,
    /// Whether the answer leaves out what did not change.
    incremental: bool,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize) -> FetchSessions {
        FetchSessions { slots, cache: Mutex::default() }
    }

    /// What `request` asks for, with its session created, continued or closed.
    pub(crate) fn begin(
        &self,
        version: i16,
        request: FetchRequest,
        now: Duration,
    ) -> Result<Plan, ErrorCode> {
        if version < SESSIONS_SINCE {
            return Ok(Plan::without_session(wanted(request)));
        }
        match request.session_epoch {
            EPOCH_FINAL => {
                self.cache.lock().sessions.remove(&request.session_id);
                Ok(Plan::without_session(wanted(request)))
            }
            EPOCH_INITIAL => {
                let mut cache = self.cache.lock();
                cache.sessions.remove(&request.session_id);
                let wanted = wanted(request);
                if wanted.is_empty() || !cache.make_room(self.slots, now) {
                    return Ok(Plan::without_session(wanted));
                }
                Ok(cache.open(version >= IDS_SINCE, wanted, now))
            }
            _ => self.go_on(version, request, now),
        }
    }

    fn go_on(&self, version: i16, request: FetchRequest, now: Duration) -> Result<Plan, ErrorCode> {
        let session_id = request.session_id;
        let session = self
            .cache
            .lock()
            .sessions
            .get(&session_id)
            .cloned()
            .ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let wanted = {
            let mut session = session.lock();
            if session.by_id != (version >= IDS_SINCE) {
                return Err(ErrorCode::FetchSessionTopicIdError);
            }
            if session.epoch_next != request.session_epoch {
                return Err(ErrorCode::InvalidFetchSessionEpoch);
            }
            session.epoch_next = following(session.epoch_next);
            session.used_at = now;
            session.forget(&request.forgotten_topics_data);
            for changed in wanted(request) {
                session.put(changed);
            }
            session.partitions.clone()
        };
        Ok(Plan { wanted, session_id, session: Some(session), incremental: true })
    }
}

impl Cache {
    fn make_room(&mut self, slots: usize, now: Duration) -> bool {
        if self.sessions.len() < slots {
            return true;
        }
        let idle = self
            .sessions
            .iter()
            .map(|(id, session)| (session.lock().used_at, *id))
            .min()
            .filter(|(used_at, _)| now.saturating_sub(*used_at) >= EVICTABLE_AFTER);
        idle.is_some_and(|(_, id)| self.sessions.remove(&id).is_some())
    }

    fn open(&mut self, by_id: bool, wanted: Vec<Wanted>, now: Duration) -> Plan {
        self.id_last = following(self.id_last);
        while self.sessions.contains_key(&self.id_last) {
            self.id_last = following(self.id_last);
        }
        let mut session = Session {
            epoch_next: 1,
            used_at: now,
            by_id,
            partitions: Vec::with_capacity(wanted.len()),
            places: HashMap::with_capacity(wanted.len()),
        };
        for partition in wanted {
            session.put(partition);
        }
        let wanted = session.partitions.clone();
        let session = Arc::new(Mutex::new(session));
        self.sessions.insert(self.id_last, session.clone());
        Plan { wanted, session_id: self.id_last, session: Some(session), incremental: false }
    }
}

impl Session {
    fn put(&mut self, wanted: Wanted) {
        match self.places.entry((wanted.topic.clone(), wanted.partition)) {
            std::collections::hash_map::Entry::Occupied(place) => {
                if let Some(known) = self.partitions.get_mut(*place.get()) {
                    *known = Wanted { told: known.told, ..wanted };
                }
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(self.partitions.len());
                self.partitions.push(wanted);
            }
        }
    }

    fn forget(&mut self, forgotten: &[ForgottenTopic]) {
        if forgotten.is_empty() {
            return;
        }
        for topic in forgotten {
            let key = TopicKey { name: topic.topic.clone(), id: topic.topic_id };
            for partition in &topic.partitions {
                self.places.remove(&(key.clone(), *partition));
            }
        }
        let places = &self.places;
        self.partitions
            .retain(|known| places.contains_key(&(known.topic.clone(), known.partition)));
        for (at, known) in self.partitions.iter().enumerate() {
            self.places.insert((known.topic.clone(), known.partition), at);
        }
    }

    /// Remembers what is said of a partition; says whether that is worth saying.
    fn tell(&mut self, topic: &TopicKey, said: &PartitionData) -> bool {
        let Some(place) = self.places.get(&(topic.clone(), said.partition_index)) else {
            return true;
        };
        let Some(known) = self.partitions.get_mut(*place) else { return true };
        let told = Told {
            high_watermark: said.high_watermark,
            log_start: said.log_start_offset,
            error: said.error_code,
        };
        let has_records = said.records.as_ref().is_some_and(|records| !records.is_empty());
        let news = has_records || said.error_code != 0 || known.told != Some(told);
        // An error is told once and then again until it is gone, as Kafka does.
        known.told = (said.error_code == 0).then_some(told);
        news
    }
}

impl Plan {
    fn without_session(wanted: Vec<Wanted>) -> Plan {
        Plan { wanted, session_id: 0, session: None, incremental: false }
    }

    /// Whether `said` belongs into the answer; what is left out is what the client knows.
    pub(crate) fn tell(&self, topic: &TopicKey, said: &PartitionData) -> bool {
        match &self.session {
            Some(session) => session.lock().tell(topic, said) || !self.incremental,
            None => true,
        }
    }
}

/// Epochs and ids are positive and wrap to 1.
fn following(number: i32) -> i32 {
    number.checked_add(1).unwrap_or(1)
}

/// The partitions a request names. Names are copied: they outlive the receive buffer.
fn wanted(request: FetchRequest) -> Vec<Wanted> {
    let partitions = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let mut all = Vec::with_capacity(partitions);
    for topic in request.topics {
        let key = TopicKey { name: topic.topic.detach(), id: topic.topic_id };
        all.extend(topic.partitions.iter().map(|partition| Wanted::new(&key, partition)));
    }
    all
}

impl Wanted {
    fn new(topic: &TopicKey, partition: &FetchPartition) -> Wanted {
        Wanted {
            topic: topic.clone(),
            partition: partition.partition,
            fetch_offset: partition.fetch_offset,
            current_leader_epoch: partition.current_leader_epoch,
            bytes_max: partition.partition_max_bytes,
            told: None,
        }
    }
}

#[cfg(test)]
mod tests;
