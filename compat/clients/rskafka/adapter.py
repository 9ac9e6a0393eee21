"""The rskafka crate behind the flows' interface, through its helper program.

rskafka speaks to partitions and knows no groups; a member here is a reader of one partition.
"""

from clients.bridge import BridgeAdapter
from harness import install


class RskafkaAdapter(BridgeAdapter):
    """All of it is in the helper."""

    name = "rskafka"
    command = (install.rust_program("rskafka"),)
    eager = cooperative = None

    def readable(self, records):
        # It keeps headers in a map by name, and fails on a batch in which one has no value.
        if any(value is None for record in records for _, value in record.headers):
            return None
        return [record._replace(headers=tuple(sorted(dict(record.headers).items()))) for record in records]


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return RskafkaAdapter(bootstrap, work)
