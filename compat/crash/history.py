"""What was sent, acknowledged, read and committed, and the rules it must obey.

Owns: the only judgement of the crash test. Pure: no client, no clock, no broker; `self_test` plants every fault
the rules must see. Rules, for every partition and whatever was killed in between:
- an acknowledged record is in the log exactly once, unchanged, at the offset the acknowledgement named;
- nothing is in the log twice, and nothing that nobody sent;
- records of one producer are in the order it sent them;
- offsets have no hole, and what was read once reads the same later;
- a committed offset read after an acknowledged commit is not below it, nor above what anybody tried to commit.
"""

import collections
from typing import NamedTuple


class Id(NamedTuple):
    """Names a record: which producer wrote it, to which partition, as its how-manieth there."""

    producer: int
    partition: int
    number: int


class Seen(NamedTuple):
    """A record as it was read; `id` is None if the bytes name none."""

    offset: int
    id: object
    digest: bytes


class History:
    """Everything the load noted; appended to by many threads, judged when they are done."""

    def __init__(self):
        self.sent = {}
        self.acknowledged = {}
        # partition -> records, as first read and as read again at the end.
        self.read = collections.defaultdict(list)
        self.read_again = collections.defaultdict(list)
        # In order of happening: ("tried"|"acked"|"asked"|"read", group, partition, offset).
        self.commits = []


def log_faults(history):
    """What is wrong with what was read."""
    for partition, records in sorted(history.read.items()):
        seen, last = {}, {}
        for n, record in enumerate(records):
            place = f"partition {partition} offset {record.offset}"
            if record.offset != n:
                yield "hole", f"{place}: expected offset {n}"
                return
            if record.id is None or record.id not in history.sent or record.id.partition != partition:
                yield "foreign", f"{place}: a record nobody sent there: {record.id}"
                continue
            if record.digest != history.sent[record.id]:
                yield "changed", f"{place}: {record.id} is not what was sent"
            if record.id in seen:
                yield "twice", f"{place}: {record.id} is also at {seen[record.id]}"
            elif record.id.number < last.get(record.id.producer, -1):
                yield "order", f"{place}: {record.id} after number {last[record.id.producer]}"
            seen.setdefault(record.id, record.offset)
            last[record.id.producer] = max(record.id.number, last.get(record.id.producer, -1))
        for wanted, offset in history.acknowledged.items():
            if wanted.partition != partition:
                continue
            if wanted not in seen:
                yield "lost", f"{wanted} was acknowledged at {offset} and is not in the log"
            elif offset >= 0 and seen[wanted] != offset:
                yield "moved", f"{wanted} was acknowledged at {offset} and is at {seen[wanted]}"
    for partition in {wanted.partition for wanted in history.acknowledged} - set(history.read):
        yield "lost", f"nothing was read from partition {partition}"


def reread_faults(history):
    """What is different when everything is read again from the start."""
    for partition, again in sorted(history.read_again.items()):
        first = history.read[partition]
        if len(again) < len(first):
            yield "shrunk", f"partition {partition}: {len(first)} records at first, {len(again)} later"
        for before, after in zip(first, again):
            if before != after:
                yield "rewritten", f"partition {partition}: {before} at first, {after} later"
                break


def commit_faults(history):
    """Where a committed offset went back, or ahead of everybody."""
    acknowledged, tried, floor = {}, {}, {}
    for what, group, partition, offset in history.commits:
        key = group, partition
        if what == "tried":
            tried[key] = max(offset, tried.get(key, -1))
        elif what == "acked":
            acknowledged[key] = max(offset, acknowledged.get(key, -1))
        elif what == "asked":
            # Only what was acknowledged before the question binds the answer.
            floor[key] = acknowledged.get(key, -1)
        elif what == "read":
            if offset < floor.get(key, -1):
                yield "back", f"group {group} partition {partition}: {offset} after {floor[key]} was acknowledged"
            if offset > tried.get(key, -1):
                yield "ahead", f"group {group} partition {partition}: {offset}, but nobody committed above {tried.get(key, -1)}"
            # What a reader was told once binds as well.
            acknowledged[key] = max(offset, acknowledged.get(key, -1))


def faults(history):
    """All that is wrong: (kind, what)."""
    yield from log_faults(history)
    yield from reread_faults(history)
    yield from commit_faults(history)


