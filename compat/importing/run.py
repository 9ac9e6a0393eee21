"""Fills a real Apache Kafka, stops it, imports its folder, and compares; `cargo xtask import` calls it.

Checks that every record has its offset, timestamp, key, value and headers, that settings, topic ids and the
offsets of groups are the same, that writing goes on behind the old records, that the source was not changed, and
that Kafka's own DumpLogSegments reads what Walser then has on disk. A first test of the comparison must see planted
differences. Started with any Python it installs what it needs and starts itself anew.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness import brokers, install  # noqa: E402

WORK = install.TOOLS / "importing"
STEP_SECONDS_MAX = 60
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
GROUP = "readers"
BEFORE_MS = 1_700_000_000_000


class Fault(Exception):
    """What is wrong."""


class Walser(brokers.Broker):
    """The binary that was asked for."""

    def __init__(self, work, binary):
        super().__init__(work, {**brokers.SETTINGS, "log.retention.check.interval.ms": "300000"})
        self.binary = binary

    def command(self):
        return [str(self.binary), *super().command()[1:]]


def options():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="cargo xtask import", description="Imports the folder of a real Kafka and compares everything.",
    )
    parser.add_argument("--binary", type=Path, default=install.ROOT / "target" / "release" / "walser",
                        help="the walser to use (default: the release binary)")
    return parser.parse_args()


def in_clients_python():
    """Installs confluent-kafka and Kafka, and continues in the clients' Python."""
    try:
        install.everything(["confluent-kafka"], with_kafka_broker=True)
    except install.CannotInstall as error:
        sys.exit(f"✗ cannot install: {error}")
    if Path(sys.executable) != install.PYTHON:
        os.execv(str(install.PYTHON), [str(install.PYTHON), __file__, *sys.argv[1:]])


def settled(futures):
    """Waits for what an admin call began."""
    for future in futures.values():
        future.result(STEP_SECONDS_MAX)


def fill(bootstrap):
    """Everything the import has to carry, and some that it has to name."""
    from confluent_kafka import Producer, TopicPartition, admin

    client = admin.AdminClient({"bootstrap.servers": bootstrap})
    topics = {
        "plain": (3, {"segment.bytes": "1048576", "retention.ms": "-1"}),
        "compacted": (1, {"cleanup.policy": "compact", "retention.ms": "-1"}),
        "transactional": (2, {"retention.ms": "-1"}),
        "trimmed": (1, {"retention.ms": "-1"}),
        "empty": (2, {"file.delete.delay.ms": "1234"}),
        "gone": (1, {}),
        **{f"codec-{codec}": (1, {"retention.ms": "-1"}) for codec in CODECS},
    }
    new = [admin.NewTopic(name, num_partitions=count, replication_factor=1, config=config)
           for name, (count, config) in topics.items()]
    settled(client.create_topics(new))

    def failed(error, _message):
        if error is not None:
            raise Fault(f"Kafka did not take a record: {error}")

    for codec in CODECS:
        producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 20,
                             "enable.idempotence": codec == "zstd"})
        for n in range(300):
            headers = [("h", str(n).encode()), ("null", None), ("h", b"again")] if n % 3 else []
            producer.produce(f"codec-{codec}", f"{codec} {n} ".encode() * 20, key=None if n % 5 == 0 else str(n),
                             timestamp=BEFORE_MS + n * 1000, headers=headers, on_delivery=failed)
        producer.flush(STEP_SECONDS_MAX)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "batch.size": 60_000})
    for n in range(9000):
        producer.produce("plain", os.urandom(1000), key=str(n), partition=n % 3, on_delivery=failed)
        if n % 500 == 0:
            producer.flush(STEP_SECONDS_MAX)
    for n in range(500):
        value = None if n % 50 == 49 else f"value {n}"
        producer.produce("compacted", value, key=str(n % 25), on_delivery=failed)
    for n in range(100):
        producer.produce("trimmed", f"value {n}", on_delivery=failed)
        producer.produce("gone", f"value {n}", on_delivery=failed)
    producer.flush(STEP_SECONDS_MAX)
    transactional = Producer({"bootstrap.servers": bootstrap, "transactional.id": "t"})
    transactional.init_transactions(STEP_SECONDS_MAX)
    for commits in (True, False, True):
        transactional.begin_transaction()
        for n in range(20):
            transactional.produce("transactional", f"{commits} {n}", partition=n % 2)
        transactional.flush(STEP_SECONDS_MAX)
        if commits:
            transactional.commit_transaction(STEP_SECONDS_MAX)
        else:
            transactional.abort_transaction(STEP_SECONDS_MAX)
    settled(client.delete_records([TopicPartition("trimmed", 0, 40)]))
    settled(client.delete_topics(["gone"]))
    credential = admin.UserScramCredentialUpsertion(
        "someone", admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_256, 4096), b"secret")
    settled(client.alter_user_scram_credentials([credential]))
    commit(bootstrap)


