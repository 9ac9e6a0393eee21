"""Makes each call of the broker on its data folder fail once, and looks: `cargo xtask crash calls`.

A short life of the broker (start, topics, records small and large, a checkpoint, a roll, a deletion, an orderly end)
is played again for each call index, with EIO at just that call, and with ENOSPC at it and all later calls that need
room. Checked: no panic; a broker that stopped serving says why; after a restart on a healthy disk everything
acknowledged is there.
"""

import errno
import itertools
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import lab, lives, wire  # noqa: E402
from harness import brokers  # noqa: E402

# Just the one call; this call and all later ones that need room.
EIO = lives.Fault("EIO", errno.EIO, 0)
NO_ROOM = lives.Fault("ENOSPC", errno.ENOSPC, 1)


def life(node, told):
    """Whatever is refused is not repeated: the next thing is tried."""
    counter = itertools.count()
    connection = None

    def attempt(work, *arguments):
        nonlocal connection
        try:
            if connection is None:
                connection = lab.connect(node, 3)
            if connection is not None:
                work(*arguments)
                return True
        except wire.Refused:
            pass
        except OSError:
            connection = None
        return False

    def produce(topic, partition, size=0, count=1):
        told.produce(connection, topic, partition, [lives.value(next(counter), size) for _ in range(count)])

    def create(topic, partitions):
        connection.create(topic, partitions, [("segment.bytes", "1048576")])

    def delete(topic):
        # Whether it is gone or not is open until it was answered.
        told.deleted.add(topic)
        connection.delete(topic)

    node.spawn()
    made = [attempt(create, "a", 2), attempt(create, "b", 1)]
    for _ in range(2):
        for topic, partition in (("a", 0), ("a", 1), ("b", 0)):
            if made[topic == "b"]:
                attempt(produce, topic, partition, 0, 3)
    for n in range(4):
        if made[0]:
            attempt(produce, "a", 0, 300_000)
            attempt(produce, "a", 1, 100 * n)
    # A checkpoint or two.
    time.sleep(0.25)
    attempt(delete, "b")
    if made[0]:
        attempt(produce, "a", 0, 0, 2)
    if node.ended() is None:
        try:
            node.stop()
        except brokers.BrokerFault:
            # It may end with a code that says that it did not end in order.
            pass
    node.kill()


def one(work, nth, fault, plant=False):
    """One life with one fault; returns (what is wrong, calls counted, which failed, records that must be there)."""
    node = lives.Node(work)
    node.breaks(node.data, nth, fault)
    told = lab.Told()
    problems = []
    try:
        life(node, told)
        # A fault that no request met and no line tells of is one that did not matter.
        problems += [f"panic: {line}" for line in node.panics()]
        node.heals()
        if plant:
            for file in [*node.data.glob("journal/*.journal"), *node.data.glob("a-0/*.log")]:
                file.write_bytes(b"")
        node.start()
        connection = lab.connect(node)
        problems += [f"{kind}: {words}" for kind, words in told.faults(connection)]
        connection.create("after", 1)
        told.produce(connection, "after", 0, [b"after"])
        connection.close()
        node.stop()
        problems += [f"panic after the restart: {line}" for line in node.panics()]
    except (brokers.BrokerFault, OSError, wire.Refused, AttributeError) as error:
        problems.append(f"after the restart: {type(error).__name__}: {error}")
    finally:
        node.kill()
    return problems, *node.reported(), told.count()


def run(chosen, base, began):
    """One life without a fault to count the calls, then one for each fault."""
    if chosen.plant:
        problems = one(base / "plant", 0, EIO, plant=True)[0]
        lab.report("calls-plant", noticed=bool(problems))
        print(f"emptied logs: {'seen' if problems else '✗ not seen'}: {problems[:1]}", flush=True)
        return 0 if problems else 1
    problems, total, _, records = one(base / "count", 0, EIO)
    if problems or not total:
        print(f"✗ without any fault, {total} calls counted: {problems}", flush=True)
        return 1
    # Another life may make a few more.
    plan = lives.cases(chosen, total + 5, (EIO, NO_ROOM))
    print(f"{total} calls in a life that acknowledges {records} records; {len(plan)} lives with a fault", flush=True)

    def play(work, nth, fault):
        problems, _, failed, _ = one(work, nth, fault)
        return problems, failed

    return lives.play("calls", total, plan, play, base, began)


if __name__ == "__main__":
    sys.exit(lives.main("calls", __doc__, "empty the logs before the restart", run))
