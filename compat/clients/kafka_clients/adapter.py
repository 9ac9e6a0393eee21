"""kafka-clients (Java) in several versions behind the flows' interface: one JVM with the bridge of `java/`."""

from clients.bridge import BridgeAdapter
from harness import install

# A call after the other, some hundreds of them.
ADMIN_SECONDS_MAX = 180


class KafkaClientsAdapter(BridgeAdapter):
    """One version; the worker names it."""

    parallel = 3
    damaged_says = "corrupt message when fetching offset {offset} for topic-partition {topic}-0"

    def __init__(self, bootstrap, work, version):
        self.name = f"kafka-clients {version}"
        self.command = install.kafka_clients_bridge(version)
        super().__init__(bootstrap, work)

    def admin_calls(self, prefix, complete):
        """Calls every method of this version's Admin: a list of (row, method, problem or None)."""
        outcomes = self.call("admin_calls", seconds=ADMIN_SECONDS_MAX, prefix=prefix, complete=complete)
        return [(outcome["row"], outcome["method"], outcome["problem"]) for outcome in outcomes]


def open_adapter(bootstrap, work, version):
    """The adapter of this version."""
    return KafkaClientsAdapter(bootstrap, work, version)
