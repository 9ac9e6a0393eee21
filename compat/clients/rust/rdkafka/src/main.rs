//! The rdkafka crate (librdkafka from Rust) behind the bridge.
//!
//! Owns: calls of topics, groups and places. Does not: produce (`write.rs`, `pump.rs`) or consume
//! (`read.rs`).

mod pump;
mod read;
mod write;

use std::sync::Mutex;
use std::time::Duration;

use futures::executor::block_on;
use lines::{Answer, Call, Failure};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::get_rdkafka_version;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

/// How long a call to the broker may take.
const CALL: Duration = Duration::from_secs(55);
/// How long a pump may take to have everything acknowledged.
const PUMP: Duration = Duration::from_secs(110);

/// The protocol's name of a code: `NonEmptyGroup` becomes `NON_EMPTY_GROUP`.
fn name_of(code: RDKafkaErrorCode) -> String {
    match code {
        // The crate's own name for it.
        RDKafkaErrorCode::MessageSizeTooLarge => return "MESSAGE_TOO_LARGE".to_owned(),
        // What librdkafka makes of the broker's UNKNOWN_TOPIC_OR_PARTITION in an answer to a metadata request.
        RDKafkaErrorCode::UnknownTopic => return "UNKNOWN_TOPIC_OR_PARTITION".to_owned(),
        // Of the broker's CORRUPT_MESSAGE.
        RDKafkaErrorCode::InvalidMessage => return "CORRUPT_MESSAGE".to_owned(),
        RDKafkaErrorCode::InvalidTopic => return "INVALID_TOPIC_EXCEPTION".to_owned(),
        _ => {}
    }
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn failed_with(code: RDKafkaErrorCode) -> Failure {
    Failure::new(name_of(code), code.to_string())
}

fn failed(error: KafkaError) -> Failure {
    let code = error.rdkafka_error_code().map_or_else(|| format!("{error:?}"), name_of);
    Failure::new(code, error.to_string())
}

/// What every client of this program is told.
fn config() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", lines::bootstrap()).set("reconnect.backoff.max.ms", "500");
    config
}

struct Helper {
    admin: AdminClient<DefaultClientContext>,
    reader: Mutex<BaseConsumer>,
    producers: write::Producers,
    pumps: pump::Pumps,
    members: read::Members,
}

impl Helper {
    fn new() -> Result<Self, KafkaError> {
        Ok(Self {
            admin: config().create()?,
            reader: Mutex::new(read::reader_config().create()?),
            producers: write::Producers::default(),
            pumps: pump::Pumps::default(),
            members: read::Members::default(),
        })
    }

    fn answer(&self, op: &str, call: &Call) -> Answer {
        match op {
            "version" => Ok(json!(format!("0.39.0 (librdkafka {})", get_rdkafka_version().1))),
            "create_topic" => self.create_topic(call),
            "partition_counts" => self.partition_counts(),
            "add_partitions" => self.add_partitions(call.text("topic")?, call.count("count")?),
            "topic_config" => self.topic_config(call.text("topic")?, call.text("key")?),
            "set_topic_config" => self.set_topic_config(call),
            "delete_topic" => self.delete_topic(call.text("topic")?),
            "delete_records" => self.delete_records(call.text("topic")?, call.number("offset")?),
            "groups" => self.groups(),
            "group_state" => self.group_state(call.text("group")?),
            "group_offsets" => self.group_offsets(call),
            "reset_group" => self.reset_group(call),
            "delete_group" => self.delete_group(call.text("group")?),
            "unknown_topic" => self.unknown_topic(call.text("topic")?),
            "produce" => write::produce(call),
            "write_lines" => write::write_lines(call),
            "open_producer" => self.producers.open(call),
            "send" => self.producers.send(call),
            "close_producer" => self.producers.close(call),
            "open_pump" => self.pumps.open(call),
            "pump_acknowledged" => self.pumps.acknowledged(call),
            "stop_pump" => self.pumps.stop(call),
            "read" => read::read(&self.lock_reader(), call),
            "read_lines" => read::read_lines(&self.lock_reader(), call),
            "ends" => read::ends(&self.lock_reader(), call.text("topic")?),
            "offset_at" => {
                read::offset_at(&self.lock_reader(), call.text("topic")?, call.number("time")?)
            }
            "group_read" => read::group_read(call),
            "member" => self.members.open(call),
            "leave" => self.members.leave(call),
            "pause" => self.members.pause(call, true),
            "resume" => self.members.pause(call, false),
            _ => Err(Failure::new("NO_SUCH_CALL", op)),
        }
    }

