"""kcat (Debian's package, on librdkafka 2.0) behind the flows' interface: one short process a call.

kcat has no administration commands: topics come into being on first use, each with one partition, so a group
shares several topics instead of several partitions.
"""

import itertools
import re
import subprocess

from clients.processes import ProcessMember, call
from flows.adapter import CALL_SECONDS_MAX, HEARTBEAT_MS, SESSION_MS, Adapter, ClientError, wait_for
from flows.records import Got

# Lengths first, so that keys and values may hold any byte.
FORMAT = r"%t %p %o %T %K %S \x01%h\x02%k%s\x03"
HEAD = re.compile(rb"(\S+) (\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) \x01([^\x02]*)\x02", re.DOTALL)
KEY_END, RECORD_END = r"\x1f\x1f\x1e", r"\x1e\x1e\x1f"
KEY_END_BYTES, RECORD_END_BYTES = b"\x1f\x1f\x1e", b"\x1e\x1e\x1f"
LINES_CODEC = "lz4"

# What kcat says for an error, and the protocol's name for it.
SAYINGS = {
    "Unknown topic or partition": "UNKNOWN_TOPIC_OR_PARTITION",
    # librdkafka's own words for the broker's answer to its metadata request.
    "Local: Unknown topic": "UNKNOWN_TOPIC_OR_PARTITION",
    "Local: Unknown partition": "UNKNOWN_TOPIC_OR_PARTITION",
    "Message size too large": "MESSAGE_TOO_LARGE",
    "Static consumer fenced": "FENCED_INSTANCE_ID",
    "Broker: Invalid topic": "INVALID_TOPIC_EXCEPTION",
    "Broker: Invalid message": "CORRUPT_MESSAGE",
}


def code_in(said):
    """The protocol's name of the error in what kcat said, or None."""
    return next((code for saying, code in SAYINGS.items() if saying in said), None)


def headers_of(raw):
    """Headers as kcat prints them: name=value, comma between."""
    if not raw:
        return ()
    pairs = (pair.split(b"=", 1) for pair in raw.split(b","))
    return tuple((pair[0].decode(), None if pair[1] == b"NULL" else pair[1]) for pair in pairs)


def parse(pending):
    """Takes whole records off the front of what kcat printed."""
    records, at = [], 0
    while (head := HEAD.match(pending, at)) is not None:
        topic, partition, offset, timestamp, key_size, value_size, headers = head.groups()
        key_size, value_size = int(key_size), int(value_size)
        key_at = head.end()
        value_at = key_at + max(key_size, 0)
        end = value_at + max(value_size, 0)
        if len(pending) <= end:
            break
        if pending[end:end + 1] != b"\x03":
            raise ValueError(f"kcat printed {pending[end:end + 20]!r} where a record must end")
        records.append(Got(
            topic.decode(), int(partition), int(offset), int(timestamp),
            None if key_size < 0 else pending[key_at:value_at], None if value_size < 0 else pending[value_at:end],
            headers_of(headers),
        ))
        at = end + 1
    return records, pending[at:]


def line_of(record):
    """A record as kcat reads it from its input; no key delimiter means no key."""
    key = b"" if record.key is None else record.key + KEY_END_BYTES
    return key + (record.value or b"") + RECORD_END_BYTES


class KcatMember(ProcessMember):
    """`kcat -G`, which tells of rebalances on its error output."""

    PLACE = re.compile(r"(\S+) \[(\d+)\]")

    def parse(self, pending):
        return parse(pending)

    def rebalanced(self, line):
        if "rebalanced" not in line:
            return
        # Eager: "... assigned: t [0], t [1]"; cooperative: "... incremental assignment of ...: t [0], t [1]".
        what, _, places = line.rpartition(": ")
        places = {(topic, int(number)) for topic, number in self.PLACE.findall(places)}
        if "assign" in what.partition("rebalanced")[2]:
            self.assigned = self.assigned | places
        else:
            self.assigned = self.assigned - places

    def code_of(self, said):
        return code_in("\n".join(said))


class KcatProducer:
    """kcat reads its input in large blocks, so a producer that stays open is a process for each `send`."""

    def __init__(self, adapter, topic):
        self.adapter = adapter
        self.topic = topic

    def send(self, records):
        """Writes records and waits for their acknowledgement."""
        self.adapter.produce(self.topic, records, idempotent=True)

    def close(self):
        """Nothing stays open."""


