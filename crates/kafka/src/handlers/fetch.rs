//! Fetch (1), versions 4 to 18: reads record batches, with incremental sessions and long polls.
//!
//! Answers are regions of segment files up to the high watermark. A fetch that finds less than
//! `min_bytes` waits for any of its partitions to acknowledge more, or for `max_wait_ms`. The first
//! partition with records gives at least one whole batch, whatever the limits say (KIP-74). What is in
//! memory is answered at once; for the rest, the connection waits and its worker does not.
//!
//! Gaps: no followers (a replica id is ignored and gets the consumer's view), no preferred read
//! replica (KIP-392: the hint is read and ignored), no diverging epochs.

mod look;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use broker::limits::FETCH_WAIT_MAX;
use broker::read::news;
use broker::{Broker, Partition, Wait};
use smallvec::SmallVec;
use wire::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use wire::{ErrorCode, Piece, Records};

use crate::answer::{Answer, Reply};
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::fetch_sessions::{IDS_SINCE, Plan, Wanted};
use crate::listener::Shared;
use crate::output::FilePiece;

use self::look::{Found, Look, Part};

/// Regions up to this size are copied into the answer instead of sent from the file: a copy costs
/// less than a system call of its own. Not while memory is short.
const COPY_BYTES_MAX: usize = 32 * 1024;

/// The isolation level that hides open transactions.
const READ_COMMITTED: i8 = 1;

/// The request's limits.
#[derive(Clone, Copy)]
struct Terms {
    bytes_min: usize,
    bytes_max: usize,
    committed: bool,
    by_id: bool,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: FetchRequest) -> Reply {
    let broker = shared.broker.clone();
    let now = broker.env().clock.monotonic();
    let size = |bytes: i32| usize::try_from(bytes).unwrap_or_default();
    let terms = Terms {
        bytes_min: size(request.min_bytes),
        bytes_max: size(request.max_bytes).min(broker.config().fetch_max_bytes),
        committed: request.isolation_level == READ_COMMITTED,
        by_id: call.version >= IDS_SINCE,
    };
    let wait = Duration::from_millis(request.max_wait_ms.max(0).unsigned_abs().into());
    let plan = match shared.fetch_sessions.begin(call.version, request, now) {
        Ok(plan) => plan,
        Err(error) => {
            let response = FetchResponse { error_code: error.number(), ..FetchResponse::default() };
            return Reply::Now(call.answer(&response));
        }
    };
    let mut look = Look::take(&broker, &plan.wanted, terms, Wait::Never);
    let enough = look.suffices(terms) || wait.is_zero() || plan.wanted.is_empty();
    if !look.cut_short && enough && look.load(copy_max(&broker), Wait::Never) {
        return Reply::Now(answer(&call, &plan, look, terms));
    }
    Reply::later(async move {
        let reader = Reader { broker, plan: Arc::new(plan), terms };
        match reader.read(look, wait.min(FETCH_WAIT_MAX)).await {
            Ok(look) => answer(&call, &reader.plan, look, terms),
            // The process ends, or a thread did.
            Err(_) => Answer::broken(),
        }
    })
}

/// A fetch that has to wait, for news or for the disk.
struct Reader {
    broker: Arc<Broker>,
    plan: Arc<Plan>,
    terms: Terms,
}

impl Reader {
    /// Goes on from a first look; gives what is to be answered, loaded.
    async fn read(&self, mut look: Look, wait: Duration) -> io::Result<Look> {
        if look.cut_short {
            look = self.look().await?;
        }
        if !look.suffices(self.terms) && !wait.is_zero() {
            look = self.long_poll(look, wait).await?;
        }
        let copy_max = copy_max(&self.broker);
        if !look.load(copy_max, Wait::Never) {
            let loading = self.broker.cold_reads().run(move || {
                look.load(copy_max, Wait::ForDisk);
                look
            });
            look = loading.await?;
        }
        Ok(look)
    }

    async fn look(&self) -> io::Result<Look> {
        let terms = self.terms;
        let look = Look::take(&self.broker, &self.plan.wanted, terms, Wait::Never);
        if !look.cut_short {
            return Ok(look);
        }
        let (broker, plan) = (self.broker.clone(), self.plan.clone());
        let looking = move || Look::take(&broker, &plan.wanted, terms, Wait::ForDisk);
        self.broker.cold_reads().run(looking).await
    }

    async fn long_poll(&self, first: Look, wait: Duration) -> io::Result<Look> {
        let mut seen = first.seen();
        let enough = async {
            loop {
                news(&seen).await;
                let look = self.look().await?;
                if look.suffices(self.terms) {
                    return Ok(look);
                }
                seen = look.seen();
            }
        };
        match env::clock::timeout(wait, enough).await {
            Some(look) => look,
            None => self.look().await,
        }
    }
}

/// Up to which size a region is copied.
fn copy_max(broker: &Broker) -> usize {
    if broker.budget().is_crowded() { 0 } else { COPY_BYTES_MAX }
}

fn answer(call: &Call, plan: &Plan, look: Look, terms: Terms) -> Answer {
    let mut files = Vec::new();
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (wanted, found) in plan.wanted.iter().zip(look.found) {
        let data = partition_data(wanted, found, terms, &mut files);
        if !plan.tell(&wanted.topic, &data) {
            continue;
        }
        match responses.last_mut() {
            Some(last) if last.topic == wanted.topic.name && last.topic_id == wanted.topic.id => {
                last.partitions.push(data);
            }
            _ => responses.push(FetchableTopicResponse {
                topic: wanted.topic.name.clone(),
                topic_id: wanted.topic.id,
                partitions: vec![data],
            }),
        }
    }
    let response =
        FetchResponse { session_id: plan.session_id, responses, ..FetchResponse::default() };
    call.answer_with(&response, &files)
}

fn partition_data(
    wanted: &Wanted,
    found: Found,
    terms: Terms,
    files: &mut Vec<FilePiece>,
) -> PartitionData {
    let fetched = match found.fetched {
        Ok(fetched) => fetched,
        Err(refusal) => return refused(wanted, found.log.as_deref(), refusal.code()),
    };
    let Some(records) = records(found.parts, files) else {
        return refused(wanted, found.log.as_deref(), ErrorCode::KafkaStorageError);
    };
    PartitionData {
        partition_index: wanted.partition,
        high_watermark: fetched.high_watermark.0,
        last_stable_offset: fetched.last_stable.0,
        log_start_offset: fetched.log_start.0,
        aborted_transactions: terms.committed.then(Vec::new),
        records: Some(records),
        ..PartitionData::default()
    }
}

/// Bytes as they are, regions as places in `files`; `None` where there are more than can be named.
fn records(parts: SmallVec<[Part; 1]>, files: &mut Vec<FilePiece>) -> Option<Records> {
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        pieces.push(match part {
            Part::Bytes(bytes) => Piece::Bytes(bytes),
            Part::File(file) => {
                let token = u32::try_from(files.len()).ok()?;
                let len = u32::try_from(file.region.len).ok()?;
                files.push(file);
                Piece::External { token, len }
            }
        });
    }
    Some(Records::external(pieces))
}

fn refused(wanted: &Wanted, log: Option<&Partition>, error: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index: wanted.partition,
        error_code: error.number(),
        high_watermark: log.map_or(-1, |log| log.high_watermark().0),
        last_stable_offset: -1,
        log_start_offset: log.map_or(-1, |log| log.log_start().0),
        records: Some(Records::empty()),
        ..PartitionData::default()
    }
}
