"""Apache Kafka's command-line tools behind the flows' interface: one short JVM a call.

Starts are the cost, so topics come into being on first use and one call does as much as the tool can.
"""

import datetime
import itertools
import json
import re

from clients.processes import ProcessMember, ProcessProducer, ProcessPump, call
from flows.adapter import CALL_SECONDS_MAX, HEARTBEAT_MS, PUMP_SECONDS_MAX, SESSION_MS, Adapter, ClientError
from flows.context import numbered
from flows.records import Got
from harness import install

# Some of these are taken as regular expressions, so they hold no character that means something in one.
KEY_END, HEADERS_END, AND, IS = "<~key~>", "<~headers~>", "<~and~>", "="
NULL, RECORD_END = "<~null~>", "<~end~>\n"
LINES_CODEC = "snappy"
# By itself the console producer takes a reply for lost after a second and a half, and gives up at the third.
PATIENCE = ["--request-timeout-ms", "30000", "--message-send-max-retries", "1000"]

# How long a tool is let ask for a topic that is not there: it shows each refusal and asks again. On a
# busy machine its own clock may run out before the first answer; it is then let ask for longer.
ASKED_MS = (10_000, 30_000, 60_000)

CLASSES = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
}

# What a tool says for an error, and the protocol's name for it.
SAYINGS = {
    "TopicExistsException": "TOPIC_ALREADY_EXISTS",
    "UnknownTopicOrPartitionException": "UNKNOWN_TOPIC_OR_PARTITION",
    "=UNKNOWN_TOPIC_OR_PARTITION": "UNKNOWN_TOPIC_OR_PARTITION",
    "GroupNotEmptyException": "NON_EMPTY_GROUP",
    "RecordTooLargeException": "MESSAGE_TOO_LARGE",
    "FencedInstanceIdException": "FENCED_INSTANCE_ID",
    "InvalidTopicException": "INVALID_TOPIC_EXCEPTION",
}

FORMATTER = {
    "print.timestamp": "true", "print.partition": "true", "print.offset": "true", "print.headers": "true",
    "print.key": "true", "key.separator": KEY_END, "line.separator": RECORD_END, "headers.separator": AND,
    "null.literal": NULL,
}
READER = {
    "parse.key": "true", "parse.headers": "true", "key.separator": KEY_END, "headers.delimiter": HEADERS_END,
    "headers.separator": AND, "headers.key.separator": IS, "null.marker": NULL,
}


def code_in(said):
    """The protocol's name of the error in what a tool said, or None."""
    return next((code for saying, code in SAYINGS.items() if saying in said), None)


def flags(option, pairs):
    """Properties as repeated options."""
    return list(itertools.chain.from_iterable((option, f"{key}={value}") for key, value in pairs.items()))


def line_of(record):
    """A record as the console producer reads it."""
    headers = AND.join(f"{name}{IS}{NULL if value is None else value.decode()}" for name, value in record.headers)
    key = NULL if record.key is None else record.key.decode()
    value = NULL if record.value is None else record.value.decode()
    return f"{headers or NULL}{HEADERS_END}{key}{KEY_END}{value}\n".encode()


def given_or_null(raw):
    """A printed key or value."""
    return None if raw == NULL.encode() else raw


def headers_of(raw):
    """Printed headers: name:value, separated."""
    if raw == b"NO_HEADERS":
        return ()
    pairs = (pair.split(b":", 1) for pair in raw.split(AND.encode()))
    return tuple((name.decode(), given_or_null(value)) for name, value in pairs)


def parse(pending, topic=""):
    """Takes whole records off the front of what the console consumer printed."""
    *lines, rest = pending.split(RECORD_END.encode())
    records = []
    for line in lines:
        time, partition, offset, headers, key, value = line.split(KEY_END.encode(), 5)
        records.append(Got(
            topic, int(partition.removeprefix(b"Partition:")), int(offset.removeprefix(b"Offset:")),
            int(time.removeprefix(b"CreateTime:")), given_or_null(key), given_or_null(value), headers_of(headers),
        ))
    return records, rest


