//! `cargo xtask dist`: the static binary, the folder the image is built from, and checks of both.
//!
//! Leaves `target/dist-static/walser` and `target/dist-static/rootfs/`, which `packaging/Dockerfile`
//! copies. `--check` shows that the binary needs nothing: in a folder that holds it, a hosts file and
//! nothing else, as a user without rights, it serves under a host name and its own client finds it by
//! that name. Then it builds the image, where buildah is, and verifies the systemd unit.
//!
//! Does not publish anything. Why glibc and not musl: docs/adr/0012.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tidy;

const HELP: &str = "cargo xtask dist [--check] [--profile PROFILE]

Builds the static binary (profile dist if not said) into target/dist-static.
  --check  runs it in an empty root as a user without rights (needs root, or sudo without a password),
           builds the image with buildah, verifies the systemd unit
";

/// The name under which the broker is reached in the check; only the root's hosts file knows it.
const HOST: &str = "broker.example";
const START_SECONDS_MAX: u64 = 30;

pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut check, mut profile) = (false, "dist".to_owned());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--check" => check = true,
            "--profile" => profile = arguments.next().context("--profile needs a name")?.clone(),
            other => bail!("unknown argument {other}\n\n{HELP}"),
        }
    }
    let root = tidy::root()?;
    let dist = Dist::build(&root, &profile)?;
    dist.is_static()?;
    if check {
        dist.serves_alone()?;
        dist.image()?;
        unit(&root)?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Dist {
    dockerfile: PathBuf,
    folder: PathBuf,
    binary: PathBuf,
}

impl Dist {
    #[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
    fn build(root: &Path, profile: &str) -> Result<Dist> {
        // A folder of its own: what others run out of target/release stays what they built.
        let target = root.join("target/static");
        // With a target named, the flag is for the binary and not for the macros that build it.
        let host = crate::fuzz::host()?;
        done(
            Command::new("cargo")
                .args(["build", "--quiet", "--package", "walser", "--profile", profile])
                .args(["--target", &host, "--target-dir"])
                .arg(&target)
                .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
                .current_dir(root),
        )?;
        let built = target.join(host).join(profile).join("walser");
        let folder = root.join("target/dist-static");
        let rootfs = folder.join("rootfs");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(rootfs.join("var/lib/walser"))?;
        let binary = folder.join("walser");
        // The names of functions stay, for backtraces; what only a debugger reads goes.
        done(Command::new("strip").arg("--strip-debug").arg(&built).arg("-o").arg(&binary))?;
        std::fs::copy(&binary, rootfs.join("walser"))?;
        let dockerfile = root.join("packaging/Dockerfile");
        Ok(Dist { dockerfile, folder, binary })
    }

    /// No program interpreter and no library: the kernel can start it by itself.
    fn is_static(&self) -> Result<()> {
        let said = output(Command::new("readelf").args(["-lWd"]).arg(&self.binary))?;
        if let Some(line) =
            said.lines().find(|line| line.contains("INTERP") || line.contains("(NEEDED)"))
        {
            bail!("{} is not static: {}", self.binary.display(), line.trim());
        }
        let mb = self.binary.metadata()?.len() as f64 / 1e6;
        println!("dist: {} is static, {mb:.1} MB", self.binary.display());
        Ok(())
    }

    /// What the Dockerfile says of `word`.
    fn said(&self, word: &str) -> Result<String> {
        let text = std::fs::read_to_string(&self.dockerfile)?;
        let line = text.lines().find_map(|line| line.strip_prefix(word));
        Ok(line.with_context(|| format!("the Dockerfile has no line {word}"))?.trim().to_owned())
    }

    /// Starts a broker in a root that has nothing but it, and lets its own client find it by name.
    #[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
    fn serves_alone(&self) -> Result<()> {
        let user = self.said("USER")?;
        let data = self.said("VOLUME")?;
        let root = self.folder.join("root");
        std::fs::create_dir_all(root.join(data.trim_start_matches('/')))?;
        std::fs::create_dir_all(root.join("etc"))?;
        std::fs::copy(&self.binary, root.join("walser"))?;
        std::fs::write(root.join("etc/hosts"), format!("127.0.0.1 {HOST}\n"))?;
        let folder = root.join(data.trim_start_matches('/'));
        done(as_root("chown").arg(&user).arg(&folder))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("{HOST}:{port}");
        let walser = |arguments: &[&str]| {
            let mut command = as_root("env");
            command
                .args(["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
                .arg(format!("WALSER_LOG_DIRS={data}"))
                .arg(format!("WALSER_LISTENERS=PLAINTEXT://{address}"))
                .arg("WALSER_ALLOW_INSECURE_LISTENERS=true")
                .arg(format!("WALSER_BOOTSTRAP_SERVER={address}"))
                .arg("chroot")
                .arg(format!("--userspec={user}"))
                .arg(&root)
                .arg("/walser")
                .args(arguments)
                .stdin(Stdio::null());
            command
        };
        let mut broker = Broker(walser(&["start"]).stdout(Stdio::null()).spawn()?);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(ended) = broker.0.try_wait()? {
                bail!("the static binary does not start in an empty root: {ended}");
            }
            if start.elapsed() > Duration::from_secs(START_SECONDS_MAX) {
                bail!("the static binary does not listen after {START_SECONDS_MAX} s");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        output(&mut walser(&["topic", "create", "alone"]))?;
        // What is advertised is the name as well, so this is found by name twice.
        let described = output(&mut walser(&["topic", "describe", "alone"]))?;
        if !described.contains("durability") {
            bail!("described in an empty root: {described}");
        }
        let mut produce = walser(&["topic", "produce", "alone"]);
        let mut produce = produce.stdin(Stdio::piped()).spawn()?;
        produce.stdin.take().context("a pipe")?.write_all(b"one\n")?;
        if !produce.wait()?.success() {
            bail!("nothing can be produced in an empty root");
        }
        let consume = ["topic", "consume", "alone", "--from", "start", "--max", "1"];
        let read = output(&mut walser(&consume))?;
        if read != "one\n" {
            bail!("read back in an empty root: {read:?}");
        }
        broker.stop()?;
        println!("dist: serves as {user} under a host name in an empty root");
        Ok(())
    }

    /// Builds the image and looks at what it says of itself and at what is in it.
    fn image(&self) -> Result<()> {
        let storage = self.folder.join("buildah");
        let buildah = |arguments: &[&str]| {
            let mut command = as_root("buildah");
            command
                .args(["--storage-driver", "vfs", "--root"])
                .arg(storage.join("root"))
                .arg("--runroot")
                .arg(storage.join("run"))
                .args(arguments)
                .stdin(Stdio::null());
            command
        };
        let file = self.dockerfile.display().to_string();
        let context = self.folder.display().to_string();
        let ignore = self.folder.join("ignore");
        write(&ignore, "*\n!rootfs\n")?;
        let ignore = format!("--ignorefile={}", ignore.display());
        output(&mut buildah(&[
            "bud",
            "--isolation=chroot",
            &ignore,
            "-q",
            "-t",
            "walser",
            "-f",
            &file,
            &context,
        ]))?;
        let said = output(&mut buildah(&["inspect", "--type", "image", "walser"]))?;
        let said: serde_json::Value = serde_json::from_str(&said)?;
        let config = &said["OCIv1"]["config"];
        let user = self.said("USER")?;
        if config["User"].as_str() != Some(&user) {
            bail!("the image runs as {}", config["User"]);
        }
        if config["Volumes"].get(self.said("VOLUME")?).is_none() {
            bail!("the image has the volumes {}", config["Volumes"]);
        }
        let container = output(&mut buildah(&["from", "--pull-never", "walser"]))?;
        let version = ["run", "--isolation=chroot", container.trim(), "--", "/walser", "--version"];
        let version = output(&mut buildah(&version))?;
        let mounted = output(&mut buildah(&["mount", container.trim()]))?;
        let data = format!("{}{}", mounted.trim(), self.said("VOLUME")?);
        let owner = output(as_root("stat").args(["-c", "%u:%g", &data]))?;
        if owner.trim() != user {
            bail!("the volume belongs to {}, the broker runs as {user}", owner.trim());
        }
        done(&mut buildah(&["rm", "-a"]))?;
        done(as_root("rm").arg("-r").arg(&storage))?;
        println!("dist: the image runs {} as {user}", version.trim());
        Ok(())
    }
}

/// The unit, as systemd reads it. It must find the program it starts, so a copy names another.
#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn unit(root: &Path) -> Result<()> {
    let unit = std::fs::read_to_string(root.join("packaging/walser.service"))?;
    let folder = root.join("target/dist-static/unit");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("walser.service");
    write(&copy, &unit.replace("/usr/local/bin/walser ", "/bin/true "))?;
    let mut verify = Command::new("systemd-analyze");
    let ended = verify.args(["verify", "--man=no"]).arg(&copy).output();
    let ended = ended.context("systemd-analyze is missing (package systemd)")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    if !ended.status.success() || said.contains("walser.service") {
        bail!("systemd-analyze verify: {said}");
    }
    println!("dist: systemd takes the unit");
    Ok(())
}

/// A broker that is stopped in any case.
struct Broker(Child);

impl Broker {
    fn stop(&mut self) -> Result<()> {
        done(as_root("kill").arg("-TERM").arg(self.0.id().to_string()))?;
        let ended = self.0.wait()?;
        if !ended.success() {
            bail!("the broker was told to stop and ended with {ended}");
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.stop();
        }
    }
}

/// A command with the rights of root, by way of sudo where we are somebody else.
fn as_root(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout == b"0\n") {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{:?}", command.get_program()))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// What the command prints, which must end well.
fn output(command: &mut Command) -> Result<String> {
    let ended = command.output().with_context(|| format!("{:?}", command.get_program()))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        bail!("{command:?} ended with {}\n{said}", ended.status);
    }
    String::from_utf8(ended.stdout).context("output that is not text")
}
