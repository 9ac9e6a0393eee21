"""The rows of the compatibility table and the cells a client cannot have.

Owns: row ids, their titles, and the fixed list of what a client lacks, with the reason. A cell is decided here
and not at run time: a row that is not listed as lacking must report a check, or the run fails; a row that is
listed and reports one anyway fails too.
"""

from typing import NamedTuple


class Client(NamedTuple):
    """One column: a client in one version."""

    # Under which heading of the page it stands.
    family: str
    # The adapter: `clients/MODULE/adapter.py`.
    module: str
    # Which version of several; handed to `open_adapter` if it is not empty.
    variant: str = ""
    # The client whose list of lacks it shares; its own entries in LACKS come on top, None takes one away.
    like: str = ""


CLIENTS = {
    "kcat": Client("librdkafka", "kcat"),
    "confluent-kafka": Client("librdkafka", "confluent_kafka"),
    "kafka-python": Client("Python", "kafka_python"),
    "kafka-python-2.0.2": Client("Python", "kafka_python_2_0", like="kafka-python"),
    "aiokafka": Client("Python", "aio_kafka"),
    "kafkajs": Client("JavaScript", "kafkajs"),
    "platformatic": Client("JavaScript", "platformatic"),
    "rdkafka": Client("Rust", "rdkafka"),
    "rskafka": Client("Rust", "rskafka"),
    "kafka-tools": Client("Java", "kafka_tools"),
    "kafka-clients": Client("Java", "kafka_clients", "4.3"),
    "kafka-clients-3.9": Client("Java", "kafka_clients", "3.9", like="kafka-clients"),
    "kafka-clients-2.8": Client("Java", "kafka_clients", "2.8", like="kafka-clients"),
    "franz-go": Client("Go", "franz_go"),
    "sarama": Client("Go", "sarama"),
    "kafka-go": Client("Go", "kafka_go"),
    "confluent-kafka-go": Client("Go", "confluent_go"),
    "confluent-kafka-go-1.9": Client("Go", "confluent_go", "1.9"),
}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

# flow -> rows it reports, in the order of the table.
FLOWS = {
    "topics": {
        "create-topic": "Create a topic",
        "list-topics": "List and describe topics",
        "add-partitions": "Add partitions",
        "topic-configs": "Read and change a topic's settings",
        "delete-topic": "Delete a topic",
    },
    "codecs": {
        **{f"{codec}{kind}": f"Produce and read, {codec}{', idempotent' if kind else ''}"
           for codec in CODECS for kind in ("", "-idempotent")},
        "keys": "Keys: text, empty, none",
        "headers": "Headers: repeated, empty, non-ASCII",
        "null-header": "Header without a value",
        "timestamps": "Timestamps set by the producer",
        "null-value": "Null value",
        "empty-value": "Empty value",
        "one-byte": "Record of 1 byte",
        "900kb": "Record of 900 KB",
        "binary": "Binary keys and values",
        "assign": "Read by assignment",
    },
    "group": {
        "group-eager": "Group of two, rebalance in between (eager)",
        "group-admin": "List, describe and reset groups",
        "delete-group": "Delete groups",
    },
    "cooperative": {
        "group-cooperative": "Group of two, rebalance in between (cooperative)",
    },
    "restart": {
        "commit-restart": "Commit, restart the broker, continue",
        "live-restart": "Producer and member that live through the restart",
    },
    "four": {
        "group-four": "Four members coming and going (cooperative where the client has it)",
    },
    "static": {
        "static": "Static member restarts without a rebalance",
    },
    "resets": {
        "offset-reset": "Offset reset, earliest and latest: nothing committed, out of range",
        "rack": "Rack set, one node: reads from the leader",
    },
    "cuts": {
        "retention-cut": "Read on after retention cut the log",
        "delete-cut": "Read on after records were deleted",
    },
    "compaction": {
        "compaction": "Write a compacted topic, read what is left of it",
    },
    "crowd": {
        "crowd": "5,000 topics: list all, write and read one",
    },
    "paused": {
        "paused": "Paused for longer than the session",
    },
    "pump": {
        "pump-restart": "Idempotent and pipelined through a restart",
        "pump-kill": "Idempotent and pipelined through a kill",
    },
    "names": {
        "key-sizes": "Keys of 0 bytes to 100 KB",
        "header-sizes": "Headers of 0 bytes to 100 KB, 500 headers",
        "group-name": "Group id that is not ASCII",
        "client-id": "Client id that is not ASCII",
        "instance-id": "Instance id that is not ASCII",
        "header-name": "Header name that is not ASCII",
        "topic-name": "Error: topic name that is not ASCII",
    },
    "seek": {
        "seek-offset": "Seek by offset",
        "seek-time": "Seek by time",
        "list-offsets": "List first and last offset, and the offset of a time",
        "delete-records": "Delete records up to an offset",
        "log-dirs": "Sizes by log directory",
    },
    "folders": {
        "two-log-dirs": "Two log directories, one of which is missing later",
    },
    "damage": {
        "damaged": "Error: damaged records",
        "damaged-seek": "Seek past damaged records",
    },
    "errors": {
        "unknown-topic": "Error: unknown topic",
        "too-large": "Error: record too large",
        "fenced": "Error: fenced member",
    },
    "text": {
        "text": "Large real text, line by line",
    },
    "interop": {
        "interop": "Read what every other client wrote, all codecs",
    },
    "admin": {
        "admin-served": "Every Admin call of the Java client that is served",
        "admin-unserved": "Admin calls that are not served fail at once",
        "admin-all": "No Admin method left out",
        "client-served": "Java consumer and producer calls beyond the flows above",
        "client-unserved": "Transactions, new group protocols: refused at once",
    },
    "perf": {
        "perf": "Load generator",
    },
}

