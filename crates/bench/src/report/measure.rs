//! Runs scenarios: starts a program, warms it, puts load on it, and reads what it used meanwhile.
//!
//! One program runs at a time. Programs take turns (Kafka, Walser, floor, Kafka, Walser, floor …);
//! in its turn a program runs all scenarios that share a kind of storage, so that a JVM is warmed
//! once a turn. Every run is saved when it ends. A run with an error in any reply is no result: the
//! scenario is reported as failed and the rest goes on.

mod backlog;
mod compaction;
mod drive;
mod figures;
mod partitions;
mod recovery;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use walser_bench::{Arrivals, BatchShape, Mode, Workload};

use crate::device::limits;
use crate::machine::{self, Machine, now, pause};
use crate::peers::{Kind, Peer, Prepared, Programs};
use crate::results::{Measured, Results, Run};
use crate::scenarios::{PARTITIONS, Place, Scenario, Section, TOPIC, Work};
use crate::storage::Storage;
use crate::talk::{Frame, Talk};
use crate::usage::{self, CpuClock};
use drive::{acknowledged, create, delete, generate};
use figures::{Figures, add_footprint, add_limits, figures};

/// For how long a JVM runs a scenario before it is measured, at most.
const COMPILE_SECONDS: f64 = 6.0;

/// What a producing run may write: two gigabytes a second in a short run, half of one in a long one.
const WRITTEN_BYTES: u64 = 4 << 30;

/// What a run of the benchmark is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) repeats: u32,
    pub(crate) seconds: f64,
    /// Of a broker before its first scenario, beside the lead of every run.
    pub(crate) warm_up_seconds: f64,
    /// Share of the machine that must be idle before a turn begins.
    pub(crate) idle_share: f64,
    pub(crate) idle_wait: Duration,
    /// Largest size of the tmpfs.
    pub(crate) memory_gib: u64,
    pub(crate) scratch: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) kinds: Vec<Kind>,
}

/// Scenarios that a program runs in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// One long-lived process with its logs there.
    Served(Place),
    /// Each scenario starts its own processes.
    Fresh,
}

/// A benchmark under way.
#[derive(Debug)]
pub(crate) struct Session {
    programs: Programs,
    options: Options,
    machine: Machine,
    results: Results,
    /// Scenarios whose earlier runs have been dropped.
    begun: BTreeSet<&'static str>,
    pub(crate) failures: Vec<String>,
    done: usize,
    planned: usize,
}

/// What a reader of a run must know.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    /// The generator used its whole core.
    generator: bool,
    /// Fewer requests a second than asked for.
    rate: bool,
}

impl Session {
    /// Begins with what earlier runs have left in `results`.
    pub(crate) fn new(programs: Programs, options: Options, results: Results) -> Result<Session> {
        let scratch = Storage::on_disk(&options.scratch.join("probe"))?;
        let machine = machine::describe(scratch.path())?;
        Ok(Session {
            programs,
            options,
            machine,
            results,
            begun: BTreeSet::new(),
            failures: Vec::new(),
            done: 0,
            planned: 0,
        })
    }

    /// The results so far.
    pub(crate) fn into_results(self) -> Results {
        self.results
    }

