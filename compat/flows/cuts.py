"""Reading on where the log's start has moved past the reader: by retention, and by deleted records."""

from flows import records
from flows.adapter import wait_for
from flows.context import numbered

SEGMENT_BYTES = 1 << 20
OLD_MS = 3_600_000


def _go_on(ctx, row, topic, written, cut):
    """Reads a little in a group, has the start moved past it, reads the rest in the same group."""
    client, group = ctx.adapter, ctx.topic(row)
    got = client.group_read(group, topic, 3)
    ctx.no_differences(row, "before the cut", records.compare(written[:3], got))
    start = cut()
    got = client.group_read(group, topic, len(written) - start)
    ctx.equal(row, "the log, before and after reading", ctx.known.ends(topic), (start, len(written)))
    ctx.no_differences(row, "after the cut", records.compare(written[start:], got, first_offset=start))


def cuts(ctx):
    """Old records in closed segments go as soon as retention is set; the young ones stay."""
    known = ctx.known
    if ctx.has("retention-cut"):
        topic = ctx.topic("retention-cut")
        known.create(topic, 1, {"segment.bytes": str(SEGMENT_BYTES), "retention.ms": "-1"})
        old = [record._replace(value=record.value.ljust(300_000, b"."), timestamp=ctx.base_ms + n)
               for n, record in enumerate(numbered(0, 12))]
        written = old + numbered(12, 60)
        known.write(topic, written)

        def retain():
            known.set(topic, "retention.ms", str(OLD_MS // 2))
            wait_for(lambda: known.ends(topic)[0] > 3, "the start of the log after retention")
            start = known.ends(topic)[0]
            ctx.check("retention-cut", start <= len(old), f"young records are gone: the log starts at {start}")
            return start

        _go_on(ctx, "retention-cut", topic, written, retain)
    if ctx.has("delete-cut"):
        topic = ctx.new_topic("delete-cut")
        written = numbered(0, 60)
        ctx.adapter.produce(topic, written)

        def delete():
            known.delete_records(topic, 25)
            return 25

        _go_on(ctx, "delete-cut", topic, written, delete)
    return
    yield
