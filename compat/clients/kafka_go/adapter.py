"""segmentio/kafka-go behind the flows' interface, through its helper program."""

from clients.bridge import BridgeAdapter
from harness import install

# Those whose lz4 frames have a checksum for each block.
BLOCK_CHECKSUMS = (".aiokafka.codec-lz4", ".rskafka.codec-lz4")


class KafkaGoAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "kafka-go"
    command = (install.TOOLS / "go" / "kafka-go" / "helper",)
    # Its group members cannot be static; the calls of its Client can.
    has_static_members = False

    def read_all(self, topics, count_each):
        # See `flows.table.LEFT_OUT`.
        readable = [topic for topic in topics if not topic.endswith(BLOCK_CHECKSUMS)]
        return super().read_all(readable, count_each)


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KafkaGoAdapter(bootstrap, work)