# Apache Kafka's tools: which rows each one takes part in. A tool that did not run in a full run fails it.
TOOL_ROWS = {
    "kafka-topics": ("create-topic", "list-topics", "add-partitions", "delete-topic", "crowd", "topic-name"),
    "kafka-configs": ("topic-configs",),
    "kafka-console-producer": ("none", "gzip", "snappy", "lz4", "zstd", "keys", "headers", "null-value", "900kb",
                               "live-restart", "too-large", "text", "pump-restart", "pump-kill", "key-sizes",
                               "header-sizes", "header-name", "compaction"),
    "kafka-console-consumer": ("assign", "group-eager", "group-cooperative", "commit-restart", "live-restart",
                               "seek-offset", "fenced", "text", "interop", "group-four", "static", "offset-reset",
                               "rack", "retention-cut", "delete-cut", "paused", "group-name", "client-id",
                               "compaction"),
    "kafka-consumer-groups": ("group-admin", "delete-group", "seek-time"),
    "kafka-get-offsets": ("list-offsets",),
    "kafka-delete-records": ("delete-records",),
    "kafka-log-dirs": ("log-dirs", "two-log-dirs"),
    "kafka-producer-perf-test": ("perf",),
}

ROWS = {row: title for rows in FLOWS.values() for row, title in rows.items()}
FLOW_OF = {row: flow for flow, rows in FLOWS.items() for row in rows}

_KCAT_ADMIN = "kcat has no administration commands"
_KAFKA_GO_IDEMPOTENT = "kafka-go has no idempotent producer"
_KCAT_ENDS = "kcat ends itself when it loses its last broker while it writes"
_CONFLUENT_GO_1_9 = "confluent-kafka-go 1.9 administers topics, settings and ACLs only"
_OTHER_PERF = "not a part of this client"
_KAFKAJS_STATIC = "kafkajs has no static members"
_KAFKA_PYTHON_OLD = "kafka-python 2.0.2 has no "
_JAVA_INSTANCE = "the Java client takes an instance id of ASCII letters, digits, '.', '_' and '-' only"
_PLATFORMATIC_ZSTD = "@platformatic/kafka takes zstd from Node, which has it from version 22 on; this runs Node 20"
_PLATFORMATIC_RANGE = ("@platformatic/kafka ends its stream with an error where an offset is out of range; "
                       "it resets only where nothing is committed")
_ASKS_ON = "asks again without end where it is answered CORRUPT_MESSAGE, and its user hears nothing"
_NO_GROUPS = "rskafka has no consumer groups"
_NO_IDEMPOTENCE = "rskafka has no idempotent producer"

