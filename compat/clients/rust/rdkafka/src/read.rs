//! Consumers: by assignment, and members of groups.
//!
//! A member has a thread that polls. It tells of each record before it can be committed by the next poll, and of
//! what it holds after each rebalance.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lines::{Answer, Call, Failure, LinesFile, say};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::{CALL, config, failed};

/// One look for records.
const POLL: Duration = Duration::from_millis(100);

/// What librdkafka says to a seek of a partition that it has not begun to read: `State`, of which the crate keeps the
/// text alone.
const NOT_YET_READ: &str = "Local: Erroneous state";

/// A consumer that reads by assignment.
pub fn reader_config() -> ClientConfig {
    let mut config = config();
    config
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "100");
    config
}

fn group_config(group: &str) -> ClientConfig {
    let mut config = config();
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000");
    config
}

fn record(message: &BorrowedMessage<'_>) -> Value {
    let headers = message.headers();
    lines::read_record(
        (
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp().to_millis().unwrap_or(-1),
        ),
        message.key(),
        message.payload(),
        headers.into_iter().flat_map(Headers::iter).map(|header| (header.key, header.value)),
    )
}

fn assign(consumer: &BaseConsumer, topic: &str, offset: Offset) -> Result<(), Failure> {
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, offset).map_err(failed)?;
    consumer.assign(&place).map_err(failed)
}

/// Seeks once the partition is being read: after `assign` that takes librdkafka a moment.
fn seek(consumer: &BaseConsumer, topic: &str, offset: Offset) -> Result<(), Failure> {
    let ends = Instant::now() + CALL;
    let mut wait = Duration::ZERO;
    loop {
        // What was read or refused until then is dropped.
        consumer.poll(wait);
        match consumer.seek(topic, 0, offset, CALL) {
            Err(KafkaError::Seek(said)) if said == NOT_YET_READ && Instant::now() < ends => wait = POLL,
            done => return done.map_err(failed),
        }
    }
}

/// Takes up to `count` records or up to the end.
fn take(
    consumer: &BaseConsumer,
    count: usize,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ends = Instant::now() + CALL;
    let mut taken = 0;
    while taken < count && Instant::now() < ends {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                each(&message)?;
                taken += 1;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) if passing(&error) => {}
            Some(Err(error)) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// Records of partition 0 by assignment.
pub fn read(consumer: &BaseConsumer, call: &Call) -> Answer {
    let topic = call.text("topic")?;
    let mut start = Offset::Beginning;
    if let Some(time) = call.value("time").as_i64() {
        start = place_at(consumer, topic, time)?;
    }
    assign(consumer, topic, start)?;
    if let Some(offset) = call.value("offset").as_i64() {
        seek(consumer, topic, Offset::Offset(offset))?;
    }
    let mut records = Vec::new();
    take(consumer, call.count("count")?, |message| {
        records.push(record(message));
        Ok(())
    })?;
    consumer.unassign().map_err(failed)?;
    Ok(Value::Array(records))
}

/// Values of partition 0 into a file.
pub fn read_lines(consumer: &BaseConsumer, call: &Call) -> Answer {
    assign(consumer, call.text("topic")?, Offset::Beginning)?;
    let mut file = LinesFile::create(call.text("path")?)?;
    take(consumer, call.count("count")?, |message| {
        file.add(message.payload().unwrap_or_default())
    })?;
    consumer.unassign().map_err(failed)?;
    file.finish()?;
    Ok(Value::Null)
}

/// The first and last offset.
pub fn ends(consumer: &BaseConsumer, topic: &str) -> Answer {
    Ok(json!(consumer.fetch_watermarks(topic, 0, CALL).map_err(failed)?))
}

fn place_at(consumer: &BaseConsumer, topic: &str, time: i64) -> Result<Offset, Failure> {
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Offset(time)).map_err(failed)?;
    let found = consumer.offsets_for_times(place, CALL).map_err(failed)?;
    let found = found.find_partition(topic, 0).ok_or_else(|| Failure::new("NO_ANSWER", topic))?;
    found.error().map_err(failed)?;
    Ok(found.offset())
}

/// The first offset at or after a time.
pub fn offset_at(consumer: &BaseConsumer, topic: &str, time: i64) -> Answer {
    Ok(match place_at(consumer, topic, time)? {
        Offset::Offset(offset) => json!(offset),
        _ => Value::Null,
    })
}

/// Joins, reads, commits, leaves.
pub fn group_read(call: &Call) -> Answer {
    let (topic, count) = (call.text("topic")?, call.count("count")?);
    let consumer: BaseConsumer = group_config(call.text("group")?)
        .set("enable.auto.commit", "false")
        .create()
        .map_err(failed)?;
    consumer.subscribe(&[topic]).map_err(failed)?;
    let mut records = Vec::new();
    let mut next = 0;
    take(&consumer, count, |message| {
        records.push(record(message));
        next = message.offset() + 1;
        Ok(())
    })?;
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Offset(next)).map_err(failed)?;
    consumer.commit(&place, CommitMode::Sync).map_err(failed)?;
    let committed = consumer.committed(CALL).map_err(failed)?;
    let committed = committed.find_partition(topic, 0).map(|place| place.offset());
    if committed != Some(Offset::Offset(next)) {
        return Err(Failure::new(
            "WRONG_COMMIT",
            format!("{committed:?} after reading up to {next}"),
        ));
    }
    Ok(Value::Array(records))
}

