"""sarama behind the flows' interface, through its helper program."""

from clients.bridge import BridgeAdapter
from harness import install


class SaramaAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "sarama"
    command = (install.TOOLS / "go" / "sarama" / "helper",)


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return SaramaAdapter(bootstrap, work)
