"""The harness' own hands: an administrator, a writer and a reader that do not depend on the client under test.

Owns: one client each (librdkafka's, proved by its own column) for one broker. For what a flow needs done and the
client may lack: reading a partition back whole, deleting records, setting commits, looking at a group.
"""

import time
from typing import NamedTuple, Optional

from flows.adapter import CALL_SECONDS_MAX, ClientError, TooSlow
from flows.records import Got

# What a broker answers that has just started.
PASSING = ("FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH", "NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE",
           "COORDINATOR_LOAD_IN_PROGRESS")
RETRIES = 20


class GroupMember(NamedTuple):
    """A member as the coordinator describes it."""

    member_id: str
    client_id: str
    instance: Optional[str]
    partitions: int


class Known:
    """Made on first use: most flows need none of it."""

    def __init__(self, bootstrap):
        # Only here: the module must be importable without the client, to list flows.
        import confluent_kafka
        from confluent_kafka import admin

        self._kafka, self._admin_api = confluent_kafka, admin
        self._config = {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 500}
        self._admin = admin.AdminClient(self._config)

    def _done(self, futures):
        try:
            return {key: future.result(CALL_SECONDS_MAX) for key, future in futures.items()}
        except self._kafka.KafkaException as error:
            raise ClientError(error.args[0].name(), str(error)) from error

    def create(self, topic, partitions=1, configs=None):
        """Creates a topic."""
        self._done(self._admin.create_topics([self._admin_api.NewTopic(topic, partitions, 1, config=configs or {})]))

    def set(self, topic, key, value):
        """Changes a topic's setting."""
        api = self._admin_api
        entry = api.ConfigEntry(key, value, incremental_operation=api.AlterConfigOpType.SET)
        resource = api.ConfigResource(api.ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._done(self._admin.incremental_alter_configs([resource]))

    def ends(self, topic):
        """(first, last) offset of partition 0."""
        for _ in range(RETRIES):
            # So that it does not ask with the leader epoch it knew before a restart, and is refused for it.
            self._admin.list_topics(topic, CALL_SECONDS_MAX)
            try:
                return self._ends(topic)
            except ClientError as error:
                if error.code not in PASSING:
                    raise
                time.sleep(0.5)
        return self._ends(topic)

    def _ends(self, topic):
        place = self._kafka.TopicPartition(topic, 0)
        return tuple(self._done(self._admin.list_offsets({place: spec}))[place].offset
                     for spec in (self._admin_api.OffsetSpec.earliest(), self._admin_api.OffsetSpec.latest()))

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        self._done(self._admin.delete_records([self._kafka.TopicPartition(topic, 0, offset)]))

    def commit(self, group, topic, offset):
        """Sets the committed offset of partition 0 for an empty or a new group."""
        wanted = self._kafka.ConsumerGroupTopicPartitions(group, [self._kafka.TopicPartition(topic, 0, offset)])
        for _ in range(RETRIES):
            done = self._done(self._admin.alter_consumer_group_offsets([wanted]))
            # A refusal is beside the partition, and the call succeeds all the same.
            refused = [place.error for answer in done.values() for place in answer.topic_partitions if place.error]
            if not refused:
                return
            if refused[0].name() not in PASSING:
                break
            time.sleep(0.5)
        raise ClientError(refused[0].name(), f"committing {offset} for {group}")

    def group(self, group):
        """(state, members sorted by id)."""
        described = self._done(self._admin.describe_consumer_groups([group]))[group]
        members = [
            GroupMember(one.member_id, one.client_id, one.group_instance_id or None,
                        len(one.assignment.topic_partitions) if one.assignment else 0)
            for one in described.members
        ]
        return described.state.name.capitalize(), sorted(members)

    def write(self, topic, records):
        """Writes records to partition 0, all acknowledged, none twice."""
        failures = []
        producer = self._kafka.Producer({**self._config, "enable.idempotence": True, "linger.ms": 5})
        for record in records:
            producer.produce(topic, record.value, record.key, 0, lambda error, _: error and failures.append(error),
                             timestamp=record.timestamp or 0, headers=list(record.headers) or None)
        left = producer.flush(CALL_SECONDS_MAX)
        if failures:
            raise ClientError(failures[0].name())
        if left:
            raise TooSlow(f"{left} records not acknowledged after {CALL_SECONDS_MAX} s")

    def read(self, topic):
        """All that partition 0 holds now, from its start to its end."""
        first, last = self.ends(topic)
        consumer = self._kafka.Consumer({**self._config, "group.id": "unused", "enable.auto.commit": False,
                                         "auto.offset.reset": "error", "fetch.wait.max.ms": 100})
        consumer.assign([self._kafka.TopicPartition(topic, 0, first)])
        records = []
        ends = time.monotonic() + CALL_SECONDS_MAX
        while (not records or records[-1].offset < last - 1) and first < last:
            if time.monotonic() > ends:
                raise TooSlow(f"{topic}: {len(records)} records read, the log holds {last - first}")
            for message in consumer.consume(10_000, 0.2):
                if message.error():
                    raise ClientError(message.error().name())
                records.append(Got(
                    topic, 0, message.offset(), message.timestamp()[1], message.key(), message.value(),
                    tuple((name, value) for name, value in message.headers() or ()),
                ))
        consumer.close()
        return records