    /// Runs these scenarios, all repeats.
    pub(crate) fn run(&mut self, scenarios: &[Scenario]) -> Result<()> {
        let kinds = self.options.kinds.clone();
        let repeats = self.options.repeats;
        self.planned = scenarios
            .iter()
            .flat_map(|scenario| kinds.iter().map(|kind| scenario.repeats(*kind, repeats)))
            .map(|repeats| repeats as usize)
            .sum();
        for turn in [Turn::Served(Place::Memory), Turn::Served(Place::Disk), Turn::Fresh] {
            let of_turn: Vec<&Scenario> =
                scenarios.iter().filter(|scenario| turn_of(scenario) == turn).collect();
            for repeat in 1..=repeats {
                for kind in &kinds {
                    let of_kind: Vec<&Scenario> = of_turn
                        .iter()
                        .copied()
                        .filter(|scenario| repeat <= scenario.repeats(*kind, repeats))
                        .collect();
                    if of_kind.is_empty() {
                        continue;
                    }
                    if let Err(error) = self.turn(turn, *kind, repeat, &of_kind) {
                        self.failed(&format!("{kind}, repeat {repeat}: {error:#}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, turn: Turn, kind: Kind, repeat: u32, scenarios: &[&Scenario]) -> Result<()> {
        machine::wait_until_idle(self.options.idle_share, self.options.idle_wait)?;
        let Turn::Served(place) = turn else {
            for scenario in scenarios {
                let storage = self.storage(scenario.place)?;
                let load = machine::load_average()?;
                let whole = |figures: Figures| (figures, Limits::default());
                let measured = match &scenario.work {
                    Work::Memory { connections, load } => {
                        self.memory(kind, &storage, *connections, load).map(whole)
                    }
                    Work::Start => self.start(kind, &storage).map(whole),
                    Work::Partitions { count, load } => {
                        self.partitions(kind, &storage, scenario, *count, load)
                    }
                    Work::Recovery { partitions, bytes } => {
                        self.recovery(kind, &storage, *partitions, *bytes).map(whole)
                    }
                    Work::Compaction { bytes, load } => {
                        self.compaction(kind, &storage, *bytes, load).map(whole)
                    }
                    Work::Backlog { bytes, cache_bytes, load } => {
                        self.backlog(kind, &storage, (*bytes, *cache_bytes), load).map(whole)
                    }
                    Work::Load { .. } => bail!("{} needs a process that lives on", scenario.name),
                };
                self.keep(scenario, &storage, kind, repeat, load, measured)?;
            }
            return Ok(());
        };
        let storage = self.storage(place)?;
        let mut peer = Peer::start(&self.programs, kind, &storage.path().join("broker"), &[])?;
        self.warm(&peer)?;
        for scenario in scenarios {
            let Work::Load { workload, fill } = &scenario.work else { continue };
            peer.alive()?;
            if kind == Kind::Floor {
                // It never forgets a topic's files; a new one begins with none and starts at once.
                peer.stop()?;
                peer = Peer::start(&self.programs, kind, &storage.path().join(scenario.name), &[])?;
            }
            let load = machine::load_average()?;
            let measured = self.load(&peer, &storage, scenario, workload, fill.as_ref());
            self.keep(scenario, &storage, kind, repeat, load, measured)?;
            self.wait_for_room(&storage)?;
        }
        peer.stop()
    }

    fn storage(&self, place: Place) -> Result<Storage> {
        let folder = self.options.scratch.join("logs");
        match place {
            Place::Memory => Storage::in_memory(&folder, self.options.memory_gib),
            Place::Disk => Storage::on_disk(&folder),
        }
    }

    /// Work of several kinds, so that a JVM has compiled what it will run.
    fn warm(&self, peer: &Peer) -> Result<()> {
        if self.options.warm_up_seconds <= 0.0 {
            return Ok(());
        }
        // What is not a JVM only has to touch its memory once.
        let whole = match peer.kind {
            Kind::Kafka => self.options.warm_up_seconds,
            Kind::Walser | Kind::Floor => self.options.warm_up_seconds.min(3.0),
        };
        eprintln!("{}: warming for {whole:.0} s", peer.kind);
        create(peer, PARTITIONS, false)?;
        let base = Workload {
            topic: TOPIC.to_owned(),
            partitions: PARTITIONS,
            warm_up_seconds: 0.0,
            verify: false,
            ..Workload::default()
        };
        let produce = |records, share: f64| Workload {
            batch: BatchShape { records, value_bytes: 1000 },
            seconds: (whole * share).max(0.3),
            ..base.clone()
        };
        let end_to_end = Workload {
            mode: Mode::EndToEnd { arrivals: Arrivals::Constant { rate: 2_000.0 }, consumers: 2 },
            ..produce(1, 0.3)
        };
        for workload in [produce(1, 0.3), produce(16, 0.3), produce(1000, 0.1), end_to_end] {
            // What warms gives no figure, so that a run too short to count is no failure.
            if let Err(error) = generate(&workload, peer) {
                eprintln!("    while warming: {error:#}");
            }
        }
        delete(peer)?;
        peer.pin()
    }

    /// One scenario of a broker that serves.
    fn load(
        &self,
        peer: &Peer,
        storage: &Storage,
        scenario: &Scenario,
        workload: &Workload,
        fill: Option<&Workload>,
    ) -> Result<(Figures, Limits)> {
        if peer.kind == Kind::Kafka && fill.is_none() {
            // The many runs over the disk are of one kind: what one compiled serves the next.
            let most = if scenario.beside_device { COMPILE_SECONDS / 3.0 } else { COMPILE_SECONDS };
            self.compile(peer, scenario.synced, workload, most)?;
        }
        create(peer, workload.partitions, scenario.synced)?;
        if let Some(fill) = fill {
            generate(fill, peer).context("while the topic was filled")?;
        }
        let seconds = self.options.seconds.min(scenario.seconds_max);
        let workload =
            Workload { seconds, warm_up_seconds: (seconds / 2.0).min(2.0), ..workload.clone() };
        peer.pin()?;
        let device =
            || scenario.beside_device.then(|| limits(storage.path(), &workload)).transpose();
        let before = device()?;
        let measured = match scenario.section {
            Section::Produce => {
                storage.while_writing(WRITTEN_BYTES, || generate(&workload, peer))?
            }
            _ => generate(&workload, peer),
        };
        let after = device()?;
        delete(peer)?;
        let (outcome, used) = measured?;
        let mut figures = figures(&outcome, &used);
        add_footprint(&mut figures, "", &used.footprint);
        if let (Some(before), Some(after)) = (before, after) {
            add_limits(&mut figures, before.or_better(after));
        }
        let generator = outcome.generator;
        Ok((figures, Limits { generator: generator.was_limit, rate: generator.saturated }))
    }

    /// Lets a JVM compile what this scenario runs, on the core it is measured on: a compiler at work
    /// beside the broker would count as the broker's.
    fn compile(
        &self,
        peer: &Peer,
        synced: bool,
        workload: &Workload,
        seconds_max: f64,
    ) -> Result<()> {
        create(peer, workload.partitions, synced)?;
        peer.pin()?;
        self.practise(peer, workload, seconds_max);
        delete(peer)
    }

    /// A run that gives no figure, over the topic that is there.
    fn practise(&self, peer: &Peer, workload: &Workload, seconds_max: f64) {
        let seconds = self.options.warm_up_seconds.min(seconds_max);
        let workload =
            Workload { seconds, warm_up_seconds: 0.0, verify: false, ..workload.clone() };
        if let Err(error) = generate(&workload, peer) {
            eprintln!("    while warming: {error:#}");
        }
    }

    /// Idle, with connections, and under load: one process, in this order.
    fn memory(
        &self,
        kind: Kind,
        storage: &Storage,
        connections: u32,
        load: &Workload,
    ) -> Result<Figures> {
        let peer = Peer::start(&self.programs, kind, &storage.path().join("broker"), &[])?;
        pause(Duration::from_secs_f64(self.options.seconds.max(2.0)));
        let mut figures = BTreeMap::new();
        add_footprint(&mut figures, "idle_", &usage::footprint(peer.pid())?);
        let cpu = CpuClock::read(peer.pid())?;
        let seconds = self.options.seconds;
        pause(Duration::from_secs_f64(seconds));
        let idle = CpuClock::read(peer.pid())?.since(&cpu);
        figures.insert("idle_core_share".to_owned(), idle.seconds / seconds);

        create(&peer, PARTITIONS, false)?;
        let open = Workload {
            mode: Mode::Idle,
            topic: TOPIC.to_owned(),
            partitions: PARTITIONS,
            connections,
            warm_up_seconds: 1.0,
            seconds: 2.0,
            verify: false,
            ..Workload::default()
        };
        let (_, used) = generate(&open, &peer).context("with idle connections")?;
        add_footprint(&mut figures, "connections_", &used.footprint);
        let load = Workload { warm_up_seconds: 1.0, seconds, ..load.clone() };
        let (_, used) = generate(&load, &peer).context("under load")?;
        add_footprint(&mut figures, "load_", &used.footprint);
        peer.stop()?;
        Ok(figures)
    }

    /// From the start of the process to its first acknowledgement, on a folder that holds a topic.
    fn start(&self, kind: Kind, storage: &Storage) -> Result<Figures> {
        let folder = storage.path().join("broker");
        let frame = Frame::produce(TOPIC, 1, 1, 1000)?;
        let first = Peer::start(&self.programs, kind, &folder, &[])?;
        let mut talk = Talk::connect(first.address)?;
        talk.create_topic(TOPIC, 1, &[])?;
        acknowledged(&mut talk, &frame)?;
        drop(talk);
        first.stop()?;
        let prepared = Prepared::new(&self.programs, kind, &folder, &[])?;
        machine::wait_until_idle(self.options.idle_share, self.options.idle_wait)?;
        let began = now();
        let mut peer = prepared.spawn()?;
        // Not pinned: a user's start has all cores, and so have both brokers here.
        peer.ready()?;
        let listening = began.elapsed();
        let mut talk = Talk::connect(peer.address)?;
        acknowledged(&mut talk, &frame)?;
        let first_ack = began.elapsed();
        peer.stop()?;
        Ok(BTreeMap::from([
            ("listening_ms".to_owned(), milliseconds(listening)),
            ("first_ack_ms".to_owned(), milliseconds(first_ack)),
        ]))
    }

    /// Waits until deleted topics have left the disk: a broker may delete in the background.
    fn wait_for_room(&self, storage: &Storage) -> Result<()> {
        let enough = (self.options.memory_gib << 30) / 10 * 8;
        let began = now();
        while storage.room()?.is_some_and(|room| room < enough) {
            if began.elapsed() > Duration::from_secs(90) {
                bail!("a deleted topic still fills the tmpfs after 90 s");
            }
            pause(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Records a run, or why there is none.
    fn keep(
        &mut self,
        scenario: &Scenario,
        storage: &Storage,
        kind: Kind,
        repeat: u32,
        load: [f64; 3],
        measured: Result<(Figures, Limits)>,
    ) -> Result<()> {
        self.done += 1;
        let progress = format!("[{:>3}/{}]", self.done, self.planned);
        let (figures, limits) = match measured {
            Ok(measured) => measured,
            Err(error) => {
                self.failed(&format!("{kind}, {}, repeat {repeat}: {error:#}", scenario.name));
                return Ok(());
            }
        };
        let mut line = String::new();
        for shown in scenario.shown {
            if let Some(value) = figures.get(shown.figure) {
                let value = crate::plot::short(value * shown.scale);
                line.push_str(&format!("  {} {value} {}", shown.label, shown.unit));
            }
        }
        let bound = match limits {
            Limits { rate: true, .. } => "  (the rate was not reached)",
            Limits { generator: true, .. } => "  (generator-bound)",
            Limits { .. } => "",
        };
        eprintln!("{progress} {:<13} {kind:<7} load {:.2} {line}{bound}", scenario.name, load[0]);
        let fresh = || -> Result<Measured> {
            Ok(Measured {
                at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
                machine: self.machine.clone(),
                storage: storage.kind()?,
                seconds: self.options.seconds.min(scenario.seconds_max),
                runs: Vec::new(),
            })
        };
        if self.begun.insert(scenario.name) {
            self.results.scenarios.insert(scenario.name.to_owned(), fresh()?);
        }
        let measured = self.results.scenarios.get_mut(scenario.name).context("just put there")?;
        measured.runs.push(Run {
            program: kind,
            repeat,
            load,
            generator_bound: limits.generator,
            rate_missed: limits.rate,
            figures,
        });
        self.results.save(&self.options.output)
    }

    fn failed(&mut self, what: &str) {
        eprintln!("    FAILED {what}");
        self.failures.push(what.to_owned());
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn turn_of(scenario: &Scenario) -> Turn {
    match scenario.work {
        Work::Load { .. } => Turn::Served(scenario.place),
        Work::Memory { .. }
        | Work::Start
        | Work::Partitions { .. }
        | Work::Recovery { .. }
        | Work::Compaction { .. }
        | Work::Backlog { .. } => Turn::Fresh,
    }
}