    fn lock_reader(&self) -> std::sync::MutexGuard<'_, BaseConsumer> {
        self.reader.lock().expect("no reader panics")
    }

    fn options() -> AdminOptions {
        AdminOptions::new().request_timeout(Some(CALL))
    }

    fn create_topic(&self, call: &Call) -> Answer {
        let mut topic = NewTopic::new(
            call.text("topic")?,
            call.partition("partitions")?,
            TopicReplication::Fixed(1),
        );
        for (key, value) in call.value("configs").as_object().into_iter().flatten() {
            topic = topic.set(key, value.as_str().unwrap_or_default());
        }
        first(block_on(self.admin.create_topics([&topic], &Self::options())))
    }

    fn partition_counts(&self) -> Answer {
        let metadata = self.admin.inner().fetch_metadata(None, CALL).map_err(failed)?;
        Ok(metadata
            .topics()
            .iter()
            .map(|topic| (topic.name().to_owned(), json!(topic.partitions().len())))
            .collect())
    }

    fn add_partitions(&self, topic: &str, count: usize) -> Answer {
        first(block_on(
            self.admin.create_partitions([&NewPartitions::new(topic, count)], &Self::options()),
        ))
    }

    fn topic_config(&self, topic: &str, key: &str) -> Answer {
        let described = block_on(
            self.admin.describe_configs([&ResourceSpecifier::Topic(topic)], &Self::options()),
        );
        let resource =
            described.map_err(failed)?.pop().ok_or_else(|| Failure::new("NO_ANSWER", topic))?;
        let resource = resource.map_err(failed_with)?;
        Ok(json!(resource.get(key).and_then(|entry| entry.value.clone())))
    }

    fn set_topic_config(&self, call: &Call) -> Answer {
        let wanted = AlterConfig::new(ResourceSpecifier::Topic(call.text("topic")?))
            .set(call.text("key")?, call.text("value")?);
        let altered =
            block_on(self.admin.alter_configs([&wanted], &Self::options())).map_err(failed)?;
        altered
            .into_iter()
            .try_for_each(|one| one.map(|_| ()).map_err(|(_, code)| failed_with(code)))?;
        Ok(Value::Null)
    }

    fn delete_topic(&self, topic: &str) -> Answer {
        first(block_on(self.admin.delete_topics(&[topic], &Self::options())))
    }

    fn delete_records(&self, topic: &str, offset: i64) -> Answer {
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(topic, 0, Offset::Offset(offset)).map_err(failed)?;
        let deleted =
            block_on(self.admin.delete_records(&places, &Self::options())).map_err(failed)?;
        deleted.elements().iter().try_for_each(|place| place.error().map_err(failed))?;
        Ok(Value::Null)
    }

    fn groups(&self) -> Answer {
        let listed = self.admin.inner().fetch_group_list(None, CALL).map_err(failed)?;
        Ok(listed.groups().iter().map(|group| group.name()).collect())
    }

    fn group_state(&self, group: &str) -> Answer {
        let listed = self.admin.inner().fetch_group_list(Some(group), CALL).map_err(failed)?;
        let described = listed.groups().first().ok_or_else(|| Failure::new("NO_ANSWER", group))?;
        Ok(json!([described.state(), described.members().len()]))
    }

    /// The crate lists no offsets of a group; a consumer that is no member asks for all partitions of its topics.
    fn group_offsets(&self, call: &Call) -> Answer {
        let consumer: BaseConsumer =
            config().set("group.id", call.text("group")?).create().map_err(failed)?;
        let mut places = TopicPartitionList::new();
        for topic in call.texts("topics")? {
            let metadata = consumer.fetch_metadata(Some(topic), CALL).map_err(failed)?;
            let partitions =
                metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
            places.add_partition_range(topic, 0, partitions as i32 - 1);
        }
        let committed = consumer.committed_offsets(places, CALL).map_err(failed)?;
        Ok(committed
            .elements()
            .iter()
            .filter_map(|place| match place.offset() {
                Offset::Offset(offset) => Some(json!([place.topic(), place.partition(), offset])),
                _ => None,
            })
            .collect())
    }

    /// The same for setting them.
    fn reset_group(&self, call: &Call) -> Answer {
        let consumer: BaseConsumer =
            config().set("group.id", call.text("group")?).create().map_err(failed)?;
        let mut places = TopicPartitionList::new();
        for pair in call.value("offsets").as_array().into_iter().flatten() {
            let (partition, offset) =
                (pair[0].as_i64().unwrap_or(-1), pair[1].as_i64().unwrap_or(-1));
            places
                .add_partition_offset(call.text("topic")?, partition as i32, Offset::Offset(offset))
                .map_err(failed)?;
        }
        consumer.commit(&places, CommitMode::Sync).map_err(failed)?;
        Ok(Value::Null)
    }

    fn delete_group(&self, group: &str) -> Answer {
        first(block_on(self.admin.delete_groups(&[group], &Self::options())))
    }

    fn unknown_topic(&self, topic: &str) -> Answer {
        let shown =
            |answer: Answer| answer.map_or_else(|failure| json!(failure.code), |_| Value::Null);
        let metadata = self.admin.inner().fetch_metadata(Some(topic), CALL).map_err(failed)?;
        let described = metadata.topics().first().and_then(|topic| topic.error());
        Ok(json!({
            "describe": described.map(|error| name_of(error.into())),
            "delete": shown(self.delete_topic(topic)),
            "add partitions": shown(self.add_partitions(topic, 3)),
            "produce": shown(write::produce_to_unknown(topic)),
            "consume": shown(read::consume_unknown(topic)),
        }))
    }
}

/// The only answer of a call about one topic or group.
fn first(answers: Result<Vec<Result<String, (String, RDKafkaErrorCode)>>, KafkaError>) -> Answer {
    for answer in answers.map_err(failed)? {
        answer.map_err(|(_, code)| failed_with(code))?;
    }
    Ok(Value::Null)
}

fn main() -> Result<(), KafkaError> {
    let helper = Helper::new()?;
    lines::serve(move |op, call| helper.answer(op, call));
    Ok(())
}
