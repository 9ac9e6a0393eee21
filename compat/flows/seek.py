"""Finding a place in a partition: by offset, by time, its ends; and moving its start."""

import time

from flows import records
from flows.context import numbered

COUNT = 60
# Far more than a clock's step, far less than a person's patience.
GAP_SECONDS = 0.3


def seek(ctx):
    """Two halves written a moment apart; clients that set timestamps get them one second apart."""
    client = ctx.adapter
    topic = ctx.new_topic("seek")
    written = numbered(0, COUNT)
    half = COUNT // 2
    if ctx.has("timestamps"):
        written = [record._replace(timestamp=ctx.base_ms + n * 1000) for n, record in enumerate(written)]
        client.produce(topic, written)
        # Between two records, on one, before the first.
        times = {ctx.base_ms + 36_500: 37, ctx.base_ms + 20_000: 20, ctx.base_ms - 5_000: 0}
        beyond = ctx.base_ms + COUNT * 1000
    else:
        client.produce(topic, written[:half])
        time.sleep(GAP_SECONDS)
        middle = int(time.time() * 1000)
        time.sleep(GAP_SECONDS)
        client.produce(topic, written[half:])
        times = {middle: half, ctx.base_ms - 5_000: 0}
        beyond = int(time.time() * 1000) + 60_000

    for offset, count in ((42, 5), (3, 5), (COUNT - 1, 1)):
        got = client.read(topic, count, offset=offset)
        ctx.no_differences("seek-offset", f"from {offset}",
                           records.compare(written[offset:offset + count], got, first_offset=offset))
    for moment, offset in times.items():
        got = client.read(topic, 5, time_ms=moment)
        ctx.no_differences("seek-time", f"time of record {offset}",
                           records.compare(written[offset:offset + 5], got, first_offset=offset))
    ctx.equal("list-offsets", "first and last offset", client.ends(topic), (0, COUNT))
    for moment, offset in times.items():
        ctx.equal("list-offsets", "offset of a time", client.offset_at(topic, moment), offset)
    ctx.equal("list-offsets", "offset of a time past the end", client.offset_at(topic, beyond), None)

    if ctx.has("log-dirs"):
        # More than the values alone; with headers, keys and batches less than ten times that.
        size, least = client.log_size(topic), sum(len(record.value) for record in written)
        ctx.check("log-dirs", least < size < 10 * least, f"{size} bytes for {least} bytes of values")
    if ctx.has("delete-records"):
        client.delete_records(topic, 25)
        ctx.equal("delete-records", "first and last offset", client.ends(topic), (25, COUNT))
        got = client.read(topic, COUNT - 25)
        ctx.no_differences("delete-records", "what is left", records.compare(written[25:], got, first_offset=25))
    return
    yield
