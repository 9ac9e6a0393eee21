//! The generator against the floor: figures that add up, and runs that must be refused.

#![expect(clippy::unwrap_used, reason = "a test ends here")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use walser_bench::floor::{Floor, FloorOptions};
use walser_bench::topics::Control;
use walser_bench::{Arrivals, BatchShape, BenchError, Mode, Outcome, Workload};

/// A floor server of its own, with the topic `bench` of 16 partitions.
struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    dir: std::path::PathBuf,
}

impl Running {
    fn start(name: &str) -> Self {
        Self::start_changed(name, |floor| floor)
    }

    fn start_changed(name: &str, change: impl FnOnce(Floor) -> Floor + Send + 'static) -> Self {
        let dir = std::env::temp_dir().join(format!("walser-floor-{}-{name}", std::process::id()));
        let options = FloorOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: dir.clone(),
            file_bytes_max: 4 << 20,
        };
        // Bound where it runs: what epoll fills in cannot go from thread to thread.
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let floor = change(Floor::bind(&options).unwrap());
            tell.send((floor.address().unwrap(), floor.stop())).unwrap();
            floor.run().unwrap();
        });
        let (address, stop) = told.recv().unwrap();
        let mut control = Control::connect(address).unwrap();
        control.create_topic("bench", 16, &[]).unwrap();
        Running { address, stop, thread: Some(thread), dir }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn short(mode: Mode) -> Workload {
    Workload { mode, warm_up_seconds: 0.05, seconds: 0.3, ..Workload::default() }
}

fn closed(window: u32) -> Mode {
    Mode::Produce { arrivals: Arrivals::Closed { window }, partitions_per_request: 1 }
}

/// Runs it, for longer where a busy machine answered nothing at all in the time.
fn good(workload: &Workload, floor: &Running) -> Outcome {
    let mut workload = workload.clone();
    loop {
        match walser_bench::run(&workload, floor.address) {
            Ok(outcome) => return outcome,
            Err(BenchError::Refused { reasons, .. })
                if reasons == ["nothing was answered in the counted time"]
                    && workload.seconds < 30.0 =>
            {
                workload.seconds *= 4.0;
            }
            Err(error) => panic!("{workload:?}: {error}"),
        }
    }
}

