"""The rdkafka crate (librdkafka from Rust) behind the flows' interface, through its helper program."""

from clients.bridge import BridgeAdapter
from harness import install


class RdkafkaAdapter(BridgeAdapter):
    """The crate cannot list a group's offsets, only ask for those of given topics; so they are remembered."""

    name = "rdkafka"
    command = (install.rust_program("rdkafka"),)

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.topics_of = {}

    def member(self, group, topics, *more, **named):
        self.topics_of[group] = topics
        return super().member(group, topics, *more, **named)

    def group_offsets(self, group):
        listed = self.call("group_offsets", group=group, topics=self.topics_of[group])
        return {(topic, partition): offset for topic, partition, offset in listed}


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return RdkafkaAdapter(bootstrap, work)
