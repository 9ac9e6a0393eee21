"""Keys, headers and names at the edges: every size, and letters outside ASCII."""

from flows import records
from flows.adapter import wait_for
from flows.context import numbered
from flows.records import Record

# Around where a length takes one byte more: as a varint, and as an unsigned one.
SIZES = (0, 1, 63, 64, 127, 128, 8191, 8192, 16383, 16384, 100 * 1024)
HEADERS = 500


def _keys():
    return [Record(b"k" * size, b"key of %d bytes" % size) for size in SIZES]


def _headers():
    name = "n" * 200
    return [
        Record(b"sizes", b"every size", tuple((f"header-{size}", b"h" * size) for size in SIZES)),
        Record(b"name", b"a long name", ((name, b"x"),)),
        Record(b"many", b"many headers", tuple((f"h{n:03}", b"%d" % n) for n in range(HEADERS))),
    ]


def _round(ctx, row, written):
    topic = ctx.new_topic(row)
    ctx.adapter.produce(topic, written)
    ctx.no_differences(row, row, records.compare(ctx.adapter.readable(written), ctx.adapter.read(topic, len(written))))


def _member_named(ctx, topic, written, row, group, **options):
    """Reads as a member with a name, and looks at the group under that name."""
    member = ctx.adapter.member(group, [topic], ctx.adapter.eager, **options)
    try:
        member.wait_records(len(written), f"records of a member with a name, {row}")
        ctx.no_differences(row, "what it read", records.compare(written, member.records))
        state, members = ctx.known.group(group)
        ctx.equal(row, "state and members", (state, len(members)), ("Stable", 1))
        if "client_id" in options:
            ctx.equal(row, "its client id", members[0].client_id, options["client_id"])
        if "instance" in options:
            ctx.equal(row, "its instance id", members[0].instance, options["instance"])
    finally:
        member.close()
    ctx.equal(row, "error", member.error, None)


def names(ctx):
    """All of it before the restart; the topic that is refused must not be there afterwards."""
    client = ctx.adapter
    if ctx.has("key-sizes"):
        _round(ctx, "key-sizes", _keys())
    if ctx.has("header-sizes"):
        _round(ctx, "header-sizes", _headers())
    if ctx.has("header-name"):
        _round(ctx, "header-name", [
            Record(b"n%d" % n, b"v", ((name, name.encode()),)) for n, name in enumerate(("příliš", "見出し", "🌊"))
        ])
    topic, written = ctx.new_topic("names"), numbered(0, 10)
    client.produce(topic, written)
    if ctx.has("group-name"):
        _member_named(ctx, topic, written, "group-name", ctx.topic("skupina-žlutá-組-🌊"))
    if ctx.has("client-id"):
        _member_named(ctx, topic, written, "client-id", ctx.topic("named-client"), client_id="čtenář-読者")
    if ctx.has("instance-id"):
        _member_named(ctx, topic, written, "instance-id", ctx.topic("named-instance"), instance="výtisk-一")
    if ctx.has("topic-name"):
        bad = ctx.topic("téma-題")
        ctx.equal("topic-name", "the error", client.bad_topic(bad), "INVALID_TOPIC_EXCEPTION")
        wait_for(lambda: topic in client.partition_counts(), "the list of topics")
        ctx.check("topic-name", bad not in client.partition_counts(), "the topic is in the list all the same")
    return
    yield
