//! `walser topic consume`: records as text or lines of JSON.
//!
//! In a group, only what was printed is committed: a record that `--max` left unprinted is the
//! group's next one.

use std::collections::BTreeMap;
use std::io::{BufWriter, StdoutLock, Write};
use std::time::Duration;

use client::{
    Admin, ClientError, Cluster, ConsumedRecord, Consumer, ConsumerOptions, GroupConsumer,
    GroupOptions, OffsetReset, OffsetSpec, TopicPartition,
};
use env::Env;
use records::{Offset, Timestamp};
use serde_json::{Map, Value, json};

use super::topic::offsets;
use super::{StopSignals, connect, record_json};
use crate::cli::{ConsumeArgs, OutputFormat, Position};
use crate::failure::Failure;

/// How long one question to a broker may wait for records.
const WAIT: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: &ConsumeArgs) -> Result<(), Failure> {
    let reset = match (args.from, &args.group) {
        (Some(Position::End), _) => OffsetReset::Latest,
        (None | Some(Position::Start), _) | (Some(_), None) => OffsetReset::Earliest,
        (Some(_), Some(group)) => {
            return Err(Failure::usage(format!(
                "a group begins at start or end; to begin elsewhere: \
                 walser group seek {group} {} --to PLACE",
                args.topic
            )));
        }
    };
    let cluster = connect(&args.remote).await?;
    let consumer = ConsumerOptions { reset, ..ConsumerOptions::default() };
    let mut reader = match &args.group {
        None => Reader::Alone(assigned(args, &cluster, consumer).await?),
        Some(group) => {
            // Says that a topic does not exist before the group is joined.
            cluster.topic(&args.topic).await?;
            let options =
                GroupOptions { auto_commit: false, consumer, ..GroupOptions::new(group.as_str()) };
            let topics = [args.topic.as_str()];
            Reader::Member(Box::new(GroupConsumer::new(&cluster, &topics, options)))
        }
    };
    let printing = print_all(args, &mut reader).await;
    // Leaving hands the partitions to others at once, also after a failure.
    let left = match reader {
        Reader::Alone(_) => Ok(()),
        Reader::Member(member) => member.close().await,
    };
    printing?;
    Ok(left?)
}

async fn print_all(args: &ConsumeArgs, reader: &mut Reader) -> Result<(), Failure> {
    let mut printer = Printer::new(args);
    let follow = args.follow || args.from == Some(Position::End);
    let mut signals = StopSignals::listen()?;
    while printer.left > 0 {
        let records = tokio::select! {
            records = reader.poll() => records?,
            () = signals.asked() => break,
        };
        let printed = printer.print(&records)?;
        reader.commit(printed).await?;
        if !follow && reader.is_at_end() {
            break;
        }
    }
    Ok(())
}

/// Reads by itself or as a member of a group.
enum Reader {
    Alone(Consumer),
    Member(Box<GroupConsumer>),
}

impl Reader {
    async fn poll(&mut self) -> Result<Vec<ConsumedRecord>, ClientError> {
        match self {
            Reader::Alone(consumer) => consumer.poll(WAIT).await,
            Reader::Member(member) => member.poll(WAIT).await,
        }
    }

    /// Commits up to what was printed of each partition.
    async fn commit(
        &mut self,
        printed: BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let Reader::Member(member) = self else { return Ok(()) };
        for (place, next) in printed {
            member.seek(&place, next);
        }
        member.commit().await
    }

    fn is_at_end(&self) -> bool {
        match self {
            Reader::Alone(consumer) => consumer.is_at_end(),
            Reader::Member(member) => member.is_at_end(),
        }
    }
}

