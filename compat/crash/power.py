"""Cuts the power while the broker writes: `cargo xtask crash power`.

The data folder is on ext4 in a file, `disk.img`, on an xfs that can share blocks between files. `cp --reflink` of
that file while the broker writes is the disk as a loss of power would leave it. The copy is mounted, a second broker
recovers on it, and everything that was acknowledged before the copy began must be there. Needs root, loop devices
and xfsprogs; without them it fails.

`--plant` puts a library before the broker that does not do what is asked: the run succeeds only if that is seen.
"""

import argparse
import itertools
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import lab, wire  # noqa: E402
from harness import brokers, install  # noqa: E402

OUTER_MIB, INNER_MIB = 1400, 420
WRITERS, PARTITIONS = 3, 4
# What is planted: endings of the names of files whose syncs are left out.
PLANTED = {"no-syncs": "", "no-journal-syncs": ".journal"}


class Cannot(Exception):
    """This machine cannot do it; says what is missing."""


def command(*words):
    """Runs a program of the system."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise Cannot(f"`{' '.join(map(str, words))}` failed: {done.stdout.decode(errors='replace').strip()}")


class Disks:
    """The file systems, one in the other; all unmounted at the end, whatever happens."""

    def __init__(self, work):
        self.work = work
        self.outer, self.inner, self.clone = work / "outer", work / "inner", work / "clone"
        # What a run that was killed left behind.
        self.mounted = [folder for folder in (self.outer, self.inner, self.clone) if folder.is_mount()]
        self.__exit__()
        lab.fresh(work)

    def mount(self, image, folder):
        """Mounts an image; the loop device goes with the mount."""
        folder.mkdir(exist_ok=True)
        command("mount", "-o", "loop,noatime", str(image), str(folder))
        self.mounted.append(folder)

    def unmount(self, folder):
        """The other way round."""
        command("umount", str(folder))
        self.mounted.remove(folder)

    def __enter__(self):
        try:
            image = self.work / "outer.img"
            command("truncate", "-s", f"{OUTER_MIB}M", str(image))
            command("mkfs.xfs", "-q", "-f", "-m", "reflink=1", str(image))
            self.mount(image, self.outer)
            self.image = self.outer / "disk.img"
            # Written out, as a loop device over holes would make the outer file system find room each time.
            command("dd", "if=/dev/zero", f"of={self.image}", "bs=1M", f"count={INNER_MIB}", "status=none")
            command("mkfs.ext4", "-q", "-F", str(self.image))
            self.mount(self.image, self.inner)
        except BaseException:
            self.__exit__()
            raise
        return self

    def cut(self):
        """The disk as it is now, mounted."""
        copy = self.outer / "cut.img"
        command("cp", "--reflink=always", str(self.image), str(copy))
        self.mount(copy, self.clone)

    def forget(self):
        """Ends what `cut` began."""
        self.unmount(self.clone)
        (self.outer / "cut.img").unlink()

    def __exit__(self, *_):
        for folder in reversed(self.mounted):
            # A process that was just killed may still hold it for a moment.
            for _ in range(50):
                if subprocess.run(["umount", str(folder)], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                    break
                time.sleep(0.1)
            else:
                # Whoever still uses it belongs to a run that was killed; it goes when that ends.
                subprocess.run(["umount", "-l", str(folder)], check=False)
        self.mounted = []


class Writers:
    """Threads that append and note what is acknowledged; what is noted is in `told`, under `lock`."""

    def __init__(self, node):
        self.node, self.told, self.lock = node, lab.Told(), threading.Lock()
        self.stopping, self.problems = threading.Event(), []
        self.counter = itertools.count()
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(WRITERS)]

    def work(self, number):
        """One writer: mostly small records, now and then one that is too large for the journal."""
        rng = random.Random(number)
        try:
            connection = wire.Connection(self.node.port)
            while not self.stopping.is_set():
                partition = rng.randrange(PARTITIONS)
                size = rng.choice((10, 100, 1000)) if rng.random() < 0.98 else 300_000
                values = [b"%d " % next(self.counter) + b"x" * size for _ in range(rng.randrange(1, 4) if size < 1e4 else 1)]
                key = "power", partition
                with self.lock:
                    self.told.sent.setdefault(key, set()).update(values)
                base = connection.produce("power", partition, values)
                with self.lock:
                    place = self.told.acknowledged.setdefault(key, {})
                    for n, value in enumerate(values):
                        place[base + n] = value
        except (OSError, wire.Refused) as error:
            self.problems.append(f"a writer: {type(error).__name__}: {error}")

    def known(self):
        """What is acknowledged now; what is sent may grow meanwhile."""
        known = lab.Told()
        with self.lock:
            known.acknowledged = {key: dict(records) for key, records in self.told.acknowledged.items()}
        known.sent = self.told.sent
        return known


def run(chosen, work, disks):
    """All cuts; returns (cuts, what is wrong, restart times, records known at the last cut)."""
    node = lab.Node(work, data=disks.inner / "data")
    if chosen.plant:
        node.binary = install.ROOT / "target" / "interposed" / "walser"
        node.environment = {"LD_PRELOAD": str(lab.shim()), "FAULT_PATH": str(node.data),
                            "FAULT_LIE": PLANTED[chosen.plant]}
    found, restarts, records = [], [], 0
    rng = random.Random(chosen.seed)
    done = 0
    try:
        while done < chosen.cycles and not found:
            # A fresh folder now and then, so that the small disk does not fill.
            shutil.rmtree(node.data, ignore_errors=True)
            node.start()
            connection = lab.connect(node)
            connection.create("power", PARTITIONS, [("segment.bytes", "2097152")])
            connection.close()
            writers = Writers(node)
            for thread in writers.threads:
                thread.start()
            ends = min(chosen.cycles, done + 12)
            while done < ends and not found:
                time.sleep(rng.uniform(0.02, 0.15))
                known = writers.known()
                disks.cut()
                faults, seconds = recover(work / "recovered", disks.clone / "data", known, writers.lock)
                disks.forget()
                restarts.append(seconds)
                records = max(records, known.count())
                found += [f"cut {done}: {words}" for words in faults]
                found += writers.problems
                done += 1
            writers.stopping.set()
            for thread in writers.threads:
                thread.join(10)
            node.kill()
    finally:
        node.kill()
    return done, found, restarts, records


def recover(work, data, known, lock):
    """Starts a broker on what is left; returns (what is wrong, seconds until it served)."""
    node = lab.Node(work, data=data)
    try:
        seconds = node.start()
        connection = lab.connect(node)
        with lock:
            known.sent = {key: set(values) for key, values in known.sent.items()}
        if not known.acknowledged:
            return [], seconds
        faults = [f"{kind}: {words}" for kind, words in known.faults(connection, known.acknowledged)]
        connection.close()
        faults += [f"the log: {line}" for line in node.complaints()]
        return faults, seconds
    except (brokers.BrokerFault, OSError, wire.Refused, AttributeError) as error:
        return [f"{type(error).__name__}: {error}"], 0.0
    finally:
        node.kill()


def main():
    """Mounts, cuts, unmounts."""
    parser = argparse.ArgumentParser(prog="cargo xtask crash power", description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100, help="how many cuts (default %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the cuts' moments")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="leave syncs out: succeeds only if that is seen")
    chosen = parser.parse_args()
    began = time.monotonic()
    # So that the mounts go when somebody stops this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        install.need("mkfs.xfs", "xfsprogs")
        install.need("mkfs.ext4", "e2fsprogs")
        with install.alone("power"):
            work = install.TOOLS / "power"
            with Disks(work) as disks:
                done, found, restarts, records = run(chosen, work / "broker", disks)
    except (Cannot, install.CannotInstall) as error:
        print(f"✗ no power can be cut on this machine, which needs root, loop devices and xfs: {error}", flush=True)
        return 1
    for words in found[:10]:
        print(f"✗ {words}", flush=True)
    seconds = time.monotonic() - began
    if chosen.plant:
        lab.report(f"power-{chosen.plant}", cuts=done, noticed=bool(found))
        print(f"{chosen.plant}: {'seen' if found else '✗ not seen'} after {done} cuts; {seconds:.0f} s", flush=True)
        return 0 if found else 1
    median = statistics.median(restarts) * 1000 if restarts else 0
    lab.report("power", cuts=done, problems=len(found), seed=chosen.seed, records=records, seconds=round(seconds),
               restart_ms_median=round(median), restart_ms_max=round(max(restarts, default=0) * 1000))
    print(f"{done} cuts with seed {chosen.seed}, {len(found)} problems; recovered and serving after {median:.0f} ms "
          f"(median); {seconds:.0f} s", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
