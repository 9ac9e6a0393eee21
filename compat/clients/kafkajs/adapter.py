"""kafkajs (Node) behind the flows' interface, through `bridge.js`.

kafkajs has no assignment by hand: everything is read in a group, alone in it where the flow wants a plain read.
"""

import base64
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

from flows.adapter import (
    CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, Calls, ClientError, Member, Pump,
)
from flows.context import numbered
from flows.records import Got

FOLDER = Path(__file__).resolve().parent
NODE = FOLDER.parents[2] / ".tools" / "node"
LINES_CODEC = "gzip"


def text(raw):
    """Bytes for the bridge."""
    return None if raw is None else base64.b64encode(raw).decode()


def raw(given):
    """Bytes from the bridge."""
    return None if given is None else base64.b64decode(given)


def record_in(record):
    """A record for the bridge."""
    return {"k": text(record.key), "v": text(record.value), "t": record.timestamp,
            "h": [[name, text(value)] for name, value in record.headers]}


def record_out(given):
    """A record from the bridge."""
    return Got(given["topic"], given["p"], given["o"], given["t"], raw(given["k"]), raw(given["v"]),
               tuple((name, raw(value)) for name, value in given["h"]))


class JsMember(Member):
    """A member inside the bridge; events bring its records."""

    def __init__(self, adapter, **call):
        super().__init__()
        self.adapter = adapter
        self.number = adapter.call("member", heartbeat=HEARTBEAT_MS, **call)
        adapter.follow(self.number, self)

    def event(self, event):
        """Takes an event of this member."""
        if event["event"] == "records":
            self.records.extend(record_out(record) for record in event["records"])
        elif event["event"] == "assigned":
            self.told({tuple(place) for place in event["assigned"]})
        else:
            self.error = event["code"]

    def pause(self):
        self.adapter.call("pause", member=self.number)

    def resume(self):
        self.adapter.call("resume", member=self.number)

    def close(self):
        self.adapter.call("leave", member=self.number)
        self.assigned = set()


class JsProducer:
    """A producer inside the bridge."""

    def __init__(self, adapter, topic):
        self.adapter = adapter
        self.topic = topic
        self.number = adapter.call("openProducer", idempotent=True)

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        self.adapter.call("send", producer=self.number, topic=self.topic, partition=0,
                          records=[record_in(record) for record in records])

    def close(self):
        """Disconnects."""
        self.adapter.call("closeProducer", producer=self.number)


class JsPump(Pump):
    """A loop inside the bridge. kafkajs is idempotent only with one request in flight, so it writes one by one."""

    def __init__(self, adapter, topic):
        self.adapter = adapter
        self.number = adapter.call("openPump", topic=topic)

    def stop(self):
        return self.adapter.call("stopPump", seconds=PUMP_SECONDS_MAX, pump=self.number)


class KafkaJsAdapter(Adapter):
    """One Node process for all flows."""

    name = "kafkajs"
    # kafkajs cannot name an instance: its member is thrown out for silence instead.
    fenced_code = "UNKNOWN_MEMBER_ID"

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.calls = Calls()
        self.members = {}
        self.early = []
        self.lock = threading.Lock()
        self.groups_used = itertools.count()
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "bridge.js"), bootstrap, str(NODE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=sys.stderr,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "id" in said:
                self.calls.answer(said["id"], said)
                continue
            with self.lock:
                member = self.members.get(said["member"])
                if member is None:
                    self.early.append(said)
                else:
                    member.event(said)

    def follow(self, number, member):
        """From now on the member hears its events; those that came before it was known come first."""
        with self.lock:
            self.members[number] = member
            for said in [said for said in self.early if said["member"] == number]:
                member.event(said)

    def call(self, op, seconds=CALL_SECONDS_MAX, **arguments):
        """Calls the bridge."""
        number = self.calls.begin()
        line = json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n"
        with self.lock:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        said = self.calls.wait(number, seconds)
        if "error" in said:
            raise ClientError(said["error"]["code"], said["error"]["text"])
        return said["result"]

    def _group(self, topic):
        return f"{topic}.read-{next(self.groups_used)}"

    def version(self):
        return self.call("version")

    def close(self):
        self.process.stdin.close()
        self.process.wait(CALL_SECONDS_MAX)

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        entries = [{"name": key, "value": value} for key, value in (configs or {}).items()]
        self.call("createTopic", topic=topic, partitions=partitions, configs=entries)

    def partition_counts(self):
        return self.call("partitionCounts")

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        self.call("addPartitions", topic=topic, count=count)

    def topic_config(self, topic, key):
        """A topic's setting."""
        return self.call("topicConfig", topic=topic, key=key)

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        self.call("setTopicConfig", topic=topic, key=key, value=value)

    def delete_topic(self, topic):
        """Deletes a topic."""
        self.call("deleteTopic", topic=topic)

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        self.call("produce", topic=topic, partition=partition, codec=codec, idempotent=idempotent,
                  records=[record_in(record) for record in records])

    def producer(self, topic):
        return JsProducer(self, topic)

    def pump(self, topic):
        return JsPump(self, topic)

    def read(self, topic, count, offset=None, time_ms=None):
        return [record_out(given) for given in self.call(
            "read", group=self._group(topic), topic=topic, count=count, offset=offset, time=time_ms,
        )]

    def write_lines(self, topic, path):
        self.call("writeLines", topic=topic, path=str(path), codec=LINES_CODEC)

    def read_lines(self, topic, count, path):
        self.call("readLines", group=self._group(topic), topic=topic, count=count, path=str(path))

    # Places.
    def ends(self, topic):
        """(first, last) offset of partition 0."""
        return tuple(self.call("ends", topic=topic))

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        offset = self.call("offsetAt", topic=topic, time=time_ms)
        # For a time past the end kafkajs answers the end instead of nothing.
        return None if offset < 0 or offset == self.ends(topic)[1] else offset

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        self.call("deleteRecords", topic=topic, offset=offset)

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        return JsMember(self, group=group, topics=topics, session=session_ms, earliest=reset == "earliest",
                        rack=rack, clientId=client_id)

    def group_read(self, group, topic, count):
        return [record_out(given) for given in self.call("groupRead", group=group, topic=topic, count=count)]

    def groups(self):
        """Names of all groups."""
        return set(self.call("groups"))

    def group_state(self, group):
        """(state, number of members)."""
        return tuple(self.call("groupState", group=group))

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        return {(topic, partition): offset for topic, partition, offset in self.call("groupOffsets", group=group)}

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group."""
        self.call("resetGroup", group=group, topic=topic, offsets=list(offsets.items()))

    def delete_group(self, group):
        """Deletes an empty group."""
        self.call("deleteGroup", group=group)

    def fenced(self, group, topic):
        return self.call("fenced", group=group, topic=topic)

    # Errors.
    def unknown_topic(self, topic):
        codes = {}
        ways = {
            "produce": lambda: self.call("produce", topic=topic, partition=0, idempotent=False, retries=1,
                                         records=[record_in(record) for record in numbered(0, 1)]),
            "describe": lambda: self.call("describeTopic", topic=topic),
            "delete": lambda: self.delete_topic(topic),
            "add partitions": lambda: self.add_partitions(topic, 3),
        }
        for way, ask in ways.items():
            try:
                ask()
                codes[way] = None
            except ClientError as error:
                codes[way] = error.code
        return codes

    def too_large(self, topic, record):
        try:
            self.produce(topic, [record])
        except ClientError as error:
            return error.code
        return None


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KafkaJsAdapter(bootstrap, work)
