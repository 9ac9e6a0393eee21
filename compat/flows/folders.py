"""A broker with two log directories, of which one is missing later, as Kafka's own tool lists them."""

import shutil

from flows.context import numbered
from flows.known import Known

ROW = "two-log-dirs"
STORAGE_ERROR = "org.apache.kafka.common.errors.KafkaStorageException"


def folders(ctx):
    """Two topics, one in each; then a file lies where the second directory was."""
    if ctx.has(ROW):
        broker = ctx.own_broker("two-log-dirs")
        second = broker.work / "second"
        broker.more_data = [second]
        try:
            _look(ctx, broker, second)
        finally:
            broker.kill()
    return
    yield


def _look(ctx, broker, second):
    broker.start()
    known = Known(broker.bootstrap)
    topics = [ctx.topic(name) for name in ("left", "right")]
    written = numbered(0, 60)
    for topic in topics:
        known.create(topic)
        known.write(topic, written)
    client = ctx.open(broker.bootstrap, ctx.topic(""))
    try:
        dirs = client.log_dirs()
        ctx.equal(ROW, "directories", set(dirs), {str(broker.data), str(second)})
        ctx.equal(ROW, "errors", [error for error, _ in dirs.values()], [None, None])
        places = {path: sorted(sizes) for path, (_, sizes) in dirs.items()}
        ctx.equal(ROW, "partitions", sorted(places.values()), [[f"{topic}-0"] for topic in topics])
        least = sum(len(record.value) for record in written)
        for _, sizes in dirs.values():
            for partition, size in sizes.items():
                ctx.check(ROW, least < size < 10 * least, f"{partition}: {size} bytes for {least} bytes of values")

        broker.stop()
        shutil.move(second, broker.work / "away")
        second.write_text("no directory")
        broker.start()
        dirs = client.log_dirs()
        ctx.equal(ROW, "directories with one missing", set(dirs), {str(broker.data), str(second)})
        error, sizes = dirs[str(second)]
        ctx.check(ROW, STORAGE_ERROR in str(error), f"the missing directory has the error {error}")
        ctx.equal(ROW, "partitions of the missing directory", sizes, {})
        error, sizes = dirs[str(broker.data)]
        ctx.equal(ROW, "error of the other one", error, None)
        ctx.equal(ROW, "partitions of the other one", sorted(sizes), places[str(broker.data)])
        broker.stop()
    finally:
        client.close()
