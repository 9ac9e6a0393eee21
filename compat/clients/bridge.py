"""A client in another process (Go, Java, Rust, Node) behind the flows' interface, over lines of JSON.

Owns: starting the helper program, its calls and their answers, its group members and producers as objects. Does
not: know any client; a client is a helper program plus a subclass that says how to start it and what is special.

The protocol. The helper is started with HOST:PORT as its last argument. Each line on its standard input is a call
`{"id": 7, "op": "read", "topic": "t", ...}`; it answers on standard output, in any order, each call on its own,
with `{"id": 7, "result": ...}` or `{"id": 7, "error": {"code": "UNKNOWN_TOPIC_OR_PARTITION", "text": "..."}}`,
where the code is the protocol's name of the error, or else whatever the client calls it. Between the answers
come events of group members. Standard error is its log. When its input ends, it ends.

Bytes are base64 or null. A record to write is `{"k", "v", "t", "h"}`: key, value, timestamp in ms or null,
headers as `[[name, value], ...]`; a record that was read has `topic`, `p` (partition) and `o` (offset) as well.
A place is `[topic, partition]`. An argument that is not given is null or absent. The helper sets its client's own
limits of size to 10 MB, so that the broker decides what is too large.

| op | arguments | result |
|---|---|---|
| `version` | | the client's version as its users know it |
| `create_topic` | topic, partitions, configs `{key: value}` | |
| `partition_counts` | | `{topic: partitions}` |
| `add_partitions` | topic, count (the new total) | |
| `topic_config` / `set_topic_config` | topic, key (, value) | the value / |
| `delete_topic` | topic | |
| `produce` | topic, partition (null: the client's choice), codec, idempotent, records | |
| `open_producer` | topic | a number for `send`; idempotent, partition 0, lives through a restart of the broker |
| `send` | producer, records | once all are acknowledged |
| `close_producer` | producer | |
| `open_pump` | topic | a number; writes to partition 0 from now on, see `flows.adapter.Pump` |
| `pump_acknowledged` | pump | how many records are acknowledged so far |
| `stop_pump` | pump | how many were written, once all are acknowledged |
| `read` | topic, count, offset or time | records of partition 0 by assignment, up to `count` or the end |
| `write_lines` | topic, path, codec | each line of the file is a record's value, partition 0 |
| `read_lines` | topic, count, path | writes the values to the file, one a line |
| `ends` | topic | `[first, last]` offset of partition 0 |
| `offset_at` | topic, time | the first offset at or after the time, or null |
| `delete_records` | topic, offset | |
| `log_size` | topic | bytes of partition 0 on disk |
| `member` | group, topics, assignor (`eager`, `cooperative` or null), instance, reset, session, heartbeat (ms), rack, client_id | a number |
| `pause` / `resume` | member | once it takes no more records, or takes them again |
| `leave` | member | once it has left the group (static members: once it is closed) |
| `group_read` | group, topic, count | exactly `count` records, committed; the member has left |
| `groups` | | names of all groups |
| `group_state` | group | `[state, members]`, e.g. `["Stable", 2]` |
| `group_offsets` | group | `[[topic, partition, offset], ...]` |
| `reset_group` | group, topic, offsets `[[partition, offset], ...]` | |
| `delete_group` | group | |
| `fenced` | group, topic | fails with the error of the member that lost its place; only if a `member` cannot be static |
| `unknown_topic` | topic | `{way: code or null}`, one for each way the client has of asking |

Events: `{"event": "records", "member": 3, "records": [...]}`, `{"event": "assigned", "member": 3, "assigned":
[place, ...]}` with all it holds now, `{"event": "error", "member": 3, "code": "..."}` for the error that ended it.
A member tells `assigned` at each rebalance it hears of, also if nothing changed. Where nothing is committed, or
what is committed is out of range, it starts at its `reset`, `earliest` or `latest`. It reports records before it commits them, and
commits them soon, at the latest when a partition is taken from it or it leaves.
"""

import base64
import json
import subprocess
import sys
import threading

from flows.adapter import (
    CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, Calls, ClientError, Member, Pump,
)
from flows.records import Got


def text(raw):
    """Bytes for the helper."""
    return None if raw is None else base64.b64encode(raw).decode()


def raw(given):
    """Bytes from the helper."""
    return None if given is None else base64.b64decode(given)


def record_in(record):
    """A record for the helper."""
    return {"k": text(record.key), "v": text(record.value), "t": record.timestamp,
            "h": [[name, text(value)] for name, value in record.headers]}


def records_in(records):
    """Records for the helper."""
    return [record_in(record) for record in records]


def record_out(given):
    """A record from the helper."""
    return Got(given["topic"], given["p"], given["o"], given["t"], raw(given["k"]), raw(given["v"]),
               tuple((name, raw(value)) for name, value in given["h"]))


class BridgeMember(Member):
    """A member inside the helper; events bring its records."""

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


class BridgeProducer:
    """A producer inside the helper."""

    def __init__(self, adapter, topic):
        self.adapter = adapter
        self.number = adapter.call("open_producer", topic=topic)

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        self.adapter.call("send", producer=self.number, records=records_in(records))

    def close(self):
        """Closes it."""
        self.adapter.call("close_producer", producer=self.number)


