//! The rskafka crate behind the bridge.
//!
//! rskafka speaks to partitions: no groups, no idempotence, headers in a map. A member here is a reader of
//! partition 0 that belongs to no group; it serves the flow that lives through a restart of the broker.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use lines::{Answer, Call, Failure, LinesFile, say};
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How long a call may take.
const CALL: Duration = Duration::from_secs(55);
const CALL_MS: i32 = 55_000;
/// A fetch brings at most this much, and waits this long for the first byte.
const FETCH_BYTES: std::ops::Range<i32> = 1..4 << 20;
const FETCH_WAIT_MS: i32 = 100;
const LINES_PER_BATCH: usize = 2000;

/// The protocol's name: `NonEmptyGroup` becomes `NON_EMPTY_GROUP`.
fn name_of(error: ProtocolError) -> String {
    if error == ProtocolError::InvalidTopicException {
        return "INVALID_TOPIC_EXCEPTION".to_owned();
    }
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn failed(error: Error) -> Failure {
    let code = match &error {
        Error::ServerError { protocol_error, .. } => name_of(*protocol_error),
        other => {
            format!("{other:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect()
        }
    };
    Failure::new(code, error.to_string())
}

fn moment(ms: i64) -> Result<DateTime<Utc>, Failure> {
    DateTime::from_timestamp_millis(ms)
        .ok_or_else(|| Failure::new("BAD_CALL", format!("no time: {ms}")))
}

fn record_in(record: lines::Record) -> Result<Record, Failure> {
    let mut headers = BTreeMap::new();
    for (name, value) in record.headers {
        headers.insert(
            name,
            value.ok_or_else(|| Failure::new("BAD_CALL", "a header without a value"))?,
        );
    }
    let timestamp = record.timestamp.map_or_else(|| Ok(Utc::now()), moment)?;
    Ok(Record { key: record.key, value: record.value, headers, timestamp })
}

fn record_out(topic: &str, read: &RecordAndOffset) -> Value {
    let record = &read.record;
    lines::read_record(
        (topic, 0, read.offset, record.timestamp.timestamp_millis()),
        record.key.as_deref(),
        record.value.as_deref(),
        record.headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice()))),
    )
}

