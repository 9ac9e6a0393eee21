//! Instructions per request, under callgrind: a guard that no noise of the machine moves.
//!
//! The release binary runs on one worker thread and answers one connection that waits for each
//! answer, so that every request takes the same way. It is run twice, with N and with 2 N requests;
//! start, stop and set-up cost the same in both, and the difference over N is what a request costs.
//! What disturbs only adds (a frame that arrives in two parts, work in the background), so the least of
//! several totals counts. The counts are kept in `crates/bench/instructions.json`; they hold for one compiler and one
//! processor generation, as both choose instructions (checksums, copies), so the file names both.
//!
//! Counts are of user space: system calls cost the kernel's instructions, which callgrind cannot see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::machine::{now, pause};
use crate::storage::Storage;
use crate::talk::{Frame, Talk};

/// How far a count may be above the recorded one.
const TOLERANCE: f64 = 0.03;
/// Below the recorded count by this much, the record is out of date.
const BETTER: f64 = 0.05;

/// What is counted.
struct Subject {
    name: &'static str,
    about: &'static str,
    requests: u32,
    frame: fn() -> Result<Frame>,
}

const TOPIC: &str = "counts";
const PARTITIONS: i32 = 16;

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "produce-1k",
        about: "produce request, one record of 1 KB",
        requests: 1000,
        frame: || Frame::produce(TOPIC, 1, 1, 1000),
    },
    Subject {
        name: "produce-16k",
        about: "produce request, one batch of 16 records of 1 KB",
        requests: 1000,
        frame: || Frame::produce(TOPIC, 1, 16, 1000),
    },
    Subject {
        name: "produce-16-partitions",
        about: "produce request, 16 partitions with one record of 1 KB each",
        requests: 1000,
        frame: || Frame::produce(TOPIC, PARTITIONS, 1, 1000),
    },
    Subject {
        name: "fetch-16k",
        about: "fetch answer of 16 KB, one batch",
        requests: 1000,
        frame: || Frame::fetch(TOPIC, 16_400),
    },
    Subject {
        name: "fetch-64k",
        about: "fetch answer of 64 KB, four batches",
        requests: 1000,
        frame: || Frame::fetch(TOPIC, 65_600),
    },
];

/// The recorded counts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    about: String,
    rustc: String,
    processor: String,
    instructions_per_request: BTreeMap<String, u64>,
}

/// Totals are taken this often when they are to be kept, or until they are good enough.
const TRIES_MAX: u32 = 3;

/// Counts, and compares with the record or writes it anew.
pub(crate) fn run(walser: &Path, file: &Path, scratch: &Path, write: bool) -> Result<ExitCode> {
    valgrind()?;
    let recorded = match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str::<Record>(&text).context("the recorded counts")?,
        Err(_) if write => Record::default(),
        Err(error) => return Err(error).context(file.display().to_string()),
    };
    let mut counted = BTreeMap::new();
    for subject in SUBJECTS {
        let before = recorded.instructions_per_request.get(subject.name).copied();
        let (mut once, mut twice) = (u64::MAX, u64::MAX);
        let mut each = u64::MAX;
        for _ in 0..TRIES_MAX {
            once = once.min(total(walser, scratch, subject, subject.requests)?);
            twice = twice.min(total(walser, scratch, subject, subject.requests * 2)?);
            each = twice.saturating_sub(once) / u64::from(subject.requests);
            let good = before.is_some_and(|before| change(before, each).abs() <= TOLERANCE);
            if good && !write {
                break;
            }
        }
        println!("{each:>9}  {} ({})", subject.name, subject.about);
        counted.insert(subject.name.to_owned(), each);
    }
    if write {
        return record(file, counted);
    }
    compare(&recorded, &counted)
}

/// By which share a count is above another.
fn change(before: u64, now: u64) -> f64 {
    float(now) / float(before.max(1)) - 1.0
}

fn compare(recorded: &Record, counted: &BTreeMap<String, u64>) -> Result<ExitCode> {
    let again = "cargo xtask bench --counts --write";
    let mut worse = 0;
    for (name, count) in counted {
        let Some(before) = recorded.instructions_per_request.get(name) else {
            bail!("{name} has no recorded count; run `{again}`");
        };
        let change = change(*before, *count);
        if change > TOLERANCE {
            worse += 1;
            eprintln!(
                "{name}: {count} instructions a request, {:.1} % above the recorded {before}",
                change * 100.0
            );
        } else if change < -BETTER {
            println!(
                "{name}: {count} instructions a request, {:.1} % below the recorded {before}; \
                 keep the gain with `{again}`",
                -change * 100.0
            );
        }
    }
    if worse == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let (rustc, processor) = (rustc()?, crate::machine::processor()?);
    if rustc != recorded.rustc {
        eprintln!("recorded with {}, counted with {rustc}", recorded.rustc);
    }
    if processor != recorded.processor {
        eprintln!("recorded on {}, counted on {processor}", recorded.processor);
    }
    eprintln!(
        "find what a request does more than before (callgrind_annotate); when it is meant or comes \
         from another compiler or processor, `{again}` records the new counts"
    );
    Ok(ExitCode::FAILURE)
}

