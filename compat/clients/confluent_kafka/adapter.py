"""confluent-kafka (librdkafka from Python) behind the flows' interface."""

import time

import confluent_kafka
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
)

from flows.adapter import (
    CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, ClientError, PolledMember, PutPump, TooSlow,
    wait_for,
)
from flows.context import numbered
from flows.records import Got

# librdkafka's names where they differ from the protocol's.
NAMES = {
    "UNKNOWN_TOPIC_OR_PART": "UNKNOWN_TOPIC_OR_PARTITION",
    "MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE",
    "TOPIC_EXCEPTION": "INVALID_TOPIC_EXCEPTION",
    "INVALID_MSG": "CORRUPT_MESSAGE",
}
LINES_CODEC = "zstd"


def name_of(error):
    """The protocol's name of a KafkaError or KafkaException."""
    if isinstance(error, KafkaException):
        error = error.args[0]
    if not isinstance(error, confluent_kafka.KafkaError):
        return f"{type(error).__name__}: {error}"
    return NAMES.get(error.name(), error.name())


def seek(consumer, place):
    """Seeks once the partition is being read: after `assign` that takes librdkafka a moment."""
    ends = time.monotonic() + CALL_SECONDS_MAX
    while True:
        try:
            return consumer.seek(place)
        except KafkaException as error:
            if error.args[0].code() != confluent_kafka.KafkaError._STATE or time.monotonic() > ends:
                raise
            consumer.poll(0.05)


def got(message):
    """A message as the comparison wants it."""
    headers = tuple((name, value) for name, value in message.headers() or ())
    return Got(message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(),
               message.value(), headers)


class LiveProducer:
    """A producer that stays open."""

    def __init__(self, bootstrap, topic, partition, **config):
        self.topic = topic
        self.partition = -1 if partition is None else partition
        self.failures = []
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "linger.ms": 5, "message.timeout.ms": CALL_SECONDS_MAX * 1000,
            "reconnect.backoff.max.ms": 500, **config,
        })

    def _delivered(self, error, _message):
        if error is not None:
            self.failures.append(name_of(error))

    def put(self, record):
        """Hands one record to the client."""
        while True:
            try:
                self.producer.produce(
                    self.topic, record.value, record.key, self.partition, self._delivered,
                    timestamp=record.timestamp or 0, headers=list(record.headers) or None,
                )
                return
            except BufferError:
                self.producer.poll(0.1)

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        for record in records:
            self.put(record)
            self.producer.poll(0)
        self.finish(CALL_SECONDS_MAX)

    def finish(self, seconds):
        """Waits until all that was handed over is acknowledged."""
        left = self.producer.flush(seconds)
        if self.failures:
            raise ClientError(self.failures[0])
        if left:
            raise TooSlow(f"{left} records not acknowledged after {seconds} s")

    def close(self):
        """Nothing is open but what the garbage collector closes."""
        self.producer = None


class ConfluentPump(PutPump):
    """librdkafka keeps five requests in flight when it is idempotent; two records make a batch."""

    def __init__(self, bootstrap, topic):
        super().__init__()
        self.live = LiveProducer(bootstrap, topic, 0, **{
            "enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 2,
            "message.timeout.ms": PUMP_SECONDS_MAX * 1000,
        })

    def put(self, number):
        self.live.put(numbered(number, 1)[0])
        self.live.producer.poll(0)

    def finish(self):
        self.live.finish(PUMP_SECONDS_MAX)


