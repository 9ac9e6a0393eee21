"""The few requests the fault tests need, over a plain socket: what was acknowledged is known to the byte, and
nothing is retried behind their backs.

Owns: encoding of the records sent and decoding of those read, with their checksum. Does not judge.
"""

import socket
import struct
import time

REPLY_BYTES_MAX = 64 << 20
# A reader's checksum failed, or bytes are no batches.
DAMAGED = "damaged"


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _table()


def crc32c(data):
    """CRC-32C as batches have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while True:
        byte, value = value & 0x7F, (value >> 7) & (2**64 - 1)
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def batch(values, now_ms, keyed=False):
    """A batch of records with these values, and no keys or the beginnings of the values."""
    records = b""
    for delta, value in enumerate(values):
        key = _varint(len(value[:20])) + value[:20] if keyed else _varint(-1)
        body = b"\0" + _varint(0) + _varint(delta) + key + _varint(len(value)) + value + _varint(0)
        records += _varint(len(body)) + body
    tail = struct.pack(">hiqqqhii", 0, len(values) - 1, now_ms, now_ms, -1, -1, -1, len(values)) + records
    return struct.pack(">qiib", 0, 4 + 1 + 4 + len(tail), -1, 2) + struct.pack(">I", crc32c(tail)) + tail


def records(data):
    """(offset, value) of each record in batches; a batch cut off at the end is left out, a damaged one is
    (offset, DAMAGED) and ends it."""
    at, found = 0, []
    while at + 17 <= len(data):
        base, length, _, magic = struct.unpack_from(">qiib", data, at)
        end = at + 12 + length
        if length < 49 or magic != 2:
            return found + [(base, DAMAGED)]
        if end > len(data):
            return found
        (crc,) = struct.unpack_from(">I", data, at + 17)
        if crc32c(data[at + 21:end]) != crc:
            return found + [(base, DAMAGED)]
        (count,) = struct.unpack_from(">i", data, at + 57)
        place = at + 61
        for _ in range(count):
            _, place = _read_varint(data, place)
            place += 1
            _, place = _read_varint(data, place)
            delta, place = _read_varint(data, place)
            key, place = _read_varint(data, place)
            place += max(key, 0)
            size, place = _read_varint(data, place)
            found.append((base + delta, bytes(data[place:place + size])))
            place += size
            _, place = _read_varint(data, place)
        at = end
    return found


def _string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _read_string(data, at):
    (size,) = struct.unpack_from(">h", data, at)
    return data[at + 2:at + 2 + size].decode(), at + 2 + size


class Refused(Exception):
    """The broker answered with an error code."""

    def __init__(self, doing, code):
        super().__init__(f"{doing}: error {code}")
        self.code = code


class Connection:
    """One connection; any failure of it is an OSError."""

    def __init__(self, port, seconds=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        self.correlation = 0

    def close(self):
        """Ends it."""
        self.stream.close()
        self.socket.close()

    def ask(self, api, version, body):
        """One request, one answer, without its header."""
        self.correlation += 1
        request = struct.pack(">hhi", api, version, self.correlation) + _string("faults") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        head = self.stream.read(4)
        if len(head) < 4:
            raise ConnectionResetError("the broker closed the connection")
        (size,) = struct.unpack(">i", head)
        if not 4 <= size < REPLY_BYTES_MAX:
            raise OSError(f"a reply of {size} bytes")
        reply = self.stream.read(size)
        if len(reply) < size:
            raise ConnectionResetError("the broker closed the connection")
        if struct.unpack_from(">i", reply)[0] != self.correlation:
            raise OSError("an answer to another question")
        return reply[4:]

    def versions(self):
        """Asks for nothing but an answer."""
        return self.ask(18, 0, b"")

    def create(self, topic, partitions, configs=()):
        """Creates a topic; raises `Refused`."""
        body = struct.pack(">i", 1) + _string(topic) + struct.pack(">ihi", partitions, 1, 0)
        body += struct.pack(">i", len(configs)) + b"".join(_string(key) + _string(value) for key, value in configs)
        reply = self.ask(19, 2, body + struct.pack(">ib", 10_000, 0))
        at = 8 + 2 + len(topic.encode())
        self._check("create", struct.unpack_from(">h", reply, at)[0])

    def delete(self, topic):
        """Deletes a topic; raises `Refused`."""
        reply = self.ask(20, 1, struct.pack(">i", 1) + _string(topic) + struct.pack(">i", 10_000))
        self._check("delete", struct.unpack_from(">h", reply, 8 + 2 + len(topic.encode()))[0])

    def delete_records(self, topic, partition, before):
        """Moves the log start; raises `Refused`."""
        body = struct.pack(">i", 1) + _string(topic) + struct.pack(">iiqi", 1, partition, before, 10_000)
        reply = self.ask(21, 0, body)
        self._check("delete records", struct.unpack_from(">h", reply, 8 + 2 + len(topic.encode()) + 4 + 4 + 8)[0])

    def produce(self, topic, partition, values, keyed=False):
        """Appends with acks=all; returns the base offset or raises `Refused`."""
        # Of today, as retention goes by it.
        data = batch(values, int(time.time() * 1000), keyed)
        body = struct.pack(">hhii", -1, -1, 10_000, 1) + _string(topic) + struct.pack(">iii", 1, partition, len(data))
        reply = self.ask(0, 3, body + data)
        at = 4 + 2 + len(topic.encode()) + 4 + 4
        code, offset = struct.unpack_from(">hq", reply, at)
        self._check("produce", code)
        return offset

    def fetch(self, topic, partition, offset):
        """What is there from an offset on: (high watermark, records)."""
        body = struct.pack(">iiiib", -1, 0, 0, 8 << 20, 0) + struct.pack(">i", 1) + _string(topic)
        reply = self.ask(1, 4, body + struct.pack(">iiqi", 1, partition, offset, 8 << 20))
        at = 4 + 4 + 2 + len(topic.encode()) + 4 + 4
        code, high, _, aborted = struct.unpack_from(">hqqi", reply, at)
        self._check("fetch", code)
        at += 22 + 16 * max(aborted, 0)
        (size,) = struct.unpack_from(">i", reply, at)
        return high, records(reply[at + 4:at + 4 + max(size, 0)])

    def ends(self, topic, partition):
        """The first offset and the one after the last."""
        found = []
        for when in (-2, -1):
            body = struct.pack(">ii", -1, 1) + _string(topic) + struct.pack(">iiq", 1, partition, when)
            reply = self.ask(2, 1, body)
            code, _, offset = struct.unpack_from(">hqq", reply, 4 + 2 + len(topic.encode()) + 4 + 4)
            self._check("list offsets", code)
            found.append(offset)
        return tuple(found)

    def log_dirs(self):
        """All log directories: path -> (error code, places of the partitions in it)."""
        reply = self.ask(35, 1, struct.pack(">i", -1))
        found = {}
        (count,), at = struct.unpack_from(">i", reply, 4), 8
        for _ in range(count):
            (code,) = struct.unpack_from(">h", reply, at)
            path, at = _read_string(reply, at + 2)
            places = set()
            (topics,), at = struct.unpack_from(">i", reply, at), at + 4
            for _ in range(topics):
                name, at = _read_string(reply, at)
                (partitions,), at = struct.unpack_from(">i", reply, at), at + 4
                for _ in range(partitions):
                    places.add((name, struct.unpack_from(">i", reply, at)[0]))
                    # Its size, its lag, and whether it is being moved.
                    at += 4 + 8 + 8 + 1
            found[path] = code, places
        return found

    def everything(self, topic, partition):
        """All records, from the log start to the high watermark; a damaged batch ends it."""
        at, end = self.ends(topic, partition)
        found = []
        while at < end:
            _, more = self.fetch(topic, partition, at)
            if not more:
                raise OSError(f"{topic}-{partition}: nothing to read at {at}, and it goes to {end}")
            for offset, value in more:
                if value is DAMAGED:
                    return found + [(offset, value)]
                if offset >= at:
                    found.append((offset, value))
            at = found[-1][0] + 1
        return found

    @staticmethod
    def _check(doing, code):
        if code:
            raise Refused(doing, code)
