"""Asks the broker for committed offsets over a plain socket: OffsetFetch version 1, no cache in between."""

import socket
import struct
import time

# Not an answer yet: loading, not available, not coordinator.
TRY_AGAIN = (14, 15, 16)
REPLY_BYTES_MAX = 1 << 20


def _string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _once(address, group, topic, partitions):
    body = _string(group) + struct.pack(">i", 1) + _string(topic)
    body += struct.pack(">i", len(partitions)) + b"".join(struct.pack(">i", partition) for partition in partitions)
    request = struct.pack(">hhi", 9, 1, 1) + _string("committed") + body
    with socket.create_connection(address, timeout=5) as connection:
        connection.settimeout(5)
        connection.sendall(struct.pack(">i", len(request)) + request)
        stream = connection.makefile("rb")
        (size,) = struct.unpack(">i", stream.read(4))
        if not 0 < size < REPLY_BYTES_MAX:
            raise ValueError(f"an OffsetFetch reply of {size} bytes")
        reply = stream.read(size)
    # Correlation id, one topic, its name, the number of partitions.
    at = 8
    at += 2 + struct.unpack_from(">h", reply, at)[0]
    (count,) = struct.unpack_from(">i", reply, at)
    at += 4
    answer = {}
    for _ in range(count):
        partition, offset, metadata = struct.unpack_from(">iqh", reply, at)
        at += 14 + max(metadata, 0)
        (error,) = struct.unpack_from(">h", reply, at)
        at += 2
        if error in TRY_AGAIN:
            return None
        if error:
            raise ValueError(f"OffsetFetch of {group} partition {partition}: error {error}")
        answer[partition] = offset
    return answer


def committed(bootstrap, group, topic, partitions, seconds=10):
    """partition -> committed offset (-1 for none)."""
    host, port = bootstrap.rsplit(":", 1)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            answer = _once((host, int(port)), group, topic, list(partitions))
        except (OSError, struct.error):
            answer = None
        if answer is not None:
            return answer
        time.sleep(0.01)
    raise TimeoutError(f"no answer for the offsets of {group} within {seconds} s")