def _healthy():
    """A small history with nothing wrong in it: two producers, two partitions, some records not acknowledged."""
    history = History()
    for partition in range(2):
        offset = 0
        for number in range(6):
            for producer in range(2):
                record = Id(producer, partition, number)
                history.sent[record] = b"digest %d %d %d" % record
                if number < 5:
                    history.read[partition].append(Seen(offset, record, history.sent[record]))
                    if number < 4:
                        history.acknowledged[record] = offset if number else -1
                    offset += 1
        history.read_again[partition] = list(history.read[partition])
    for offset in (3, 5, 9):
        history.commits += [("tried", "g", 0, offset), ("acked", "g", 0, offset)]
    history.commits += [("tried", "g", 0, 10), ("asked", "g", 0, 0), ("read", "g", 0, 10)]
    return history


def _renumbered(records):
    return [record._replace(offset=n) for n, record in enumerate(records)]


def _lose(history):
    records = history.read[1]
    history.read[1] = history.read_again[1] = _renumbered(records[:2] + records[3:])


def _lose_all(history):
    del history.read[1], history.read_again[1]


def _repeat(history):
    records = history.read[0]
    history.read[0] = history.read_again[0] = records + [records[-1]._replace(offset=len(records))]


def _repeat_unacknowledged(history):
    records = history.read[0]
    last = records[-2:]
    history.read[0] = history.read_again[0] = _renumbered(records + last)


def _swap(history):
    records = history.read[0]
    # Two not yet acknowledged ones of one producer, so that only their order is wrong.
    extra = [Seen(len(records), Id(0, 0, 7), b"7"), Seen(len(records) + 1, Id(0, 0, 6), b"6")]
    history.sent.update({record.id: record.digest for record in extra})
    history.read[0] = history.read_again[0] = records + extra


def _change(history):
    history.read[0][4] = history.read[0][4]._replace(digest=b"other")
    history.read_again[0] = list(history.read[0])


def _garble(history):
    history.read[0][9] = history.read[0][9]._replace(id=None)
    history.read_again[0] = list(history.read[0])


def _move(history):
    history.acknowledged[Id(0, 0, 3)] += 1


def _hole(history):
    history.read[0] = history.read_again[0] = history.read[0][:8] + [
        record._replace(offset=record.offset + 1) for record in history.read[0][8:]
    ]


def _shrink(history):
    history.read_again[0] = history.read_again[0][:-1]


def _rewrite(history):
    history.read_again[0][9] = history.read_again[0][9]._replace(digest=b"other")


def _go_back(history):
    history.commits += [("asked", "g", 0, 0), ("read", "g", 0, 8)]


def _go_back_after_read(history):
    history.commits += [("asked", "g", 0, 0), ("read", "g", 0, 9)]


def _forget_commits(history):
    history.commits += [("asked", "g", 0, 0), ("read", "g", 0, -1)]


def _run_ahead(history):
    history.commits += [("asked", "g", 0, 0), ("read", "g", 0, 11)]


PLANTED = {
    "a lost record": (_lose, "lost"),
    "a lost partition": (_lose_all, "lost"),
    "a record twice": (_repeat, "twice"),
    "unacknowledged records twice": (_repeat_unacknowledged, "twice"),
    "two records swapped": (_swap, "order"),
    "a changed byte": (_change, "changed"),
    "bytes that are no record": (_garble, "foreign"),
    "a record at another offset": (_move, "moved"),
    "a hole in the offsets": (_hole, "hole"),
    "a log that shrank": (_shrink, "shrunk"),
    "a log that was rewritten": (_rewrite, "rewritten"),
    "a committed offset that went back": (_go_back, "back"),
    "a committed offset below one that was read": (_go_back_after_read, "back"),
    "forgotten commits": (_forget_commits, "back"),
    "a committed offset nobody committed": (_run_ahead, "ahead"),
}


def self_test():
    """Fails unless the rules see every planted fault, and none in a healthy history; returns how many."""
    found = list(faults(_healthy()))
    assert not found, f"the checker sees faults in a healthy history: {found}"
    for what, (plant, kind) in PLANTED.items():
        history = _healthy()
        plant(history)
        kinds = {seen for seen, _ in faults(history)}
        assert kind in kinds, f"the checker did not see {what}; it saw {kinds or 'nothing'}"
    return len(PLANTED)