class ConfluentMember(PolledMember):
    """A member on librdkafka; commits what it read whenever it holds still, and when partitions are taken."""

    def __init__(self, topics, assignor, **config):
        super().__init__()
        self.topics = topics
        self.config = {
            "enable.auto.commit": True, "auto.commit.interval.ms": 200, "heartbeat.interval.ms": HEARTBEAT_MS,
            "reconnect.backoff.max.ms": 500, "partition.assignment.strategy": assignor or "range",
            "allow.auto.create.topics": False, **{key: value for key, value in config.items() if value is not None},
        }
        self.consumer = None

    def open(self):
        self.consumer = confluent_kafka.Consumer(self.config)
        self.consumer.subscribe(self.topics, on_assign=self._rebalanced)

    def _rebalanced(self, consumer, places):
        # Told before the client takes them; an empty one only says that the rebalance is over.
        self.told(self.assigned | {(place.topic, place.partition) for place in places})

    def hold(self, on):
        places = self.consumer.assignment()
        (self.consumer.pause if on else self.consumer.resume)(places)

    def poll(self):
        message = self.consumer.poll(0.1)
        self.assigned = {(place.topic, place.partition) for place in self.consumer.assignment()}
        if message is None:
            return
        if message.error():
            # Lost connections during the restart are the client's to mend; only what is final counts.
            error = message.error()
            if error.name() == "_FATAL" or error.code() >= 0 and not error.retriable():
                raise KafkaException(error)
            return
        self.records.append(got(message))

    def leave(self):
        self.assigned = set()
        self.consumer.close()

    def code_of(self, error):
        name = name_of(error)
        if name == "_FATAL" and "fenced" in str(error).lower():
            return "FENCED_INSTANCE_ID"
        return name


