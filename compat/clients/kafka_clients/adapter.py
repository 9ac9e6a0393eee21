"""kafka-clients (Java) in several versions behind the flows' interface: one JVM with the bridge of `java/`."""

from clients.bridge import BridgeAdapter
from harness import install


class KafkaClientsAdapter(BridgeAdapter):
    """One version; the worker names it."""

    parallel = 3

    def __init__(self, bootstrap, work, version):
        self.name = f"kafka-clients {version}"
        self.command = install.kafka_clients_bridge(version)
        super().__init__(bootstrap, work)


def open_adapter(bootstrap, work, version):
    """The adapter of this version."""
    return KafkaClientsAdapter(bootstrap, work, version)
