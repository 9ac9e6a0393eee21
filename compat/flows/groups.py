"""A group of two members with rebalances in between, and what an administrator sees of it."""

from flows.adapter import ClientError, wait_for
from flows.context import numbered

PARTITIONS = 4


def exactly(ctx, row, what, got, want):
    """Each record once, over however many members read it."""
    read = sorted((record.key, record.value) for record in got)
    wanted = sorted((record.key, record.value) for record in want)
    missing = len(set(wanted) - set(read))
    twice = len(read) - len(set(read))
    ctx.check(row, read == wanted, f"{what}: {missing} of {len(wanted)} records missing, {twice} read twice")


def in_order(ctx, row, member):
    """A member sees each partition in offset order."""
    last = {}
    for record in member.records:
        place = (record.topic, record.partition)
        if record.offset <= last.get(place, -1):
            ctx.check(row, False, f"offset {record.offset} after {last[place]} in one partition")
            return
        last[place] = record.offset
    ctx.check(row, True)


def _group(ctx, row, assignor):
    client = ctx.adapter
    group = ctx.topic(row)
    topics = client.partitions(ctx.topic(row), PARTITIONS)
    first, second, third = numbered(0, 200), numbered(200, 200), numbered(400, 100)
    client.spread(topics, first)
    a = client.member(group, topics, assignor)
    b = None
    try:
        wait_for(lambda: len(a.assigned) == PARTITIONS or a.error, "the first member's partitions")
        a.wait_records(len(first), "what was there before the group")
        exactly(ctx, row, "read by one member", a.records, first)
        b = client.member(group, topics, assignor)
        wait_for(
            lambda: (len(a.assigned), len(b.assigned)) == (2, 2) and not a.assigned & b.assigned
            or a.error or b.error,
            "two partitions each after the second joined",
        )
        # What the first member holds is only final when it has been steady for a moment.
        ctx.equal(row, "errors of the members", (a.error, b.error), (None, None))
        client.spread(topics, second)
        wait_for(lambda: len(a.records) + len(b.records) >= len(first) + len(second) or a.error or b.error,
                 "what came after the second joined")
        exactly(ctx, row, "read by two members", a.records + b.records, first + second)
        ctx.check(row, len(b.records) > 0 and len(a.records) > len(first), "one of the two members read nothing")
        if row == "group-eager" and ctx.has("group-admin"):
            _seen_alive(ctx, group)
        in_order(ctx, row, b)
        b.close()
        ctx.equal(row, "error of the leaving member", b.error, None)
        wait_for(lambda: len(a.assigned) == PARTITIONS or a.error, "all partitions back after the second left")
        client.spread(topics, third)
        want = len(first) + len(second) + len(third) - len(b.records)
        a.wait_records(want, "what came after the second left")
        exactly(ctx, row, "read in all", a.records + b.records, first + second + third)
        in_order(ctx, row, a)
    finally:
        a.close()
        if b is not None:
            b.close()
    ctx.equal(row, "error of the last member", a.error, None)
    if row == "group-eager" and ctx.has("group-admin"):
        _seen_empty(ctx, group, topics[0], len(first) + len(second) + len(third))


def _seen_alive(ctx, group):
    client = ctx.adapter
    ctx.check("group-admin", group in client.groups(), "the group is not in the list")
    ctx.equal("group-admin", "state and members", client.group_state(group), ("Stable", 2))
    if not ctx.has("delete-group"):
        return
    try:
        client.delete_group(group)
        ctx.check("delete-group", False, "deleting a group with members brought no error")
    except ClientError as error:
        ctx.equal("delete-group", "deleting a group with members", error.code, "NON_EMPTY_GROUP")


def _seen_empty(ctx, group, topic, count):
    client = ctx.adapter
    wait_for(lambda: client.group_state(group) == ("Empty", 0), "an empty group after all left")
    offsets = client.group_offsets(group)
    ctx.equal("group-admin", "sum of the committed offsets", sum(offsets.values()), count)
    client.reset_group(group, topic, {partition: 3 for partition in range(PARTITIONS)})
    offsets = client.group_offsets(group)
    ctx.equal("group-admin", "offsets after the reset", sorted(offsets.values()), [3] * PARTITIONS)
    if ctx.has("delete-group"):
        client.delete_group(group)
        wait_for(lambda: group not in client.groups(), "the deleted group gone from the list")
        ctx.check("delete-group", True)


def group(ctx):
    """The eager protocol, and the group seen by an administrator."""
    if ctx.has("group-eager"):
        _group(ctx, "group-eager", ctx.adapter.eager)
    return
    yield


def cooperative(ctx):
    """The cooperative protocol."""
    if ctx.has("group-cooperative"):
        _group(ctx, "group-cooperative", ctx.adapter.cooperative)
    return
    yield
