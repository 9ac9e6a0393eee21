"""confluent-kafka-go (librdkafka from Go) behind the flows' interface, through its helper program.

Version 2 and, as the variant "1.9", the last before it.
"""

from clients.bridge import BridgeAdapter
from harness import install


class ConfluentGoAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "confluent-kafka-go"
    command = (install.TOOLS / "go" / "confluent-kafka-go" / "helper",)


class OldConfluentGoAdapter(ConfluentGoAdapter):
    """The same sources on version 1.9."""

    command = (install.TOOLS / "go" / "confluent-kafka-go-1.9" / "helper",)


def open_adapter(bootstrap, work, variant=None):
    """The adapter of this client."""
    return (OldConfluentGoAdapter if variant == "1.9" else ConfluentGoAdapter)(bootstrap, work)