def commit(bootstrap):
    """A member of a group reads some and commits, and a second group commits without reading."""
    from confluent_kafka import Consumer, TopicPartition

    member = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest",
                       "enable.auto.commit": False})
    member.subscribe(["codec-lz4"])
    ends = time.monotonic() + STEP_SECONDS_MAX
    read = 0
    while read < 100:
        message = member.poll(1)
        read += message is not None and message.error() is None
        if time.monotonic() > ends:
            raise Fault("the group reads nothing")
    member.commit(offsets=[TopicPartition("codec-lz4", 0, 100, "by hand")], asynchronous=False)
    member.close()
    alone = Consumer({"bootstrap.servers": bootstrap, "group.id": "alone"})
    alone.commit(offsets=[TopicPartition("plain", n, 10 + n) for n in range(3)], asynchronous=False)
    alone.close()


def everything(bootstrap):
    """All that a client can see: records, offsets, settings, ids."""
    from confluent_kafka import Consumer, TopicCollection, TopicPartition, admin

    client = admin.AdminClient({"bootstrap.servers": bootstrap})
    found = {"records": {}, "watermarks": {}, "settings": {}, "ids": {}, "committed": {}}
    names = sorted(name for name in client.list_topics(timeout=STEP_SECONDS_MAX).topics if not name.startswith("__"))
    described = client.describe_topics(TopicCollection(names))
    for name in names:
        found["ids"][name] = str(described[name].result(STEP_SECONDS_MAX).topic_id)
    resources = [admin.ConfigResource(admin.ResourceType.TOPIC, name) for name in names]
    for resource, future in client.describe_configs(resources).items():
        own = {entry.name: entry.value for entry in future.result(STEP_SECONDS_MAX).values() if entry.source == 1}
        found["settings"][resource.name] = own
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader-of-all", "enable.auto.commit": False,
                         "isolation.level": "read_uncommitted", "enable.partition.eof": True})
    for name in names:
        for partition in client.list_topics(name, timeout=STEP_SECONDS_MAX).topics[name].partitions:
            place = TopicPartition(name, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=STEP_SECONDS_MAX)
            found["watermarks"][name, partition] = low, high
            found["records"][name, partition] = read(consumer, TopicPartition(name, partition, low))
    consumer.close()
    for group, places in ((GROUP, [("codec-lz4", 0)]), ("alone", [("plain", n) for n in range(3)])):
        member = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
        for place in member.committed([TopicPartition(*place) for place in places], timeout=STEP_SECONDS_MAX):
            found["committed"][group, place.topic, place.partition] = place.offset, place.metadata
        member.close()
    return found


def read(consumer, place):
    """Every record of a partition, as far as clients see it."""
    from confluent_kafka import KafkaError

    consumer.assign([place])
    records = []
    ends = time.monotonic() + STEP_SECONDS_MAX
    while True:
        message = consumer.poll(1)
        if time.monotonic() > ends:
            raise Fault(f"{place.topic}-{place.partition} does not end")
        if message is None:
            continue
        if message.error() is not None:
            if message.error().code() == KafkaError._PARTITION_EOF:
                return records
            raise Fault(f"{place.topic}-{place.partition}: {message.error()}")
        records.append((message.offset(), message.timestamp(), message.key(), message.value(), message.headers()))


def differences(before, after):
    """In words, at most a few."""
    found = []
    for kind in sorted(before.keys() | after.keys()):
        old, new = before.get(kind, {}), after.get(kind, {})
        for place in sorted(old.keys() | new.keys(), key=str):
            if old.get(place) != new.get(place):
                shown = [str(side.get(place))[:200] for side in (old, new)]
                found.append(f"{kind} of {place}: {shown[0]} became {shown[1]}")
    return found[:10]


def self_test(found):
    """The comparison sees what it must."""
    if differences(found, found):
        raise Fault("the comparison finds differences where there are none")
    place = next(place for place, records in found["records"].items() if records)
    planted = {**found, "records": {**found["records"], place: found["records"][place][:-1]}}
    lost = {**found, "committed": {}}
    if not differences(found, planted) or not differences(found, lost):
        raise Fault("the comparison does not see a planted difference")


