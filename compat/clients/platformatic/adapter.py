"""@platformatic/kafka (Node) behind the flows' interface, through `bridge.mjs`.

It has no assignment by hand: everything is read in a group, alone in it where the flow wants a plain read.
"""

from pathlib import Path

from clients.bridge import BridgeAdapter
from harness import install


class PlatformaticAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "platformatic"
    command = ("node", Path(__file__).resolve().parent / "bridge.mjs", install.TOOLS / "platformatic")
    eager = None

    def read_all(self, topics, count_each):
        # See `flows.table.LEFT_OUT`.
        readable = [topic for topic in topics if not topic.endswith((".codec-zstd", ".codec-snappy"))]
        return super().read_all(readable, count_each)


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return PlatformaticAdapter(bootstrap, work)
