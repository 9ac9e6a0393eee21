//! `cargo xtask fuzz`: builds the fuzz targets of `fuzz/` and runs them.
//!
//! The folder is laid out for cargo-fuzz, and whoever has a nightly toolchain can use that, with its
//! sanitizers. This verb needs nothing but the stable toolchain and a C++ compiler: it builds with the
//! coverage flags that cargo-fuzz sets, without a sanitizer, since nothing of ours is `unsafe`.
//!
//! A run first shows with a planted bug that findings are found. Then each target replays its seeds
//! and its committed corpus, and fuzzes on from them. A finding is kept in `fuzz/artifacts/` and is
//! printed with the command that shows it again. Nothing is written to the corpus but by `--keep`.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tidy;

const HELP: &str = "cargo xtask fuzz [TARGET...] [--seconds N | --minutes N] [--keep | --input FILE]

Fuzzes the targets given, or all, each for N seconds (5 if not said), two at a time on two processors.
  --list        only names the targets
  --keep        adds what covers new code to the committed corpus, as far as it is short
  --input FILE  runs one target on one input, to see a finding again
";

/// What cargo-fuzz passes to rustc, but for the sanitizer: edge counters, and the operands of
/// comparisons, which is how magic numbers are found.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// The target with the planted bug.
const CANARY: &str = "canary";
const CANARY_SECONDS: u64 = 60;
const SECONDS: u64 = 5;

/// libFuzzer's own options for all targets: a length that finds what lengths break, one slow input is
/// a finding, and so is memory without end.
const OPTIONS: [&str; 4] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"];

/// The longest input that is kept in the corpus, and the most files and bytes of them for a target.
const KEPT_BYTES_MAX: u64 = 512;
const KEPT_FILES_MAX: usize = 24;
const KEPT_TOTAL_MAX: u64 = 6 * 1024;

struct Options {
    targets: Vec<String>,
    seconds: u64,
    keep: bool,
    input: Option<PathBuf>,
}

pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut options = Options { targets: Vec::new(), seconds: SECONDS, keep: false, input: None };
    let all = targets()?;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64> {
            let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
            value.parse().with_context(|| format!("{argument} {value}: not a number"))
        };
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--list" => {
                all.iter().for_each(|target| println!("{target}"));
                return Ok(ExitCode::SUCCESS);
            }
            "--seconds" => options.seconds = number()?,
            "--minutes" => options.seconds = number()?.saturating_mul(60),
            "--keep" => options.keep = true,
            "--input" => {
                let path = arguments.next().context("--input needs a file")?;
                options.input = Some(std::path::absolute(path)?);
            }
            name if all.iter().any(|target| target == name) => options.targets.push(name.into()),
            other => bail!("no target or option {other}\n\n{HELP}"),
        }
    }
    if options.targets.is_empty() {
        options.targets = all;
    }
    fuzz(&options)
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn fuzz(options: &Options) -> Result<ExitCode> {
    let fuzz = Fuzz::build()?;
    if let Some(input) = &options.input {
        let [target] = options.targets.as_slice() else { bail!("--input needs one target") };
        let status = fuzz.command(target).arg(input).status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let start = Instant::now();
    fuzz.canary()?;
    println!("fuzz {CANARY}: the planted bug was found after {} s", start.elapsed().as_secs());
    let waiting: Mutex<VecDeque<&String>> = Mutex::new(options.targets.iter().collect());
    let failed = Mutex::new(Vec::new());
    let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    match fuzz.one(target, options) {
                        Ok(line) => println!("fuzz {target}: {line}"),
                        Err(error) => {
                            println!("fuzz {target}: {error:#}");
                            failed.lock().unwrap_or_else(|lock| lock.into_inner()).push(target);
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(|lock| lock.into_inner());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("fuzz: findings in {failed:?}");
    Ok(ExitCode::FAILURE)
}

fn next<'a>(waiting: &Mutex<VecDeque<&'a String>>) -> Option<&'a String> {
    waiting.lock().unwrap_or_else(|lock| lock.into_inner()).pop_front()
}

/// The targets there are, by file; the canary is none.
fn targets() -> Result<Vec<String>> {
    let folder = tidy::root()?.join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if let (Some("rs"), Some(name)) =
            (path.extension().and_then(OsStr::to_str), path.file_stem().and_then(OsStr::to_str))
        {
            targets.push(name.to_owned());
        }
    }
    targets.retain(|name| name != CANARY);
    targets.sort();
    Ok(targets)
}

/// The built targets.
struct Fuzz {
    /// `fuzz/` in the checkout.
    root: PathBuf,
    binaries: PathBuf,
}

