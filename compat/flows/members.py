"""Group members beyond two: four of them, a static one that restarts, one that pauses, and where members begin.

What the coordinator thinks of a group is asked through `flows.known`, not through the client under test.
"""

import time

from flows import batches, records
from flows.adapter import SESSION_MS, WAIT_SECONDS_MAX, TooSlow, wait_for
from flows.context import numbered
from flows.groups import exactly, in_order

FOUR_PARTITIONS = 8
# Longer than any restart of a client on a busy machine.
STATIC_SESSION_MS = 300_000
PAUSE_SECONDS = SESSION_MS / 1000 + 2


def _close_all(members):
    """Closes all, and only then raises what the first failing one raised."""
    failed = None
    for member in members:
        try:
            member.close()
        except Exception as error:
            failed = failed or error
    if failed:
        raise failed


def _shared_out(members, count):
    """Whether these members hold all partitions, evenly, none twice."""
    held = [member.assigned for member in members]
    return (sum(map(len, held)) == count == len(set().union(*held))
            and all(len(places) == count // len(members) for places in held))


def four(ctx):
    """Four members come one by one, two go, two stay: every record once, and partitions never held twice."""
    row, client = "group-four", ctx.adapter
    if not ctx.has(row):
        return
    cooperative = ctx.has("group-cooperative")
    assignor = client.cooperative if cooperative else client.eager
    group = ctx.topic("four")
    topics = client.partitions(ctx.topic("four"), FOUR_PARTITIONS)
    members, gone, written = [], [], []

    def settle(what, old):
        """Waits until partitions are shared out; a cooperative member kept what it holds before and after."""
        wait_for(lambda: _shared_out(members, FOUR_PARTITIONS) or any(m.error for m in members), what)
        ctx.equal(row, f"errors, {what}", [m.error for m in members], [None] * len(members))
        for member, (held, at) in old.items():
            if member in gone:
                continue
            kept = held & member.assigned
            dropped = [kept - places for places in member.history[at:] if kept - places]
            if cooperative and dropped:
                ctx.check(row, False, f"{what}: a cooperative member gave up {sorted(dropped[0])[:2]} and got it back")

    def more(what):
        """Another hundred records, all of them read, each once."""
        fresh = numbered(len(written), 100)
        client.spread(topics, fresh)
        written.extend(fresh)
        wait_for(lambda: sum(len(m.records) for m in members + gone) >= len(written)
                 or any(m.error for m in members), f"records read, {what}")
        exactly(ctx, row, what, [r for m in members + gone for r in m.records], written)

    def state():
        return {member: (member.assigned, len(member.history)) for member in members}

    try:
        for count in (1, 2, 4):
            old = state()
            while len(members) < count:
                members.append(client.member(group, topics, assignor))
            settle(f"{count} members", old)
            more(f"{count} members")
        old = state()
        for _ in range(2):
            gone.append(members.pop(1))
            gone[-1].close()
        settle("two of four left", old)
        more("two of four left")
        for member in members + gone:
            in_order(ctx, row, member)
    finally:
        _close_all(members)
    ctx.equal(row, "errors at the end", [m.error for m in members + gone], [None] * 4)
    return
    yield


def static(ctx):
    """A static member closes and comes back within its session; the other one sees nothing of it."""
    row, client = "static", ctx.adapter
    if not ctx.has(row):
        return
    group = ctx.topic("static")
    topics = client.partitions(ctx.topic("static"), 4)
    written = numbered(0, 100)
    client.spread(topics, written)

    def join(instance):
        return client.member(group, topics, client.eager, instance=instance, session_ms=STATIC_SESSION_MS)

    def read(*members):
        wait_for(lambda: sum(len(m.records) for m in members) >= len(written) or any(m.error for m in members),
                 "all records read")
        exactly(ctx, row, f"read by {len(members)} lives", [r for m in members for r in m.records], written)

    def seen(what):
        state, members = ctx.known.group(group)
        ctx.equal(row, f"state and instances, {what}", (state, sorted(m.instance or "" for m in members)),
                  ("Stable", ["goes", "stays"]))

    def more():
        fresh = numbered(len(written), 100)
        client.spread(topics, fresh)
        written.extend(fresh)

    members = [join("stays")]
    try:
        wait_for(lambda: len(members[0].assigned) == 4 or members[0].error, "the first static member")
        members.append(join("goes"))
        stays, goes = members
        wait_for(lambda: _shared_out(members, 4) or stays.error or goes.error, "two static members")
        read(stays, goes)
        held, told = goes.assigned, len(stays.history)
        goes.close()
        seen("while it is away")
        more()
        members[1] = again = join("goes")
        wait_for(lambda: again.assigned == held or again.error, "its partitions after it came back")
        more()
        read(stays, goes, again)
        seen("after it came back")
        ctx.equal(row, "rebalances of the other member", stays.history[told:], [])
        ctx.equal(row, "errors", (stays.error, goes.error, again.error), (None, None, None))
    finally:
        _close_all(members)
    return
    yield


def paused(ctx):
    """A member that takes no records for longer than its session is still a member, and loses none."""
    row, client = "paused", ctx.adapter
    if not ctx.has(row):
        return
    topic, group = ctx.new_topic("paused"), ctx.topic("paused")
    # The second lot is more than the pipes between programs hold.
    first = numbered(0, 50)
    second = [record._replace(value=record.value.ljust(2000, b".")) for record in numbered(50, 400)]
    client.produce(topic, first)
    member = client.member(group, [topic], client.eager)
    try:
        member.wait_records(len(first), "the records before the pause")
        before, told = ctx.known.group(group), len(member.history)
        member.pause()
        client.produce(topic, second)
        time.sleep(PAUSE_SECONDS)
        ctx.equal(row, "records read while it paused", len(member.records), len(first))
        ctx.equal(row, "the group after the pause", ctx.known.group(group), before)
        member.resume()
        member.wait_records(len(first) + len(second), "the records after the pause")
        ctx.no_differences(row, "all it read", records.compare(first + second, member.records))
        ctx.equal(row, "rebalances", member.history[told:], [])
    finally:
        member.close()
    ctx.equal(row, "error", member.error, None)
    return
    yield


# Where a member begins: what its group had committed, its reset, whether it sees what was there before.
BEGINNINGS = (
    ("nothing committed", None, "earliest"),
    ("nothing committed", None, "latest"),
    ("committed before the start", 5, "latest"),
    ("committed past the end", 1000, "earliest"),
)


def _resets(ctx):
    row, client = "offset-reset", ctx.adapter
    topic = ctx.new_topic("resets")
    client.produce(topic, numbered(0, 40))
    ctx.known.delete_records(topic, 20)
    written = numbered(0, 40)
    members = []
    try:
        for number, (_, committed, reset) in enumerate(BEGINNINGS):
            group = ctx.topic(f"resets-{number}")
            if committed is not None:
                ctx.known.commit(group, topic, committed)
            members.append(client.member(group, [topic], client.eager, **({} if reset == "earliest" else {"reset": reset})))
        wait_for(lambda: all(m.assigned or m.error for m in members), "partitions of all members")
        # A member at the latest has its place only when it asked for it: one by one until each has seen one.
        ends = time.monotonic() + WAIT_SECONDS_MAX
        while not all(m.records or m.error for m in members):
            if time.monotonic() > ends:
                seen = [len(m.records) for m in members]
                raise TooSlow(f"members began to read {seen} records after {WAIT_SECONDS_MAX} s")
            fresh = numbered(len(written), 1)
            ctx.known.write(topic, fresh)
            written += fresh
            time.sleep(0.2)
        fresh = numbered(len(written), 10)
        ctx.known.write(topic, fresh)
        written += fresh
        for (what, _, reset), member in zip(BEGINNINGS, members):
            wait_for(lambda m=member: m.error or m.records and m.records[-1].offset == len(written) - 1,
                     f"{what}, {reset}: the last record")
            ctx.equal(row, f"{what}, {reset}: error", member.error, None)
            start = 20 if reset == "earliest" else member.records[0].offset
            ctx.check(row, reset == "earliest" or start >= 40, f"{what}, {reset}: began at {start}")
            ctx.no_differences(row, f"{what}, {reset}",
                               records.compare(written[start:], member.records, first_offset=start))
    finally:
        _close_all(members)


def _racked(ctx):
    row, client = "rack", ctx.adapter
    topic = ctx.new_topic("rack")
    written = numbered(0, 100)
    client.produce(topic, written)
    member = client.member(ctx.topic("rack"), [topic], client.eager, rack="another-room")
    try:
        member.wait_records(len(written), "all records with a rack set")
        ctx.no_differences(row, "all it read", records.compare(written, member.records))
    finally:
        member.close()
    ctx.equal(row, "error", member.error, None)
    ctx.equal(row, "preferred replica of a fetch that names a rack",
              batches.preferred_replica(ctx.bootstrap, topic, "another-room"), None)


def resets(ctx):
    """Where members begin when there is no place to go on from; and the rack, which changes nothing here."""
    if ctx.has("offset-reset"):
        _resets(ctx)
    if ctx.has("rack"):
        _racked(ctx)
    return
    yield
