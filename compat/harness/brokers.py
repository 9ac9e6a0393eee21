"""Starts, stops and kills the broker under test: Walser, or a real Apache Kafka to prove the harness.

Owns: the process, its data folder, its port and its log file. Both brokers are given the same settings under
Kafka's key names. A broker that does not come up, does not go down or (Walser) does not go down cleanly is an
error with the end of its log in it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import install

# What the flows rely on; the rest stays at its default, as a user would have it.
SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.partitions": "1",
    "auto.create.topics.enable": "true",
    "log.retention.check.interval.ms": "500",
}


class BrokerFault(Exception):
    """The broker did not start or stop as it must; carries the end of its log."""


def free_port():
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serving(port):
    """Whether somebody answers a request there: ApiVersions, version 0."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\0\0")
            return len(probe.recv(4)) > 0
        except OSError:
            return False


class Broker:
    """One broker process on one data folder; `start` after `stop` or `kill` continues on the same data."""

    name = "walser"
    restarts = True
    ready_seconds_max = 30
    stop_seconds_max = 30
    # Whether it lives on when the process that started it is killed with its group.
    is_apart = True

    def __init__(self, work, settings=None):
        self.work = work
        self.data = work / "data"
        # Log directories besides the first one.
        self.more_data = []
        self.log = work / "broker.log"
        self.port = free_port()
        self.settings = dict(SETTINGS if settings is None else settings)
        self.process = None
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)

    @property
    def bootstrap(self):
        """HOST:PORT for clients."""
        return f"127.0.0.1:{self.port}"

    def command(self):
        """What starts it."""
        binary = install.ROOT / "target" / "release" / "walser"
        settings = {"listeners": f"PLAINTEXT://127.0.0.1:{self.port}", **self.settings}
        folders = ",".join(str(folder) for folder in (self.data, *self.more_data))
        arguments = [str(binary), "start", "--data-dir", folders]
        for key, value in settings.items():
            arguments += ["--set", f"{key}={value}"]
        return arguments

    def prepare(self):
        """Done once before every start."""

    def spawn(self):
        """Starts the process and waits for nothing."""
        self.prepare()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=self.is_apart,
            )

    def start(self):
        """Starts it and returns the seconds until it answered a request."""
        began = time.monotonic()
        self.spawn()
        while not serving(self.port):
            if self.process.poll() is not None:
                raise BrokerFault(f"{self.name} ended at start with code {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() - began > self.ready_seconds_max:
                self.kill()
                raise BrokerFault(f"{self.name} did not answer after {self.ready_seconds_max} s:\n{self.tail()}")
            time.sleep(0.001)
        return time.monotonic() - began

    def clean_exit(self, code):
        """Whether this is how it ends after SIGTERM."""
        return code == 0

    def stop(self):
        """SIGTERM, and an orderly end within the deadline."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=self.stop_seconds_max)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise BrokerFault(f"{self.name} still ran {self.stop_seconds_max} s after SIGTERM:\n{self.tail()}") from error
        self.process = None
        if not self.clean_exit(code):
            raise BrokerFault(f"{self.name} ended with code {code} after SIGTERM:\n{self.tail()}")

    def kill(self):
        """SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ended(self):
        """The exit code, if it ended although nobody asked it to."""
        return None if self.process is None else self.process.poll()

    def tail(self, lines=20):
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def complaints(self):
        """What its log says a person must act on: panics and errors, each kind once, with how often."""
        if not self.log.exists():
            return []
        found = {}
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if "panicked at" in line or " ERROR " in line:
                    # Without the time, and with numbers made equal.
                    kind = re.sub(r"\d{3,}", "N", line.partition(" ERROR ")[2] or line).strip()[:300]
                    found[kind] = found.get(kind, 0) + 1
        return [f"{count} times: {kind}" for kind, count in sorted(found.items(), key=lambda item: -item[1])]


class KafkaBroker(Broker):
    """A real Apache Kafka 4.3.1, one node, formatted on first start."""

    name = "kafka"
    # A JVM beside many others on a busy machine.
    ready_seconds_max = 180
    stop_seconds_max = 120

    def __init__(self, work, settings=None):
        super().__init__(work, settings)
        self.controller_port = free_port()
        self.properties = work / "server.properties"

    def prepare(self):
        plain, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"PLAINTEXT://{plain},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{plain},CONTROLLER://{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self.data),
            "offsets.topic.num.partitions": "3",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # Else Kafka looks at retention for the first time only after half a minute.
            "log.initial.task.delay.ms": "500",
            **self.settings,
        }
        self.properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (self.data / "meta.properties").exists():
            done = subprocess.run(
                [*install.java("kafka.tools.StorageTool"), "format", "--standalone",
                 "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c", str(self.properties)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
            )
            if done.returncode != 0:
                raise BrokerFault(f"formatting Kafka's folder failed:\n{done.stdout.decode(errors='replace')}")

    def command(self):
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j2.configurationFile={install.LOG4J}", "-cp", install.classpath(), "kafka.Kafka", str(self.properties)]

    def complaints(self):
        # Kafka logs errors in ordinary operation; it is not on trial here.
        return []

    def clean_exit(self, code):
        # The JVM ends with 128 + SIGTERM although it shut down in order.
        return code in (0, 128 + signal.SIGTERM)


class Elsewhere:
    """A broker somebody else runs (`--bootstrap`): it can be used, not restarted."""

    name = "the broker"
    restarts = False

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def start(self):
        """Nothing to start."""
        return 0.0

    def stop(self):
        """Nothing to stop."""

    kill = stop

    def ended(self):
        """It is not ours to watch."""
        return None

    def tail(self):
        """Its log is not ours to read."""
        return ""

    def complaints(self):
        """Nor to judge."""
        return []


def kill_group(process):
    """SIGKILL to a process started in a session of its own, and to all it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def environment():
    """The environment for workers: this one, with nothing that would change how clients behave, and UTF-8 for
    the names on command lines."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "KCAT_"))}
    return {**kept, "LC_ALL": "C.UTF-8"}