/// The error of a consumer that subscribes to a topic nobody made.
pub fn consume_unknown(topic: &str) -> Answer {
    let consumer: BaseConsumer = group_config(&format!("{topic}.group"))
        .set("allow.auto.create.topics", "false")
        .create()
        .map_err(failed)?;
    consumer.subscribe(&[topic]).map_err(failed)?;
    take(&consumer, 1, |_| Ok(()))?;
    Ok(Value::Null)
}

/// Tells what a member holds, at every rebalance.
struct Told(i64);

impl ClientContext for Told {}

impl ConsumerContext for Told {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        let held = consumer.assignment().unwrap_or_default();
        let places: Vec<_> =
            held.elements().iter().map(|place| json!([place.topic(), place.partition()])).collect();
        say(&json!({"event": "assigned", "member": self.0, "assigned": places}));
    }
}

enum Order {
    Hold(bool, Sender<Answer>),
    Leave,
}

/// Whether an error is the client's to mend; only what is final counts.
fn passing(error: &KafkaError) -> bool {
    match error {
        KafkaError::MessageConsumptionFatal(_) => false,
        KafkaError::MessageConsumption(code) => {
            (*code as i32) < 0
                || matches!(
                    code,
                    RDKafkaErrorCode::LeaderNotAvailable
                        | RDKafkaErrorCode::NotLeaderForPartition
                        | RDKafkaErrorCode::RequestTimedOut
                        | RDKafkaErrorCode::CoordinatorLoadInProgress
                        | RDKafkaErrorCode::CoordinatorNotAvailable
                        | RDKafkaErrorCode::NotCoordinator
                        | RDKafkaErrorCode::RebalanceInProgress
                )
        }
        _ => false,
    }
}

/// Polls until it is told to leave or an error ends it.
fn run(number: i64, consumer: &BaseConsumer<Told>, orders: &Receiver<Order>) {
    let mut ended = false;
    loop {
        match orders.try_recv() {
            Ok(Order::Leave) | Err(TryRecvError::Disconnected) => return,
            Ok(Order::Hold(on, done)) => {
                let held = consumer.assignment();
                let answer =
                    held.and_then(
                        |held| if on { consumer.pause(&held) } else { consumer.resume(&held) },
                    );
                let _ = done.send(answer.map(|()| Value::Null).map_err(failed));
            }
            Err(TryRecvError::Empty) => {}
        }
        if ended {
            std::thread::sleep(POLL);
            continue;
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                say(&json!({"event": "records", "member": number, "records": [record(&message)]}))
            }
            Some(Err(error)) if passing(&error) => {}
            Some(Err(error)) => {
                ended = true;
                say(&json!({"event": "error", "member": number, "code": failed(error).code}));
            }
        }
    }
}

/// Members by number.
#[derive(Default)]
pub struct Members(Mutex<HashMap<i64, (Sender<Order>, Option<JoinHandle<()>>)>>);

impl Members {
    /// A new member.
    pub fn open(&self, call: &Call) -> Answer {
        let mut config = group_config(call.text("group")?);
        config
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "200")
            .set("session.timeout.ms", call.number("session")?.to_string())
            .set("heartbeat.interval.ms", call.number("heartbeat")?.to_string())
            .set("allow.auto.create.topics", "false");
        let assignor =
            if call.value("assignor") == "cooperative" { "cooperative-sticky" } else { "range" };
        config.set("partition.assignment.strategy", assignor);
        for (argument, key) in [
            ("instance", "group.instance.id"),
            ("reset", "auto.offset.reset"),
            ("rack", "client.rack"),
            ("client_id", "client.id"),
        ] {
            if let Some(value) = call.value(argument).as_str() {
                config.set(key, value);
            }
        }
        let mut members = self.0.lock().expect("no holder panics");
        let number = members.len() as i64 + 1;
        let consumer: BaseConsumer<Told> =
            config.create_with_context(Told(number)).map_err(failed)?;
        consumer.subscribe(&call.texts("topics")?).map_err(failed)?;
        let (orders, taken) = channel();
        let thread = std::thread::spawn(move || run(number, &consumer, &taken));
        members.insert(number, (orders, Some(thread)));
        Ok(json!(number))
    }

    /// Leaves the group; the number stays taken.
    pub fn leave(&self, call: &Call) -> Answer {
        let thread = {
            let mut members = self.0.lock().expect("no holder panics");
            let Some((orders, thread)) = members.get_mut(&call.number("member")?) else {
                return Err(Failure::new("NO_SUCH_MEMBER", ""));
            };
            let _ = orders.send(Order::Leave);
            thread.take()
        };
        match thread.map(JoinHandle::join) {
            Some(Err(_)) => Err(Failure::new("PANIC", "the member's thread panicked")),
            _ => Ok(Value::Null),
        }
    }

    /// Pauses or resumes all it holds.
    pub fn pause(&self, call: &Call, on: bool) -> Answer {
        let (done, answer) = channel();
        {
            let members = self.0.lock().expect("no holder panics");
            let Some((orders, _)) = members.get(&call.number("member")?) else {
                return Err(Failure::new("NO_SUCH_MEMBER", ""));
            };
            let _ = orders.send(Order::Hold(on, done));
        }
        answer.recv_timeout(CALL).unwrap_or_else(|_| Err(Failure::new("TOO_SLOW", "pausing")))
    }
}
