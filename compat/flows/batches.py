"""Looks at stored batch headers through a plain Fetch, to see what a producer really sent.

A client that quietly stops compressing, or drops idempotence, still reads back what it wrote; only the batch
header tells. Speaks Fetch version 4 (the oldest that carries batches of today) over one socket, and version 11,
the first that names a rack.
"""

import socket
import struct

CODEC_NAMES = ("none", "gzip", "snappy", "lz4", "zstd")
SECONDS_MAX = 20
REPLY_BYTES_MAX = 64 << 20


def _string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _exactly(connection, count):
    parts = b""
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ConnectionError("the broker closed the connection of a Fetch")
        parts += part
    return parts


def _call(connection, request):
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    if not 0 < size < REPLY_BYTES_MAX:
        raise ValueError(f"a Fetch reply of {size} bytes")
    return _exactly(connection, size)


def _fetch(connection, topic, offset):
    header = struct.pack(">hhi", 1, 4, 1) + _string("batches")
    body = struct.pack(">iiiib", -1, 100, 1, 32 << 20, 0)
    body += struct.pack(">i", 1) + _string(topic) + struct.pack(">iiqi", 1, 0, offset, 32 << 20)
    reply = _call(connection, header + body)
    # Correlation id, throttle time, one topic, its name, one partition.
    at = 4 + 4 + 4
    at += 2 + struct.unpack_from(">h", reply, at)[0] + 4
    _, error, high_watermark, _, aborted = struct.unpack_from(">ihqqi", reply, at)
    if error:
        raise ValueError(f"a Fetch from {topic} ended with error {error}")
    at += 26 + max(aborted, 0) * 16
    (length,) = struct.unpack_from(">i", reply, at)
    return high_watermark, reply[at + 4:at + 4 + max(length, 0)]


def preferred_replica(bootstrap, topic, rack):
    """The replica that a Fetch of version 11, from a client in `rack`, is sent to; None when it is to stay."""
    header = struct.pack(">hhi", 1, 11, 1) + _string("batches")
    body = struct.pack(">iiiibii", -1, 100, 1, 1 << 20, 0, 0, -1)
    body += struct.pack(">i", 1) + _string(topic) + struct.pack(">iiiqqi", 1, 0, -1, 0, -1, 1 << 20)
    body += struct.pack(">i", 0) + _string(rack)
    host, port = bootstrap.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as connection:
        reply = _call(connection, header + body)
    # Correlation id, throttle time, error, session, one topic, its name, one partition.
    at = 4 + 4 + 2 + 4 + 4
    at += 2 + struct.unpack_from(">h", reply, at)[0] + 4
    _, error, _, _, _, aborted = struct.unpack_from(">ihqqqi", reply, at)
    if error:
        raise ValueError(f"a Fetch from {topic} ended with error {error}")
    at += 34 + max(aborted, 0) * 16
    (replica,) = struct.unpack_from(">i", reply, at)
    return None if replica < 0 else replica


def headers(bootstrap, topic):
    """(codec name, whether idempotent) of every batch in partition 0."""
    host, port = bootstrap.rsplit(":", 1)
    found = []
    offset = 0
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as connection:
        connection.settimeout(SECONDS_MAX)
        while True:
            high_watermark, batches = _fetch(connection, topic, offset)
            at = 0
            while at + 61 <= len(batches):
                base, length = struct.unpack_from(">qi", batches, at)
                attributes, last_delta = struct.unpack_from(">hi", batches, at + 21)
                (producer_id,) = struct.unpack_from(">q", batches, at + 43)
                if at + 12 + length > len(batches):
                    break
                found.append((CODEC_NAMES[attributes & 7], producer_id >= 0))
                offset = base + last_delta + 1
                at += 12 + length
            if offset >= high_watermark:
                return found
            if at == 0:
                raise ValueError(f"a Fetch from {topic} at {offset} brought no whole batch")
