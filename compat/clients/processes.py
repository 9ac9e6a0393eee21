"""Clients that are command-line programs: running them, and a group member that is a running program.

Owns: the deadline of every call, the pipes and their threads. Does not: know any program's options or output.
"""

import collections
import subprocess
import threading
import time

from flows.adapter import CALL_SECONDS_MAX, PUMP_SECONDS_MAX, Member, PutPump, TooSlow, wait_for
from flows.context import numbered


class Done:
    """How a program ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err.decode(errors="replace")


def named(command):
    """A command for a message: without what does not fit on a line."""
    return " ".join(word for word in [command[0], *command[-6:]] if len(word) < 60)


def call(command, given=b"", seconds=CALL_SECONDS_MAX, out=None, given_file=None):
    """Runs a program to its end; `out` is an open file for its output."""
    try:
        done = subprocess.run(
            command, input=None if given_file else given, stdin=given_file, stdout=out or subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=seconds, check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode(errors="replace")[-400:]
        raise TooSlow(f"{named(command)}: no end after {seconds} s; said: {said}") from error
    return Done(done.returncode, done.stdout or b"", done.stderr)


class ProcessMember(Member):
    """A member that is a program writing records to its output and rebalances to its error output.

    To pause, nobody reads its output: the program stalls at its next records, and only its heartbeats go on.
    """

    def __init__(self, command):
        super().__init__()
        self.said = collections.deque(maxlen=50)
        self._closing = False
        self._reading = threading.Event()
        self._reading.set()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True), threading.Thread(target=self._read_err, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def parse(self, pending):
        """Takes whole records off the front of a buffer: (records, rest)."""
        raise NotImplementedError

    def rebalanced(self, line):
        """Looks at a line of error output; updates `assigned`."""
        raise NotImplementedError

    def code_of(self, said):
        """The protocol's name of the error in these lines, or None."""
        raise NotImplementedError

    def _read_out(self):
        pending = b""
        while chunk := self.process.stdout.read(1 << 16):
            self._reading.wait()
            records, pending = self.parse(pending + chunk)
            self.records.extend(records)
        self.process.wait()
        # What it said last may say why it ended.
        self._threads[1].join(5)
        self.assigned = set()
        if not self._closing:
            self.error = self.code_of(list(self.said)) or f"ended with code {self.process.returncode}"

    def _read_err(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self.said.append(line)
            self.rebalanced(line)

    def pause(self):
        self._reading.clear()

    def resume(self):
        self._reading.set()

    def close(self):
        self._closing = True
        self._reading.set()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(CALL_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise TooSlow(f"no end {CALL_SECONDS_MAX} s after SIGTERM; said: {list(self.said)[-3:]}") from error
        for thread in self._threads:
            thread.join(5)


class ProcessProducer:
    """A producer that is a program reading records from its input; acknowledged is what `end()` counts."""

    def __init__(self, command, line_of, end):
        self._line_of = line_of
        self._end = end
        self._sent = 0
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._read_err, daemon=True).start()
        self.said = collections.deque(maxlen=50)

    def _read_err(self):
        for raw in self.process.stderr:
            self.said.append(raw.decode(errors="replace").rstrip())

    def send(self, records):
        """Writes records and waits until the partition's end shows them."""
        self.process.stdin.write(b"".join(self._line_of(record) for record in records))
        self.process.stdin.flush()
        self._sent += len(records)
        wait_for(self._all_there, f"{self._sent} records in the log")

    def _all_there(self):
        if self.process.poll() is not None:
            raise TooSlow(f"the producer ended with code {self.process.returncode}: {list(self.said)[-3:]}")
        time.sleep(0.1)
        return self._end() >= self._sent

    def close(self):
        """Ends its input and waits for its end."""
        self.process.stdin.close()
        try:
            self.process.wait(CALL_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise TooSlow(f"no end {CALL_SECONDS_MAX} s after its input ended") from error


class ProcessPump(PutPump):
    """A pump that is a program reading records from its input; what it says at its end is its acknowledgement."""

    def __init__(self, command, line_of):
        super().__init__()
        self._line_of = line_of
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read_err, daemon=True)
        self._reader.start()

    def _read_err(self):
        self.said = self.process.stderr.read().decode(errors="replace")

    def put(self, number):
        self.process.stdin.write(self._line_of(numbered(number, 1)[0]))
        self.process.stdin.flush()

    def finish(self):
        self.process.stdin.close()
        try:
            self.process.wait(PUMP_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise TooSlow(f"no end {PUMP_SECONDS_MAX} s after its input ended") from error
        self._reader.join(5)
        self.judge(self.process.returncode, self.said)

    def judge(self, code, said):
        """Raises ClientError if this end means that records were not acknowledged."""
        raise NotImplementedError