LACKS = {
    "kcat": {
        "add-partitions": _KCAT_ADMIN,
        "topic-configs": _KCAT_ADMIN,
        "delete-topic": _KCAT_ADMIN,
        "group-admin": _KCAT_ADMIN,
        "delete-group": _KCAT_ADMIN,
        "delete-records": _KCAT_ADMIN,
        "pump-restart": _KCAT_ENDS,
        "pump-kill": _KCAT_ENDS,
        "log-dirs": _KCAT_ADMIN,
        "timestamps": "kcat cannot set a record's timestamp; it prints those it reads, which the interop row checks",
        "perf": _OTHER_PERF,
    },
    "confluent-kafka": {
        "log-dirs": "librdkafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "kafka-python": {
        "null-header": "kafka-python takes header values as bytes only; it reads null ones, which the interop row checks",
        "perf": _OTHER_PERF,
    },
    "kafka-python-2.0.2": {
        **{f"{codec}-idempotent": "kafka-python 2.0.2 has no idempotent producer" for codec in CODECS},
        "group-cooperative": "kafka-python 2.0.2 has no cooperative assignor",
        "static": _KAFKA_PYTHON_OLD + "static members",
        "instance-id": _KAFKA_PYTHON_OLD + "static members",
        "rack": _KAFKA_PYTHON_OLD + "rack setting",
        "pump-restart": _KAFKA_PYTHON_OLD + "idempotent producer",
        "pump-kill": _KAFKA_PYTHON_OLD + "idempotent producer",
        "delete-records": "kafka-python 2.0.2 has no DeleteRecords",
        "log-dirs": "kafka-python 2.0.2 has no DescribeLogDirs",
    },
    "aiokafka": {
        "damaged": f"aiokafka {_ASKS_ON} but a warning in the log that names no place",
        "group-cooperative": "aiokafka has no cooperative assignor",
        "delete-group": "aiokafka has no DeleteGroups",
        "log-dirs": "aiokafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "rdkafka": {
        "log-dirs": "librdkafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "rskafka": {
        "add-partitions": "rskafka has no CreatePartitions",
        "topic-configs": "rskafka has no requests for settings",
        **{f"{codec}-idempotent": _NO_IDEMPOTENCE for codec in CODECS},
        "pump-restart": _NO_IDEMPOTENCE,
        "pump-kill": _NO_IDEMPOTENCE,
        "headers": "rskafka keeps headers in a map, so no name can be there twice",
        "null-header": "rskafka can neither write nor read a header without a value; "
                       "its interop row leaves out the clients that wrote one",
        **{row: _NO_GROUPS for row in (
            "group-eager", "group-cooperative", "group-admin", "delete-group", "commit-restart", "fenced",
            "group-four", "static", "offset-reset", "paused", "group-name", "instance-id", "rack", "client-id",
            "retention-cut", "delete-cut",
        )},
        "log-dirs": "rskafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "platformatic": {
        "zstd": _PLATFORMATIC_ZSTD + "; the interop row leaves it out, and snappy, as its decoder fails on "
                "the framing of snappy-java",
        "zstd-idempotent": _PLATFORMATIC_ZSTD,
        "assign": "@platformatic/kafka has no assignment by hand; it reads in a group of one instead",
        "group-cooperative": "@platformatic/kafka has no cooperative assignor",
        "rack": "@platformatic/kafka has no rack setting",
        "static": "@platformatic/kafka leaves the group when it closes, with an instance id too",
        "offset-reset": _PLATFORMATIC_RANGE,
        "retention-cut": _PLATFORMATIC_RANGE,
        "delete-cut": _PLATFORMATIC_RANGE,
        "perf": _OTHER_PERF,
    },
    "kafkajs": {
        "damaged": f"kafkajs {_ASKS_ON} but errors in the log; it joins its group anew each few seconds",
        "assign": "kafkajs has no assignment by hand; it reads in a group of one instead",
        "null-header": "kafkajs cannot write a header without a value; it reads them, which the interop row checks",
        "group-cooperative": "kafkajs has no cooperative assignor",
        "log-dirs": "kafkajs has no DescribeLogDirs",
        "static": _KAFKAJS_STATIC,
        "instance-id": _KAFKAJS_STATIC,
        "perf": _OTHER_PERF,
    },
    "franz-go": {
        "damaged": f"franz-go {_ASKS_ON}",
        "perf": _OTHER_PERF,
    },
    "sarama": {
        "instance-id": "sarama takes an instance id of ASCII letters, digits, '.', '_' and '-' only",
        "perf": _OTHER_PERF,
    },
    "kafka-go": {
        "damaged": "kafka-go shows the error in some runs, and in others ends its read before the range without one",
        **{f"{codec}-idempotent": _KAFKA_GO_IDEMPOTENT for codec in CODECS},
        "group-cooperative": "kafka-go has no cooperative assignor",
        "delete-records": "kafka-go has no DeleteRecords",
        "log-dirs": "kafka-go has no DescribeLogDirs",
        "static": "kafka-go's Reader and ConsumerGroup have no static members; the error row tries the calls of its Client",
        "rack": "kafka-go has no client.rack",
        "delete-cut": "kafka-go has no DeleteRecords",
        "pump-restart": _KAFKA_GO_IDEMPOTENT,
        "pump-kill": _KAFKA_GO_IDEMPOTENT,
        "instance-id": "kafka-go's Reader and ConsumerGroup have no static members",
        "perf": _OTHER_PERF,
    },
    "confluent-kafka-go": {
        "log-dirs": "librdkafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "confluent-kafka-go-1.9": {
        "group-admin": _CONFLUENT_GO_1_9,
        "delete-group": _CONFLUENT_GO_1_9,
        "delete-records": _CONFLUENT_GO_1_9,
        "delete-cut": _CONFLUENT_GO_1_9,
        "log-dirs": "librdkafka has no DescribeLogDirs",
        "perf": _OTHER_PERF,
    },
    "kafka-tools": {
        "damaged": "the console consumer logs the Java client's error, which names the place, and ends with code 0",
        "timestamps": "the console producer cannot set a record's timestamp; "
                      "the console consumer prints those it reads, which the interop row checks",
        "binary": "the console producer takes lines of UTF-8 text; "
                  "the console consumer prints bytes as they are, which the interop row checks",
        "instance-id": _JAVA_INSTANCE,
    },
    "kafka-clients": {
        "instance-id": _JAVA_INSTANCE,
        "perf": _OTHER_PERF,
    },
}

