//! Producers: one for each call, or one that stays open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use lines::{Answer, Call, Failure, Record};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::{Value, json};

use crate::{CALL, config, failed};

/// What every producer is told.
pub fn producer_config() -> ClientConfig {
    let mut config = config();
    config
        .set("linger.ms", "5")
        .set("message.timeout.ms", "55000")
        .set("message.max.bytes", "10000000");
    config
}

/// Hands a record to the client; waits while its queue is full.
pub fn hand_over(
    producer: &FutureProducer,
    topic: &str,
    partition: Option<i32>,
    record: &Record,
) -> Result<DeliveryFuture, Failure> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut wanted = FutureRecord::<[u8], [u8]> {
        topic,
        partition,
        payload: record.value.as_deref(),
        key: record.key.as_deref(),
        timestamp: record.timestamp,
        headers: (!record.headers.is_empty()).then_some(headers),
    };
    loop {
        match producer.send_result(wanted) {
            Ok(delivery) => return Ok(delivery),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                wanted = back;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(failed(error)),
        }
    }
}

/// Waits until all are acknowledged.
fn acknowledged(sent: Vec<DeliveryFuture>) -> Answer {
    for delivery in sent {
        match block_on(delivery) {
            Ok(Ok(_)) => {}
            Ok(Err((error, _))) => return Err(failed(error)),
            Err(_) => return Err(Failure::new("CANCELED", "the producer is gone")),
        }
    }
    Ok(Value::Null)
}

fn send(
    producer: &FutureProducer,
    topic: &str,
    partition: Option<i32>,
    records: &[Record],
) -> Answer {
    let sent = records
        .iter()
        .map(|record| hand_over(producer, topic, partition, record))
        .collect::<Result<Vec<_>, _>>()?;
    acknowledged(sent)
}

/// Writes records with a producer made for them.
pub fn produce(call: &Call) -> Answer {
    let producer: FutureProducer = producer_config()
        .set("compression.type", call.value("codec").as_str().unwrap_or("none"))
        .set("enable.idempotence", call.value("idempotent").as_bool().unwrap_or(false).to_string())
        .create()
        .map_err(failed)?;
    let partition = call.value("partition").as_i64().map(|partition| partition as i32);
    send(&producer, call.text("topic")?, partition, &call.records()?)
}

/// Writes to a topic that does not exist, with less patience.
pub fn produce_to_unknown(topic: &str) -> Answer {
    let producer: FutureProducer = producer_config()
        .set("topic.metadata.propagation.max.ms", "1000")
        .create()
        .map_err(failed)?;
    let record = Record {
        key: None,
        value: Some(b"nobody reads this".to_vec()),
        timestamp: None,
        headers: Vec::new(),
    };
    send(&producer, topic, Some(0), &[record])
}

/// Writes each line of a file.
pub fn write_lines(call: &Call) -> Answer {
    let producer: FutureProducer =
        producer_config().set("compression.type", call.text("codec")?).create().map_err(failed)?;
    let topic = call.text("topic")?;
    let mut sent = Vec::new();
    for line in lines::lines_of(call.text("path")?)? {
        let record = Record { key: None, value: Some(line?), timestamp: None, headers: Vec::new() };
        sent.push(hand_over(&producer, topic, Some(0), &record)?);
    }
    acknowledged(sent)
}

/// Producers that stay open, by number.
#[derive(Default)]
pub struct Producers(Mutex<HashMap<i64, (String, Arc<FutureProducer>)>>);

impl Producers {
    /// Opens one; it is idempotent and writes to partition 0.
    pub fn open(&self, call: &Call) -> Answer {
        let producer =
            producer_config().set("enable.idempotence", "true").create().map_err(failed)?;
        let mut open = self.0.lock().expect("no holder panics");
        let number = open.len() as i64 + 1;
        open.insert(number, (call.text("topic")?.to_owned(), Arc::new(producer)));
        Ok(json!(number))
    }

    /// Writes records.
    pub fn send(&self, call: &Call) -> Answer {
        let found =
            self.0.lock().expect("no holder panics").get(&call.number("producer")?).cloned();
        let (topic, producer) = found.ok_or_else(|| Failure::new("NO_SUCH_PRODUCER", ""))?;
        send(&producer, &topic, Some(0), &call.records()?)
    }

    /// Waits for what is on its way; the number stays taken.
    pub fn close(&self, call: &Call) -> Answer {
        let found =
            self.0.lock().expect("no holder panics").get(&call.number("producer")?).cloned();
        let (_, producer) = found.ok_or_else(|| Failure::new("NO_SUCH_PRODUCER", ""))?;
        producer.flush(CALL).map_err(failed)?;
        Ok(Value::Null)
    }
}