class BridgePump(Pump):
    """A pump inside the helper."""

    def __init__(self, adapter, topic):
        self.adapter = adapter
        self.number = adapter.call("open_pump", topic=topic)

    @property
    def acknowledged(self):
        """The records acknowledged so far."""
        return self.adapter.call("pump_acknowledged", pump=self.number)

    def stop(self):
        return self.adapter.call("stop_pump", seconds=PUMP_SECONDS_MAX, pump=self.number)


class BridgeAdapter(Adapter):
    """One helper process for all flows."""

    # What starts the helper, up to HOST:PORT.
    command = ()
    eager = "eager"
    cooperative = "cooperative"
    # Of the lines of a large text.
    lines_codec = "lz4"
    # If not, the helper has its own way to `fenced`.
    has_static_members = True

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.calls = Calls()
        self.members = {}
        self.early = []
        self.ended = None
        self.lock = threading.Lock()
        self.writing = threading.Lock()
        self.process = subprocess.Popen(
            [*map(str, self.command), bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr,
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
        # Nobody is left to answer: calls under way must not wait for their deadline.
        self.ended = f"the helper of {self.name} ended with code {self.process.wait()}"
        self.calls.end({"error": {"code": "HELPER_ENDED", "text": self.ended}})
        with self.lock:
            for member in self.members.values():
                member.error = member.error or "HELPER_ENDED"

    def follow(self, number, member):
        """From now on the member hears its events; those that came before it was known come first."""
        with self.lock:
            self.members[number] = member
            for said in [said for said in self.early if said["member"] == number]:
                member.event(said)

    def call(self, op, seconds=CALL_SECONDS_MAX, **arguments):
        """Calls the helper and waits for the answer."""
        number = self.calls.begin()
        line = json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n"
        try:
            with self.writing:
                self.process.stdin.write(line)
                self.process.stdin.flush()
        except OSError as error:
            raise ClientError("HELPER_ENDED", self.ended or str(error)) from error
        said = self.calls.wait(number, seconds)
        if "error" in said:
            raise ClientError(said["error"]["code"], said["error"]["text"])
        return said.get("result")

    def version(self):
        return self.call("version")

    def close(self):
        self.process.stdin.close()
        self.process.wait(CALL_SECONDS_MAX)

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        self.call("create_topic", topic=topic, partitions=partitions, configs=configs or {})

    def partition_counts(self):
        return self.call("partition_counts")

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        self.call("add_partitions", topic=topic, count=count)

    def topic_config(self, topic, key):
        """A topic's setting."""
        return self.call("topic_config", topic=topic, key=key)

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        self.call("set_topic_config", topic=topic, key=key, value=value)

    def delete_topic(self, topic):
        """Deletes a topic."""
        self.call("delete_topic", topic=topic)

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        self.call("produce", topic=topic, partition=partition, codec=codec, idempotent=idempotent,
                  records=records_in(records))

    def producer(self, topic):
        return BridgeProducer(self, topic)

    def pump(self, topic):
        return BridgePump(self, topic)

    def read(self, topic, count, offset=None, time_ms=None):
        return [record_out(given) for given in self.call("read", topic=topic, count=count, offset=offset, time=time_ms)]

    def write_lines(self, topic, path):
        self.call("write_lines", topic=topic, path=str(path), codec=self.lines_codec)

    def read_lines(self, topic, count, path):
        self.call("read_lines", topic=topic, count=count, path=str(path))

    # Places.
    def ends(self, topic):
        """(first, last) offset of partition 0."""
        return tuple(self.call("ends", topic=topic))

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        return self.call("offset_at", topic=topic, time=time_ms)

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        self.call("delete_records", topic=topic, offset=offset)

    def log_size(self, topic):
        """Bytes of partition 0 on disk."""
        return self.call("log_size", topic=topic)

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        return BridgeMember(self, group=group, topics=topics, assignor=assignor, instance=instance, reset=reset,
                            session=session_ms, rack=rack, client_id=client_id)

    def group_read(self, group, topic, count):
        return [record_out(given) for given in self.call("group_read", group=group, topic=topic, count=count)]

    def groups(self):
        """Names of all groups."""
        return set(self.call("groups"))

    def group_state(self, group):
        """(state, number of members)."""
        return tuple(self.call("group_state", group=group))

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        return {(topic, partition): offset for topic, partition, offset in self.call("group_offsets", group=group)}

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group."""
        self.call("reset_group", group=group, topic=topic, offsets=list(offsets.items()))

    def delete_group(self, group):
        """Deletes an empty group."""
        self.call("delete_group", group=group)

    def fenced(self, group, topic):
        if self.has_static_members:
            return super().fenced(group, topic)
        try:
            self.call("fenced", group=group, topic=topic)
        except ClientError as error:
            return error.code
        return None

    # Errors.
    def unknown_topic(self, topic):
        return self.call("unknown_topic", topic=topic)

    def too_large(self, topic, record):
        try:
            self.produce(topic, [record])
        except ClientError as error:
            return error.code
        return None
