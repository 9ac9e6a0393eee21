"""The records that are written, what is read back, and the comparison of the two.

Owns: the corpus (the same for every client but for what a client cannot write, see `flows.table`), its
reproduction in another process from the same base time, and the only comparison in the harness. The comparison
is byte by byte; `self_test` plants every difference it must see.
Invariant: a record names the rows it speaks for (`shapes`), so a difference turns exactly those red.
"""

import base64
import random
from typing import NamedTuple, Optional

from flows import table

NINE_HUNDRED_KB = 900 * 1024


class Record(NamedTuple):
    """A record as the flow wants it written; a timestamp of None leaves it to the client."""

    key: Optional[bytes]
    value: Optional[bytes]
    headers: tuple = ()
    timestamp: Optional[int] = None
    shapes: tuple = ()


class Got(NamedTuple):
    """A record as a client read it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: Optional[bytes]
    value: Optional[bytes]
    headers: tuple


def corpus(client, base_ms):
    """What `client` writes in the codec flow; every process computes the same list."""
    binary = table.lacks(client, "binary") is None
    noise = random.Random(900)
    large = noise.randbytes(NINE_HUNDRED_KB)
    if not binary:
        large = base64.b64encode(large)[:NINE_HUNDRED_KB]
    text = "Walser sails where the log goes; every record is a wave that was written down. "
    records = [
        Record(b"key-%03d" % n, (f"{n:03} " + text * (1 + n % 4)).encode(), shapes=("keys",)) for n in range(20)
    ]
    records += [
        Record(None, b"a record without a key", shapes=("keys",)),
        Record(b"", b"a record with an empty key", shapes=("keys",)),
        Record("klíč-鍵".encode(), "hodnota-値-🌊".encode(), shapes=("keys",)),
        Record(None, b"x", shapes=("one-byte",)),
        Record(b"nine-hundred", large, shapes=("900kb",)),
        Record(b"nothing-in-it", b"", shapes=("empty-value",)),
        Record(bytes(range(256)), bytes(range(255, -1, -1)) * 3, shapes=("binary",)),
        Record(b"tombstone", None, shapes=("null-value",)),
        Record(
            b"with-headers", b"a record with headers",
            (("trace", b"abc"), ("trace", b"def"), ("empty", b""), ("smör", "gås".encode())), shapes=("headers",),
        ),
        Record(b"null-header", b"a header that says nothing", (("nothing", None),), shapes=("null-header",)),
        Record(b"last", (text * 40).encode(), (("end", b"yes"),), shapes=("headers",)),
    ]
    writes_time = table.lacks(client, "timestamps") is None
    return [
        # Uneven steps, so that a timestamp cannot be right by counting.
        record._replace(timestamp=base_ms + n * 1000 + n * n if writes_time else None)
        for n, record in enumerate(records)
        if all(table.lacks(client, shape) is None for shape in record.shapes)
    ]


def shown(value):
    """A value for a message: short, printable."""
    if value is None:
        return "null"
    if isinstance(value, bytes) and len(value) > 40:
        return f"{len(value)} bytes starting {value[:24]!r}"
    return repr(value)


def headers_shown(headers):
    """Headers for a message."""
    few = ", ".join(f"{name[:24]}={shown(value)}" for name, value in headers[:4])
    return f"[{few}]" if len(headers) <= 4 else f"{len(headers)}: [{few}, ...]"


def field_differences(want, got):
    """The fields in which a read record differs from the written one."""
    differences = []
    for field in ("key", "value"):
        if getattr(want, field) != getattr(got, field):
            differences.append(f"{field}: wrote {shown(getattr(want, field))}, read {shown(getattr(got, field))}")
    if tuple(want.headers) != tuple(got.headers):
        differences.append(f"headers: wrote {headers_shown(want.headers)}, read {headers_shown(got.headers)}")
    if want.timestamp is not None and want.timestamp != got.timestamp:
        differences.append(f"timestamp: wrote {want.timestamp}, read {got.timestamp}")
    return differences


def compare(want, got, first_offset=0):
    """Compares one partition from `first_offset` on; yields (shapes, difference), nothing when all is equal."""
    if len(want) != len(got):
        yield (), f"wrote {len(want)} records, read {len(got)}"
    for n, (wanted, read) in enumerate(zip(want, got)):
        if read.offset != first_offset + n:
            yield (), f"record {n} came with offset {read.offset} instead of {first_offset + n}"
        for difference in field_differences(wanted, read):
            yield wanted.shapes + (("timestamps",) if difference.startswith("timestamp") else ()), (
                f"record {n}: {difference}"
            )


def compare_any_order(want, got, times):
    """Compares `times` copies of a list with what was read in any order; yields differences."""
    missing = {}
    for record in want:
        missing[record.key, record.value, tuple(record.headers), record.timestamp] = times
    for read in got:
        key = (read.key, read.value, tuple(read.headers), read.timestamp)
        if key not in missing:
            key = key[:3] + (None,)
        if missing.get(key, 0) == 0:
            yield f"read a record nobody wrote, or once too often: key {shown(read.key)}, value {shown(read.value)}"
        else:
            missing[key] -= 1
    for (key, value, _, _), left in missing.items():
        if left:
            yield f"{left} of {times} copies not read: key {shown(key)}, value {shown(value)}"


def as_read(records, topic="t"):
    """The records as a perfect broker and client would hand them back."""
    return [
        Got(topic, 0, n, record.timestamp if record.timestamp is not None else 1, record.key, record.value,
            tuple(record.headers))
        for n, record in enumerate(records)
    ]


def self_test():
    """Fails unless the comparison sees every planted difference, and none where there is none."""
    want = corpus("confluent-kafka", 1_000_000)
    perfect = as_read(want)
    assert not list(compare(want, perfect)), "the comparison sees a difference between equals"
    assert not list(compare_any_order(want, perfect * 2, 2)), "the comparison sees a difference between equals"
    at = {shape: n for n, record in enumerate(want) for shape in record.shapes}

    def changed(n, **fields):
        return perfect[:n] + [perfect[n]._replace(**fields)] + perfect[n + 1:]

    large = want[at["900kb"]].value
    planted = {
        "a lost record": (perfect[:3] + perfect[4:], ()),
        "a record read twice": (perfect[:3] + [perfect[2]] + perfect[3:], ()),
        "two records swapped": (perfect[:3] + [perfect[4], perfect[3]] + perfect[5:], ()),
        "a changed byte": (changed(at["900kb"], value=large[:-1] + bytes([large[-1] ^ 1])), ("900kb",)),
        "an empty value for null": (changed(at["null-value"], value=b""), ("null-value",)),
        "null for an empty value": (changed(at["empty-value"], value=None), ("empty-value",)),
        "a lost header": (changed(at["headers"], headers=()), ("headers",)),
        "an empty key for null": (changed(20, key=b""), ("keys",)),
        "a timestamp off by one": (changed(5, timestamp=perfect[5].timestamp + 1), ("timestamps",)),
    }
    for what, (read, shapes) in planted.items():
        seen = list(compare(want, read))
        assert seen, f"the comparison missed {what}"
        named = {shape for shapes_seen, _ in seen for shape in shapes_seen}
        assert set(shapes) <= named, f"the comparison put {what} to the rows {named}"
        if what != "two records swapped":
            assert list(compare_any_order(want, read, 1)), f"the comparison without order missed {what}"