fn codec(name: Option<&str>) -> Compression {
    match name {
        Some("gzip") => Compression::Gzip,
        Some("snappy") => Compression::Snappy,
        Some("lz4") => Compression::Lz4,
        Some("zstd") => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

/// Numbered things that stay open.
type Numbered<T> = Mutex<HashMap<i64, T>>;

fn number<T>(of: &Numbered<T>, thing: T) -> i64 {
    let mut open = of.lock().expect("no holder panics");
    let number = open.len() as i64 + 1;
    open.insert(number, thing);
    number
}

struct Helper {
    runtime: Runtime,
    client: Client,
    producers: Numbered<(String, std::sync::Arc<PartitionClient>)>,
    members: Numbered<JoinHandle<()>>,
}

impl Helper {
    fn new() -> Result<Self, Failure> {
        let runtime = Runtime::new()?;
        let client = ClientBuilder::new(vec![lines::bootstrap()]).backoff_config(BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
            deadline: Some(CALL),
        });
        let client = runtime.block_on(client.build()).map_err(failed)?;
        Ok(Self { runtime, client, producers: Numbered::default(), members: Numbered::default() })
    }

    fn answer(&self, op: &str, call: &Call) -> Answer {
        self.runtime.block_on(self.answer_soon(op, call))
    }

    async fn answer_soon(&self, op: &str, call: &Call) -> Answer {
        match op {
            "version" => Ok(json!("0.6.0")),
            "create_topic" => {
                let controller = self.client.controller_client().map_err(failed)?;
                let created = controller.create_topic(
                    call.text("topic")?,
                    call.partition("partitions")?,
                    1,
                    CALL_MS,
                );
                created.await.map(|()| Value::Null).map_err(failed)
            }
            "partition_counts" => {
                let topics = self.client.list_topics().await.map_err(failed)?;
                Ok(topics
                    .into_iter()
                    .map(|topic| (topic.name, json!(topic.partitions.len())))
                    .collect())
            }
            "delete_topic" => self.delete_topic(call.text("topic")?).await,
            "delete_records" => {
                let deleted = self.partition(call).await?;
                deleted.delete_records(call.number("offset")?, CALL_MS).await.map_err(failed)?;
                Ok(Value::Null)
            }
            "ends" => {
                let partition = self.partition(call).await?;
                let first = partition.get_offset(OffsetAt::Earliest).await.map_err(failed)?;
                Ok(json!([first, partition.get_offset(OffsetAt::Latest).await.map_err(failed)?]))
            }
            "offset_at" => {
                Ok(json!(offset_at(&self.partition(call).await?, call.number("time")?).await?))
            }
            "produce" => {
                let records =
                    call.records()?.into_iter().map(record_in).collect::<Result<_, _>>()?;
                let partition = self.partition(call).await?;
                partition
                    .produce(records, codec(call.value("codec").as_str()))
                    .await
                    .map_err(failed)?;
                Ok(Value::Null)
            }
            "open_producer" => {
                let partition = self.partition(call).await?;
                Ok(json!(number(
                    &self.producers,
                    (call.text("topic")?.to_owned(), partition.into())
                )))
            }
            "send" => {
                let number = call.number("producer")?;
                let found = self.producers.lock().expect("no holder panics").get(&number).cloned();
                let (_, partition) = found.ok_or_else(|| Failure::new("NO_SUCH_PRODUCER", ""))?;
                let records =
                    call.records()?.into_iter().map(record_in).collect::<Result<_, _>>()?;
                partition.produce(records, Compression::NoCompression).await.map_err(failed)?;
                Ok(Value::Null)
            }
            "close_producer" => Ok(Value::Null),
            "read" => self.read(call).await,
            "write_lines" => self.write_lines(call).await,
            "read_lines" => self.read_lines(call).await,
            "member" => self.member(call).await,
            "leave" => {
                let mut members = self.members.lock().expect("no holder panics");
                if let Some(member) = members.get_mut(&call.number("member")?) {
                    member.abort();
                }
                Ok(Value::Null)
            }
            "unknown_topic" => self.unknown_topic(call.text("topic")?).await,
            _ => Err(Failure::new("NO_SUCH_CALL", op)),
        }
    }

    async fn of_topic(
        &self,
        topic: &str,
        unknown: UnknownTopicHandling,
    ) -> Result<PartitionClient, Failure> {
        self.client.partition_client(topic, 0, unknown).await.map_err(failed)
    }

    /// A partition that was created a moment ago: Kafka may need another moment, and the crate waits if told so.
    async fn partition(&self, call: &Call) -> Result<PartitionClient, Failure> {
        self.of_topic(call.text("topic")?, UnknownTopicHandling::Retry).await
    }

    async fn delete_topic(&self, topic: &str) -> Answer {
        let controller = self.client.controller_client().map_err(failed)?;
        controller.delete_topic(topic, CALL_MS).await.map_err(failed)?;
        Ok(Value::Null)
    }

    async fn read(&self, call: &Call) -> Answer {
        let partition = self.partition(call).await?;
        let count = call.count("count")?;
        let start = match (call.value("offset").as_i64(), call.value("time").as_i64()) {
            (Some(offset), _) => offset,
            (None, Some(time)) => offset_at(&partition, time)
                .await?
                .ok_or_else(|| Failure::new("NO_SUCH_TIME", time.to_string()))?,
            (None, None) => partition.get_offset(OffsetAt::Earliest).await.map_err(failed)?,
        };
        let mut records = Vec::new();
        take(&partition, start, count, |read| {
            records.push(record_out(partition.topic(), read));
            Ok(())
        })
        .await?;
        Ok(Value::Array(records))
    }

    async fn read_lines(&self, call: &Call) -> Answer {
        let partition = self.partition(call).await?;
        let mut file = LinesFile::create(call.text("path")?)?;
        take(&partition, 0, call.count("count")?, |read| {
            file.add(read.record.value.as_deref().unwrap_or_default())
        })
        .await?;
        file.finish()?;
        Ok(Value::Null)
    }

    async fn write_lines(&self, call: &Call) -> Answer {
        let partition = self.partition(call).await?;
        let compression = codec(call.value("codec").as_str());
        let mut batch = Vec::with_capacity(LINES_PER_BATCH);
        for line in lines::lines_of(call.text("path")?)? {
            batch.push(Record {
                key: None,
                value: Some(line?),
                headers: BTreeMap::new(),
                timestamp: Utc::now(),
            });
            if batch.len() == LINES_PER_BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(LINES_PER_BATCH));
                partition.produce(full, compression).await.map_err(failed)?;
            }
        }
        partition.produce(batch, compression).await.map_err(failed)?;
        Ok(Value::Null)
    }

    async fn member(&self, call: &Call) -> Answer {
        let topics = call.texts("topics")?;
        let [topic] = topics[..] else { return Err(Failure::new("BAD_CALL", "not one topic")) };
        let partition = self.of_topic(topic, UnknownTopicHandling::Retry).await?;
        let mut members = self.members.lock().expect("no holder panics");
        let number = members.len() as i64 + 1;
        members.insert(number, self.runtime.spawn(follow(number, partition)));
        Ok(json!(number))
    }

    async fn unknown_topic(&self, topic: &str) -> Answer {
        let shown =
            |failure: Option<Failure>| failure.map_or(Value::Null, |failure| json!(failure.code));
        Ok(json!({
            "delete": shown(self.delete_topic(topic).await.err()),
            "open a partition": shown(self.of_topic(topic, UnknownTopicHandling::Error).await.err()),
        }))
    }
}

