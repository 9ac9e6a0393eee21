"""kafkajs (Node) behind the flows' interface, through `bridge.js`.

kafkajs has no assignment by hand: everything is read in a group, alone in it where the flow wants a plain read. It
is idempotent only with one request in flight, so its pump writes one by one.
"""

from pathlib import Path

from clients.bridge import BridgeAdapter
from harness import install


class KafkaJsAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "kafkajs"
    command = ("node", Path(__file__).resolve().parent / "bridge.js", install.TOOLS / "node")
    lines_codec = "gzip"
    eager = None
    cooperative = None
    # kafkajs cannot name an instance: its member is thrown out for silence instead.
    has_static_members = False
    fenced_code = "UNKNOWN_MEMBER_ID"

    def offset_at(self, topic, time_ms):
        # For a time past the end kafkajs answers the end instead of nothing.
        offset = super().offset_at(topic, time_ms)
        return None if offset < 0 or offset == self.ends(topic)[1] else offset


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KafkaJsAdapter(bootstrap, work)
