//! One program under load: its topic made and deleted, and the generator run against it while its clocks
//! are read.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use walser_bench::{BenchError, Mark, Outcome, Workload};

use crate::machine::{self, now, pause};
use crate::peers::{Kind, Peer};
use crate::scenarios::TOPIC;
use crate::talk::{Frame, Talk};
use crate::usage::{self, CpuClock, CpuTime, Footprint};

/// What was used while the generator counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) cpu: CpuTime,
    pub(super) footprint: Footprint,
}

/// The settings of a topic, alike for all programs: each record on stable storage before it is
/// acknowledged, or left to the page cache, which is Kafka's default.
pub(super) fn settings(kind: Kind, synced: bool) -> &'static [(&'static str, &'static str)] {
    match (kind, synced) {
        (Kind::Floor, _) | (Kind::Kafka, false) => &[],
        (Kind::Kafka, true) => &[("flush.messages", "1")],
        // A deleted topic leaves the tmpfs at once and not in a minute, as in Kafka's properties.
        (Kind::Walser, false) => &[("file.delete.delay.ms", "0"), ("durability", "relaxed")],
        (Kind::Walser, true) => &[("file.delete.delay.ms", "0")],
    }
}

/// Creates the scenarios' topic, and waits until all its partitions acknowledge.
pub(super) fn create(peer: &Peer, partitions: u32, synced: bool) -> Result<()> {
    let settings = settings(peer.kind, synced);
    let mut talk = Talk::connect(peer.address)?;
    let partitions = i32::try_from(partitions)?;
    // Kafka answers when the controller knows the topic, a little before its partitions are led, and
    // for a moment after a deletion still has the old one.
    let began = now();
    loop {
        match talk.create_topic(TOPIC, partitions, settings) {
            Ok(()) => break,
            Err(error) if began.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => pause(Duration::from_millis(50)),
        }
    }
    acknowledged(&mut talk, &Frame::produce(TOPIC, partitions, 1, 10)?)
}

pub(super) fn delete(peer: &Peer) -> Result<()> {
    Talk::connect(peer.address)?.delete_topic(TOPIC)
}

/// Sends until it is acknowledged: a broker that has just started does not lead its partitions yet.
pub(super) fn acknowledged(talk: &mut Talk, frame: &Frame) -> Result<()> {
    let began = now();
    loop {
        match talk.send(frame) {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(30) => return Err(error),
            Err(_) => pause(Duration::from_millis(1)),
        }
    }
}

/// Runs the generator on its own core and reads the broker's clocks at its marks.
pub(super) fn generate(workload: &Workload, peer: &Peer) -> Result<(Outcome, Used)> {
    let (pid, address): (u32, SocketAddr) = (peer.pid(), peer.address);
    std::thread::scope(|scope| {
        let generator = scope.spawn(move || -> Result<(Outcome, Used)> {
            machine::pin_this_thread(machine::GENERATOR_CORE)?;
            let mut clocks: [Option<Result<CpuClock>>; 2] = [None, None];
            let mut footprint = None;
            let outcome = walser_bench::run_marked(workload, address, &mut |mark| match mark {
                Mark::Start => clocks[0] = Some(CpuClock::read(pid)),
                Mark::End => {
                    clocks[1] = Some(CpuClock::read(pid));
                    footprint = Some(usage::footprint(pid));
                }
            });
            let outcome = outcome.map_err(refused)?;
            let [Some(from), Some(to)] = clocks else { bail!("the generator gave no marks") };
            let cpu = to?.since(&from?);
            let footprint = footprint.context("the generator gave no end mark")??;
            Ok((outcome, Used { cpu, footprint }))
        });
        generator.join().map_err(|_| anyhow!("the generator panicked"))?
    })
}

/// What a refused run says, with the errors that were counted.
pub(super) fn refused(error: BenchError) -> anyhow::Error {
    match &error {
        BenchError::Refused { outcome, .. } if !outcome.errors.is_empty() => {
            anyhow!("{error} ({:?})", outcome.errors)
        }
        BenchError::Refused { .. }
        | BenchError::Workload(_)
        | BenchError::Io { .. }
        | BenchError::Protocol(_) => error.into(),
    }
}
