"""kafka-python 2.0.2, which many still run: the newer version's adapter, but for what was different then.

It asks for what Kafka 2.5 had at most, and knows neither static members nor idempotent producers.
"""

import sys
import time

import six

# Its own old copy of six cannot be imported by Python 3.12.
sys.modules["kafka.vendor.six.moves"] = six.moves

import kafka  # noqa: E402
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition, errors  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic  # noqa: E402
from kafka.structs import OffsetAndMetadata  # noqa: E402

from clients.kafka_python.adapter import (  # noqa: E402
    KafkaPythonAdapter, KafkaPythonMember, LiveProducer, name_of, raised,
)
from flows.adapter import CALL_SECONDS_MAX, SESSION_MS, ClientError, TooSlow  # noqa: E402

RETRIES = 20
POLL_INTERVAL_MS = 1500


def judge(code, text=""):
    """Raises if an answer of the admin client carries an error."""
    if code:
        raise ClientError(errors.for_code(code).message, text or "")


class OldMember(KafkaPythonMember):
    """A member of this version."""

    def _join_again_if_lost(self):
        """This version loses no assignment."""

    def leave(self):
        self.assigned = set()
        self.consumer.close()


class OldAdapter(KafkaPythonAdapter):
    """kafka-python 2.0.2."""

    member_kind = OldMember
    # It cannot name an instance: its member is thrown out for silence instead, and the client has one name for
    # every reason why a commit came too late.
    fenced_code = "CommitFailedError"

    def version(self):
        return kafka.__version__

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        raised(self.admin.create_topics, [NewTopic(topic, partitions, 1, topic_configs=configs or {})])

    def partition_counts(self):
        return {topic["topic"]: len(topic["partitions"]) for topic in raised(self.admin.describe_topics)}

    def add_partitions(self, topic, count):
        raised(self.admin.create_partitions, {topic: NewPartitions(count)})

    def topic_config(self, topic, key):
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {key: None})
        code, text, _, _, entries = raised(self.admin.describe_configs, [asked])[0].resources[0]
        judge(code, text)
        return {entry[0]: entry[1] for entry in entries}[key]

    def set_topic_config(self, topic, key, value):
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})
        for answer in raised(self.admin.alter_configs, [wanted]).resources:
            judge(answer[0], answer[1])

    # Writing. Without a word this version tries once.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        producer = LiveProducer(self.bootstrap, topic, partition, retries=RETRIES,
                                compression_type=None if codec == "none" else codec)
        try:
            producer.send(records)
        finally:
            producer.close()

    def producer(self, topic):
        return LiveProducer(self.bootstrap, topic, 0, acks="all", retries=RETRIES)

    # Places.
    def ends(self, topic):
        place = TopicPartition(topic, 0)
        consumer = self._reader()
        return raised(consumer.beginning_offsets, [place])[place], raised(consumer.end_offsets, [place])[place]

    # Groups.
    def groups(self):
        return {group[0] for group in raised(self.admin.list_consumer_groups)}

    def group_state(self, group):
        described = raised(self.admin.describe_consumer_groups, [group])[0]
        return described.state, len(described.members)

    def group_offsets(self, group):
        listed = raised(self.admin.list_consumer_group_offsets, group)
        return {(place.topic, place.partition): value.offset for place, value in listed.items()}

    def reset_group(self, group, topic, offsets):
        """Through a consumer that is no member: the admin client cannot."""
        wanted = {TopicPartition(topic, number): OffsetAndMetadata(at, "") for number, at in offsets.items()}
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        consumer.assign(list(wanted))
        raised(consumer.commit, wanted)
        consumer.close()

    def delete_group(self, group):
        for _, error in raised(self.admin.delete_consumer_groups, [group]):
            judge(error.errno)

    def fenced(self, group, topic):
        consumer = KafkaConsumer(
            topic, bootstrap_servers=self.bootstrap, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=SESSION_MS, heartbeat_interval_ms=300,
            max_poll_interval_ms=POLL_INTERVAL_MS,
        )
        try:
            ends = time.monotonic() + CALL_SECONDS_MAX
            while not consumer.poll(timeout_ms=100, max_records=1):
                if time.monotonic() > ends:
                    raise TooSlow("no record for the member to stall on")
            time.sleep(2 * POLL_INTERVAL_MS / 1000)
            consumer.commit()
        except errors.CommitFailedError:
            return "CommitFailedError"
        finally:
            consumer.close()
        return None

    # Errors.
    def unknown_topic(self, topic):
        # This admin client shows its user that the restart closed its connection; a new one has none to lose.
        self.admin.close()
        self.admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
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
        described = raised(self.admin.describe_topics, [topic])[0]
        codes["describe"] = name_of(errors.for_code(described["error_code"])())
        return codes


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return OldAdapter(bootstrap, work)
