"""Makes each call of the broker on its data folder fail once, and looks: `cargo xtask crash calls`.

A short life of the broker (start, topics, records small and large, a checkpoint, a roll, a deletion, an orderly end)
is played again for each call index, with EIO at just that call, and with ENOSPC at it and all later calls that need
room. Checked: no panic; a broker that stopped serving says why; after a restart on a healthy disk everything
acknowledged is there. A library loaded before the C library's does it, so the binary is one whose calls go through
the C library (`--features interposed`).
"""

import argparse
import errno
import itertools
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import lab, wire  # noqa: E402
from harness import brokers, install  # noqa: E402

BINARY = install.ROOT / "target" / "interposed" / "walser"
# They wait more than they work.
WORKERS = 5


def value(n, size=0):
    """The n-th value, of at least this size."""
    return (f"record {n} ".encode() * (1 + size // 8))[:max(size, 16)]


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
        told.produce(connection, topic, partition, [value(next(counter), size) for _ in range(count)])

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


def one(work, nth, code, after, plant=False):
    """One life with one fault; returns (what is wrong, calls counted, whether the fault came)."""
    node = lab.Node(work, BINARY)
    report = work / "calls.txt"
    node.environment = {
        "LD_PRELOAD": str(lab.REPORTS / "shim.so"), "FAULT_PATH": str(node.data), "FAULT_NTH": str(nth),
        "FAULT_ERRNO": str(code), "FAULT_AFTER": str(int(after)), "FAULT_REPORT": str(report),
    }
    told = lab.Told()
    problems = []
    try:
        life(node, told)
        lines = report.read_text().splitlines() if report.exists() else []
        failed = [line for line in lines if " fails " in line]
        # A fault that no request met and no line tells of is one that did not matter.
        problems += [f"panic: {line}" for line in node.panics()]
        node.environment = {}
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
        failed, lines = locals().get("failed", []), locals().get("lines", [])
    finally:
        node.kill()
    counted = [int(line.split()[1]) for line in lines if line.startswith("calls ")]
    return problems, max(counted, default=0), failed, told.count()


def main():
    """All indexes, several at a time."""
    parser = argparse.ArgumentParser(prog="cargo xtask crash calls", description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first call index (default 1)")
    parser.add_argument("--to", type=int, default=0, help="the last (default: the last there is)")
    parser.add_argument("--plant", action="store_true", help="empty the logs before the restart: succeeds only if that is seen")
    parser.add_argument("--step", type=int, default=1, help="every how-manieth (default 1: each)")
    chosen = parser.parse_args()
    began = time.monotonic()
    lab.shim()
    with install.alone("calls"):
        return run(chosen, lab.fresh(install.TOOLS / "calls"), began)


def run(chosen, base, began):
    """One life without a fault to count the calls, then one for each fault."""
    if chosen.plant:
        problems = one(base / "plant", 0, 0, False, plant=True)[0]
        lab.report("calls-plant", noticed=bool(problems))
        print(f"emptied logs: {'seen' if problems else '✗ not seen'}: {problems[:1]}", flush=True)
        return 0 if problems else 1
    problems, total, _, records = one(base / "count", 0, 0, False)
    if problems or not total:
        print(f"✗ without any fault, {total} calls counted: {problems}", flush=True)
        return 1
    last = chosen.to or total + 5
    plan = [(nth, code, after) for nth in range(chosen.first, last + 1, chosen.step)
            for code, after in ((errno.EIO, False), (errno.ENOSPC, True))]
    print(f"{total} calls in a life that acknowledges {records} records; {len(plan)} lives with a fault", flush=True)
    left, lock, found, delivered = iter(plan), threading.Lock(), [], [0]

    def work(worker):
        while True:
            with lock:
                case = next(left, None)
            if case is None:
                return
            nth, code, after = case
            faults, _, failed, _ = one(base / f"w{worker}", nth, code, after)
            with lock:
                delivered[0] += bool(failed)
                for fault in faults:
                    name = f"{errno.errorcode[code]} at call {nth} ({failed[0] if failed else 'not reached'})"
                    found.append(f"{name}: {fault}")
                    print(f"✗ {found[-1][:600]}", flush=True)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    lab.report("calls", calls=total, lives=len(plan), faults=delivered[0], problems=len(found), seconds=round(seconds))
    if delivered[0] < len(plan) // 2:
        found.append("less than half of the faults were delivered")
        print(f"✗ {found[-1]}", flush=True)
    print(f"{len(plan)} lives, {delivered[0]} met their fault, {len(found)} problems; {seconds:.0f} s", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
