//! The broker under attack: its memory, its sockets, its log, and a client of good will.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use wire::messages::fetch::FetchRequest;

use crate::batch::{fetch, honest, produce, produced};
use crate::peer::{BY_NAME, Peer};
use crate::support::{Broker, Sandbox};

/// The topic of every broker here.
pub const TOPIC: &str = "t";

/// Longer than anything takes that is not stuck.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub const MIB: u64 = 1 << 20;

pub struct Target {
    broker: Broker,
    /// What was resident when it was ready and had served one client.
    pub idle: u64,
    /// Sockets it has for itself.
    own: usize,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    /// Last: the folder goes after the broker.
    _sandbox: Sandbox,
}

impl Target {
    /// A broker with a topic, and settings as `key=value`.
    pub fn start(name: &str, settings: &[&str]) -> Target {
        let sandbox = Sandbox::new(name);
        let arguments: Vec<&str> = settings.iter().flat_map(|set| ["--set", *set]).collect();
        let mut command = sandbox.start_command(&arguments);
        command.stderr(Stdio::piped());
        let mut broker = Broker::spawn_as_is(command);
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(broker.take_stderr().unwrap()).lines();
        let sink = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut sink = sink.lock().unwrap();
                sink.push_str(&line);
                sink.push('\n');
            }
        });
        let mut target = Target { broker, idle: 0, own: 0, log, reader, _sandbox: sandbox };
        target.own = target.sockets();
        target.broker.out(&["topic", "create", TOPIC]);
        target.expect_service();
        target.wait_until("those clients are gone", |target| target.connections() == 0);
        target.idle = target.resident();
        target
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(&self.broker.address)
    }

    /// Bytes resident now.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The soft and the hard limit on open files of the broker's process.
    pub fn open_files_limits(&self) -> (String, String) {
        let path = format!("/proc/{}/limits", self.broker.pid());
        let limits = std::fs::read_to_string(path).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let mut words = line.split_whitespace().skip(3);
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
    }

    /// The most that was ever resident.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.broker.pid());
        let status = std::fs::read_to_string(path).expect("the broker is gone");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    }

    /// Connections it has open.
    pub fn connections(&self) -> usize {
        self.sockets().saturating_sub(self.own)
    }

    fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.broker.pid())).unwrap();
        // What is closed between the two calls is none.
        let kinds = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        kinds.filter(|kind| kind.to_string_lossy().starts_with("socket:")).count()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A client of good will writes a record and reads it back.
    pub fn expect_service(&self) {
        let mut client = self.connect();
        let answer = client.call(BY_NAME, &produce(TOPIC, honest(b"good")));
        let (error, offset) = produced(&answer);
        assert_eq!(error, 0, "a client of good will was refused");
        let answer = client.call::<FetchRequest>(BY_NAME, &fetch(TOPIC, offset, 1 << 20));
        let partition = &answer.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        assert!(partition.records.as_ref().is_some_and(|records| !records.is_empty()));
    }

    /// Waits until something is so.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Target) -> bool) {
        let clock = env::Env::system().clock;
        let began = clock.monotonic();
        while !is_so(self) {
            assert!(clock.monotonic() - began < PATIENCE, "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the attack cost at its worst, against what it may.
    pub fn expect_peak(&self, bound: u64, why: &str) {
        let grown = self.peak().saturating_sub(self.idle);
        println!(
            "{why}: {:.1} MiB at rest, grew by {:.1} MiB at most, may grow by {:.0} MiB",
            mib(self.idle),
            mib(grown),
            mib(bound)
        );
        assert!(grown <= bound, "grew by {:.1} MiB, more than {why}", mib(grown));
    }

    /// Serves, stops cleanly, and was never surprised.
    pub fn expect_unharmed(self) {
        self.expect_service();
        let Target { broker, log, reader, .. } = self;
        assert_eq!(broker.stop(), Some(0), "{}", log.lock().unwrap());
        reader.join().unwrap();
        let log = log.lock().unwrap();
        for surprise in ["panicked", " ERROR "] {
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(surprise)).collect();
            assert!(lines.is_empty(), "{lines:#?}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