def digest(folder):
    """Of all names and bytes in a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()


def imported(chosen, source, data, *more):
    """Runs `walser import`."""
    return subprocess.run(
        [str(chosen.binary), "import", "--from", str(source), "--data-dir", str(data), "-o", "json", *more],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
    )


def write_more(bootstrap, before):
    """New records follow the old ones."""
    from confluent_kafka import Producer

    told = {}

    def keep(error, message):
        if error is not None:
            raise Fault(f"Walser did not take a record: {error}")
        told.setdefault((message.topic(), message.partition()), []).append(message.offset())

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "batch.size": 50_000})
    for (topic, partition) in before["watermarks"]:
        for _ in range(1500 if topic == "plain" else 3):
            producer.produce(topic, os.urandom(1000), key="more", partition=partition, on_delivery=keep)
        producer.flush(STEP_SECONDS_MAX)
    for place, (_, high) in before["watermarks"].items():
        if not told.get(place) or min(told[place]) != high:
            raise Fault(f"the first new record of {place} has offset {min(told.get(place) or [-1])}, not {high}")


def dump(data):
    """Kafka's own tool reads every file Walser has."""
    read_files = 0
    for kind in ("log", "index", "timeindex", "snapshot"):
        files = sorted(path for path in data.glob(f"*-*/*.{kind}") if path.stat().st_size > 0)
        if not files:
            raise Fault(f"there is no .{kind} file to read")
        more = {"log": ["--deep-iteration"], "index": ["--index-sanity-check"]}.get(kind, [])
        done = subprocess.run(
            [*install.java("org.apache.kafka.tools.DumpLogSegments"),
             "--files", ",".join(map(str, files)), *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        bad = [line for line in done.stdout.splitlines()
               if "isvalid: false" in line or "Exception" in line or "ismatch" in line or "Found" in line
               or "corrupt" in line.lower()]
        if done.returncode != 0 or bad:
            raise Fault(f"DumpLogSegments complains about .{kind} files: {bad[:5] or done.stdout[-2000:]}")
        read_files += len(files)
    return read_files


def check(chosen):
    """The whole of it."""
    kafka = brokers.KafkaBroker(WORK / "kafka", {**brokers.SETTINGS, "log.retention.check.interval.ms": "300000"})
    walser = Walser(WORK / "walser", chosen.binary)
    try:
        print(f"Kafka listens after {kafka.start():.1f} s", flush=True)
        fill(kafka.bootstrap)
        before = everything(kafka.bootstrap)
        self_test(before)
        refused = imported(chosen, kafka.data, walser.data)
        if refused.returncode == 0 or "is in use" not in refused.stderr:
            raise Fault(f"a folder in use was not refused: {refused.stderr}")
        kafka.stop()
        source = digest(kafka.data)

        tried = imported(chosen, kafka.data, walser.data, "--dry-run")
        if tried.returncode != 0 or walser.data.exists():
            raise Fault(f"the dry run failed or left something: {tried.stderr}")
        began = time.monotonic()
        done = imported(chosen, kafka.data, walser.data)
        if done.returncode != 0:
            raise Fault(f"the import failed: {done.stderr}")
        report = json.loads(done.stdout)
        print(f"imported {len(report['topics'])} topics in {time.monotonic() - began:.2f} s; left out:", flush=True)
        for what in report["left_out"]:
            print(f"    {what}", flush=True)
        if not any("SCRAM" in what for what in report["left_out"]):
            raise Fault("nothing is said about the SCRAM credential")
        if digest(kafka.data) != source:
            raise Fault("the import changed the folder it read")

        walser.start()
        problems = differences(before, everything(walser.bootstrap))
        if problems:
            raise Fault("after the import:\n    " + "\n    ".join(problems))
        records = sum(map(len, before["records"].values()))
        print(f"{records} records, {len(before['watermarks'])} partitions, settings, ids and offsets are as they were",
              flush=True)
        write_more(walser.bootstrap, before)
        written = everything(walser.bootstrap)
        walser.kill()
        walser.start()
        problems = differences(written, everything(walser.bootstrap))
        if problems:
            raise Fault("after kill -9:\n    " + "\n    ".join(problems))
        walser.stop()
        print(f"Kafka's DumpLogSegments reads {dump(walser.data)} of Walser's files without complaint", flush=True)
        if walser.complaints():
            raise Fault(f"walser complained: {walser.complaints()}")
    finally:
        kafka.kill()
        walser.kill()


def main():
    """Exit 0 if all is well."""
    chosen = options()
    in_clients_python()
    try:
        check(chosen)
    except (Fault, brokers.BrokerFault) as problem:
        print(f"✗ {problem}", flush=True)
        sys.exit(1)
    print("everything was carried over", flush=True)


if __name__ == "__main__":
    main()