#[expect(clippy::disallowed_methods, reason = "a file of the repository")]
fn record(file: &Path, instructions_per_request: BTreeMap<String, u64>) -> Result<ExitCode> {
    let record = Record {
        about: "Instructions of the release binary in user space for one request, counted by \
                callgrind. They hold for one compiler and kind of processor. Written by `cargo xtask \
                bench --counts --write`."
            .to_owned(),
        rustc: rustc()?,
        processor: crate::machine::processor()?,
        instructions_per_request,
    };
    std::fs::write(file, serde_json::to_string_pretty(&record)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("recorded; commit the file");
    Ok(ExitCode::SUCCESS)
}

/// Instructions of a whole life of the broker with so many requests.
fn total(walser: &Path, scratch: &Path, subject: &Subject, requests: u32) -> Result<u64> {
    let storage = Storage::on_disk(&scratch.join("counts"))?;
    let output: PathBuf = storage.path().join("callgrind.out");
    let port = crate::peers::free_port()?;
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(&output);
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(out)
        .arg(walser)
        .args(["--log-level", "warn", "start", "--data-dir"])
        .arg(storage.path().join("data"))
        .args(["--set", &format!("listeners=PLAINTEXT://127.0.0.1:{port}")])
        .args(["--set", "num.network.threads=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start valgrind")?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let done = drive(&mut child, address, subject, requests);
    if done.is_err() {
        // The error is told below; the child must not outlive it.
        let _ = child.kill();
    }
    let ended = child.wait()?;
    done?;
    if !ended.success() {
        bail!("the broker under callgrind ended with {ended}");
    }
    let text = std::fs::read_to_string(&output).context("callgrind wrote nothing")?;
    text.lines()
        .find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))
        .and_then(|number| number.trim().parse().ok())
        .context("callgrind's file has no total")
}

fn drive(
    child: &mut std::process::Child,
    address: std::net::SocketAddr,
    subject: &Subject,
    requests: u32,
) -> Result<()> {
    let began = now();
    let mut talk = loop {
        if let Ok(talk) = Talk::connect(address) {
            break talk;
        }
        if let Some(status) = child.try_wait()? {
            bail!("the broker under callgrind ended at start ({status})");
        }
        if began.elapsed() > Duration::from_secs(60) {
            bail!("the broker under callgrind does not listen after a minute");
        }
        pause(Duration::from_millis(20));
    };
    talk.create_topic(TOPIC, PARTITIONS, &[("durability", "relaxed")])?;
    // Something to fetch, and the first touch of each partition, before what is counted.
    let filling = Frame::produce(TOPIC, PARTITIONS, 16, 1000)?;
    for _ in 0..8 {
        talk.send(&filling)?;
    }
    let frame = (subject.frame)()?;
    for _ in 0..requests {
        talk.send(&frame)?;
    }
    drop(talk);
    crate::peers::terminate(child.id())
}

/// Installs valgrind when it is missing, as `.ci/run` does.
fn valgrind() -> Result<()> {
    let there = Command::new("valgrind").arg("--version").output();
    if there.is_ok_and(|done| done.status.success()) {
        return Ok(());
    }
    bail!("valgrind is not on this machine; `apt-get install valgrind` or your system's equivalent")
}

fn rustc() -> Result<String> {
    let done = Command::new("rustc").arg("--version").output().context("cannot start rustc")?;
    let text = String::from_utf8(done.stdout)?;
    // The version without the commit, which tells nothing more.
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(count: u64) -> Record {
        Record {
            about: String::new(),
            rustc: String::new(),
            processor: String::new(),
            instructions_per_request: BTreeMap::from([("produce-1k".to_owned(), count)]),
        }
    }

    fn counted(count: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("produce-1k".to_owned(), count)])
    }

    #[test]
    fn more_instructions_fail_and_a_few_do_not() {
        let fails =
            |before, after| compare(&record(before), &counted(after)).unwrap() == ExitCode::FAILURE;
        assert!(fails(10_000, 10_400));
        assert!(!fails(10_000, 10_200));
        assert!(!fails(10_000, 5_000));
        assert!(compare(&record(1), &BTreeMap::from([("new".to_owned(), 1)])).is_err());
    }
}
