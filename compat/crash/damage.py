"""Damages each file of a data folder in many ways and looks what the broker says: `cargo xtask crash damage`.

Two folders, one of a broker that ended in order and one of a broker that was killed, are copied again and again; in
each copy one file loses its end or has one bit flipped. Then the broker must start and serve everything; or refuse,
naming the file; or serve less and have said so at level ERROR; or answer with a storage error.
What may not be: a panic, a record nobody sent, fewer records in silence, a batch whose checksum fails. Of a segment it
must not be refused: what is damaged is quarantined, found by a pass over all records, and the rest is there.

`--plant` leaves the pass out: the run succeeds only if it is seen that damage is served.
"""

import argparse
import re
import shutil
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import lab, wire  # noqa: E402
from harness import brokers, install  # noqa: E402

WORKERS = 4
# Files of one kind, of logs in one partition, that are damaged, unless some are asked for: each costs a second.
OF_A_KIND = 2
# Damage that no reader can tell from an ordinary state of the file, and why: (kind, fault, first word of the damage).
# Everything else is a fault.
KNOWN = {}


def kind(path):
    """What a file is, by its name."""
    name, folder = path.name, path.parent.name
    if folder.startswith("__cluster_metadata"):
        return "metadata " + (path.suffix.lstrip(".") or name)
    if re.fullmatch(r"\d+\.\w+", name):
        return path.suffix.lstrip(".")
    return name


def prepare(work, in_order):
    """A folder with files of every kind, and what was acknowledged."""
    node, told = lab.Node(work), lab.Told()
    node.start()
    connection = lab.connect(node)
    connection.create("a", 1, [("segment.bytes", "1048576")])
    connection.create("b", 1)
    # Compacted, with a key for each record, so that all stay.
    connection.create("c", 1, [("cleanup.policy", "compact"), ("segment.bytes", "1048576"),
                               ("min.cleanable.dirty.ratio", "0")])
    for n in range(8):
        told.produce(connection, "c", 0, [b"keyed %d " % n * 30_000], keyed=True)
        told.produce(connection, "a", 0, [b"large %d " % n * 30_000])
        told.produce(connection, "b", 0, [b"b %d" % n])
    connection.delete_records("a", 0, 1)
    for records in told.acknowledged.values():
        if 0 in records and records[0].startswith(b"large"):
            del records[0]
    ends = time.monotonic() + 20
    while not (node.data / "cleaner-offset-checkpoint").exists():
        if time.monotonic() > ends:
            raise brokers.BrokerFault("nothing was compacted")
        time.sleep(0.05)
    time.sleep(0.4)
    # What the journal makes durable, besides what the checkpoint covers.
    for n in range(20):
        told.produce(connection, "a", 0, [b"a after %d" % n])
        told.produce(connection, "b", 0, [b"b after %d" % n] * 1)
    connection.close()
    if in_order:
        node.stop()
    else:
        # Until two seconds after the last commit, damage to the journal's end looks as if that had never been written
        # (ADR 19), and small records may be nowhere else (ADR 20).
        time.sleep(4)
    node.kill()
    return node.data, told


