//! `walser topic produce`: records from the lines of standard input.
//!
//! One thread reads lines ahead, bounded; the producer batches them; a task counts what was
//! acknowledged. The first failure ends it: what was sent before is waited for and counted.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use bytes::Bytes;
use client::{Acks, ClientError, Delivery, NewRecord, Producer, ProducerOptions};
use env::Env;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc;

use super::{StopSignals, connect, record_json};
use crate::cli::{AcksArg, OutputFormat, ProduceArgs};
use crate::failure::Failure;
use crate::output::{self, thousands};

/// The longest line; the broker's own limit on a record is far below it.
const LINE_BYTES_MAX: u64 = 32 << 20;
/// Lines read ahead of what is sent.
const LINES_AHEAD: usize = 4096;
/// Records that wait for their acknowledgement to be counted.
const DELIVERIES_AHEAD: usize = 1 << 16;
/// Input that is done sooner shows no progress.
const SILENT_FOR: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: &ProduceArgs) -> Result<(), Failure> {
    let clock = Env::system().clock;
    let cluster = connect(&args.remote).await?;
    let acks = match args.acks {
        AcksArg::All => Acks::All,
        AcksArg::Leader => Acks::Leader,
        AcksArg::None => Acks::None,
    };
    let defaults = ProducerOptions::default();
    let options = ProducerOptions {
        codec: args.compression,
        acks,
        idempotent: acks == Acks::All,
        record_bytes_max: usize::try_from(defaults.buffer_bytes).unwrap_or(usize::MAX),
        ..defaults
    };
    let producer = Producer::new(&cluster, options);
    // Names a missing topic before the first line is typed.
    cluster.topic_or_create(&args.topic).await?;
    if std::io::stdin().is_terminal() && !args.quiet {
        eprintln!("one record a line; Ctrl-D ends");
    }

    let (deliver, deliveries) = mpsc::channel(DELIVERIES_AHEAD);
    let counting = tokio::spawn(count(deliveries));
    let mut lines = read_lines();
    let mut progress = Progress::new(args, clock.monotonic());
    let mut sent = 0_u64;
    let mut bytes = 0_u64;
    let mut problem = None;
    let mut signals = StopSignals::listen()?;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = signals.asked() => None,
        };
        let Some(line) = line else { break };
        let outcome = async {
            let line = line?;
            bytes += line.len() as u64 + 1;
            let record = record(args, line).map_err(|what| {
                Failure::usage(format!("line {} is no record: {what}", sent + 1))
            })?;
            let delivery = producer.send(record).await?;
            // Fails only when counting has stopped, which is noticed below.
            Ok::<bool, Failure>(deliver.send(delivery).await.is_ok())
        };
        match outcome.await {
            Ok(true) => sent += 1,
            Ok(false) => break,
            Err(failure) => {
                problem = Some(failure);
                break;
            }
        }
        progress.at(clock.monotonic(), bytes, sent);
    }
    // What was sent before a failure is acknowledged or has failed, not left open.
    let flushed = producer.flush().await;
    drop(deliver);
    let (delivered, failed) = counting
        .await
        .map_err(|error| Failure::failed(format!("counting acknowledgements failed: {error}")))?;
    progress.finish();
    let took = clock.monotonic().saturating_sub(progress.began);
    match args.remote.output {
        OutputFormat::Json => output::print_json(&json!({
            "topic": args.topic,
            "records": delivered,
            "bytes": bytes,
            "seconds": took.as_secs_f64(),
        }))?,
        OutputFormat::Table if !args.quiet => {
            eprintln!("{} records sent to {}", thousands(delivered), args.topic);
        }
        OutputFormat::Table => {}
    }
    match (failed, problem, flushed) {
        (Some(error), _, _) | (None, None, Err(error)) => Err(error.into()),
        (None, Some(failure), _) => Err(failure),
        (None, None, Ok(())) => Ok(()),
    }
}

/// Counts what is acknowledged, until the first failure.
async fn count(mut deliveries: mpsc::Receiver<Delivery>) -> (u64, Option<ClientError>) {
    let mut delivered = 0;
    while let Some(delivery) = deliveries.recv().await {
        match delivery.wait().await {
            Ok(_) => delivered += 1,
            Err(error) => return (delivered, Some(error)),
        }
    }
    (delivered, None)
}

fn record(args: &ProduceArgs, line: Vec<u8>) -> Result<NewRecord, String> {
    let mut record = if args.json {
        let text = std::str::from_utf8(&line).map_err(|_| "it is not UTF-8".to_owned())?;
        record_json::parse(&args.topic, text)?
    } else {
        let line = Bytes::from(line);
        let at = args.key_separator.as_deref().filter(|separator| !separator.is_empty());
        let found = at.and_then(|separator| {
            let at = find(&line, separator.as_bytes())?;
            Some((line.slice(..at), line.slice(at + separator.len()..)))
        });
        match found {
            Some((key, value)) => NewRecord::new(args.topic.as_str(), value).with_key(key),
            None => NewRecord::new(args.topic.as_str(), line),
        }
    };
    record.partition = record.partition.or(args.partition);
    Ok(record)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Lines of standard input without their ends, from a thread of their own: reading waits.
fn read_lines() -> mpsc::Receiver<Result<Vec<u8>, Failure>> {
    let (give, lines) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        loop {
            let mut line = Vec::new();
            let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(_) if line.last() == Some(&b'\n') => {
                    line.pop();
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    Ok(line)
                }
                Ok(_) if line.len() as u64 == LINE_BYTES_MAX => Err(Failure::usage(format!(
                    "a line is longer than {LINE_BYTES_MAX} bytes; is the input text?"
                ))),
                Ok(_) => Ok(line),
                Err(error) => Err(Failure::failed(format!("cannot read standard input: {error}"))),
            };
            let is_last = line.is_err();
            if give.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    lines
}

/// A bar on standard error for long input, only where a person sees it.
struct Progress {
    began: Duration,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new(args: &ProduceArgs, now: Duration) -> Progress {
        let wanted =
            !args.quiet && std::io::stderr().is_terminal() && !std::io::stdin().is_terminal();
        Progress { began: now, wanted, bar: None }
    }

    fn at(&mut self, now: Duration, bytes: u64, records: u64) {
        if !self.wanted || now.saturating_sub(self.began) < SILENT_FOR {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| new_bar(input_len()));
        bar.set_position(bytes);
        if records.is_multiple_of(256) {
            bar.set_message(format!("{} records", thousands(records)));
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(len: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(len, target);
    let template = match len {
        Some(_) => "{bar:30} {percent}% {msg} {bytes_per_sec} {eta} left",
        None => "{spinner} {bytes} {msg} {bytes_per_sec}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// How long standard input is, when it is a file.
fn input_len() -> Option<u64> {
    let file = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}