class ConfluentAdapter(Adapter):
    """All of it: librdkafka has nearly every feature."""

    name = "confluent-kafka"
    eager = "range"
    cooperative = "cooperative-sticky"
    damaged_says = "CORRUPT_MESSAGE {topic}-0 at {offset}"

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.reader = None

    def version(self):
        return f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"

    def close(self):
        if self.reader is not None:
            self.reader.close()

    # Topics.
    def _each(self, futures):
        try:
            return {key: future.result(CALL_SECONDS_MAX) for key, future in futures.items()}
        except KafkaException as error:
            raise ClientError(name_of(error), str(error)) from error

    def create_topic(self, topic, partitions=1, configs=None):
        self._each(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs or {})]))

    def partition_counts(self):
        listed = self.admin.list_topics(timeout=CALL_SECONDS_MAX)
        return {name: len(topic.partitions) for name, topic in listed.topics.items()}

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        self._each(self.admin.create_partitions([NewPartitions(topic, count)]))

    def topic_config(self, topic, key):
        """A topic's setting."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return self._each(self.admin.describe_configs([resource]))[resource][key].value

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._each(self.admin.incremental_alter_configs([resource]))

    def delete_topic(self, topic):
        """Deletes a topic."""
        self._each(self.admin.delete_topics([topic]))

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        producer = LiveProducer(self.bootstrap, topic, partition, **{
            "compression.type": codec, "enable.idempotence": idempotent,
        })
        producer.send(records)

    def producer(self, topic):
        return LiveProducer(self.bootstrap, topic, 0, **{"enable.idempotence": True})

    def pump(self, topic):
        return ConfluentPump(self.bootstrap, topic).begin()

    def _reader(self):
        if self.reader is None:
            self.reader = confluent_kafka.Consumer({
                "bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False,
                "enable.partition.eof": True, "auto.offset.reset": "earliest",
                "allow.auto.create.topics": False, "fetch.wait.max.ms": 100,
            })
        return self.reader

    def read(self, topic, count, offset=None, time_ms=None):
        consumer = self._reader()
        place = TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)
        if time_ms is not None:
            place = consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], CALL_SECONDS_MAX)[0]
        consumer.assign([place])
        if offset is not None:
            # The seek proper: of a partition that is already being read.
            consumer.poll(0)
            seek(consumer, TopicPartition(topic, 0, offset))
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX
        while len(records) < count and time.monotonic() < ends:
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    break
                place = f"{message.topic()}-{message.partition()} at {message.offset()}"
                raise ClientError(name_of(message.error()), place)
            records.append(got(message))
        consumer.unassign()
        return records

    def write_lines(self, topic, path):
        producer = LiveProducer(self.bootstrap, topic, 0, **{"compression.type": LINES_CODEC})
        with open(path, "rb") as lines:
            for number, line in enumerate(lines):
                try:
                    producer.producer.produce(topic, line.rstrip(b"\n"), partition=0,
                                              on_delivery=producer._delivered)
                except BufferError:
                    producer.producer.poll(0.5)
                    producer.producer.produce(topic, line.rstrip(b"\n"), partition=0,
                                              on_delivery=producer._delivered)
                if number % 1000 == 0:
                    producer.producer.poll(0)
        producer.send([])

    def read_lines(self, topic, count, path):
        consumer = self._reader()
        consumer.assign([TopicPartition(topic, 0, 0)])
        read = 0
        ends = time.monotonic() + CALL_SECONDS_MAX
        with open(path, "wb") as lines:
            while read < count and time.monotonic() < ends:
                for message in consumer.consume(10_000, 0.5):
                    if message.error() is None:
                        lines.write(message.value() + b"\n")
                        read += 1
        consumer.unassign()

    # Places.
    def ends(self, topic):
        """(first, last) offset of partition 0."""
        place = TopicPartition(topic, 0)
        first, last = (
            self._each(self.admin.list_offsets({place: spec}))[place].offset
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        watermarks = self._reader().get_watermark_offsets(place, CALL_SECONDS_MAX)
        if watermarks != (first, last):
            raise ClientError("TWO_ANSWERS", f"{watermarks} and {(first, last)}")
        return first, last

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        place = TopicPartition(topic, 0)
        offset = self._each(self.admin.list_offsets({place: OffsetSpec.for_timestamp(time_ms)}))[place].offset
        return None if offset < 0 else offset

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        self._each(self.admin.delete_records([TopicPartition(topic, 0, offset)]))

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        return ConfluentMember(topics, assignor, **{
            "bootstrap.servers": self.bootstrap, "group.id": group, "group.instance.id": instance,
            "auto.offset.reset": reset, "session.timeout.ms": session_ms, "client.rack": rack, "client.id": client_id,
        }).begin()

    def group_read(self, group, topic, count):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "session.timeout.ms": SESSION_MS,
        })
        consumer.subscribe([topic])
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX
        while len(records) < count and time.monotonic() < ends:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                records.append(got(message))
        consumer.commit(message=message, asynchronous=False)
        committed = consumer.committed([TopicPartition(topic, 0)], CALL_SECONDS_MAX)[0].offset
        consumer.close()
        if committed != records[-1].offset + 1:
            raise ClientError("WRONG_COMMIT", f"{committed} after reading up to {records[-1].offset}")
        return records

    def groups(self):
        """Names of all groups."""
        return {group.group_id for group in self.admin.list_consumer_groups().result(CALL_SECONDS_MAX).valid}

    def group_state(self, group):
        """(state, number of members)."""
        described = self._each(self.admin.describe_consumer_groups([group]))[group]
        return described.state.name.capitalize(), len(described.members)

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        listed = self._each(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
        return {(place.topic, place.partition): place.offset for place in listed.topic_partitions}

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group."""
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        self._each(self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]))

    def delete_group(self, group):
        """Deletes an empty group."""
        self._each(self.admin.delete_consumer_groups([group]))

    # Errors.
    def unknown_topic(self, topic):
        listed = self.admin.list_topics(topic, CALL_SECONDS_MAX).topics[topic].error
        codes = {"describe": NAMES.get(listed.name(), listed.name())}
        try:
            self.delete_topic(topic)
            codes["delete"] = None
        except ClientError as error:
            codes["delete"] = error.code
        member = self.member(f"{topic}.group", [topic])
        try:
            wait_for(lambda: member.error, "the error of a consumer")
        finally:
            member.close()
        codes["consume"] = member.error
        producer = LiveProducer(self.bootstrap, topic, 0, **{"topic.metadata.propagation.max.ms": 1000})
        try:
            producer.send(numbered(0, 1))
            codes["produce"] = None
        except ClientError as error:
            # librdkafka's own name for the broker's answer to its metadata request.
            codes["produce"] = "UNKNOWN_TOPIC_OR_PARTITION" if error.code == "_UNKNOWN_TOPIC" else error.code
        return codes

    def too_large(self, topic, record):
        producer = LiveProducer(self.bootstrap, topic, 0, **{"message.max.bytes": 10_000_000})
        try:
            producer.send([record])
        except ClientError as error:
            return error.code
        return None


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return ConfluentAdapter(bootstrap, work)
