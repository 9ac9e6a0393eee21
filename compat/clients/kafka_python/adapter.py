"""kafka-python (pure Python) behind the flows' interface."""

import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import ConfigResource
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import OffsetAndMetadata

from flows.adapter import (
    CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, ClientError, PolledMember, PutPump,
)
from flows.context import numbered
from flows.records import Got

try:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
except ImportError:  # 2.0.2, see `clients/kafka_python_2_0`
    CooperativeStickyAssignor = None

# Its names where they differ from the protocol's.
NAMES = {"INVALID_TOPIC": "INVALID_TOPIC_EXCEPTION"}
LINES_CODEC = "lz4"
FIRST_OFFSET, LAST_OFFSET = -2, -1


def name_of(error):
    """The protocol's name of an exception of this client."""
    if isinstance(error, errors.KafkaError) and getattr(error, "message", None):
        return NAMES.get(error.message, error.message)
    return f"{type(error).__name__}: {error}"


def raised(call, *arguments, **options):
    """Calls and turns the client's exceptions into ClientError."""
    try:
        return call(*arguments, **options)
    except errors.KafkaError as error:
        raise ClientError(name_of(error), str(error)) from error


def opened(kind, *arguments, **wanted):
    """A client of the version at hand; settings it does not know yet are left out."""
    return kind(*arguments, **{key: value for key, value in wanted.items() if key in kind.DEFAULT_CONFIG})


def got(record):
    """A record as the comparison wants it."""
    return Got(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value,
               tuple((name, value) for name, value in record.headers))


class LiveProducer:
    """A producer that stays open."""

    def __init__(self, bootstrap, topic, partition, **config):
        self.topic = topic
        self.partition = partition
        self.producer = opened(KafkaProducer, bootstrap_servers=bootstrap, linger_ms=5,
                               reconnect_backoff_max_ms=500, **config)

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        sent = [
            raised(self.producer.send, self.topic, record.value, record.key, list(record.headers),
                   self.partition, record.timestamp)
            for record in records
        ]
        raised(self.producer.flush, CALL_SECONDS_MAX)
        for future in sent:
            raised(future.get, CALL_SECONDS_MAX)

    def close(self):
        """Closes the client."""
        self.producer.close(timeout=CALL_SECONDS_MAX)


class KafkaPythonPump(PutPump):
    """Five requests in flight, a few records to a batch."""

    def __init__(self, bootstrap, topic):
        super().__init__()
        self.topic = topic
        self.sent_futures = []
        self.producer = KafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, batch_size=200, linger_ms=0,
            max_in_flight_requests_per_connection=5, reconnect_backoff_max_ms=500,
            delivery_timeout_ms=PUMP_SECONDS_MAX * 1000,
        )

    def put(self, number):
        record = numbered(number, 1)[0]
        self.sent_futures.append(raised(self.producer.send, self.topic, record.value, record.key, partition=0))

    def finish(self):
        raised(self.producer.flush, PUMP_SECONDS_MAX)
        for future in self.sent_futures:
            raised(future.get, CALL_SECONDS_MAX)
        self.producer.close(timeout=CALL_SECONDS_MAX)


class Listener(ConsumerRebalanceListener):
    """Tells a member of rebalances that leave it what it had."""

    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        """What is left shows in the next poll."""

    def on_partitions_assigned(self, assigned):
        """Also called when nothing is new."""
        self.member.told({(place.topic, place.partition) for place in self.member.consumer.assignment()})


