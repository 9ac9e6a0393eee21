//! The three programs under test, started and stopped alike: Walser, Apache Kafka, and the floor.
//!
//! Each is started as its users start it, with its defaults: what is set is the listener, the data
//! folder and what a scenario names. Kafka's JVM gets the flags of its own start script, and the
//! values of the `server.properties` it ships with. A process is killed when its `Peer` is dropped.

use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::machine::{self, now, pause};

/// Longest wait for a start or an orderly stop: Kafka, killed with 10,000 partitions, takes a minute and
/// may take several.
const PATIENCE: Duration = Duration::from_secs(300);

/// What `kafka-server-start.sh` gives the JVM.
const KAFKA_JVM: &[&str] = &[
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Kafka,
    Walser,
    Floor,
}

impl Kind {
    /// In the order in which they take turns.
    pub(crate) const ALL: [Kind; 3] = [Kind::Kafka, Kind::Walser, Kind::Floor];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Kafka => "Kafka",
            Kind::Walser => "Walser",
            Kind::Floor => "floor",
        })
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) walser: PathBuf,
    pub(crate) floor: PathBuf,
    /// Absent when Kafka is not part of the run.
    pub(crate) kafka: Option<Kafka>,
}

/// An installed Apache Kafka.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    classpath: String,
    logging: PathBuf,
    pub(crate) version: String,
    pub(crate) java: String,
}

impl Kafka {
    /// Installs it as `cargo xtask compat` does: its jars from Maven Central, once a checkout.
    pub(crate) fn install(root: &Path) -> Result<Kafka> {
        let script = "import sys; sys.path.insert(0, 'compat')\n\
                      from harness import install\n\
                      with install.alone('install'): install.kafka()\n\
                      print(install.LOG4J); print(install.classpath())";
        let done = Command::new("python3")
            .args(["-c", script])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start python3, which installs Apache Kafka")?;
        if !done.status.success() {
            bail!("Apache Kafka cannot be installed");
        }
        let text = String::from_utf8(done.stdout)?;
        let mut lines = text.lines().rev();
        let classpath = lines.next().context("no class path")?.to_owned();
        let logging = PathBuf::from(lines.next().context("no logging configuration")?);
        let version = classpath
            .split(':')
            .filter_map(|jar| Path::new(jar).file_stem()?.to_str()?.strip_prefix("kafka_2.13-"))
            .next()
            .context("there is no broker among Kafka's jars")?
            .to_owned();
        let about = Command::new("java").arg("-version").output().context("cannot start java")?;
        let about = String::from_utf8_lossy(&about.stderr).into_owned();
        let java = about
            .lines()
            .find(|line| line.contains("Runtime Environment"))
            .unwrap_or("unknown")
            .trim()
            .to_owned();
        Ok(Kafka { classpath, logging, version, java })
    }

    fn java(&self) -> Command {
        let mut command = Command::new("java");
        let mut logging = std::ffi::OsString::from("-Dlog4j2.configurationFile=");
        logging.push(&self.logging);
        command.arg(logging);
        command
    }

    /// Writes the properties, and formats the folder when it is new.
    #[expect(clippy::disallowed_methods, reason = "the file a user would write by hand")]
    fn prepare(
        &self,
        folder: &Path,
        port: u16,
        controller: u16,
        settings: &[(String, String)],
    ) -> Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let mut text = String::new();
        let mut put = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
        put("process.roles", "broker,controller");
        put("node.id", "1");
        put("controller.quorum.bootstrap.servers", &format!("127.0.0.1:{controller}"));
        let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}");
        put("listeners", &listeners);
        put("advertised.listeners", &listeners);
        put("controller.listener.names", "CONTROLLER");
        put("inter.broker.listener.name", "PLAINTEXT");
        put("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT");
        put("log.dirs", data.to_str().context("the data folder's name is not UTF-8")?);
        // As in the config/server.properties of a release: one node cannot have the code's default of 3.
        for key in [
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr",
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.min.isr",
        ] {
            put(key, "1");
        }
        // A deleted topic leaves the tmpfs at once and not in a minute. No record is affected.
        put("log.segment.delete.delay.ms", "0");
        for (key, value) in settings {
            put(key, value);
        }
        let properties = folder.join("server.properties");
        std::fs::write(&properties, text)?;
        if !data.join("meta.properties").exists() {
            let done = self
                .java()
                .args(["-Xmx256m", "-XX:+UseSerialGC", "-cp", &self.classpath])
                .args(["kafka.tools.StorageTool", "format", "--standalone"])
                .args(["-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
                .arg(&properties)
                .stdin(Stdio::null())
                .output()
                .context("cannot start java")?;
            if !done.status.success() {
                bail!(
                    "formatting Kafka's folder failed: {}",
                    String::from_utf8_lossy(&done.stderr)
                );
            }
        }
        Ok(properties)
    }

    fn command(&self, properties: &Path) -> Command {
        let mut command = self.java();
        command.args(KAFKA_JVM).args(["-cp", &self.classpath, "kafka.Kafka"]).arg(properties);
        command
    }
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    child: Child,
}