def damages(path):
    """(words, function) for each way to damage a file."""
    data = path.read_bytes()
    # Files grow by zeros ahead; what lies there is nobody's.
    used = len(data.rstrip(b"\0")) or len(data)
    places = sorted({0, 4, 9, 20, 45, 60, used // 4, used // 2, used * 3 // 4, used - 1} & set(range(len(data))))
    for length in sorted({0, used // 2, used - 1}):
        yield f"cut to {length} of {len(data)} bytes", data[:length]
    for n, place in enumerate(places):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << (n % 8)
        yield f"bit {n % 8} of byte {place} of {len(data)} flipped", bytes(spoilt)


def ranges(node, name):
    """The offsets of a partition that are quarantined, as its log says: first and end of each range."""
    text = node.log.read_text(errors="replace")
    found = re.findall(rf"file=\S*/{re.escape(name)}/\S+ .*first_offset=(\d+) end_offset=(\d+)", text)
    return sorted({(int(first), int(end)) for first, end in found})


def around(connection, node, told, topic, partition):
    """What is wrong with what a partition serves beside its quarantined ranges."""
    name, acknowledged = f"{topic}-{partition}", told.acknowledged.get((topic, partition), {})
    damaged = ranges(node, name)
    at, end = connection.ends(topic, partition)
    found = {}
    while at < end:
        behind = next((behind for first, behind in damaged if first <= at < behind), None)
        if behind is not None:
            at = behind
            continue
        _, more = connection.fetch(topic, partition, at)
        if not more or any(value is wire.DAMAGED for _, value in more):
            yield "unreadable", f"{name}: what is at {at} is in no quarantined range {damaged}, and cannot be read"
            return
        found.update((offset, value) for offset, value in more if offset >= at)
        at = max(offset for offset, _ in more) + 1
    for offset, value in acknowledged.items():
        if found.get(offset) != value and not any(first <= offset < behind for first, behind in damaged):
            yield "lost", f"{name}: {offset} is in no quarantined range {damaged}, and not what was acknowledged"
            return


def wait_for_pass(node):
    """Waits until all records were checked once."""
    ends = time.monotonic() + 120
    while "all records were checked" not in (said := node.log.read_text(errors="replace")):
        if time.monotonic() > ends:
            raise brokers.BrokerFault(f"no pass over all records came to its end:\n{said[-2000:]}")
        time.sleep(0.05)


def one(work, data, told, path, content, plant=False):
    """What becomes of a folder with one file that is not what was written: (outcome, faults)."""
    copy = lab.fresh(work) / "data"
    node = lab.Node(work, data=copy)
    node.settings["log.scrub.interval.ms"] = "-1" if plant else "1"
    shutil.copytree(data, copy)
    (copy / path).write_bytes(content)
    try:
        node.spawn()
        connection = lab.connect(node, 10)
        if connection is None:
            text = node.log.read_text(errors="replace")
            named = path.name in text
            panics = [("panic", line) for line in node.panics()]
            return ("refused", panics) if named else ("refused", panics + [("unnamed", f"it ended without naming the file: {node.tail(3)}")])
        if not plant:
            wait_for_pass(node)
        faults = list(told.faults(connection))
        corrupt = [words for what, words in faults if what == "refused" and words.endswith("error 2")]
        beside = []
        for words in corrupt:
            topic, partition = words.split(":")[0].rsplit("-", 1)
            beside += around(connection, node, told, topic, int(partition))
        connection.close()
        said = bool(node.errors())
        bad = [("panic", line) for line in node.panics()]
        outcome = "served"
        bad += beside
        for what, words in faults:
            if what == "refused" and words.endswith("error 2") and said:
                outcome = "quarantined"
            elif what == "refused" and words.endswith("error 56"):
                # KAFKA_STORAGE_ERROR.
                outcome = "seen by the reader"
            elif said and what not in ("foreign", "damaged"):
                outcome = "reported"
            else:
                bad.append((what, words))
        return outcome, bad
    except (brokers.BrokerFault, OSError, wire.Refused) as error:
        return "failed", [("failed", f"{type(error).__name__}: {error}")]
    finally:
        node.kill()


def main():
    """All files, several at a time."""
    parser = argparse.ArgumentParser(prog="cargo xtask crash damage", description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="only files whose path holds this")
    parser.add_argument("--plant", action="store_true", help="check nothing: succeeds only if damage is seen to be served")
    chosen = parser.parse_args()
    began = time.monotonic()
    with install.alone("damage"):
        return run(chosen, lab.fresh(install.TOOLS / "damage"), began)


def planted(base):
    """Damages one segment, and no pass over all records is made."""
    data, told = prepare(base / "stopped", True)
    path = min(data.glob("a-0/*.log"))
    served = []
    for words, content in damages(path):
        bad = one(base / "plant", data, told, path.relative_to(data), content, plant=True)[1]
        served += [f"{words}: {text}" for fault, text in bad if fault == "damaged"]
    lab.report("damage-plant", noticed=bool(served))
    print(f"damage that no pass looks for: {'seen' if served else '✗ not seen'}: {served[:1]}", flush=True)
    return 0 if served else 1


def run(chosen, base, began):
    """Two folders, and all damages to copies of them."""
    if chosen.plant:
        return planted(base)
    plan = []
    for state in ("stopped", "killed"):
        data, told = prepare(base / state, state == "stopped")
        taken = Counter()
        for path in sorted(path for path in data.rglob("*") if path.is_file() and path.name != ".lock"):
            inside = path.relative_to(data)
            if path.stat().st_size == 0 or (chosen.only and chosen.only not in str(inside)):
                continue
            alike = kind(inside), inside.parent if inside.suffix == ".log" else None
            taken[alike] += 1
            if chosen.only or taken[alike] <= OF_A_KIND:
                plan += [(state, data, told, inside, words, content) for words, content in damages(path)]
    print(f"{len(plan)} damaged folders", flush=True)
    table, found, known = defaultdict(Counter), [], Counter()

    def play(worker, case):
        _, data, told, path, _, content = case
        return one(base / f"w{worker}", data, told, path, content)

    def judge(case, seen):
        (state, _, _, path, words, _), (outcome, bad) = case, seen
        what = kind(path)
        for fault, text in bad:
            if (what, fault, words.split()[0]) in KNOWN:
                outcome = "known gap"
                known[what] += 1
            else:
                outcome = "fault"
                found.append(f"{state}, {path}, {words}: {fault}: {text}")
                print(f"✗ {found[-1][:700]}", flush=True)
        table[what][outcome] += 1

    lab.several(WORKERS, plan, play, judge)
    seconds = time.monotonic() - began
    for what, counts in sorted(table.items()):
        print(f"    {what:<40} {', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items()))}", flush=True)
    lab.report("damage", folders=len(plan), problems=len(found), known=sum(known.values()), seconds=round(seconds),
               kinds={what: dict(sorted(counts.items())) for what, counts in sorted(table.items())})
    print(f"{len(plan)} damaged folders, {len(found)} problems, {sum(known.values())} known gaps; {seconds:.0f} s", flush=True)
    return 1 if found or not plan else 0


if __name__ == "__main__":
    sys.exit(main())
