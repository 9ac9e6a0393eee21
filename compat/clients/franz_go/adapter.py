"""franz-go (kgo and kadm) behind the flows' interface, through its helper program."""

from clients.bridge import BridgeAdapter
from harness import install


class FranzGoAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "franz-go"
    command = (install.TOOLS / "go" / "franz-go" / "helper",)


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return FranzGoAdapter(bootstrap, work)