impl Peer {
    /// Starts a program on `folder` and returns once its process exists; see [`Peer::ready`].
    pub(crate) fn spawn(
        programs: &Programs,
        kind: Kind,
        folder: &Path,
        settings: &[(String, String)],
    ) -> Result<Peer> {
        let prepared = Prepared::new(programs, kind, folder, settings)?;
        prepared.spawn()
    }

    /// Starts a program, waits until it listens, and puts it on its core.
    pub(crate) fn start(
        programs: &Programs,
        kind: Kind,
        folder: &Path,
        settings: &[(String, String)],
    ) -> Result<Peer> {
        let mut peer = Peer::spawn(programs, kind, folder, settings)?;
        peer.ready()?;
        peer.pin()?;
        Ok(peer)
    }

    /// Waits until it accepts connections.
    pub(crate) fn ready(&mut self) -> Result<()> {
        let began = now();
        while TcpStream::connect_timeout(&self.address, Duration::from_millis(500)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at start ({status}):\n{}", self.kind, self.tail());
            }
            if began.elapsed() > PATIENCE {
                bail!("{} does not listen after {PATIENCE:?}:\n{}", self.kind, self.tail());
            }
            pause(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Puts all its threads on the broker's core.
    pub(crate) fn pin(&self) -> Result<()> {
        machine::pin(self.pid(), machine::BROKER_CORE)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error with the end of its log when it is no longer running.
    pub(crate) fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status}):\n{}", self.kind, self.tail()),
        }
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.alive()?;
        terminate(self.pid())?;
        let began = now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                bail!("{} still runs {PATIENCE:?} after SIGTERM:\n{}", self.kind, self.tail());
            }
            pause(Duration::from_millis(5));
        }
        Ok(())
    }

    /// SIGKILL, in the midst of whatever it does.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// The end of its log.
    fn tail(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("output.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already; either way nothing is left to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program with its folder formatted and its port chosen: all that comes before the start itself.
#[derive(Debug)]
pub(crate) struct Prepared {
    kind: Kind,
    address: SocketAddr,
    folder: PathBuf,
    command: Command,
}

impl Prepared {
    /// Makes the folder ready and works out the command.
    #[expect(clippy::disallowed_methods, reason = "the log file of a child")]
    pub(crate) fn new(
        programs: &Programs,
        kind: Kind,
        folder: &Path,
        settings: &[(String, String)],
    ) -> Result<Prepared> {
        std::fs::create_dir_all(folder)?;
        // A folder keeps its ports: KRaft remembers where its voter listens.
        let (port, controller) = ports(folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = match kind {
            Kind::Kafka => {
                let kafka = programs.kafka.as_ref().context("Kafka is not part of this run")?;
                kafka.command(&kafka.prepare(folder, port, controller, settings)?)
            }
            Kind::Walser => {
                let mut command = Command::new(&programs.walser);
                command
                    .args(["--log-level", "warn", "start", "--data-dir"])
                    .arg(folder.join("data"));
                command.args(["--set", &format!("listeners=PLAINTEXT://{address}")]);
                for (key, value) in settings {
                    command.args(["--set", &format!("{key}={value}")]);
                }
                command
            }
            Kind::Floor => {
                let mut command = Command::new(&programs.floor);
                command
                    .args(["floor", "--port", &port.to_string(), "--dir"])
                    .arg(folder.join("data"));
                std::fs::create_dir_all(folder.join("data"))?;
                command
            }
        };
        let mut log = std::fs::File::create(folder.join("output.log"))?;
        writeln!(log, "{kind} on port {port}")?;
        // What a shell has set must not change what is measured.
        for (name, _) in std::env::vars() {
            if ["WALSER_", "KAFKA_", "TOKIO_", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "MIMALLOC_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Prepared { kind, address, folder: folder.to_owned(), command })
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> Result<Peer> {
        let child = self.command.spawn().with_context(|| {
            format!("cannot start {} ({:?})", self.kind, self.command.get_program())
        })?;
        Ok(Peer { kind: self.kind, address: self.address, folder: self.folder, child })
    }
}

/// The port that a folder's broker has, and Kafka's second one.
#[expect(clippy::disallowed_methods, reason = "the benchmark's own file")]
fn ports(folder: &Path) -> Result<(u16, u16)> {
    let file = folder.join("ports");
    if let Ok(text) = std::fs::read_to_string(&file) {
        let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
        if let (Some(one), Some(other)) = (numbers.next(), numbers.next()) {
            return Ok((one, other));
        }
    }
    let (one, other) = (free_port()?, free_port()?);
    std::fs::write(file, format!("{one} {other}\n"))?;
    Ok((one, other))
}

/// SIGTERM.
pub(crate) fn terminate(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.context("no such process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    Ok(())
}

/// A port nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