fn reasons(workload: &Workload, floor: &Running) -> String {
    match walser_bench::run(workload, floor.address) {
        Ok(outcome) => panic!("it must be refused, but was\n{outcome}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_closed_window_counts_what_was_acknowledged() {
    let floor = Running::start("closed");
    for (batch, connections) in [
        (BatchShape { records: 1, value_bytes: 1000 }, 4),
        (BatchShape { records: 160, value_bytes: 100 }, 1),
        (BatchShape { records: 1000, value_bytes: 1000 }, 2),
        (BatchShape { records: 1, value_bytes: 0 }, 40),
    ] {
        let workload = Workload { batch, connections, ..short(closed(5)) };
        let outcome = good(&workload, &floor);
        assert!(outcome.requests > 0, "{outcome}");
        assert_eq!(outcome.batches, outcome.requests);
        assert_eq!(outcome.records, outcome.batches * u64::from(batch.records));
        assert!(outcome.bytes > outcome.records * u64::from(batch.value_bytes));
        let verified = outcome.verified.unwrap();
        assert!(verified.records >= outcome.records, "warm-up and drain are verified too");
        assert!(verified.batches_read_back > 0);
    }
}

#[test]
fn a_request_may_hold_a_batch_for_each_partition() {
    let floor = Running::start("many");
    let arrivals = Arrivals::Closed { window: 3 };
    for partitions_per_request in [3, 16] {
        let workload = short(Mode::Produce { arrivals, partitions_per_request });
        let outcome = good(&workload, &floor);
        assert_eq!(outcome.batches, outcome.requests * u64::from(partitions_per_request));
    }
}

#[test]
fn an_open_rate_counts_from_the_intended_start() {
    let floor = Running::start("open");
    for arrivals in [Arrivals::Constant { rate: 500.0 }, Arrivals::Poisson { rate: 500.0 }] {
        let workload = short(Mode::Produce { arrivals, partitions_per_request: 1 });
        let outcome = good(&workload, &floor);
        assert_eq!(outcome.target_rate, Some(500.0));
        // Every start of the counted time has its latency, however late its answer came.
        assert!(outcome.latency.count > 75, "{outcome}");
        assert_eq!(outcome.latency.count, outcome.latency.histogram.count());
    }
}

#[test]
fn one_reply_with_an_error_refuses_the_run() {
    const NOT_ENOUGH_REPLICAS: i16 = 19;
    let floor =
        Running::start_changed("error", |floor| floor.failing_with(NOT_ENOUGH_REPLICAS, 100));
    let workload = short(closed(2));
    let found = walser_bench::run(&workload, floor.address);
    let Err(BenchError::Refused { reasons, outcome }) = found else { panic!("{found:?}") };
    assert!(reasons.join(" ").contains("NOT_ENOUGH_REPLICAS"), "{reasons:?}");
    assert_eq!(outcome.errors.len(), 1);
}

#[test]
fn a_topic_that_is_not_there_refuses_the_run() {
    let floor = Running::start("absent");
    let workload = Workload { topic: "absent".to_owned(), ..short(closed(1)) };
    let found = reasons(&workload, &floor);
    assert!(found.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{found}");
}

#[test]
fn another_writer_is_found_by_the_high_watermark() {
    let floor = Running::start("writer");
    let seen = std::sync::atomic::AtomicBool::new(false);
    let found = walser_bench::run_marked(&short(closed(1)), floor.address, &mut |_| {
        // One more run inside this one: batches of somebody else.
        if !seen.swap(true, Ordering::Relaxed) {
            good(&Workload { verify: false, ..short(closed(1)) }, &floor);
        }
    });
    let Err(error) = found else { panic!("it must be refused") };
    assert!(error.to_string().contains("high watermark"), "{error}");
}

#[test]
fn a_lost_connection_refuses_the_run() {
    let floor = Running::start("lost");
    let address = floor.address;
    let mut floor = Some(floor);
    let found = walser_bench::run_marked(&short(closed(1)), address, &mut |_| drop(floor.take()));
    let Err(error) = found else { panic!("it must be refused") };
    assert!(matches!(error, BenchError::Io { .. }), "{error}");
}

#[test]
fn an_outcome_written_as_json_is_the_same_when_read() {
    let floor = Running::start("json");
    let outcome = good(&short(closed(2)), &floor);
    let text = serde_json::to_string(&outcome).unwrap();
    let read: Outcome = serde_json::from_str(&text).unwrap();
    // Fractions may lose their last bit; everything else is exact.
    assert_eq!(read.workload, outcome.workload);
    assert_eq!(read.latency.histogram, outcome.latency.histogram);
    assert_eq!((read.requests, read.bytes), (outcome.requests, outcome.bytes));
    assert_eq!(read.verified, outcome.verified);
}

#[test]
fn every_batch_arrives_at_every_consumer() {
    let floor = Running::start("end-to-end");
    for (arrivals, consumers, connections) in
        [(Arrivals::Constant { rate: 500.0 }, 1, 1), (Arrivals::Closed { window: 2 }, 3, 4)]
    {
        let workload = Workload { connections, ..short(Mode::EndToEnd { arrivals, consumers }) };
        let outcome = good(&workload, &floor);
        let end_to_end = outcome.end_to_end.unwrap();
        assert_eq!(end_to_end.count, outcome.latency.count * u64::from(consumers));
        assert!(outcome.other_requests > 0 && outcome.fetched_bytes > 0);
        assert!(outcome.verified.unwrap().batches_read_back > 0);
    }
}

#[test]
fn a_second_writer_spoils_an_end_to_end_run() {
    let floor = Running::start("end-to-end-writer");
    let arrivals = Arrivals::Closed { window: 1 };
    let workload = short(Mode::EndToEnd { arrivals, consumers: 1 });
    let seen = AtomicBool::new(false);
    let found = walser_bench::run_marked(&workload, floor.address, &mut |_| {
        if !seen.swap(true, Ordering::Relaxed) {
            good(&Workload { verify: false, ..short(closed(1)) }, &floor);
        }
    });
    let Err(error) = found else { panic!("it must be refused") };
    assert!(matches!(error, BenchError::Protocol(_)), "{error}");
}

#[test]
fn what_is_fetched_round_and_round_is_counted_by_batches() {
    let floor = Running::start("fetch");
    let batch = BatchShape { records: 16, value_bytes: 1000 };
    good(&Workload { batch, ..short(closed(5)) }, &floor);
    for (window, connections, response_bytes) in [(1, 1, 64 << 10), (3, 4, 1 << 20), (1, 2, 100)] {
        let mode = Mode::Fetch { window, response_bytes };
        let outcome = good(&Workload { batch, connections, ..short(mode) }, &floor);
        assert!(outcome.requests > 0 && outcome.batches >= outcome.requests, "{outcome}");
        assert_eq!(outcome.records, outcome.batches * 16);
        assert!(outcome.verified.unwrap().batches_read_back > 0);
    }
}

#[test]
fn an_empty_topic_cannot_be_fetched() {
    let floor = Running::start("fetch-empty");
    let found = reasons(&short(Mode::Fetch { window: 1, response_bytes: 1000 }), &floor);
    assert!(found.contains("nothing to read"), "{found}");
}

#[test]
fn connections_may_do_nothing_or_come_and_go() {
    let floor = Running::start("rounds");
    let idle = good(&Workload { connections: 200, ..short(Mode::Idle) }, &floor);
    assert_eq!(idle.requests, 0);
    let churn = good(&Workload { connections: 3, ..short(Mode::Churn) }, &floor);
    assert!(churn.requests > 0 && churn.latency.count > 0, "{churn}");
}

#[test]
fn groups_form_and_commit_at_their_rate() {
    let floor = Running::start("groups");
    let mode = Mode::Groups { groups: 20, members: 3, interval_ms: 100 };
    let outcome = good(&short(mode), &floor);
    assert_eq!(outcome.target_rate, Some(600.0));
    assert!(outcome.latency.count > 150, "every commit of the counted time: {outcome}");
}

#[test]
fn a_commit_that_failed_refuses_the_run() {
    const ILLEGAL_GENERATION: i16 = 22;
    let floor =
        Running::start_changed("groups-error", |floor| floor.failing_with(ILLEGAL_GENERATION, 5));
    let found = reasons(&short(Mode::Groups { groups: 2, members: 2, interval_ms: 10 }), &floor);
    assert!(found.contains("ILLEGAL_GENERATION"), "{found}");
}

#[test]
fn the_command_says_by_its_exit_code_whether_there_is_a_result() {
    let floor = Running::start("command");
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_walser-bench"))
            .args(arguments)
            .args(["--address", &floor.address.to_string()])
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, error) = run(&["create-topic", "--topic", "made", "--config", "a=b"]);
    assert_eq!(code, Some(0), "{error}");
    let quick = ["replay", "--seconds", "1", "--warm-up", "0", "--json", "--topic"];
    let (code, text, error) = run(&[&quick[..], &["made"]].concat());
    assert_eq!(code, Some(0), "{error}");
    let outcome: Outcome = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome.workload.topic, "made");
    let (code, text, error) = run(&[&quick[..], &["absent"]].concat());
    assert_eq!((code, text.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
    let (code, _, error) = run(&["delete-topic", "--topic", "made"]);
    assert_eq!(code, Some(0), "{error}");
    let (code, _, error) = run(&["delete-topic", "--topic", "made"]);
    assert_eq!(code, Some(1), "{error}");
}
