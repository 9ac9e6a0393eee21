"""The load that must survive the kills: confluent-kafka producers, a group of two, a lone committer, a reader.

Owns: the threads, the payload, and noting everything in the history before and after it happens. Every client
lives through all restarts. Does not judge anything; a client error that must not happen goes to `problems`.
"""

import collections
import hashlib
import random
import struct
import threading
import time

import confluent_kafka
from confluent_kafka import TopicPartition

from crash.history import Id, Seen

TOPIC = "crash"
PARTITIONS = 4
GROUP, LONE = "crash.group", "crash.lone"
HEAD = struct.Struct(">HHQ16s")
UNSENT_MAX = 2000
# Longer than any run: a record is only given up if the broker refuses it.
DELIVERY_MS_MAX = 600_000

# Clients that come back at once, so that a cycle is short.
PATIENCE = {
    "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 20, "retry.backoff.max.ms": 100,
    "topic.metadata.refresh.fast.interval.ms": 50, "topic.metadata.refresh.interval.ms": 2000, "log_level": 0,
    "socket.timeout.ms": 10_000,
}


def digest(head, body):
    """The digest a record carries of its own name and body."""
    return hashlib.blake2b(head + body, digest_size=16).digest()


def payload(record, body):
    """A record's bytes: its name, its digest, its body."""
    name = struct.pack(">HHQ", *record)
    return name + digest(name, body) + body


def seen(message):
    """What a read message says it is; an id of None if its own digest does not match."""
    value = message.value() or b""
    if len(value) < HEAD.size:
        return Seen(message.offset(), None, b"")
    producer, partition, number, carried = HEAD.unpack_from(value)
    true = digest(value[:12], value[HEAD.size:])
    return Seen(message.offset(), Id(producer, partition, number), true if true == carried else b"damaged")


