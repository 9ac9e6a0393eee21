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
/// Lines travel from the reading thread in chunks: a hand-over for each costs more than sending it.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks read ahead of what is sent.
const CHUNKS_AHEAD: usize = 4;
/// Chunks whose acknowledgements are still to be counted.
const DELIVERIES_AHEAD: usize = 256;
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
    let mut chunks = read_lines();
    let mut progress = Progress::new(args, clock.monotonic());
    let mut sent = 0_u64;
    let mut bytes = 0_u64;
    let mut problem = None;
    let mut signals = StopSignals::listen()?;
    while problem.is_none() {
        let lines = tokio::select! {
            lines = chunks.recv() => lines,
            () = signals.asked() => None,
        };
        let Some(lines) = lines else { break };
        let mut sending = Vec::with_capacity(lines.lines.len());
        for line in lines.lines {
            bytes += line.len() as u64 + 1;
            match send(args, &producer, line, sent + 1).await {
                Ok(delivery) => sending.push(delivery),
                Err(failure) => {
                    problem = Some(failure);
                    break;
                }
            }
            sent += 1;
        }
        problem = problem.or(lines.failure);
        // Counting ends at the first failure, and so does sending.
        if deliver.send(sending).await.is_err() {
            break;
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
async fn count(mut sent: mpsc::Receiver<Vec<Delivery>>) -> (u64, Option<ClientError>) {
    let mut delivered = 0;
    while let Some(deliveries) = sent.recv().await {
        for delivery in deliveries {
            match delivery.wait().await {
                Ok(_) => delivered += 1,
                Err(error) => return (delivered, Some(error)),
            }
        }
    }
    (delivered, None)
}

async fn send(
    args: &ProduceArgs,
    producer: &Producer,
    line: Vec<u8>,
    number: u64,
) -> Result<Delivery, Failure> {
    let record = record(args, line)
        .map_err(|what| Failure::usage(format!("line {number} is no record: {what}")))?;
    Ok(producer.send(record).await?)
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

/// Lines without their ends, and what ended the reading if that was not the end of the input.
#[derive(Default)]
struct Chunk {
    lines: Vec<Vec<u8>>,
    failure: Option<Failure>,
}

/// Lines of standard input, from a thread of their own: reading waits.
fn read_lines() -> mpsc::Receiver<Chunk> {
    let (give, chunks) = mpsc::channel(CHUNKS_AHEAD);
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(CHUNK_BYTES, std::io::stdin().lock());
        loop {
            let (chunk, is_last) = read_chunk(&mut input);
            if give.blocking_send(chunk).is_err() || is_last {
                return;
            }
        }
    });
    chunks
}

/// As many lines as are there, at least one; waits for no more than that.
fn read_chunk(input: &mut BufReader<impl Read>) -> (Chunk, bool) {
    let mut chunk = Chunk::default();
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => return (chunk, true),
            Ok(read) => {
                bytes += read;
                if line.last() == Some(&b'\n') {
                    line.pop();
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                } else if read as u64 == LINE_BYTES_MAX {
                    chunk.failure = Some(Failure::usage(format!(
                        "a line is longer than {LINE_BYTES_MAX} bytes; is the input text?"
                    )));
                    return (chunk, true);
                }
                chunk.lines.push(line);
            }
            Err(error) => {
                let line = format!("cannot read standard input: {error}");
                chunk.failure = Some(Failure::failed(line));
                return (chunk, true);
            }
        }
        if bytes >= CHUNK_BYTES || input.buffer().is_empty() {
            return (chunk, false);
        }
    }
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
        bar.set_message(format!("{} records", thousands(records)));
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

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{CHUNK_BYTES, LINE_BYTES_MAX, read_chunk};

    fn lines(input: &[u8]) -> (Vec<String>, Option<String>) {
        let mut input = BufReader::with_capacity(CHUNK_BYTES, input);
        let mut all = Vec::new();
        loop {
            let (chunk, is_last) = read_chunk(&mut input);
            all.extend(chunk.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()));
            if is_last {
                return (all, chunk.failure.map(|failure| failure.lines.concat()));
            }
        }
    }

    #[test]
    fn lines_lose_their_ends_only() {
        assert_eq!(lines(b""), (vec![], None));
        let expected = ["a", "", " b\rc ", "d"].map(str::to_owned).to_vec();
        assert_eq!(lines(b"a\n\n b\rc \r\nd"), (expected, None));
        let many: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
        assert_eq!(lines((many.join("\n") + "\n").as_bytes()), (many, None));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut input = b"good\n".to_vec();
        input.resize(input.len() + usize::try_from(LINE_BYTES_MAX).unwrap() + 1, b'x');
        let (found, failure) = lines(&input);
        assert_eq!(found, ["good"]);
        assert!(failure.is_some_and(|line| line.contains("is longer than")));
    }
}
