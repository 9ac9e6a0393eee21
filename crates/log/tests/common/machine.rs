//! The machine that a trial runs on: a simulated disk that may be full, stop or read little at a time,
//! the process on it, the trial's dice, and what it did.
//!
//! What is stored on the disk and what must hold of it is the trial's own. Everything random comes from
//! the seed, in the order it is asked for, so a trial is the same each time.

use env::Env;
use env::sim::{CrashLoss, Lie, Sim};
use log::{HoldConfig, JournalConfig, LogDir};
use records::Offset;

use super::work::Work;

/// Where the log directory is.
pub const FOLDER: &str = "/data";

/// Why a life ended.
pub enum Stop {
    Machine,
    /// The disk failed, as it was asked to.
    Fault,
    /// Nothing did: the disk was full, and the operation did nothing.
    Full,
    Wrong(String),
}

impl Stop {
    /// The verdict where nothing was to stop.
    pub fn said(self, doing: &str) -> String {
        match self {
            Stop::Wrong(what) => format!("{doing}: {what}"),
            Stop::Machine | Stop::Fault | Stop::Full => {
                format!("{doing}: stopped without being asked to")
            }
        }
    }
}

pub struct Machine {
    pub sim: Sim,
    /// Of the process that runs now.
    pub env: Env,
    verbose: bool,
    pub work: Work,
    /// The disk has little room or none; and whether it had since the last crash.
    pub squeezed: bool,
    pub was_squeezed: bool,
    /// Faults since the last crash that ended nothing.
    pub faults_passed: u64,
}

impl Machine {
    pub fn new(seed: u64, lie: Option<Lie>, verbose: bool) -> Machine {
        let sim = Sim::new(seed);
        let env = sim.env();
        if let Some(lie) = lie {
            sim.disk.lie(lie);
        }
        Machine {
            sim,
            env,
            verbose,
            work: Work::default(),
            squeezed: false,
            was_squeezed: false,
            faults_passed: 0,
        }
    }

    pub fn dice(&self, sides: u64) -> u64 {
        self.env.random.next_u64() % sides.max(1)
    }

    pub fn pick(&self, from: Offset, to: Offset) -> Offset {
        let span = u64::try_from(to - from + 1).unwrap();
        from.plus(i64::try_from(self.dice(span)).unwrap())
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>5} {}", self.sim.disk.changes(), what());
        }
    }

    pub fn journal_config(&self) -> JournalConfig {
        JournalConfig {
            file_bytes: 8192 * (1 + self.dice(3)),
            append_bytes_max: usize::try_from(100 + self.dice(800)).unwrap(),
            unmarked_bytes_max: self.dice(2000),
            hold: HoldConfig {
                append_bytes_max: usize::try_from(self.dice(1000)).unwrap(),
                file_bytes_max: usize::try_from(self.dice(3000)).unwrap(),
                folder_bytes_max: usize::try_from(self.dice(6000)).unwrap(),
            },
        }
    }

    /// What an error means: it is fine when the machine has stopped, the disk had no room or a fault
    /// was asked for, and only then.
    pub fn why(&self, error: &str, is_full: bool) -> Stop {
        if self.sim.disk.stopped() {
            Stop::Machine
        } else if self.squeezed && is_full {
            Stop::Full
        } else if self.sim.disk.faults_delivered() > self.faults_passed {
            self.note(|| format!("fault: {error}"));
            Stop::Fault
        } else {
            Stop::Wrong(format!("an operation failed: {error}"))
        }
    }

    /// Whether a fault ended a life that may have ended so.
    pub fn was_fault(&self, ended: Result<(), Stop>) -> Result<bool, String> {
        match ended {
            Ok(()) | Err(Stop::Machine) => Ok(false),
            Err(Stop::Fault) => Ok(true),
            // A folder that could not be opened.
            Err(Stop::Full) if self.squeezed => Ok(false),
            Err(Stop::Full) => Err("refused by a disk that has room".to_owned()),
            Err(Stop::Wrong(what)) => Err(what),
        }
    }

    /// Some lives read little at a time.
    pub fn perhaps_shorten_reads(&self) {
        if self.dice(6) == 0 {
            let most = usize::try_from(1 + self.dice(700)).unwrap();
            self.sim.disk.shorten_reads(most);
        }
    }

    pub fn squeeze(&mut self) {
        let room = self.dice(9000);
        self.note(|| format!("room for {room} bytes"));
        self.sim.disk.limit_space(room);
        self.squeezed = true;
        self.was_squeezed = true;
        self.work.count("full disks", 1);
    }

    pub fn give_room(&mut self, dir: &LogDir) {
        self.note(|| "room again".to_owned());
        self.sim.disk.limit_space(1 << 40);
        self.squeezed = false;
        dir.measure_space();
    }

    /// While the disk holds somebody up.
    pub fn perhaps_stop(&mut self) {
        if self.dice(3) == 0 && !self.sim.disk.stopped() {
            self.note(|| "the machine stops during the stall".to_owned());
            self.work.count("crashes during a stall", 1);
            self.sim.disk.stop_at(1);
        }
    }

    /// What the next crash takes: all that was not synced, nothing, or else, mostly, some of it.
    pub fn loss(&self, sides: u64) -> CrashLoss {
        match self.dice(sides) {
            0 => CrashLoss::Everything,
            // After a failed sync the page cache shows what the disk will never have. Recovery believes
            // it, so until that is changed whoever restarts after one restarts the machine.
            1 if self.sim.disk.faults_delivered() > 0 => CrashLoss::Everything,
            1 => CrashLoss::Nothing,
            _ => CrashLoss::Random(self.dice(u64::MAX)),
        }
    }

    /// This process is over, and another one starts.
    pub fn die(&mut self, loss: CrashLoss) {
        self.sim.disk.crash(loss);
        self.env = self.sim.env();
        (self.squeezed, self.was_squeezed, self.faults_passed) = (false, false, 0);
    }
}
