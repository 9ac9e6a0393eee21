"""Two log directories, one of which fails while the broker runs: `cargo xtask crash folders`.

A short life on two log directories is played again for each call of the operating system that the broker makes on the
second: with EIO at just that call, and with EIO at it and all later ones, as of a disk that died. Checked while it
runs: partitions of the first take and give everything; those of the second take it or answer KAFKA_STORAGE_ERROR, and
go on giving what they acknowledged; topics are created and deleted; a directory that refuses is listed with its error
and named at level ERROR with the way back, a partition whose files cannot be opened is named. After a restart on a
healthy disk everything acknowledged is there and both take records.
"""

import errno
import itertools
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import lab, lives, wire  # noqa: E402
from harness import brokers  # noqa: E402

STORAGE_ERROR = 56
# Just the one call; this call and all later ones.
ONCE = lives.Fault("EIO once", errno.EIO, 0)
DEAD = lives.Fault("EIO dead", errno.EIO, 2)


class Node(lives.Node):
    """A broker with two log directories."""

    def __init__(self, work):
        super().__init__(work, work / "disks" / "one")
        self.second = self.data.parent / "two"
        self.more_data = [self.second]


def prepare(work):
    """The two directories of a broker that ended in order, what was acknowledged, and which places are in the second."""
    node, told = Node(work), lab.Told()
    node.start()
    connection = lab.connect(node)
    for topic in ("t", "gone"):
        connection.create(topic, 4, [("segment.bytes", "1048576")])
        for partition in range(4):
            told.produce(connection, topic, partition, [b"before in %s-%d" % (topic.encode(), partition)])
    where = connection.log_dirs()
    connection.close()
    node.stop()
    if any(len(places) < 4 for _, places in where.values()):
        raise brokers.BrokerFault(f"the partitions are not in both directories: {where}")
    return node.data.parent, told, where[str(node.second)][1]


class Life:
    """One life with one fault, and what was wrong with it."""

    def __init__(self, node, told, in_second):
        self.node = node
        self.told = told
        self.in_second = in_second
        self.how = ONCE
        self.problems = []
        self.refused = set()
        self.numbers = itertools.count()
        self.connection = None

    def produce(self, place, size=0):
        """Returns whether the record was taken."""
        try:
            self.told.produce(self.connection, *place, [lives.value(next(self.numbers), size)])
            return True
        except wire.Refused as error:
            if place not in self.in_second:
                self.problems.append(f"{place}, which is in the directory that works: {error}")
            elif error.code != STORAGE_ERROR:
                self.problems.append(f"{place}, which is in the one that failed: {error}")
            self.refused.add(place)
            return False

    def work(self):
        """Everything a client may ask for."""
        places = [("t", partition) for partition in range(4)]
        ours = [next(place for place in places if (place in self.in_second) == second) for second in (False, True)]
        for _ in range(2):
            for place in places:
                self.produce(place)
        for n in range(4):
            for place in ours:
                self.produce(place, 300_000)
        # A checkpoint or two.
        time.sleep(0.25)
        self.connection.create("later", 2)
        self.in_second |= self.connection.log_dirs()[str(self.node.second)][1]
        self.told.deleted.add("gone")
        self.connection.delete("gone")
        for place in [*places, ("later", 0), ("later", 1)]:
            self.produce(place)

    def judge(self):
        """Looks at what is served and said while the directory is broken."""
        dirs = self.connection.log_dirs()
        (first, _), (second, listed) = dirs[str(self.node.data)], dirs[str(self.node.second)]
        if first:
            self.problems.append(f"the directory that works is listed with error {first}")
        if second not in (0, STORAGE_ERROR):
            self.problems.append(f"the directory that failed is listed with error {second}")
        # One file that cannot be opened is a partition that is offline, and not the end of its directory.
        for topic, partition in sorted(self.refused) if not second else []:
            if not any(f"{self.node.second}/{topic}-{partition}" in line for line in self.node.errors()):
                self.problems.append(f"{topic}-{partition} was refused, and no line at level ERROR says so")
        if second:
            said = [line for line in self.node.errors() if str(self.node.second) in line]
            if not any("restart" in line.lower() for line in said):
                self.problems.append(f"no line at level ERROR says what to do with {self.node.second}: {said}")
            for place in sorted(listed & set(self.told.acknowledged)):
                if place[0] not in self.told.deleted and self.produce(place):
                    self.problems.append(f"{place} takes records, and its directory is listed with an error")
        for what, words in self.told.faults(self.connection):
            topic, partition = words.split(":")[0].rsplit("-", 1)
            place = topic, int(partition)
            # What cannot be opened any more cannot be read; a directory that failed at the start is offline.
            unreadable = place in self.in_second and (self.how == DEAD or (second and place not in listed))
            if what == "refused" and words.endswith(f"error {STORAGE_ERROR}") and place in self.in_second:
                # If the one call that fails is one of the read itself, the next read gets it.
                if unreadable or not list(self.told.faults(self.connection, {place})):
                    continue
            self.problems.append(f"{what}: {words}")

    def after(self):
        """Looks once more, on healthy disks."""
        self.node.heals()
        self.node.start()
        self.connection = lab.connect(self.node)
        for path, (code, _) in self.connection.log_dirs().items():
            if code:
                self.problems.append(f"after the restart: {path} is listed with error {code}")
        self.problems += [f"after the restart: {what}: {words}" for what, words in self.told.faults(self.connection)]
        self.in_second = set()
        for place in sorted(self.told.acknowledged):
            if place[0] not in self.told.deleted:
                self.produce(place)
        self.connection.close()
        self.node.stop()


