"""Commit, restart the broker, continue: with members that came and went, and with ones that stayed."""

from flows import records
from flows.context import numbered


def restart(ctx):
    """80 of 200 records before the restart, the other 120 after it; nothing twice, nothing lost."""
    client = ctx.adapter
    topic, live_topic = ctx.new_topic("restart"), ctx.new_topic("live")
    all_records = numbered(0, 200)
    client.produce(topic, all_records)
    group = ctx.topic("restart")
    if ctx.has("commit-restart"):
        got = client.group_read(group, topic, 80)
        ctx.no_differences("commit-restart", "before", records.compare(all_records[:80], got))

    live_records = numbered(0, 100)
    producer = client.producer(live_topic)
    try:
        producer.send(live_records[:50])
        member = client.member(ctx.topic("live"), [live_topic], client.eager)
        try:
            member.wait_records(50, "the records before the restart")
            yield
            producer.send(live_records[50:])
            member.wait_records(100, "the records after the restart")
            ctx.no_differences("live-restart", "one member, before and after",
                               records.compare(live_records, member.records))
        finally:
            member.close()
        ctx.equal("live-restart", "error of the member", member.error, None)
    finally:
        producer.close()

    if ctx.has("commit-restart"):
        got = client.group_read(group, topic, 120)
        ctx.no_differences("commit-restart", "after", records.compare(all_records[80:], got, first_offset=80))
        got = client.read(topic, 200)
        ctx.no_differences("commit-restart", "everything again", records.compare(all_records, got))