class KafkaPythonMember(PolledMember):
    """A member on kafka-python; commits what it read by itself, and when partitions are taken."""

    def __init__(self, topics, assignor, **config):
        super().__init__()
        self.topics = topics
        self.config = {
            "auto_commit_interval_ms": 200, "heartbeat_interval_ms": HEARTBEAT_MS, "reconnect_backoff_max_ms": 500,
            "partition_assignment_strategy": [assignor or RangePartitionAssignor], "fetch_max_wait_ms": 100,
            "max_partition_fetch_bytes": 2 << 20, **{key: value for key, value in config.items() if value is not None},
        }
        self.consumer = None

    def open(self):
        self.consumer = opened(KafkaConsumer, **self.config)
        self.consumer.subscribe(self.topics, listener=Listener(self))

    def hold(self, on):
        (self.consumer.pause if on else self.consumer.resume)(*self.consumer.assignment())

    def _join_again_if_lost(self):
        # kafka-python 3.0.12 never takes an assignment whose SyncGroup reply comes between two polls: it is then
        # neither joining nor joined, and only joining again helps.
        coordinator = self.consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def poll(self):
        self._join_again_if_lost()
        try:
            for records in self.consumer.poll(timeout_ms=100).values():
                self.records.extend(got(record) for record in records)
        except errors.KafkaError as error:
            # The client asks its user to poll again, as while a broker restarts.
            if not error.retriable:
                raise
        self.assigned = {(place.topic, place.partition) for place in self.consumer.assignment()}

    def leave(self):
        self.assigned = set()
        self.consumer.close(timeout_ms=10_000)

    def code_of(self, error):
        return name_of(error)


