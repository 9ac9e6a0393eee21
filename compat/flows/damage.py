"""A consumer that comes to records the disk lost, and one that goes on behind them.

A bit of the middle one of three batches is flipped while the broker is stopped. After the next start the batch is in
quarantine: whoever reads there is answered CORRUPT_MESSAGE.
"""

import re
import struct

from flows import records
from flows.adapter import ClientError, wait_for
from flows.context import numbered
from flows.known import Known

COUNT = 20
# What the broker's log says of the batch.
RANGE = re.compile(r"damaged records are quarantined.* first_offset=(\d+) end_offset=(\d+)")


def _flip(segment, offset):
    """Flips a bit in the middle of the batch with this base offset."""
    data = bytearray(segment.read_bytes())
    at = 0
    while at + 12 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if base == offset:
            data[at + 12 + length // 2] ^= 4
            segment.write_bytes(data)
            return
        if length <= 0:
            break
        at += 12 + length
    raise AssertionError(f"no batch begins at {offset} in {segment}")


def damage(ctx):
    """Reads from the start to the error, then behind the range; and in a group whose offset is set behind it."""
    broker = ctx.own_broker("damage")
    try:
        _read(ctx, broker)
    finally:
        broker.kill()
    return
    yield


def _read(ctx, broker):
    broker.start()
    topic, written = ctx.topic("damaged"), numbered(0, 3 * COUNT)
    known = Known(broker.bootstrap)
    known.create(topic)
    for n in range(0, len(written), COUNT):
        known.write(topic, written[n:n + COUNT])
    broker.stop()
    _flip(broker.data / f"{topic}-0" / "00000000000000000000.log", COUNT)
    # It looks at once instead of once a week.
    broker.settings["log.scrub.interval.ms"] = "1"
    broker.start()
    wait_for(lambda: RANGE.search(broker.tail()), "the damage to be found")
    end = int(RANGE.search(broker.tail()).group(2))
    client = ctx.open(broker.bootstrap, ctx.topic(""))
    try:
        if ctx.has("damaged"):
            try:
                got = client.read(topic, len(written))
                shown = f"nothing, and {len(got)} records"
            except ClientError as error:
                shown = str(error)
            says = client.damaged_says.format(topic=topic, offset=COUNT)
            ctx.check("damaged", says in shown, f"the client shows {shown!r}, which has no {says!r}")
        if ctx.has("damaged-seek"):
            got = client.read(topic, len(written) - end, offset=end)
            ctx.no_differences("damaged-seek", "behind the range",
                               records.compare(written[end:], got, first_offset=end))
            # As an operator does it for a group that hangs there.
            if ctx.has("commit-restart"):
                group = ctx.topic("damaged")
                known.commit(group, topic, end)
                got = client.group_read(group, topic, len(written) - end)
                ctx.no_differences("damaged-seek", "in a group",
                                   records.compare(written[end:], got, first_offset=end))
    finally:
        client.close()