def copied(told):
    """What was told so far, to be continued by one life."""
    copy = lab.Told()
    copy.acknowledged = {place: dict(records) for place, records in told.acknowledged.items()}
    copy.sent = {place: set(values) for place, values in told.sent.items()}
    return copy


def one(work, prepared, nth, how, plant=False):
    """One life with one fault; returns (what is wrong, calls counted, which failed)."""
    disks, told, in_second = prepared
    node = Node(work)
    shutil.copytree(disks, node.data.parent)
    node.breaks(node.data.parent if plant else node.second, nth, how)
    life = Life(node, copied(told), set(in_second))
    life.how = how
    counted, failed = 0, []
    try:
        node.spawn()
        life.connection = lab.connect(node)
        if life.connection is None:
            raise brokers.BrokerFault(f"it ended: {node.tail(5)}")
        life.work()
        life.judge()
        life.connection.close()
        try:
            if nth % 2:
                node.stop()
        except brokers.BrokerFault as error:
            # It says so when a directory was not left in order, but ends.
            if "still ran" in str(error):
                raise
        counted, failed = node.reported()
        node.kill()
        life.after()
    except (brokers.BrokerFault, OSError, wire.Refused, AttributeError) as error:
        life.problems.append(f"{type(error).__name__}: {error}")
        failed = failed or node.reported()[1]
    finally:
        node.kill()
    return life.problems + [f"panic: {line}" for line in node.panics()], counted, failed


def run(chosen, base, began):
    """One life without a fault to count the calls, then one for each fault."""
    prepared = prepare(base / "prepared")
    # An odd number, so that it ends in order and its calls are counted.
    problems, total, _ = one(base / "count", prepared, 1_000_001, ONCE)
    if problems or not total:
        print(f"✗ without any fault, {total} calls counted: {problems}", flush=True)
        return 1
    if chosen.plant:
        problems, _, _ = one(base / "plant", prepared, total // 2, DEAD, plant=True)
        seen = [words for words in problems if "directory that works" in words]
        lab.report("folders-plant", noticed=bool(seen))
        print(f"both directories failed: {'seen' if seen else '✗ not seen'}: {seen[:1]}", flush=True)
        return 0 if seen else 1
    plan = lives.cases(chosen, total, (ONCE, DEAD))
    print(f"{total} calls on the second directory in a life; {len(plan)} lives with a fault", flush=True)

    def play(work, nth, how):
        problems, _, failed = one(work, prepared, nth, how)
        return problems, failed

    return lives.play("folders", total, plan, play, base, began)


if __name__ == "__main__":
    sys.exit(lives.main("folders", __doc__, "both directories fail", run))