class KcatAdapter(Adapter):
    """Short-lived kcat processes."""

    name = "kcat"
    damaged_says = "Topic {topic} [0] error: Fetch from broker 1 failed: Broker: Invalid message"
    parallel = 2
    creates_topics = False
    eager = "roundrobin"
    cooperative = "cooperative-sticky"

    def command(self, *arguments, **config):
        """kcat with these arguments; configuration keys with underscores for dots."""
        sets = itertools.chain.from_iterable(
            ("-X", f"{key.replace('_', '.')}={value}") for key, value in config.items()
        )
        return ["kcat", "-b", self.bootstrap, *sets, *arguments]

    def run(self, *arguments, given=b"", **config):
        """Runs kcat; raises ClientError if it ends with an error."""
        done = call(self.command(*arguments, **config), given)
        if done.code != 0:
            said = done.err.strip()[-300:]
            raise ClientError(code_in(done.err) or f"code {done.code}", said)
        return done

    def version(self):
        said = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout
        kcat, librdkafka = re.search(r"Version (\S+) .*librdkafka (\S+)", said).groups()
        return f"{kcat} (librdkafka {librdkafka})"

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        assert partitions == 1 and not configs
        wait_for(lambda: self._described(topic), f"{topic} on first use")

    def _described(self, topic):
        return b"with 1 partitions" in self.run("-L", "-t", topic).out

    def partition_counts(self):
        listed = re.findall(rb'topic "([^"]+)" with (\d+) partitions', self.run("-L").out)
        return {topic.decode(): int(count) for topic, count in listed}

    def partitions(self, topic, count):
        topics = [f"{topic}-{n}" for n in range(count)]
        for name in topics:
            self.create_topic(name)
        return topics

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        # One process can write one set of headers, and either empty or null values.
        for (headers, nulls), run in itertools.groupby(records, lambda r: (r.headers, r.value is None)):
            options = [option for name, value in headers
                       for option in ("-H", name if value is None else f"{name}={value.decode()}")]
            self.run(
                "-P", "-t", topic, "-p", str(partition), "-z", codec, "-K", KEY_END, "-D", RECORD_END,
                *(["-Z"] if nulls else []), *options, given=b"".join(line_of(record) for record in run),
                enable_idempotence=str(idempotent).lower(), linger_ms=5, message_timeout_ms=30_000,
            )

    def spread(self, topics, records):
        for n, topic in enumerate(topics):
            self.produce(topic, records[n::len(topics)])

    def read(self, topic, count, offset=None, time_ms=None):
        start = "beginning" if offset is None else str(offset)
        if time_ms is not None:
            start = f"s@{time_ms}"
        done = self.run("-C", "-t", topic, "-p", "0", "-o", start, "-c", str(count), "-e", "-q", "-f", FORMAT,
                        fetch_wait_max_ms=100)
        records, rest = parse(done.out)
        if rest:
            raise ValueError(f"kcat printed {rest[:60]!r} after the last record")
        return records

    def producer(self, topic):
        return KcatProducer(self, topic)

    def write_lines(self, topic, path):
        self.run("-P", "-t", topic, "-p", "0", "-z", LINES_CODEC, "-l", str(path))

    def read_lines(self, topic, count, path):
        with open(path, "wb") as lines:
            done = call(self.command("-C", "-t", topic, "-p", "0", "-o", "beginning", "-c", str(count), "-e", "-q"),
                        out=lines)
        if done.code != 0:
            raise ClientError(code_in(done.err) or f"code {done.code}", done.err[-300:])

    # Places.
    def _query(self, topic, time_ms):
        said = self.run("-Q", "-t", f"{topic}:0:{time_ms}").out.decode()
        return int(re.search(r"offset (-?\d+)", said).group(1))

    def ends(self, topic):
        """(first, last) offset of partition 0."""
        return self._query(topic, -2), self._query(topic, -1)

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        offset = self._query(topic, time_ms)
        return None if offset < 0 else offset

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        config = {
            "auto_offset_reset": reset, "session_timeout_ms": session_ms, "heartbeat_interval_ms": HEARTBEAT_MS,
            "auto_commit_interval_ms": 200, "partition_assignment_strategy": assignor or self.eager,
            "reconnect_backoff_max_ms": 500,
        }
        named = {"group_instance_id": instance, "client_rack": rack, "client_id": client_id}
        config |= {key: value for key, value in named.items() if value is not None}
        return KcatMember(self.command("-G", group, "-u", "-E", "-f", FORMAT, *topics, **config))

    def group_read(self, group, topic, count):
        done = call(self.command("-G", group, "-c", str(count), "-f", FORMAT, topic, auto_offset_reset="earliest",
                                 session_timeout_ms=SESSION_MS), seconds=CALL_SECONDS_MAX)
        if done.code != 0:
            raise ClientError(code_in(done.err) or f"code {done.code}", done.err[-300:])
        return parse(done.out)[0]

    # Errors.
    def bad_topic(self, topic):
        try:
            self.run("-P", "-t", topic, "-p", "0", given=b"nobody reads this\n")
        except ClientError as error:
            return error.code
        return None

    def unknown_topic(self, topic):
        codes = {}
        ways = {
            "consume": lambda: self.run("-C", "-t", topic, "-p", "0", "-c", "1"),
            "query": lambda: self._query(topic, -1),
            "produce": lambda: self.run("-P", "-t", topic, "-p", "0", given=b"nobody reads this\n",
                                        topic_metadata_propagation_max_ms=1000),
        }
        for way, ask in ways.items():
            try:
                ask()
                codes[way] = None
            except ClientError as error:
                codes[way] = error.code
        codes["describe"] = code_in(self.run("-L", "-t", topic).out.decode())
        return codes

    def too_large(self, topic, record):
        try:
            self.run("-P", "-t", topic, "-p", "0", "-D", RECORD_END, given=record.value, message_max_bytes=10_000_000)
        except ClientError as error:
            return error.code
        return None


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KcatAdapter(bootstrap, work)
