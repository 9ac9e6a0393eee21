//! Pumps: idempotent producers that write without end and without waiting, through restarts of the broker.
//!
//! A thread hands the records over, another takes their acknowledgements in the order they were handed over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::executor::block_on;
use lines::{Answer, Call, Failure, Record};
use rdkafka::producer::{DeliveryFuture, FutureProducer};
use serde_json::json;

use crate::failed;
use crate::write::{hand_over, producer_config};

/// About a hundred records a second.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a record may be on its way, in ms.
const DELIVERY_MS_MAX: &str = "110000";

struct Pump {
    stopping: Arc<AtomicBool>,
    acknowledged: Arc<AtomicI64>,
    writer: JoinHandle<Result<i64, Failure>>,
    taker: JoinHandle<Result<(), Failure>>,
}

/// `numbered(n, 1)` of `flows/context.py`.
fn numbered(number: i64) -> Record {
    Record {
        key: Some(format!("key-{number:06}").into_bytes()),
        value: Some(format!("record number {number:06}").into_bytes()),
        timestamp: None,
        headers: Vec::new(),
    }
}

fn take(sent: &Receiver<DeliveryFuture>, acknowledged: &AtomicI64) -> Result<(), Failure> {
    for delivery in sent {
        match block_on(delivery) {
            Ok(Ok(_)) => acknowledged.fetch_add(1, Ordering::Relaxed),
            Ok(Err((error, _))) => return Err(failed(error)),
            Err(_) => return Err(Failure::new("CANCELED", "the producer is gone")),
        };
    }
    Ok(())
}

impl Pump {
    fn start(topic: String) -> Result<Self, Failure> {
        let producer: FutureProducer = producer_config()
            .set("enable.idempotence", "true")
            .set("max.in.flight.requests.per.connection", "5")
            .set("message.timeout.ms", DELIVERY_MS_MAX)
            .set("linger.ms", "0")
            .create()
            .map_err(failed)?;
        let (stopping, acknowledged) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let (sent, deliveries) = channel();
        let stop = Arc::clone(&stopping);
        let writer = std::thread::spawn(move || {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                let delivery = hand_over(&producer, &topic, Some(0), &numbered(written))?;
                written += 1;
                if sent.send(delivery).is_err() {
                    break;
                }
                std::thread::sleep(PAUSE);
            }
            // The producer must outlive what it was handed.
            let left = rdkafka::producer::Producer::flush(&producer, crate::PUMP);
            left.map(|()| written).map_err(failed)
        });
        let count = Arc::clone(&acknowledged);
        let taker = std::thread::spawn(move || take(&deliveries, &count));
        Ok(Self { stopping, acknowledged, writer, taker })
    }
}

/// Pumps by number.
#[derive(Default)]
pub struct Pumps(Mutex<HashMap<i64, Pump>>);

impl Pumps {
    /// Starts one.
    pub fn open(&self, call: &Call) -> Answer {
        let pump = Pump::start(call.text("topic")?.to_owned())?;
        let mut open = self.0.lock().expect("no holder panics");
        let number = open.keys().max().copied().unwrap_or(0) + 1;
        open.insert(number, pump);
        Ok(json!(number))
    }

    /// How many records are acknowledged so far.
    pub fn acknowledged(&self, call: &Call) -> Answer {
        let open = self.0.lock().expect("no holder panics");
        let pump =
            open.get(&call.number("pump")?).ok_or_else(|| Failure::new("NO_SUCH_PUMP", ""))?;
        Ok(json!(pump.acknowledged.load(Ordering::Relaxed)))
    }

    /// How many were written, once all are acknowledged.
    pub fn stop(&self, call: &Call) -> Answer {
        let pump = self.0.lock().expect("no holder panics").remove(&call.number("pump")?);
        let pump = pump.ok_or_else(|| Failure::new("NO_SUCH_PUMP", ""))?;
        pump.stopping.store(true, Ordering::Relaxed);
        let panicked = |_| Failure::new("PANIC", "a thread of the pump panicked");
        let written = pump.writer.join().map_err(panicked)??;
        pump.taker.join().map_err(panicked)??;
        Ok(json!(written))
    }
}
