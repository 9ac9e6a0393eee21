"""aiokafka (asyncio, pure Python around a small extension) behind the flows' interface.

Owns: one event loop in a thread of its own, on which everything of this client runs.
"""

import asyncio
import threading
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from flows.adapter import (
    CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, ClientError, PolledMember, PutPump,
    wait_for,
)
from flows.context import numbered
from flows.records import Got

LINES_CODEC = "lz4"
LINES_PER_FLUSH = 20_000
# The client's own names where they differ from the protocol's.
NAMES = {"MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE", "INVALID_TOPIC": "INVALID_TOPIC_EXCEPTION"}


def name_of(error):
    """The protocol's name of an exception of this client."""
    if isinstance(error, errors.CommitFailedError) and error.__cause__ is not None:
        return name_of(error.__cause__)
    name = getattr(error, "message", None)
    if isinstance(error, errors.KafkaError) and name:
        return NAMES.get(name, name)
    return f"{type(error).__name__}: {error}"


def judge(code, text=""):
    """Raises if an answer of the admin client carries an error."""
    if code:
        raise ClientError(name_of(errors.for_code(code)()), text or "")


def got(record):
    """A record as the comparison wants it."""
    return Got(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value,
               tuple((name, value) for name, value in record.headers))


class Loop:
    """The event loop and its thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def do(self, work, seconds=CALL_SECONDS_MAX):
        """Runs a coroutine to its end; the client's exceptions become ClientError."""
        try:
            return self.bare(work, seconds)
        except errors.KafkaError as error:
            raise ClientError(name_of(error), str(error)) from error

    def bare(self, work, seconds=CALL_SECONDS_MAX):
        """Runs a coroutine to its end; exceptions come as they are."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def make(self, kind, *arguments, **config):
        """Makes and starts a client; its constructor wants to run inside the loop."""

        async def start():
            client = kind(*arguments, **config)
            await client.start()
            return client

        return self.do(start())


class LiveProducer:
    """A producer that stays open."""

    def __init__(self, loop, bootstrap, topic, partition, **config):
        self.loop = loop
        self.topic = topic
        self.partition = partition
        self.producer = loop.make(AIOKafkaProducer, bootstrap_servers=bootstrap, linger_ms=5, acks="all",
                                  max_request_size=10_000_000, **config)

    async def _send(self, records):
        sent = [
            await self.producer.send(self.topic, record.value, record.key, self.partition, record.timestamp,
                                     list(record.headers))
            for record in records
        ]
        await self.producer.flush()
        for future in sent:
            await future

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        self.loop.do(self._send(records))

    def close(self):
        """Closes the client."""
        self.loop.do(self.producer.stop())


class AioKafkaPump(PutPump):
    """One batch of a partition in flight: more aiokafka does not do."""

    def __init__(self, loop, bootstrap, topic):
        super().__init__()
        self.loop = loop
        self.topic = topic
        self.futures = []
        self.producer = loop.make(AIOKafkaProducer, bootstrap_servers=bootstrap, enable_idempotence=True,
                                  max_batch_size=200, request_timeout_ms=PUMP_SECONDS_MAX * 1000)

    def put(self, number):
        record = numbered(number, 1)[0]
        self.futures.append(self.loop.do(
            self.producer.send(self.topic, record.value, record.key, partition=0), PUMP_SECONDS_MAX,
        ))

    async def _finish(self):
        await self.producer.flush()
        await asyncio.gather(*self.futures)
        await self.producer.stop()

    def finish(self):
        self.loop.do(self._finish(), PUMP_SECONDS_MAX)


class Listener(ConsumerRebalanceListener):
    """Tells a member of rebalances, also of those that leave it what it had."""

    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        """What is left shows in the next poll."""

    def on_partitions_assigned(self, assigned):
        """What it holds now."""
        self.member.told({(place.topic, place.partition) for place in assigned})


class AioKafkaMember(PolledMember):
    """A member on aiokafka; it commits by itself, at the latest when partitions are taken."""

    def __init__(self, loop, config, topics):
        super().__init__()
        self.loop = loop
        self.config = config
        self.topics = topics
        self.consumer = None

    def open(self):
        self.consumer = self.loop.make(AIOKafkaConsumer, **self.config)
        self.loop.do(self._subscribe())

    async def _subscribe(self):
        self.consumer.subscribe(self.topics, listener=Listener(self))

    async def _hold(self, on):
        (self.consumer.pause if on else self.consumer.resume)(*self.consumer.assignment())

    def hold(self, on):
        self.loop.do(self._hold(on))

    def poll(self):
        for records in self.loop.do(self.consumer.getmany(timeout_ms=100)).values():
            self.records.extend(got(record) for record in records)
        self.assigned = {(place.topic, place.partition) for place in self.consumer.assignment()}

    def leave(self):
        self.assigned = set()
        if self.consumer is not None:
            self.loop.do(self.consumer.stop())

    def code_of(self, error):
        return error.code if isinstance(error, ClientError) else name_of(error)


class AioKafkaAdapter(Adapter):
    """The asyncio client."""

    name = "aiokafka"
    eager = RangePartitionAssignor
    # Its heartbeats and commits carry no instance id, so a replaced static member is one nobody knows.
    fenced_code = "UNKNOWN_MEMBER_ID"

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.loop = Loop()
        self.admin = self.loop.make(AIOKafkaAdminClient, bootstrap_servers=bootstrap)
        self.reader = None

    def version(self):
        return aiokafka.__version__

    def close(self):
        self.loop.do(self.admin.close())
        if self.reader is not None:
            self.loop.do(self.reader.stop())

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        wanted = NewTopic(topic, partitions, 1, topic_configs=configs or {})
        for answer in self.loop.do(self.admin.create_topics([wanted])).topic_errors:
            judge(answer[1], answer[2])

    def partition_counts(self):
        return {topic["topic"]: len(topic["partitions"]) for topic in self.loop.do(self.admin.describe_topics())}

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        self.loop.do(self.admin.create_partitions({topic: NewPartitions(count)}))

    def topic_config(self, topic, key):
        """A topic's setting."""
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {key: None})
        code, text, _, _, entries = self.loop.do(self.admin.describe_configs([asked]))[0].resources[0]
        judge(code, text)
        return {entry[0]: entry[1] for entry in entries}[key]

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})
        for answer in self.loop.do(self.admin.alter_configs([wanted]))[0].resources:
            judge(answer[0], answer[1])

    def delete_topic(self, topic):
        """Deletes a topic."""
        for answer in self.loop.do(self.admin.delete_topics([topic])).topic_error_codes:
            judge(answer[1])

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        producer = LiveProducer(self.loop, self.bootstrap, topic, partition, enable_idempotence=idempotent,
                                compression_type=None if codec == "none" else codec)
        try:
            producer.send(records)
        finally:
            producer.close()

    def producer(self, topic):
        return LiveProducer(self.loop, self.bootstrap, topic, 0, enable_idempotence=True)

    def pump(self, topic):
        return AioKafkaPump(self.loop, self.bootstrap, topic).begin()

    def _reader(self):
        if self.reader is None:
            self.reader = self.loop.make(
                AIOKafkaConsumer, bootstrap_servers=self.bootstrap, auto_offset_reset="none",
                enable_auto_commit=False, fetch_max_wait_ms=100, max_partition_fetch_bytes=2 << 20,
            )
        return self.reader

    async def _read(self, consumer, place, count, offset):
        consumer.assign([place])
        if offset is None:
            await consumer.seek_to_beginning(place)
        else:
            consumer.seek(place, offset)
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX - 5
        while len(records) < count and time.monotonic() < ends:
            batch = await consumer.getmany(place, timeout_ms=200, max_records=count - len(records))
            records.extend(got(record) for record in batch.get(place, ()))
        consumer.unsubscribe()
        return records

    def read(self, topic, count, offset=None, time_ms=None):
        place = TopicPartition(topic, 0)
        if time_ms is not None:
            offset = self.offset_at(topic, time_ms)
        return self.loop.do(self._read(self._reader(), place, count, offset))

    async def _write_lines(self, producer, topic, path):
        sent = []
        with open(path, "rb") as lines:
            for line in lines:
                sent.append(await producer.send(topic, line.rstrip(b"\n"), partition=0))
                if len(sent) == LINES_PER_FLUSH:
                    await asyncio.gather(*sent)
                    sent.clear()
        await producer.flush()
        await asyncio.gather(*sent)

    def write_lines(self, topic, path):
        producer = self.loop.make(AIOKafkaProducer, bootstrap_servers=self.bootstrap, linger_ms=20,
                                  max_batch_size=1 << 18, compression_type=LINES_CODEC)
        self.loop.do(self._write_lines(producer, topic, path), 3 * CALL_SECONDS_MAX)
        self.loop.do(producer.stop())

    async def _read_lines(self, consumer, place, count, path):
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        read = 0
        ends = time.monotonic() + 2 * CALL_SECONDS_MAX
        with open(path, "wb") as lines:
            while read < count and time.monotonic() < ends:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                    lines.write(record.value + b"\n")
                    read += 1
        consumer.unsubscribe()

    def read_lines(self, topic, count, path):
        self.loop.do(self._read_lines(self._reader(), TopicPartition(topic, 0), count, path), 3 * CALL_SECONDS_MAX)

    # Places.
    def ends(self, topic):
        """(first, last) offset of partition 0."""
        place = TopicPartition(topic, 0)
        reader = self._reader()
        return (self.loop.do(reader.beginning_offsets([place]))[place],
                self.loop.do(reader.end_offsets([place]))[place])

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        place = TopicPartition(topic, 0)
        found = self.loop.do(self._reader().offsets_for_times({place: time_ms}))[place]
        return None if found is None else found.offset

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        self.loop.do(self.admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)}))

    # Groups.
    def _group_config(self, group, **more):
        return {"bootstrap_servers": self.bootstrap, "group_id": group, "auto_offset_reset": "earliest",
                "session_timeout_ms": SESSION_MS, "heartbeat_interval_ms": HEARTBEAT_MS, "fetch_max_wait_ms": 100,
                "partition_assignment_strategy": [RangePartitionAssignor], "enable_auto_commit": False, **more}

    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        config = self._group_config(
            group, group_instance_id=instance, enable_auto_commit=True, auto_commit_interval_ms=200,
            max_partition_fetch_bytes=2 << 20, auto_offset_reset=reset, session_timeout_ms=session_ms,
            client_rack=rack, **({"client_id": client_id} if client_id else {}),
        )
        return AioKafkaMember(self.loop, config, topics).begin()

    async def _group_read(self, consumer, topic, count):
        place = TopicPartition(topic, 0)
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX - 15
        while len(records) < count and time.monotonic() < ends:
            for batch in (await consumer.getmany(timeout_ms=500, max_records=count - len(records))).values():
                records.extend(got(record) for record in batch)
        await consumer.commit()
        return records, await consumer.committed(place)

    def group_read(self, group, topic, count):
        consumer = self.loop.make(AIOKafkaConsumer, topic, **self._group_config(group))
        try:
            records, committed = self.loop.do(self._group_read(consumer, topic, count))
        finally:
            self.loop.do(consumer.stop())
        if committed != records[-1].offset + 1:
            raise ClientError("WRONG_COMMIT", f"{committed} after reading up to {records[-1].offset}")
        return records

    def groups(self):
        """Names of all groups."""
        return {group[0] for group in self.loop.do(self.admin.list_consumer_groups())}

    def group_state(self, group):
        """(state, number of members)."""
        described = self.loop.do(self.admin.describe_consumer_groups([group]))[0].to_object()["groups"][0]
        judge(described["error_code"])
        return described["state"], len(described["members"])

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        listed = self.loop.do(self.admin.list_consumer_group_offsets(group))
        return {(place.topic, place.partition): value.offset for place, value in listed.items()}

    async def _reset(self, consumer, offsets):
        consumer.assign(list(offsets))
        await consumer.commit(offsets)

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group, through a consumer that is no member."""
        consumer = self.loop.make(AIOKafkaConsumer, bootstrap_servers=self.bootstrap, group_id=group,
                                  enable_auto_commit=False)
        try:
            self.loop.do(self._reset(consumer, {TopicPartition(topic, number): at for number, at in offsets.items()}))
        finally:
            self.loop.do(consumer.stop())

    def fenced(self, group, topic):
        # The first must not notice by a heartbeat: it would join again and take the place back.
        quiet = self._group_config(group, group_instance_id="the-one", session_timeout_ms=30_000,
                                   heartbeat_interval_ms=20_000)
        first = self.loop.make(AIOKafkaConsumer, topic, **quiet)
        try:
            read = self.loop.do(first.getone())
            second = self.member(group, [topic], instance="the-one")
            try:
                wait_for(lambda: second.assigned or second.error, "the second static member's partitions")
                self.loop.do(first.commit({TopicPartition(topic, read.partition): read.offset + 1}))
            finally:
                second.close()
        finally:
            self.loop.do(first.stop())
        return None

    # Errors.
    def unknown_topic(self, topic):
        codes = {}
        ways = {
            "delete": lambda: self.delete_topic(topic),
            "add partitions": lambda: self.add_partitions(topic, 3),
        }
        for way, call in ways.items():
            try:
                call()
                codes[way] = None
            except ClientError as error:
                codes[way] = error.code
        described = self.loop.do(self.admin.describe_topics([topic]))[0]
        codes["describe"] = name_of(errors.for_code(described["error_code"])())
        return codes

    def too_large(self, topic, record):
        try:
            self.produce(topic, [record])
        except ClientError as error:
            return error.code
        return None


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return AioKafkaAdapter(bootstrap, work)
