"""Topics: create, list, grow, configure, delete."""

from flows.adapter import ClientError, wait_for


def topics(ctx):
    """Every step is looked at through the client's own listing."""
    client, topic = ctx.adapter, ctx.topic("topics")
    counts = {}

    def listed(count):
        counts.update(client.partition_counts())
        return counts.get(topic) == count

    first = 3 if ctx.has("add-partitions") else 1
    client.create_topic(topic, first, {"retention.ms": "3600000"} if ctx.has("topic-configs") else None)
    wait_for(lambda: listed(first), "the new topic in the list")
    ctx.check("create-topic", True)
    ctx.check("list-topics", topic in counts)
    if ctx.has("delete-topic"):
        try:
            client.create_topic(topic, 1)
            ctx.check("create-topic", False, "creating a topic twice brought no error")
        except ClientError as error:
            ctx.equal("create-topic", "creating a topic twice", error.code, "TOPIC_ALREADY_EXISTS")
    if ctx.has("topic-configs"):
        ctx.equal("topic-configs", "as created", client.topic_config(topic, "retention.ms"), "3600000")
        client.set_topic_config(topic, "retention.ms", "7200000")
        # A real Kafka's controller answers before its broker has the change.
        wait_for(lambda: client.topic_config(topic, "retention.ms") == "7200000", "the changed setting")
        ctx.check("topic-configs", True)
    if ctx.has("add-partitions"):
        client.add_partitions(topic, 5)
        wait_for(lambda: listed(5), "the added partitions in the list")
        ctx.check("add-partitions", True)
    if ctx.has("delete-topic"):
        client.delete_topic(topic)
        wait_for(lambda: topic not in client.partition_counts(), "the deleted topic gone from the list")
        ctx.check("delete-topic", True)
    return
    yield