impl Fuzz {
    fn build() -> Result<Fuzz> {
        let root = tidy::root()?.join("fuzz");
        let host = host()?;
        // With a target named, the flags are for the targets and not for what builds them.
        let status = Command::new("cargo")
            .args(["build", "--release", "--quiet", "--bins", "--target", &host])
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
            .current_dir(&root)
            .status()
            .context("cargo cannot be started")?;
        if !status.success() {
            bail!("the fuzz targets do not build (they need a C++ compiler for libFuzzer)");
        }
        let binaries = root.join("target").join(host).join("release");
        Ok(Fuzz { root, binaries })
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(self.binaries.join(target));
        command.args(OPTIONS).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// An empty folder of this target's own, below `target/`.
    #[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
    fn scratch(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.root.join("target").join(kind).join(target);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A target that cannot find its planted bug would find no other either.
    fn canary(&self) -> Result<()> {
        let found = self.scratch("canary", CANARY)?;
        let ended = self
            .command(CANARY)
            .arg(format!("-max_total_time={CANARY_SECONDS}"))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        if ended.status.success() || !said.contains("the planted bug was found") {
            bail!("the planted bug was not found in {CANARY_SECONDS} s:\n{}", tail(&said));
        }
        Ok(())
    }

    /// Runs one target; gives what is to be said of it.
    #[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
    fn one(&self, target: &str, options: &Options) -> Result<String> {
        let seeds = self.scratch("seeds", target)?;
        let written = self.command(target).env("WALSER_FUZZ_SEEDS", &seeds).output()?;
        if !written.status.success() {
            bail!("it writes no seeds:\n{}", tail(&String::from_utf8_lossy(&written.stderr)));
        }
        let found = self.scratch("found", target)?;
        let corpus = self.root.join("corpus").join(target);
        let artifacts = self.root.join("artifacts").join(target);
        std::fs::create_dir_all(&corpus)?;
        std::fs::create_dir_all(&artifacts)?;
        // New inputs go into the first folder; all of them are replayed before anything new is tried.
        let ended = self
            .command(target)
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg("-print_final_stats=1")
            .args([&found, &corpus, &seeds])
            .output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        if !ended.status.success() {
            let input =
                said.lines().rev().find_map(|line| line.split("Test unit written to ").nth(1));
            let again = match input {
                Some(path) => format!("cargo xtask fuzz {target} --input {path}"),
                None => format!("cargo xtask fuzz {target}"),
            };
            bail!("a finding\n{}\n  to see it again: {again}", tail(&said));
        }
        let runs = said
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
            .map_or("?", str::trim);
        let new = count(&found)?;
        let kept = if options.keep { self.keep(target, &found, &corpus, &seeds)? } else { 0 };
        Ok(format!(
            "{} in the corpus, {} seeds, {runs} runs, {new} covered something new{}",
            count(&corpus)?,
            count(&seeds)?,
            if options.keep { format!(", {kept} of them kept") } else { String::new() }
        ))
    }

    /// Adds to the corpus inputs of `found` that cover what neither it nor the seeds do: of all
    /// lengths, as far as there is room.
    fn keep(&self, target: &str, found: &Path, corpus: &Path, seeds: &Path) -> Result<usize> {
        let merged = self.scratch("merged", target)?;
        for folder in [seeds, corpus] {
            for path in files(folder)? {
                std::fs::copy(&path, merged.join(path.file_name().context("a file's name")?))?;
            }
        }
        let old = files(&merged)?;
        let ended = self.command(target).arg("-merge=1").args([&merged, found]).output()?;
        if !ended.status.success() {
            bail!("the merge failed:\n{}", tail(&String::from_utf8_lossy(&ended.stderr)));
        }
        let mut total: u64 = files(corpus)?.iter().map(|path| len(path)).sum();
        let mut new = files(&merged)?;
        new.retain(|path| !old.contains(path) && len(path) <= KEPT_BYTES_MAX);
        new.sort_by_key(|path| len(path));
        let room = KEPT_FILES_MAX.saturating_sub(count(corpus)?);
        let step = new.len().div_ceil(room.max(1)).max(1);
        let mut kept = 0;
        for path in new.into_iter().step_by(step).take(room) {
            total += len(&path);
            if total > KEPT_TOTAL_MAX {
                break;
            }
            std::fs::copy(&path, corpus.join(path.file_name().context("a file's name")?))?;
            kept += 1;
        }
        Ok(kept)
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn count(folder: &Path) -> Result<usize> {
    Ok(files(folder)?.len())
}

fn len(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// The triple this machine builds for.
pub(crate) fn host() -> Result<String> {
    let said = Command::new("rustc").arg("-vV").output().context("rustc cannot be started")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// What a person wants to see of a long output: the panic, and the end.
fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let from = panic.unwrap_or_else(|| lines.len().saturating_sub(20));
    let shown = lines.iter().skip(from).take(20);
    shown.map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