async fn assigned(
    args: &ConsumeArgs,
    cluster: &Cluster,
    options: ConsumerOptions,
) -> Result<Consumer, Failure> {
    let topic = cluster.topic(&args.topic).await?;
    let ids: Vec<i32> = match args.partition {
        None => topic.partitions.iter().map(|partition| partition.id).collect(),
        Some(id) if topic.partition(id).is_some() => vec![id],
        Some(partition) => {
            let (topic, count) = (args.topic.clone(), topic.partitions.len());
            return Err(ClientError::UnknownPartition { topic, partition, count }.into());
        }
    };
    let places: Vec<_> =
        ids.into_iter().map(|id| TopicPartition::new(topic.name.clone(), id)).collect();
    let from = match args.from.unwrap_or(Position::Start) {
        Position::Start => OffsetSpec::Earliest,
        Position::End => OffsetSpec::Latest,
        Position::Offset(offset) => {
            return at_offset(cluster, options, &places, offset).await;
        }
        time => {
            let now = Env::system().clock.wall_ms();
            OffsetSpec::At(Timestamp(time.timestamp_ms(now).unwrap_or_default()))
        }
    };
    let mut consumer = Consumer::new(cluster, options);
    consumer.assign(places.into_iter().map(|place| (place, from))).await?;
    Ok(consumer)
}

/// Begins at an offset where a partition has it, otherwise at the nearest it has.
async fn at_offset(
    cluster: &Cluster,
    options: ConsumerOptions,
    places: &[TopicPartition],
    offset: i64,
) -> Result<Consumer, Failure> {
    let admin = Admin::new(cluster);
    let starts = offsets(&admin, places, OffsetSpec::Earliest).await?;
    let ends = offsets(&admin, places, OffsetSpec::Latest).await?;
    let inside = places.iter().zip(starts.into_iter().zip(ends)).map(|(place, (start, end))| {
        let inside = offset.min(end.unwrap_or(i64::MAX)).max(start.unwrap_or(0));
        (place.clone(), OffsetSpec::Exact(Offset(inside)))
    });
    let mut consumer = Consumer::new(cluster, options);
    consumer.assign(inside).await?;
    Ok(consumer)
}

struct Printer<'a> {
    args: &'a ConsumeArgs,
    out: BufWriter<StdoutLock<'static>>,
    /// How many may still be printed.
    left: u64,
}

impl<'a> Printer<'a> {
    fn new(args: &'a ConsumeArgs) -> Printer<'a> {
        let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
        Printer { args, out, left: args.max.unwrap_or(u64::MAX) }
    }

    /// Prints records as far as `--max` allows; returns the next offset of each partition that a
    /// record was printed of, or left unprinted.
    fn print(
        &mut self,
        records: &[ConsumedRecord],
    ) -> std::io::Result<BTreeMap<TopicPartition, Offset>> {
        let mut next = BTreeMap::new();
        for record in records {
            let place = TopicPartition::new(record.topic.clone(), record.partition);
            if self.left == 0 {
                next.entry(place).or_insert(record.offset);
                continue;
            }
            self.left -= 1;
            self.print_one(record)?;
            next.insert(place, record.offset.next());
        }
        self.out.flush()?;
        // Where everything was printed, the reader knows better: it may have passed a gap.
        if self.left > 0 {
            next.clear();
        }
        Ok(next)
    }

    fn print_one(&mut self, record: &ConsumedRecord) -> std::io::Result<()> {
        match self.args.remote.output {
            OutputFormat::Json => {
                let mut object = Map::new();
                object.insert("partition".to_owned(), json!(record.partition));
                object.insert("offset".to_owned(), json!(record.offset.0));
                object.insert("timestamp".to_owned(), json!(record.timestamp.0));
                record_json::put_bytes(&mut object, "key", record.key.as_deref());
                record_json::put_bytes(&mut object, "value", record.value.as_deref());
                let headers = record.headers.iter();
                let headers = headers.map(|h| (h.name.as_str(), h.value.as_deref()));
                object.insert("headers".to_owned(), record_json::headers(headers));
                writeln!(self.out, "{}", Value::Object(object))
            }
            OutputFormat::Table => {
                if let Some(separator) = &self.args.key_separator {
                    self.out.write_all(record.key.as_deref().unwrap_or_default())?;
                    self.out.write_all(separator.as_bytes())?;
                }
                self.out.write_all(record.value.as_deref().unwrap_or_default())?;
                self.out.write_all(b"\n")
            }
        }
    }
}
