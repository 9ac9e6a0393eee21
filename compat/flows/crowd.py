"""A broker with thousands of topics: listed whole, and one of them written and read.

The broker and its topics are the session's: one for all clients, apart from the one the other flows run on.
"""

from flows import records, table
from flows.context import numbered

TOPICS = 5000
PREFIX = "crowd."


def names():
    """The topics that are there."""
    return [f"{PREFIX}{n:04}" for n in range(TOPICS)]


def crowd(ctx):
    """After the restart, when the crowd is complete."""
    yield
    if not ctx.has("crowd"):
        return
    client = ctx.open(ctx.crowd, PREFIX)
    try:
        counts = client.partition_counts()
        missing = [name for name in names() if counts.get(name) != 1]
        ctx.check("crowd", not missing, f"{len(missing)} of {TOPICS} topics not listed, {missing[:2]}")
        mine = names()[(list(table.CLIENTS).index(ctx.client) + 1) * 41]
        written = numbered(0, 20)
        client.produce(mine, written)
        ctx.no_differences("crowd", mine, records.compare(written, client.read(mine, len(written))))
    finally:
        client.close()