class Load:
    """All clients."""

    def __init__(self, bootstrap, history, seed):
        self.bootstrap = bootstrap
        self.history = history
        self.random = random.Random(seed)
        self.pool = self.random.randbytes(1 << 20)
        self.problems = []
        self.stopping = threading.Event()
        # Set when the last acknowledgement has come; the reader goes on until then.
        self.all_written = threading.Event()
        self.acknowledged = 0
        self.lone_commits = 0
        self.group_commits = 0
        # partition -> highest acknowledged offset; partition -> next offset the reader will see.
        self.highest = collections.defaultdict(lambda: -1)
        self.next = collections.defaultdict(int)
        self.lock = threading.Lock()
        self.producers = [
            threading.Thread(target=self._guarded, args=(self._produce, number, config), daemon=True)
            for number, config in enumerate((
                {"compression.type": "lz4", "linger.ms": 5},
                {"compression.type": "none", "linger.ms": 0, "batch.num.messages": 20},
            ))
        ]
        self.others = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._read, self._commit_alone, self._group_member, self._group_member)
        ]

    def start(self):
        """Starts everything."""
        for thread in self.others + self.producers:
            thread.start()

    def _guarded(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as error:  # a thread that dies must not do so unnoticed
            self.problems.append(f"{work.__name__.strip('_')}: {type(error).__name__}: {error}")

    def _client_error(self, error):
        if error.fatal() or error.name() == "_FATAL":
            self.problems.append(f"a client ended for good: {error.str()}")

    # Producing.
    def _body(self, rng):
        chance = rng.random()
        size = rng.randrange(0, 500) if chance < 0.8 else rng.randrange(500, 8000) if chance < 0.997 else 150_000
        at = rng.randrange(len(self.pool) - size)
        return self.pool[at:at + size]

    def _produce(self, number, config):
        rng = random.Random(self.random.random())
        counts = [0] * PARTITIONS
        producer = self._new_producer(config)
        born = time.monotonic()
        while not self.stopping.is_set():
            if len(producer) < UNSENT_MAX:
                for _ in range(rng.randrange(1, 20)):
                    partition = rng.randrange(PARTITIONS)
                    record = Id(number, partition, counts[partition])
                    counts[partition] += 1
                    value = payload(record, self._body(rng))
                    self.history.sent[record] = value[12:28]
                    producer.produce(TOPIC, value, partition=partition, on_delivery=self._delivered(record))
            producer.poll(0.005)
            # A new producer id now and then, as clients come and go.
            if time.monotonic() - born > 5:
                self._finish(producer)
                producer = self._new_producer(config)
                born = time.monotonic()
        self._finish(producer)

    def _new_producer(self, config):
        return confluent_kafka.Producer({
            "bootstrap.servers": self.bootstrap, "enable.idempotence": True, "acks": "all",
            "message.timeout.ms": DELIVERY_MS_MAX, "error_cb": self._client_error, **PATIENCE, **config,
        })

    def _finish(self, producer):
        left = producer.flush(60)
        if left:
            self.problems.append(f"{left} records not acknowledged 60 s after the last one was sent")

    def _delivered(self, record):
        def note(error, message):
            if error is not None:
                self.problems.append(f"a delivery failed: {error.name()} {error.str()}")
                return
            with self.lock:
                self.history.acknowledged[record] = message.offset()
                self.highest[record.partition] = max(self.highest[record.partition], message.offset())
                self.acknowledged += 1
        return note

    # Reading.
    def _read(self):
        consumer = self._new_reader()
        while not self.all_written.is_set() or self.behind():
            for message in consumer.consume(500, 0.05):
                if message.error() is not None:
                    if message.error().code() >= 0 and not message.error().retriable():
                        self.problems.append(f"the reader: {message.error().str()}")
                        return
                    continue
                record = seen(message)
                with self.lock:
                    self.history.read[message.partition()].append(record)
                    self.next[message.partition()] = record.offset + 1
        consumer.close()

    def _new_reader(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False,
            # An offset that is gone is a fault and not a reason to start over.
            "auto.offset.reset": "error", "check.crcs": True, "fetch.wait.max.ms": 50,
            "fetch.error.backoff.ms": 20, "error_cb": self._client_error, **PATIENCE,
        })
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
        return consumer

    def behind(self):
        """Partitions in which the reader has not yet seen everything that is acknowledged."""
        with self.lock:
            return [p for p in range(PARTITIONS) if self.next[p] <= self.highest[p]]

    def read_again(self, seconds):
        """Reads everything from the start with a new client."""
        consumer = self._new_reader()
        again = self.history.read_again
        wanted = {partition: len(records) for partition, records in self.history.read.items()}
        ends = time.monotonic() + seconds
        while any(len(again[p]) < count for p, count in wanted.items()) and time.monotonic() < ends:
            for message in consumer.consume(2000, 0.2):
                if message.error() is None:
                    again[message.partition()].append(seen(message))
        consumer.close()

    # Committing.
    def _note(self, what, group, places):
        with self.lock:
            self.history.commits.extend((what, group, place.partition, place.offset) for place in places)

    def _commit(self, consumer, group, places):
        self._note("tried", group, places)
        try:
            done = consumer.commit(offsets=places, asynchronous=False)
        except confluent_kafka.KafkaException:
            return False
        good = [place for place in done if place.error is None]
        self._note("acked", group, good)
        return bool(good)

    def _commit_alone(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": LONE, "enable.auto.commit": False,
            "error_cb": self._client_error, **PATIENCE,
        })
        offset = 0
        while not self.stopping.is_set():
            offset += 1
            places = [TopicPartition(TOPIC, partition, offset) for partition in range(PARTITIONS)]
            self.lone_commits += self._commit(consumer, LONE, places)
            time.sleep(0.01)
        consumer.close()

    def _group_member(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": GROUP, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 200,
            "fetch.wait.max.ms": 50, "fetch.error.backoff.ms": 20, "partition.assignment.strategy": "range",
            "error_cb": self._client_error, **PATIENCE,
        })
        consumer.subscribe([TOPIC])
        while not self.stopping.is_set():
            places = {}
            for message in consumer.consume(500, 0.05):
                if message.error() is None:
                    places[message.partition()] = message.offset() + 1
            if places:
                self.group_commits += self._commit(
                    consumer, GROUP, [TopicPartition(TOPIC, partition, offset) for partition, offset in places.items()],
                )
        consumer.close()

    def ask_committed(self, group, ask):
        """Notes the question, asks (`ask` returns partition -> offset), notes the answer."""
        places = [TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)]
        self._note("asked", group, places)
        answer = ask(group, TOPIC, range(PARTITIONS))
        self._note("read", group, [TopicPartition(TOPIC, partition, offset) for partition, offset in answer.items()])

    def finish(self, seconds):
        """Stops the load in order: first who writes, then who reads."""
        self.stopping.set()
        ends = time.monotonic() + seconds
        for threads in (self.producers, self.others):
            for thread in threads:
                thread.join(max(0.0, ends - time.monotonic()))
                if thread.is_alive():
                    self.problems.append(f"a client did not end within {seconds} s")
                    return
            self.all_written.set()