# What a green cell leaves out all the same, because the client cannot read it from any broker.
LEFT_OUT = {
    "platformatic": {
        "interop": "without zstd (Node 20 has none) and snappy (its decoder traps on the framing that "
                   "snappy-java and Python's clients write)",
    },
    "kafka-go": {
        "interop": "without lz4 of aiokafka and rskafka: pierrec/lz4 4.1.15, which kafka-go pins, takes the "
                   "block checksums of their frames for wrong",
    },
    "rskafka": {
        "interop": "without the clients that write null header values, which it cannot hold",
    },
}

# Rows about one client alone: row -> its adapter, and why no other has it.
_JAVA = ("kafka_clients", "checks the Java client's own interfaces, call by call")
ONLY = {row: _JAVA for row in FLOWS["admin"]}
ONLY["two-log-dirs"] = ("kafka_tools", "checks what kafka-log-dirs.sh shows of each directory")


def lacks(client, row):
    """Why this client cannot have this row, or None."""
    if row in ONLY and CLIENTS[client].module != ONLY[row][0]:
        return ONLY[row][1]
    own = LACKS.get(client, {})
    if row in own:
        return own[row]
    return LACKS.get(CLIENTS[client].like, {}).get(row)


def left_out(client, row):
    """What a check of this client and row leaves out, or None."""
    return LEFT_OUT.get(client, {}).get(row)


def check_table():
    """The table must be about rows and clients that exist."""
    for client, cells in (*LACKS.items(), *LEFT_OUT.items()):
        assert client in CLIENTS, client
        for row in cells:
            assert row in ROWS, (client, row)
    for client in CLIENTS.values():
        assert not client.like or client.like in CLIENTS, client
