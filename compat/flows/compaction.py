"""A topic that is compacted while nobody looks, and a client that reads what is left."""

import time

from flows import records
from flows.adapter import wait_for

KEYS = 20
SEGMENT_MS = 100


def compaction(ctx):
    """Each key written twice, then one record more, so that the segments before it can be compacted."""
    client, known, row = ctx.adapter, ctx.known, "compaction"
    topic = ctx.topic(row)
    known.create(topic, 1, {
        "cleanup.policy": "compact", "segment.ms": str(SEGMENT_MS), "min.cleanable.dirty.ratio": "0.01",
    })
    rounds = [
        [records.Record(b"key-%02d" % n, b"%s value of %02d" % (which, n)) for n in range(KEYS)]
        for which in (b"first", b"second")
    ]
    for written in [*rounds, [records.Record(b"the end", b"ends the segment before it")]]:
        client.produce(topic, written)
        time.sleep(3 * SEGMENT_MS / 1000)
    left = rounds[1] + written
    wait_for(lambda: len(known.read(topic)) == len(left), "the topic to be compacted")
    got = client.read(topic, len(left))
    ctx.no_differences(row, "what is left", records.compare(left, got, first_offset=KEYS))
    ctx.equal(row, "first and last offset", known.ends(topic), (0, 2 * KEYS + 1))
    return
    yield
