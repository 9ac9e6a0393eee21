"""The errors a user must see: unknown topic, record too large, fenced member.

Runs after the restart, when the broker no longer creates topics on first use.
"""

import random

from flows.adapter import ClientError
from flows.context import numbered
from flows.records import Record, compare

TOO_LARGE = 1_500_000


def errors(ctx):
    """Each error by its protocol name; and the topic still takes records after it."""
    topic = ctx.new_topic("errors")
    if not ctx.adapter.creates_topics:
        ctx.adapter.produce(topic, numbered(0, 1))
    yield
    client = ctx.adapter
    for way, code in client.unknown_topic(ctx.topic("nobody-made-this")).items():
        ctx.equal("unknown-topic", way, code, "UNKNOWN_TOPIC_OR_PARTITION")
    ctx.check("unknown-topic", ctx.topic("nobody-made-this") not in client.partition_counts(),
              "asking for an unknown topic created it")

    noise = random.Random(1).randbytes(TOO_LARGE // 2).hex().encode()
    ctx.equal("too-large", "produce", client.too_large(topic, Record(b"big", noise)), "MESSAGE_TOO_LARGE")
    small = numbered(1, 3)
    already = 0 if client.creates_topics else 1
    client.produce(topic, small)
    got = client.read(topic, already + len(small))
    ctx.no_differences("too-large", "small ones after it", compare(small, got[already:], first_offset=already))

    if not ctx.has("fenced"):
        return
    try:
        code = client.fenced(ctx.topic("fenced"), topic)
    except ClientError as error:
        code = error.code
    ctx.equal("fenced", "the member that lost its place", code, client.fenced_code)
