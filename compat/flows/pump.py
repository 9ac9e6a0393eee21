"""An idempotent producer with several requests in flight while the broker restarts, and while it is killed.

Yields twice: the broker is restarted in order at the first, killed and started again at the second. What the
partition holds afterwards is read by `flows.known`: every record once, in the order in which it was handed over.
"""

from flows import batches, records
from flows.adapter import wait_for
from flows.context import numbered

RECORDS_MORE = 20


def _running(ctx, name):
    topic = ctx.new_topic(name)
    if not ctx.adapter.creates_topics:
        ctx.known.create(topic)
    return topic, ctx.adapter.pump(topic)


def _wait_end(ctx, topic, pump, what):
    """Waits until the log is some records longer than when this was called, or the pump failed."""
    end = ctx.known.ends(topic)[1]
    wait_for(lambda: pump.failure or ctx.known.ends(topic)[1] >= end + RECORDS_MORE, what)


def _check(ctx, row, topic, pump):
    written = pump.stop()
    ctx.no_differences(row, "what the log holds", records.compare(numbered(0, written), ctx.known.read(topic)))
    ctx.check(row, all(idempotent for _, idempotent in batches.headers(ctx.bootstrap, topic)),
              "not all of it was written idempotently")


def pump(ctx):
    """One pump over each."""
    for row in ("pump-restart", "pump-kill"):
        if not ctx.has(row):
            yield
            continue
        topic, running = _running(ctx, row)
        try:
            _wait_end(ctx, topic, running, "records before the broker goes")
            yield
            _wait_end(ctx, topic, running, "records after the broker came back")
        except BaseException:
            running.abandon()
            raise
        _check(ctx, row, topic, running)
