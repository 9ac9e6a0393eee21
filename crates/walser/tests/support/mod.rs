//! Runs the built binary: folders of its own for each test, brokers that end with the test.

#![allow(dead_code, reason = "each test file uses its part of this")]
#![expect(clippy::unwrap_used, reason = "only tests use this")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A process that is still there after this is stuck, and ends the test.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
pub struct Sandbox(PathBuf);

impl Sandbox {
    pub fn new(name: &str) -> Sandbox {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("{name}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        disk().create_dir_all(&path).unwrap();
        Sandbox(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        disk().replace(&path, text.as_bytes()).unwrap();
        path
    }

    /// Names in a folder of it, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = disk().read_dir(&self.path(folder)).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    /// A broker with its data in `data` of this folder, on a free port.
    pub fn start(&self, arguments: &[&str]) -> Broker {
        Broker::spawn(self.start_command(arguments))
    }

    /// The command that starts it.
    pub fn start_command(&self, arguments: &[&str]) -> Command {
        let mut command = walser();
        command.args(["start", "--set", "listeners=PLAINTEXT://127.0.0.1:0"]);
        command.args(["--set", "group.initial.rebalance.delay.ms=0"]);
        command.arg("--data-dir").arg(self.path("data")).args(arguments);
        command
    }

    /// A broker that must not start.
    pub fn refused(&self, arguments: &[&str]) -> Refusal {
        let mut command = walser();
        command.arg("start").args(arguments);
        finished(command, "")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = disk().remove_dir_all(&self.0);
        }
    }
}

pub fn disk() -> std::sync::Arc<dyn env::Disk> {
    env::Env::system().disk
}

/// The binary, without what the surroundings may set.
pub fn walser() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walser"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WALSER_") {
            command.env_remove(name);
        }
    }
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Refusal {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn finished(mut command: Command, input: &str) -> Refusal {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let watchdog = Watchdog::of(&child);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A command that fails early does not read its input.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output: Output = child.wait_with_output().unwrap();
    drop(watchdog);
    writer.join().unwrap();
    Refusal {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Kills a process that is stuck.
struct Watchdog(std::sync::mpsc::Sender<()>);

impl Watchdog {
    fn of(child: &Child) -> Watchdog {
        let pid = pid_of(child);
        let (alive, done) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if done.recv_timeout(STUCK_AFTER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Watchdog(alive)
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// A running broker.
pub struct Broker {
    child: Child,
    out: BufReader<ChildStdout>,
    pub address: String,
    /// What it printed until it was ready.
    pub greeting: String,
    watchdog: Option<Watchdog>,
}

impl Broker {
    /// Runs a command that starts a broker, until it says where the next command may go.
    pub fn spawn(mut command: Command) -> Broker {
        command.stderr(Stdio::inherit());
        Broker::spawn_as_is(command)
    }

    /// The same, with standard error as the command has it.
    pub fn spawn_as_is(mut command: Command) -> Broker {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let watchdog = Watchdog::of(&child);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("next ") {
            let read = out.read_line(&mut greeting).unwrap();
            assert!(read > 0, "the broker ended before it was ready: {greeting}");
        }
        let address = greeting
            .lines()
            .find_map(|line| line.strip_prefix("listening"))
            .unwrap_or_else(|| panic!("no address in {greeting}"))
            .trim()
            .to_owned();
        Broker { child, out, address, greeting, watchdog: Some(watchdog) }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it writes to standard error, if that is a pipe; once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    fn signal(mut self, signal: Signal) -> ExitStatus {
        kill_process(pid_of(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        drop(self.watchdog.take());
        status
    }

    /// Asks it to stop; its exit code.
    pub fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM).code()
    }

    /// Kills it.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    /// Runs a command against it.
    pub fn run(&self, arguments: &[&str]) -> Refusal {
        self.run_with(arguments, "")
    }

    /// Runs a command against it with something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Refusal {
        let mut command = walser();
        command.args(arguments).env("WALSER_BOOTSTRAP_SERVER", &self.address);
        finished(command, input)
    }

    /// Runs a command that must succeed; its standard output.
    pub fn out(&self, arguments: &[&str]) -> String {
        self.out_with(arguments, "")
    }

    /// Runs a command that must succeed with something on standard input; its standard output.
    pub fn out_with(&self, arguments: &[&str], input: &str) -> String {
        let done = self.run_with(arguments, input);
        assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.out, done.err);
        done.out
    }

    /// The same, as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        serde_json::from_str(&self.out(&arguments)).unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.watchdog.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