class KafkaPythonAdapter(Adapter):
    """The pure Python client."""

    name = "kafka-python"
    member_kind = KafkaPythonMember
    eager = RangePartitionAssignor
    cooperative = CooperativeStickyAssignor

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap, reconnect_backoff_max_ms=500)
        self.reader = None

    def version(self):
        return kafka.__version__

    def close(self):
        self.admin.close()
        if self.reader is not None:
            self.reader.close()

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        raised(self.admin.create_topics,
               {topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}})

    def partition_counts(self):
        return {topic["name"]: len(topic["partitions"]) for topic in raised(self.admin.describe_topics)}

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        raised(self.admin.create_partitions, {topic: count})

    def topic_config(self, topic, key):
        """A topic's setting."""
        described = raised(self.admin.describe_configs, [ConfigResource("topic", topic)])
        return str(described["topic"][topic][key]["value"])

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        raised(self.admin.alter_configs, [ConfigResource("topic", topic, {key: value})])

    def delete_topic(self, topic):
        """Deletes a topic."""
        raised(self.admin.delete_topics, [topic])

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        producer = LiveProducer(self.bootstrap, topic, partition, enable_idempotence=idempotent,
                                compression_type=None if codec == "none" else codec)
        try:
            producer.send(records)
        finally:
            producer.close()

    def producer(self, topic):
        return LiveProducer(self.bootstrap, topic, 0, enable_idempotence=True)

    def pump(self, topic):
        return KafkaPythonPump(self.bootstrap, topic).begin()

    def _reader(self):
        if self.reader is None:
            self.reader = opened(
                KafkaConsumer, bootstrap_servers=self.bootstrap, auto_offset_reset="none", enable_auto_commit=False,
                allow_auto_create_topics=False, fetch_max_wait_ms=100, reconnect_backoff_max_ms=500,
                max_partition_fetch_bytes=2 << 20,
            )
        return self.reader

    def read(self, topic, count, offset=None, time_ms=None):
        consumer = self._reader()
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        if time_ms is not None:
            offset = raised(consumer.offsets_for_times, {place: time_ms})[place].offset
        if offset is None:
            consumer.seek_to_beginning(place)
        else:
            consumer.seek(place, offset)
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX
        while len(records) < count and time.monotonic() < ends:
            batch = raised(consumer.poll, timeout_ms=200, max_records=count - len(records))
            records.extend(got(record) for record in batch.get(place, ()))
        consumer.unsubscribe()
        return records

    def write_lines(self, topic, path):
        producer = opened(KafkaProducer, bootstrap_servers=self.bootstrap, linger_ms=20, batch_size=1 << 18,
                          compression_type=LINES_CODEC)
        sent = []
        with open(path, "rb") as lines:
            for line in lines:
                sent.append(producer.send(topic, line.rstrip(b"\n"), partition=0))
        producer.flush(CALL_SECONDS_MAX)
        for future in sent:
            raised(future.get, CALL_SECONDS_MAX)
        producer.close(timeout=CALL_SECONDS_MAX)

    def read_lines(self, topic, count, path):
        consumer = opened(KafkaConsumer, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest",
                          enable_auto_commit=False, max_poll_records=20_000)
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        read = 0
        ends = time.monotonic() + 2 * CALL_SECONDS_MAX
        with open(path, "wb") as file:
            while read < count and time.monotonic() < ends:
                for record in consumer.poll(timeout_ms=500).get(place, ()):
                    file.write(record.value + b"\n")
                    read += 1
        consumer.close()

    # Places.
    def ends(self, topic):
        """(first, last) offset of partition 0."""
        place = TopicPartition(topic, 0)
        consumer = self._reader()
        answer = (raised(consumer.beginning_offsets, [place])[place], raised(consumer.end_offsets, [place])[place])
        again = tuple(raised(self.admin.list_partition_offsets, {place: spec})[place].offset
                      for spec in (FIRST_OFFSET, LAST_OFFSET))
        if answer != again:
            raise ClientError("TWO_ANSWERS", f"{answer} and {again}")
        return answer

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        place = TopicPartition(topic, 0)
        found = raised(self._reader().offsets_for_times, {place: time_ms})[place]
        return None if found is None else found.offset

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        raised(self.admin.delete_records, {TopicPartition(topic, 0): offset})

    def log_size(self, topic):
        """Bytes on disk of partition 0."""
        answers = raised(self.admin.describe_log_dirs, {topic: [0]})
        return sum(
            partition["partition_size"]
            for answer in answers for log_dir in answer["log_dirs"]
            for named in log_dir["topics"] if named["name"] == topic
            for partition in named["partitions"]
        )

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        return self.member_kind(
            topics, assignor, bootstrap_servers=self.bootstrap, group_id=group, group_instance_id=instance,
            auto_offset_reset=reset, session_timeout_ms=session_ms, client_rack=rack, client_id=client_id,
        ).begin()

    def group_read(self, group, topic, count):
        consumer = opened(KafkaConsumer, topic, bootstrap_servers=self.bootstrap, group_id=group,
                          auto_offset_reset="earliest", enable_auto_commit=False,
                          session_timeout_ms=SESSION_MS)
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX
        while len(records) < count and time.monotonic() < ends:
            for batch in consumer.poll(timeout_ms=500, max_records=count - len(records)).values():
                records.extend(got(record) for record in batch)
        raised(consumer.commit)
        committed = raised(consumer.committed, TopicPartition(topic, 0))
        consumer.close()
        if committed != records[-1].offset + 1:
            raise ClientError("WRONG_COMMIT", f"{committed} after reading up to {records[-1].offset}")
        return records

    def groups(self):
        """Names of all groups."""
        return {group["group_id"] for group in raised(self.admin.list_groups)}

    def group_state(self, group):
        """(state, number of members)."""
        described = raised(self.admin.describe_groups, [group])[group]
        return str(described["group_state"]), len(described["members"])

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        listed = raised(self.admin.list_group_offsets, group)[group]
        return {(place.topic, place.partition): value.offset for place, value in listed.items()}

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group."""
        wanted = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                  for partition, offset in offsets.items()}
        for error in raised(self.admin.alter_group_offsets, group, wanted).values():
            if error is not errors.NoError:
                raise ClientError(error.message)

    def delete_group(self, group):
        """Deletes an empty group."""
        result = raised(self.admin.delete_groups, [group])[group]
        if result != "OK":
            raise ClientError(getattr(errors, result).message)

    # Errors.
    def unknown_topic(self, topic):
        codes = {}
        place = TopicPartition(topic, 0)
        ways = {
            "delete": lambda: self.delete_topic(topic),
            "add partitions": lambda: self.add_partitions(topic, 3),
            "list offsets": lambda: raised(self.admin.list_partition_offsets, {place: LAST_OFFSET}),
        }
        for way, call in ways.items():
            try:
                call()
                codes[way] = None
            except ClientError as error:
                codes[way] = error.code
        described = raised(self.admin.describe_topics, [topic])
        codes["describe"] = errors.for_code(described[0]["error_code"]).message
        return codes

    def too_large(self, topic, record):
        producer = LiveProducer(self.bootstrap, topic, 0, max_request_size=10_000_000)
        try:
            producer.send([record])
        except ClientError as error:
            return {"MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}.get(error.code, error.code)
        finally:
            producer.close()
        return None


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KafkaPythonAdapter(bootstrap, work)