class ToolMember(ProcessMember):
    """A console consumer that stays; its log tells which partitions it holds."""

    PLACE = re.compile(r"([\w.-]+)-(\d+)")

    def __init__(self, command, topic):
        self.topic = topic
        super().__init__(command)

    def parse(self, pending):
        return parse(pending, self.topic)

    def rebalanced(self, line):
        what, _, places = line.partition(": ")
        if "newly assigned partitions" in what:
            self.told(self.assigned | self._places(places))
        elif "evoke previously assigned partitions" in line or "lost partitions" in line.lower():
            self.assigned = self.assigned - self._places(line.partition("partitions")[2])

    def _places(self, text):
        return {(topic, int(number)) for topic, number in self.PLACE.findall(text)}

    def code_of(self, said):
        return code_in("\n".join(said))


class ToolPump(ProcessPump):
    """A console producer; it logs what it could not send and ends with code 0 all the same."""

    def judge(self, code, said):
        if code != 0 or "Error when sending message" in said:
            raise ClientError(code_in(said) or f"code {code}", said[-300:])


class KafkaToolsAdapter(Adapter):
    """The tools of the Apache Kafka release."""

    name = "kafka-tools"
    parallel = 3
    creates_topics = False
    eager = "org.apache.kafka.clients.consumer.RangeAssignor"
    cooperative = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"

    def __init__(self, bootstrap, work):
        super().__init__(bootstrap, work)
        self.tools_used = {}
        self.serial = itertools.count()

    def command(self, tool, *arguments):
        """A tool with these arguments."""
        self.tools_used[tool] = self.tools_used.get(tool, 0) + 1
        return [*install.java(CLASSES[tool], f"-XX:SharedArchiveFile={install.CLASS_ARCHIVE}"),
                "--bootstrap-server", self.bootstrap, *arguments]

    def run(self, tool, *arguments, given=b"", **options):
        """Runs a tool; raises ClientError for an exit code or an error it only logs."""
        done = call(self.command(tool, *arguments), given, **options)
        said = done.err + done.out[:4000].decode(errors="replace")
        if done.code != 0 or "Error when sending message" in said or "Error: " in said:
            raise ClientError(code_in(said) or f"{tool} ended with code {done.code}", said[-400:])
        return done

    def version(self):
        jar = next((install.KAFKA / "lib").glob("kafka-tools-*.jar"))
        return re.search(r"kafka-tools-(.+)\.jar", jar.name).group(1)

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        self.run("kafka-topics", "--create", "--topic", topic, "--partitions", str(partitions),
                 *flags("--config", configs or {}))

    def partition_counts(self):
        # Only its own: a topic of another client could be deleted between the list and the description.
        try:
            said = self.run("kafka-topics", "--describe", "--topic", f"{re.escape(self.own)}.*").out.decode()
        except ClientError as error:
            if "does not exist as expected" in str(error):
                return {}
            raise
        return {topic: int(count) for topic, count in re.findall(r"Topic: (\S+)\s.*PartitionCount: (\d+)", said)}

    def add_partitions(self, topic, count):
        """Grows a topic to `count` partitions."""
        self.run("kafka-topics", "--alter", "--topic", topic, "--partitions", str(count))

    def topic_config(self, topic, key):
        """A topic's setting."""
        said = self.run("kafka-configs", "--describe", "--entity-type", "topics", "--entity-name", topic).out.decode()
        return re.search(rf"{re.escape(key)}=(\S+)", said).group(1)

    def set_topic_config(self, topic, key, value):
        """Changes a topic's setting."""
        self.run("kafka-configs", "--alter", "--entity-type", "topics", "--entity-name", topic,
                 "--add-config", f"{key}={value}")

    def delete_topic(self, topic):
        """Deletes a topic."""
        self.run("kafka-topics", "--delete", "--topic", topic)

    # Writing and reading.
    def _producer(self, topic, idempotent, **config):
        config = {"enable.idempotence": str(idempotent).lower(), "linger.ms": 5, "reconnect.backoff.max.ms": 500,
                  **config}
        return ["--topic", topic, *PATIENCE, *flags("--reader-property", READER), *flags("--command-property", config)]

    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        self.run("kafka-console-producer", *self._producer(topic, idempotent), "--compression-codec", codec,
                 given=b"".join(line_of(record) for record in records))

    def _consumer(self, *arguments, **config):
        return ["--command-property", "fetch.max.wait.ms=100", *flags("--formatter-property", FORMATTER),
                *flags("--command-property", {key.replace("_", "."): value for key, value in config.items()}),
                *arguments]

    def read(self, topic, count, offset=None, time_ms=None):
        if time_ms is not None:
            group = f"{topic}.time-{next(self.serial)}"
            moment = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)
            self.run("kafka-consumer-groups", "--group", group, "--topic", topic, "--reset-offsets", "--execute",
                     "--to-datetime", moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03}Z")
            return self.group_read(group, topic, count)
        done = self.run("kafka-console-consumer", *self._consumer(
            "--topic", topic, "--partition", "0", "--offset", "earliest" if offset is None else str(offset),
            "--max-messages", str(count), "--timeout-ms", "60000",
        ))
        return parse(done.out, topic)[0]

    def read_mixed(self, topics, count):
        """Reads several topics in one go; the records do not tell which topic they came from."""
        done = self.run("kafka-console-consumer", *self._consumer(
            "--include", "|".join(re.escape(topic) for topic in topics), "--from-beginning",
            "--max-messages", str(count), "--timeout-ms", "60000",
        ))
        return parse(done.out)[0]

    def producer(self, topic):
        return ProcessProducer(
            self.command("kafka-console-producer", *self._producer(topic, True)), line_of, lambda: self._end(topic),
        )

    def pump(self, topic):
        return ToolPump(self.command("kafka-console-producer", *self._producer(topic, True, **{
            "linger.ms": 0, "batch.size": 200, "max.in.flight.requests.per.connection": 5,
            "delivery.timeout.ms": PUMP_SECONDS_MAX * 1000, "max.block.ms": PUMP_SECONDS_MAX * 1000,
        })), line_of).begin()

    def _end(self, topic):
        """The end of partition 0, 0 while the topic is not there yet."""
        try:
            return self._offset(topic, "latest") or 0
        except ClientError as error:
            if "Could not match any topic-partitions" in str(error):
                return 0
            raise

    def write_lines(self, topic, path):
        with open(path, "rb") as lines:
            self.run("kafka-console-producer", "--topic", topic, *PATIENCE, "--compression-codec", LINES_CODEC,
                     given_file=lines)

    def read_lines(self, topic, count, path):
        with open(path, "wb") as lines:
            self.run("kafka-console-consumer", "--topic", topic, "--partition", "0", "--offset", "earliest",
                     "--max-messages", str(count), "--timeout-ms", "60000", out=lines)

    # Places.
    def _offset(self, topic, when):
        said = self.run("kafka-get-offsets", "--topic", re.escape(topic), "--time", str(when)).out.decode()
        found = re.search(rf"{re.escape(topic)}:0:(-?\d+)", said)
        return int(found.group(1)) if found else None

    def ends(self, topic):
        """(first, last) offset of partition 0."""
        return self._offset(topic, "earliest"), self._offset(topic, "latest")

    def offset_at(self, topic, time_ms):
        """The first offset at or after a time, or None."""
        return self._offset(topic, time_ms)

    def delete_records(self, topic, offset):
        """Moves the start of partition 0."""
        plan = self.work / f"delete-{next(self.serial)}.json"
        plan.write_text(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": offset}], "version": 1}))
        self.run("kafka-delete-records", "--offset-json-file", str(plan))

    def log_dirs(self, *topics):
        """path -> (error or None, partition -> bytes) of each log directory, with these topics or all."""
        some = ["--topic-list", ",".join(topics)] if topics else []
        said = self.run("kafka-log-dirs", "--describe", *some).out.decode()
        answer = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
        return {
            log_dir["logDir"]: (log_dir["error"], {one["partition"]: one["size"] for one in log_dir["partitions"]})
            for broker in answer["brokers"] for log_dir in broker["logDirs"]
        }

    def log_size(self, topic):
        """Bytes on disk of partition 0."""
        return sum(size for _, sizes in self.log_dirs(topic).values() for size in sizes.values())

    # Groups.
    def partitions(self, topic, count):
        self.create_topic(topic, count)
        return [topic]

    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        config = {
            "session_timeout_ms": session_ms, "heartbeat_interval_ms": HEARTBEAT_MS, "auto_commit_interval_ms": 200,
            "partition_assignment_strategy": assignor or self.eager, "reconnect_backoff_max_ms": 500,
        }
        named = {"group_instance_id": instance, "client_rack": rack, "client_id": client_id}
        config |= {key: value for key, value in named.items() if value is not None}
        # Without the option, the tool begins at the latest.
        beginning = ["--from-beginning"] if reset == "earliest" else []
        command = self.command("kafka-console-consumer", *self._consumer(
            "--group", group, "--topic", topics[0], *beginning, **config,
        ))
        return ToolMember(command, topics[0])

    def group_read(self, group, topic, count):
        done = self.run("kafka-console-consumer", *self._consumer(
            "--group", group, "--topic", topic, "--from-beginning", "--max-messages", str(count),
            "--timeout-ms", "60000", session_timeout_ms=SESSION_MS,
        ))
        return parse(done.out, topic)[0]

    def groups(self):
        """Names of all groups."""
        return set(self.run("kafka-consumer-groups", "--list").out.decode().split())

    def group_state(self, group):
        """(state, number of members)."""
        said = self.run("kafka-consumer-groups", "--describe", "--state", "--group", group).out.decode()
        row = next(line for line in said.splitlines() if line.startswith(group)).split()
        return row[-2], int(row[-1])

    def group_offsets(self, group):
        """(topic, partition) -> committed offset."""
        said = self.run("kafka-consumer-groups", "--describe", "--offsets", "--group", group).out.decode()
        rows = (line.split() for line in said.splitlines() if line.startswith(group))
        return {(row[1], int(row[2])): int(row[3]) for row in rows}

    def reset_group(self, group, topic, offsets):
        """Sets the committed offsets of an empty group."""
        (offset,) = set(offsets.values())
        places = ",".join(str(partition) for partition in offsets)
        self.run("kafka-consumer-groups", "--group", group, "--topic", f"{topic}:{places}", "--reset-offsets",
                 "--to-offset", str(offset), "--execute")

    def delete_group(self, group):
        """Deletes an empty group."""
        self.run("kafka-consumer-groups", "--delete", "--group", group)

    # Errors and load.
    def unknown_topic(self, topic):
        def told(command, option, given=b""):
            for patience in ASKED_MS:
                done = call([*command, option, str(patience)], given)
                if code := code_in(done.err):
                    raise ClientError(code, done.err[-200:])
            raise ClientError("nothing said", done.err[-200:])

        def produce():
            told(self.command("kafka-console-producer", "--topic", topic), "--max-block-ms", b"x\n")

        def consume():
            told(self.command("kafka-console-consumer", "--topic", topic), "--timeout-ms")

        codes = {}
        ways = {"produce": produce, "consume": consume}
        for way, ask in ways.items():
            try:
                ask()
                codes[way] = None
            except ClientError as error:
                codes[way] = error.code
        return codes

    def too_large(self, topic, record):
        try:
            self.run("kafka-console-producer", "--max-memory-bytes", "50000000",
                     *self._producer(topic, True, **{"max.request.size": 10_000_000}), given=line_of(record))
        except ClientError as error:
            return error.code
        return None

    def perf(self, topic):
        """The load generator: all records acknowledged, all of them in the log; yields what is wrong."""
        count = 50_000
        self.produce(topic, numbered(0, 1))
        said = self.run(
            "kafka-producer-perf-test", "--topic", topic, "--num-records", str(count), "--record-size", "512",
            "--throughput", "-1", "--command-property", "acks=all", "compression.type=lz4", "batch.size=65536",
        ).out.decode()
        if not re.search(rf"^{count} records sent, ", said, re.MULTILINE):
            yield f"its report does not tell of {count} records: {said[-200:]!r}"
        last = self._offset(topic, "latest")
        if last != count + 1:
            yield f"the log ends at {last} instead of {count + 1}"


def open_adapter(bootstrap, work):
    """The adapter of this client."""
    return KafkaToolsAdapter(bootstrap, work)
