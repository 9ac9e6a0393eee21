"""What a flow is handed: its client, names for its topics, and where its checks go.

A flow is a generator: it yields once where the broker is to be restarted and continues after it. Invariant: a
check names a row of the flow that this client has; anything else is a fault of the harness and raises.
"""

from flows import records, table
from flows.known import Known
from harness import brokers


class Context:
    """One client in one run."""

    def __init__(self, adapter, options, report):
        self.adapter = adapter
        self.client = adapter.name
        self.bootstrap = adapter.bootstrap
        self.prefix = options["prefix"]
        self.broker = options["broker"]
        self.base_ms = options["base_ms"]
        self.words = options["words"]
        self.work = options["work"]
        # Filled at the restart: client -> the topics of its codec flow.
        self.peers = {}
        # Filled at the restart: the bootstrap address of the broker with very many topics.
        self.crowd = None
        # Told to the others at the restart.
        self.shared = {}
        self._report = report
        self._open = options["open"]
        self._known = None

    @property
    def known(self):
        """An administrator, writer and reader that is not the client under test."""
        if self._known is None:
            self._known = Known(self.bootstrap)
        return self._known

    def open(self, bootstrap, own):
        """A second adapter of this client, for another broker where its topics begin with `own`."""
        adapter = self._open(bootstrap)
        adapter.own = own
        return adapter

    def own_broker(self, name):
        """A broker for one flow of this client, not started yet; the flow kills it, or else it goes with the worker."""
        broker = brokers.Broker(self.work / name)
        broker.is_apart = False
        return broker

    def has(self, row):
        """Whether this client has the row at all."""
        return table.lacks(self.client, row) is None

    def check(self, row, ok, detail=""):
        """Reports one check; returns whether it held."""
        if row not in table.ROWS or not self.has(row):
            raise AssertionError(f"a check for {row}, which {self.client} does not have")
        self._report({"event": "check", "row": row, "ok": bool(ok), "detail": "" if ok else detail})
        return bool(ok)

    def equal(self, row, what, got, want):
        """Checks that two plain values are equal."""
        return self.check(row, got == want, f"{what}: {got!r} instead of {want!r}")

    def no_differences(self, row, what, differences):
        """Checks that a comparison yields nothing."""
        differences = list(differences)
        first = "; ".join(str(d[1] if isinstance(d, tuple) else d) for d in differences[:2])
        return self.check(row, not differences, f"{what}: {len(differences)} differences: {first}")

    def topic(self, name):
        """A topic name of this client in this run."""
        return f"{self.prefix}.{self.client}.{name}"

    def new_topic(self, name):
        """A topic with one partition, created now or on first use, whichever costs less."""
        topic = self.topic(name)
        if self.adapter.creates_topics:
            self.adapter.create_topic(topic)
        return topic

    def corpus(self):
        """What this client writes in the codec flow."""
        return records.corpus(self.client, self.base_ms)


def numbered(start, count):
    """Small records that carry their number."""
    return [
        records.Record(b"key-%06d" % n, b"record number %06d" % n) for n in range(start, start + count)
    ]
