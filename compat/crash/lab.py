"""What the fault tests share: a broker that may be faulty, what it acknowledged, and the comparison with what it
serves later.

Owns: `Node`, `Told`, cases played several at a time, and the reports under `target/reliability`. Rules of
`Told.faults`: an acknowledged record is there once, at its offset, unchanged; nothing is there that nobody sent,
nothing twice.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

from crash import wire
from harness import brokers, install

REPORTS = install.ROOT / "target" / "reliability"
# What a folder needs to have one file of each kind within a second.
SETTINGS = {"log.flush.offset.checkpoint.interval.ms": "150", "log.retention.check.interval.ms": "500",
            "file.delete.delay.ms": "0", "log.segment.delete.delay.ms": "0", "log.cleaner.backoff.ms": "100"}


class Node(brokers.Broker):
    """A broker with an environment of its own, or another binary."""

    stop_seconds_max = 15

    def __init__(self, work, binary=None, data=None):
        super().__init__(work, settings={key: value for key, value in SETTINGS.items() if "file.delete" not in key})
        self.binary = binary
        # As the kernel names it, which is what the shim compares.
        self.data = (data or self.data).resolve()
        self.environment = {}

    def command(self):
        command = super().command()
        return [str(self.binary or command[0]), *command[1:]]

    def spawn(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "NO_COLOR": "1", **self.environment},
            )

    def panics(self):
        """Lines of its log that no fault may cause."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if "panicked at" in line or "stack backtrace" in line]

    def errors(self):
        """Lines a person must act on."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if " ERROR " in line or line.lower().startswith("error")]


class Told:
    """What was sent and acknowledged."""

    def __init__(self):
        # (topic, partition) -> {offset: value}; and all values sent there, acknowledged or not.
        self.acknowledged = {}
        self.sent = {}
        self.deleted = set()
        self.created = set()

    def produce(self, connection, topic, partition, values, keyed=False):
        """Sends and notes; raises what the connection raises."""
        key = topic, partition
        self.sent.setdefault(key, set()).update(values)
        base = connection.produce(topic, partition, values, keyed)
        place = self.acknowledged.setdefault(key, {})
        for n, value in enumerate(values):
            place[base + n] = value

    def count(self):
        """Records that must be there."""
        return sum(len(records) for key, records in self.acknowledged.items() if key[0] not in self.deleted)

    def faults(self, connection, only=None):
        """What is wrong with what is served: (kind, words)."""
        for key in sorted(self.sent):
            topic, partition = key
            if topic in self.deleted or (only is not None and key not in only):
                continue
            name = f"{topic}-{partition}"
            try:
                found = connection.everything(topic, partition)
            except wire.Refused as error:
                yield "refused", f"{name}: {error}"
                continue
            except OSError as error:
                yield "unreadable", f"{name}: {error}"
                continue
            if any(value is wire.DAMAGED for _, value in found):
                yield "damaged", f"{name}: a batch whose checksum fails, at {found[-1][0]}"
                found = found[:-1]
                # What lies behind it is not read here.
                wanted = {at: v for at, v in self.acknowledged.get(key, {}).items() if found and at <= found[-1][0]}
            else:
                wanted = self.acknowledged.get(key, {})
            values = [value for _, value in found]
            if len(set(values)) < len(values):
                yield "twice", f"{name}: a record is there twice"
            foreign = [offset for offset, value in found if value not in self.sent[key]]
            if foreign:
                yield "foreign", f"{name}: nobody sent what is at {foreign[0]}"
            there = dict(found)
            lost = [offset for offset, value in wanted.items() if there.get(offset) != value]
            if lost:
                first = there.get(lost[0])
                kind = "lost" if first is None else "moved"
                yield kind, f"{name}: {len(lost)} of {len(wanted)} acknowledged records, from offset {lost[0]}"


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def report(name, **figures):
    """Keeps the figures of one part for docs/reliability.md."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")


def several(workers, cases, play, judge):
    """Plays all cases, several at a time; `judge(case, play(worker, case))` is called for one at a time."""
    left, lock = iter(cases), threading.Lock()

    def work(worker):
        while True:
            with lock:
                case = next(left, None)
            if case is None:
                return
            outcome = play(worker, case)
            with lock:
                judge(case, outcome)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def connect(node, seconds=5):
    """A connection as soon as it answers; None when the process has ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if node.ended() is not None:
            return None
        try:
            connection = wire.Connection(node.port, 5)
            connection.versions()
            return connection
        except OSError:
            time.sleep(0.002)
    return None


def shim():
    """The library that makes calls fail, compiled."""
    source = Path(__file__).parent / "shim.c"
    built = REPORTS / "shim.so"
    REPORTS.mkdir(parents=True, exist_ok=True)
    install.need("cc", "gcc", "libc6-dev")
    install.run("the shim that makes calls fail", ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(built),
                                                   str(source), "-ldl"])
    return built
