//! Fetch (1), versions 4 to 18: reads record batches, with incremental sessions and long polls.
//!
//! Answers are regions of segment files up to the high watermark. A fetch that finds less than
//! `min_bytes` waits for any of its partitions to acknowledge more, or for `max_wait_ms`. The first
//! partition with records gives at least one whole batch, whatever the limits say (KIP-74).
//!
//! Gaps: no followers (a replica id is ignored and gets the consumer's view), no preferred read
//! replica (KIP-392: the hint is read and ignored), no diverging epochs.

use std::sync::Arc;
use std::time::Duration;

use broker::limits::FETCH_WAIT_MAX;
use broker::read::{Fetched, check_epoch, news, read};
use broker::{Broker, Partition, Region, TopicId, TopicRef, error::ReadRefusal};
use records::{LeaderEpoch, Offset};
use wire::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use wire::{ErrorCode, Piece, Records};

use crate::answer::{Answer, Reply};
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::fetch_sessions::{IDS_SINCE, Plan, Wanted};
use crate::listener::Shared;

/// Regions up to this size are copied into the answer instead of sent from the file: a copy costs
/// less than a system call of its own. Not while memory is short.
const COPY_BYTES_MAX: usize = 32 * 1024;

/// The isolation level that hides open transactions.
const READ_COMMITTED: i8 = 1;

/// What was found for one wanted partition.
struct Found {
    log: Option<Arc<Partition>>,
    fetched: Result<Fetched, ReadRefusal>,
}

/// One look at all partitions.
struct Look {
    found: Vec<Found>,
    bytes: usize,
    refused: bool,
}

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
    let look = look(&broker, &plan, terms);
    if look.suffices(terms) || wait.is_zero() || plan.wanted.is_empty() {
        return Reply::Now(answer(&broker, &call, &plan, look, terms));
    }
    Reply::later(async move {
        let look = long_poll(&broker, &plan, terms, look, wait.min(FETCH_WAIT_MAX)).await;
        answer(&broker, &call, &plan, look, terms)
    })
}

async fn long_poll(
    broker: &Broker,
    plan: &Plan,
    terms: Terms,
    first: Look,
    wait: Duration,
) -> Look {
    let mut seen = first.seen();
    let enough = async {
        loop {
            news(&seen).await;
            let look = look(broker, plan, terms);
            if look.suffices(terms) {
                return look;
            }
            seen = look.seen();
        }
    };
    match env::clock::timeout(wait, enough).await {
        Some(look) => look,
        None => look(broker, plan, terms),
    }
}

fn look(broker: &Broker, plan: &Plan, terms: Terms) -> Look {
    let mut look = Look { found: Vec::with_capacity(plan.wanted.len()), bytes: 0, refused: false };
    for wanted in &plan.wanted {
        let found = look_at(broker, wanted, terms, look.bytes);
        match &found.fetched {
            Ok(fetched) => look.bytes += fetched.slice.len(),
            Err(_) => look.refused = true,
        }
        look.found.push(found);
    }
    look
}

fn look_at(broker: &Broker, wanted: &Wanted, terms: Terms, bytes_before: usize) -> Found {
    let named = if terms.by_id {
        TopicRef::Id(TopicId(wanted.topic.id))
    } else {
        TopicRef::Name(&wanted.topic.name)
    };
    let partition = broker.topic(named).and_then(|topic| topic.partition(wanted.partition));
    let log = match partition {
        Ok(log) => log,
        Err(error) => return Found { log: None, fetched: Err(error.into()) },
    };
    let known =
        (wanted.current_leader_epoch >= 0).then_some(LeaderEpoch(wanted.current_leader_epoch));
    let left = terms.bytes_max.saturating_sub(bytes_before);
    let bytes_max = usize::try_from(wanted.bytes_max).unwrap_or_default().min(left);
    let fetched = check_epoch(&log, known)
        .map_err(ReadRefusal::from)
        .and_then(|()| read(&log, Offset(wanted.fetch_offset), bytes_max, bytes_before == 0));
    Found { log: Some(log), fetched }
}

impl Look {
    fn suffices(&self, terms: Terms) -> bool {
        self.refused || self.bytes >= terms.bytes_min
    }

    /// Where each partition stood, to wait for what comes after.
    fn seen(&self) -> Vec<(Arc<Partition>, Offset)> {
        self.found
            .iter()
            .filter_map(|found| match (&found.log, &found.fetched) {
                (Some(log), Ok(fetched)) => Some((log.clone(), fetched.high_watermark)),
                _ => None,
            })
            .collect()
    }
}

fn answer(broker: &Broker, call: &Call, plan: &Plan, look: Look, terms: Terms) -> Answer {
    let copy_max = if broker.budget().is_crowded() { 0 } else { COPY_BYTES_MAX };
    let mut regions = Regions { copy_max, files: Vec::new() };
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (wanted, found) in plan.wanted.iter().zip(look.found) {
        let data = partition_data(wanted, found, terms, &mut regions);
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
    call.answer_with(&response, &regions.files)
}

fn partition_data(
    wanted: &Wanted,
    found: Found,
    terms: Terms,
    regions: &mut Regions,
) -> PartitionData {
    let fetched = match found.fetched {
        Ok(fetched) => fetched,
        Err(refusal) => return refused(wanted, found.log.as_deref(), refusal.code()),
    };
    let records = match regions.pieces(fetched.slice.regions) {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(
                topic = %wanted.topic.name,
                partition = wanted.partition,
                %error,
                "a segment cannot be read"
            );
            return refused(wanted, found.log.as_deref(), ErrorCode::KafkaStorageError);
        }
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

/// The regions of one answer that are sent from their files.
struct Regions {
    /// Up to which size a region is copied instead.
    copy_max: usize,
    files: Vec<Region>,
}

impl Regions {
    /// Small regions as bytes, large ones as places in their file.
    fn pieces(&mut self, slice: Vec<Region>) -> std::io::Result<Records> {
        let mut pieces = Vec::with_capacity(slice.len());
        for region in slice {
            if region.len <= self.copy_max {
                pieces.push(Piece::Bytes(region.load()?));
                continue;
            }
            let (token, len) = (u32::try_from(self.files.len()), u32::try_from(region.len));
            let (Ok(token), Ok(len)) = (token, len) else {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            };
            pieces.push(Piece::External { token, len });
            self.files.push(region);
        }
        Ok(Records::external(pieces))
    }
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