/// The first offset at or after a time; the crate hands on the protocol's -1 for none.
async fn offset_at(partition: &PartitionClient, time: i64) -> Result<Option<i64>, Failure> {
    let offset = partition.get_offset(OffsetAt::Timestamp(moment(time)?)).await.map_err(failed)?;
    Ok((offset >= 0).then_some(offset))
}

/// Takes up to `count` records or up to the end.
async fn take(
    partition: &PartitionClient,
    start: i64,
    count: usize,
    mut each: impl FnMut(&RecordAndOffset) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ends = Instant::now() + CALL;
    let (mut next, mut taken) = (start, 0);
    while taken < count && Instant::now() < ends {
        let fetched = partition.fetch_records(next, FETCH_BYTES, FETCH_WAIT_MS).await;
        let (records, high_watermark) = fetched.map_err(failed)?;
        for read in records.iter().take(count - taken) {
            each(read)?;
            taken += 1;
            next = read.offset + 1;
        }
        if next >= high_watermark {
            break;
        }
    }
    Ok(())
}

/// Reads a partition without end and tells of what it reads.
async fn follow(number: i64, partition: PartitionClient) {
    say(&json!({"event": "assigned", "member": number, "assigned": [[partition.topic(), 0]]}));
    let mut next = 0;
    loop {
        match partition.fetch_records(next, FETCH_BYTES, FETCH_WAIT_MS).await {
            Ok((records, _)) => {
                next = records.last().map_or(next, |last| last.offset + 1);
                let records: Vec<_> =
                    records.iter().map(|read| record_out(partition.topic(), read)).collect();
                if !records.is_empty() {
                    say(&json!({"event": "records", "member": number, "records": records}));
                }
            }
            Err(error) => {
                say(&json!({"event": "error", "member": number, "code": failed(error).code}));
                return;
            }
        }
    }
}

fn main() {
    match Helper::new() {
        Ok(helper) => lines::serve(move |op, call| helper.answer(op, call)),
        Err(Failure { code, text }) => eprintln!("{code}: {text}"),
    }
}
