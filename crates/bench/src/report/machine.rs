//! The machine a run is made on: what it is, whether it is quiet, and who runs on which core.
//!
//! Says nothing that names the machine (host, folders): what it prints goes into a committed report.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit};
use rustix::thread::CpuSet;
use serde::{Deserialize, Serialize};

/// The broker's core.
pub(crate) const BROKER_CORE: usize = 0;
/// The generator's core, and the runner's.
pub(crate) const GENERATOR_CORE: usize = 1;

/// What a reader needs to know to compare another run with this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    pub(crate) virtual_machine: bool,
}

/// Now, on the one clock all of the runner uses.
#[expect(clippy::disallowed_methods, reason = "the benchmark's own clock, outside the broker")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Reads what /proc says about this machine; `folder` is where the synced logs lie.
pub(crate) fn describe(folder: &std::path::Path) -> Result<Machine> {
    let cpuinfo = read("/proc/cpuinfo")?;
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let memory_kib: f64 = read("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .context("/proc/meminfo has no MemTotal")?;
    // The numbers of the release, not what a builder of kernels appended to it.
    let release = read("/proc/sys/kernel/osrelease")?;
    let kernel = release.trim().split('-').next().unwrap_or_default().to_owned();
    Ok(Machine {
        cpu: processor()?,
        cores,
        memory_gib: (memory_kib / 1024.0 / 1024.0 * 10.0).round() / 10.0,
        kernel,
        filesystem: filesystem(folder)?,
        virtual_machine: cpuinfo.contains(" hypervisor"),
    })
}

/// The kind of processor.
pub(crate) fn processor() -> Result<String> {
    let cpuinfo = read("/proc/cpuinfo")?;
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    // Virtual machines often hide the product's name; family and model still tell the generation.
    let (name, family, model) = (field("model name"), field("cpu family"), field("model\t"));
    Ok(format!("{name} (family {family}, model {model})"))
}

/// The kind of file system a folder lies on.
pub(crate) fn filesystem(folder: &std::path::Path) -> Result<String> {
    let folder = folder.canonicalize().with_context(|| format!("no {}", folder.display()))?;
    let mounts = read("/proc/self/mounts")?;
    let mut best = (0, String::from("unknown"));
    for line in mounts.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else { continue };
        // Of two mounts on one point the later is the one in use.
        if folder.starts_with(point) && point.len() >= best.0 {
            best = (point.len(), kind.to_owned());
        }
    }
    Ok(best.1)
}

/// Load averages over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> Result<[f64; 3]> {
    let text = read("/proc/loadavg")?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next()?.ok();
    Ok([
        next().context("/proc/loadavg")?,
        next().context("/proc/loadavg")?,
        next().context("/proc/loadavg")?,
    ])
}

/// How much of the machine did nothing during `window`, from 0 to 1. Time the host took away
/// (steal) counts as not idle: it disturbs a measurement just as much.
pub(crate) fn idle_share(window: Duration) -> Result<f64> {
    let before = cpu_ticks()?;
    pause(window);
    let after = cpu_ticks()?;
    let total = (after.1 - before.1).max(1.0);
    Ok((after.0 - before.0) / total)
}

/// Waits until the machine is quiet; returns the idle share it went on with.
pub(crate) fn wait_until_idle(least: f64, longest: Duration) -> Result<f64> {
    let began = now();
    let mut told = false;
    loop {
        let idle = idle_share(Duration::from_millis(500))?;
        if idle >= least || began.elapsed() >= longest {
            if idle < least {
                eprintln!("    the machine is still busy ({:.0} % idle); going on", idle * 100.0);
            }
            return Ok(idle);
        }
        if !told {
            eprintln!("    waiting for the machine to be idle ({:.0} % now)", idle * 100.0);
            told = true;
        }
    }
}

/// Sleeps: the runner has nothing to do meanwhile and is no part of what is measured.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Idle ticks and all ticks since boot.
fn cpu_ticks() -> Result<(f64, f64)> {
    let text = read("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is inside user already.
    let all = ticks.iter().take(8).sum();
    let idle = ticks.get(3).copied().unwrap_or(0.0) + ticks.get(4).copied().unwrap_or(0.0);
    Ok((idle, all))
}

/// Puts every thread of a process on one core; threads it starts later inherit the core.
///
/// After the start and not before: both brokers choose their numbers of threads (and the JVM its
/// collector) from the cores they see, and here they see all, as a user's would.
pub(crate) fn pin(pid: u32, core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    // Twice: a thread may have been born between listing and pinning its parent.
    for _ in 0..2 {
        for thread in crate::usage::threads(pid)? {
            let Some(thread) = i32::try_from(thread).ok().and_then(Pid::from_raw) else { continue };
            match rustix::thread::sched_setaffinity(Some(thread), &set) {
                // It ended meanwhile.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error).context("cannot pin a thread to a core"),
            }
        }
    }
    Ok(())
}

/// Writes what the kernel still has of a folder's file system to the disk.
#[expect(clippy::disallowed_methods, reason = "the benchmark's own folder, not a broker's file")]
pub(crate) fn sync_disk(folder: &std::path::Path) -> Result<()> {
    let folder = std::fs::File::open(folder)?;
    rustix::fs::syncfs(&folder).context("cannot sync the disk")
}

/// Lets the calling thread run only when its core has nothing else to do, nearly.
pub(crate) fn give_way() -> Result<()> {
    let thread = rustix::thread::gettid();
    rustix::process::setpriority_process(Some(thread), 19)
        .context("cannot lower a thread's priority")
}

/// Bytes of memory that programs could still get.
pub(crate) fn available_bytes() -> Result<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok());
    let kib: u64 = kib.context("/proc/meminfo has no MemAvailable")?;
    Ok(kib << 10)
}

/// Puts the calling thread on one core.
pub(crate) fn pin_this_thread(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).context("cannot pin the generator to its core")
}

/// Raises the limit of open files of this process, and so of all it starts.
pub(crate) fn raise_open_files(wanted: u64) -> Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let enough = |value: Option<u64>| value.is_none_or(|value| value >= wanted);
    if enough(limit.current) {
        return Ok(limit.current.unwrap_or(u64::MAX));
    }
    let hard = if enough(limit.maximum) { limit.maximum } else { Some(wanted) };
    let raised = Rlimit { current: Some(wanted), maximum: hard };
    if rustix::process::setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(wanted);
    }
    // Only root may raise the hard limit; go as far as it allows.
    rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit { current: limit.maximum, maximum: limit.maximum },
    )?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// A small file of /proc as text.
pub(crate) fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn this_machine_is_described_without_its_name() {
        let machine = super::describe(Path::new("/tmp")).unwrap();
        assert!(machine.cores >= 1);
        assert!(machine.memory_gib > 0.1);
        assert!(!machine.kernel.contains('-'));
        assert_ne!(machine.filesystem, "unknown");
    }

    #[test]
    fn a_pinned_process_stays_on_its_core() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        super::pin(child.id(), 0).unwrap();
        let status = super::read(&format!("/proc/{}/status", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let allowed = status.lines().find(|line| line.starts_with("Cpus_allowed_list:")).unwrap();
        assert_eq!(allowed.split_whitespace().last(), Some("0"));
    }
}
