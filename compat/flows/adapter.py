"""What a client must be able to do for the flows: the one interface in front of very different clients.

Owns: the interface, the errors it raises, waiting with a deadline, and the thread behind a group member of a
client that is a library. Does not: know any client, or decide what is green.
"""

import queue
import threading
import time

CALL_SECONDS_MAX = 120
# For a member, a rebalance or a rejoin: several heartbeats and a fetch, on a busy machine.
WAIT_SECONDS_MAX = 120
SESSION_MS = 6000
HEARTBEAT_MS = 500
# A pump lives through two starts of the broker on a busy machine.
PUMP_SECONDS_MAX = 120
PUMP_BURST_RECORDS = 10
PUMP_PAUSE_SECONDS, PUMP_HURRY_SECONDS = 0.2, 0.005
# Set around the restart of the broker: pumps then write as fast as they can, so that it meets them busy.
HURRY = threading.Event()


class ClientError(Exception):
    """An error a client showed its user, under the protocol's name for it."""

    def __init__(self, code, text=""):
        super().__init__(f"{code} {text}".strip())
        self.code = code


class TooSlow(Exception):
    """A wait passed its deadline."""


def wait_for(condition, what, seconds=WAIT_SECONDS_MAX):
    """Waits until `condition()` is true."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TooSlow(f"{what}: not after {seconds} s")
        time.sleep(0.02)


class Member:
    """One member of a consumer group, reading on its own until it is closed.

    `records` grows, `assigned` is the set of (topic, partition) it holds, `error` is the protocol's name of the
    error that ended it. Committing follows reading: what was put into `records` is committed soon, and at the
    latest when a partition is given up or the member leaves.

    `history` keeps what `assigned` was, one entry for each time the client told of it: setting `assigned` to
    something else adds one, `told` adds one even for the same set. A client that calls back at a rebalance calls
    `told`, so that a rebalance that changed nothing is still seen.
    """

    def __init__(self):
        self.records = []
        self.history = [frozenset()]
        self.error = None

    @property
    def assigned(self):
        """What it holds now."""
        return set(self.history[-1])

    @assigned.setter
    def assigned(self, places):
        if frozenset(places) != self.history[-1]:
            self.told(places)

    def told(self, places):
        """The client said what it holds, at a rebalance."""
        self.history.append(frozenset(places))

    def pause(self):
        """Takes no more records but stays in the group: the client's pause of all partitions it holds, polling
        going on; or, where it has none, its user not taking records while heartbeats go on by themselves."""
        raise NotImplementedError

    def resume(self):
        """Goes on after `pause`."""
        raise NotImplementedError

    def wait_records(self, count, what, seconds=WAIT_SECONDS_MAX):
        """Waits until it has read `count` records in all."""
        try:
            wait_for(lambda: len(self.records) >= count or self.error, what, seconds)
        except TooSlow as error:
            raise TooSlow(f"{error}; {len(self.records)} of {count} records") from error
        if self.error:
            raise ClientError(self.error, f"while waiting for {what}")

    def close(self):
        """Leaves the group."""
        raise NotImplementedError


class PolledMember(Member):
    """A member whose client is a library that wants to be polled, all calls from one thread."""

    def __init__(self):
        super().__init__()
        self._closing = threading.Event()
        self._hold_wanted = self._held = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self):
        """Starts polling; returns itself."""
        self._thread.start()
        return self

    def open(self):
        """Creates the consumer and subscribes."""
        raise NotImplementedError

    def poll(self):
        """Polls once, at most 100 ms; appends to `records`, updates `assigned`, commits what it read."""
        raise NotImplementedError

    def hold(self, on):
        """Pauses (or resumes) all partitions it holds; called between two polls."""
        raise NotImplementedError

    def leave(self):
        """Closes the consumer."""
        raise NotImplementedError

    def code_of(self, error):
        """The protocol's name for an exception of this client."""
        raise NotImplementedError

    def _run(self):
        try:
            self.open()
            held = False
            while not self._closing.is_set():
                if self._hold_wanted != held:
                    held = not held
                    self.hold(held)
                    self._held = held
                self.poll()
        except Exception as error:  # whatever a client raises is its answer
            self.error = self.code_of(error)
        try:
            self.leave()
        except Exception as error:
            self.error = self.error or self.code_of(error)

    def _want_hold(self, on):
        self._hold_wanted = on
        wait_for(lambda: self._held == on or self.error, "pausing" if on else "resuming")

    def pause(self):
        self._want_hold(True)

    def resume(self):
        self._want_hold(False)

    def close(self):
        self._closing.set()
        self._thread.join(CALL_SECONDS_MAX)
        if self._thread.is_alive():
            raise TooSlow(f"leaving the group took more than {CALL_SECONDS_MAX} s")


class Pump:
    """An idempotent producer that writes `numbered(0, ...)` to partition 0 without end and without waiting for
    acknowledgements: batches of a few records (so that many requests are to be sent), as many requests in flight
    as the client allows, at most five. It retries by itself through restarts of the broker, PUMP_SECONDS_MAX at
    most.
    """

    # What ended it before its time.
    failure = None

    def abandon(self):
        """Writes no more, and does not care what became of it; raises nothing."""
        try:
            self.stop()
        except Exception:
            pass

    def stop(self):
        """Writes no more, waits until everything written is acknowledged, closes; returns how many records were
        written. Raises ClientError if one was refused or given up."""
        raise NotImplementedError


class PutPump(Pump):
    """A pump whose client has a call that hands over one record and does not wait for its acknowledgement."""

    def __init__(self):
        self.sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self):
        """Starts writing; returns itself."""
        self._thread.start()
        return self

    def put(self, number):
        """Hands record `numbered(number, 1)[0]` to the client; may wait for room in its buffer."""
        raise NotImplementedError

    def finish(self):
        """Waits until everything is acknowledged, and closes; raises ClientError."""
        raise NotImplementedError

    def _run(self):
        try:
            while not self._stopping.wait(PUMP_HURRY_SECONDS if HURRY.is_set() else PUMP_PAUSE_SECONDS):
                for _ in range(PUMP_BURST_RECORDS):
                    self.put(self.sent)
                    self.sent += 1
        except Exception as error:  # whatever a client raises is its answer
            self.failure = error

    def stop(self):
        self._stopping.set()
        self._thread.join(PUMP_SECONDS_MAX)
        if self._thread.is_alive():
            raise TooSlow(f"handing over a record took more than {PUMP_SECONDS_MAX} s")
        if self.failure is not None:
            raise self.failure
        self.finish()
        return self.sent


class Adapter:
    """One client. A method a client cannot have is left out; `flows.table` says which rows that makes n/a."""

    name = ""
    # How many flows may run at once: more for clients that mostly wait for processes to start.
    parallel = 1
    # Whether creating a topic costs little; if not, flows let topics come into being on first use.
    creates_topics = True
    # Eager and cooperative assignor, by the client's own names.
    eager = None
    cooperative = None
    fenced_code = "FENCED_INSTANCE_ID"
    # What its error says where it reads damaged records: of {topic}, from {offset} on.
    damaged_says = "CORRUPT_MESSAGE"
    # How this run's topics of this client begin; set by the worker.
    own = ""

    def __init__(self, bootstrap, work):
        self.bootstrap = bootstrap
        self.work = work

    def version(self):
        """The client's version as its users know it."""
        raise NotImplementedError

    def close(self):
        """Ends what is still open."""

    # Topics.
    def create_topic(self, topic, partitions=1, configs=None):
        """Creates a topic; raises ClientError."""
        raise NotImplementedError

    def partition_counts(self):
        """Topics (at least this client's own): name -> number of partitions."""
        raise NotImplementedError

    def partitions(self, topic, count):
        """Makes `count` partitions to share in a group; returns the topics that hold them."""
        self.create_topic(topic, count)
        return [topic]

    # Writing and reading.
    def produce(self, topic, records, partition=0, codec="none", idempotent=False):
        """Writes records in order and waits until all are acknowledged; partition None leaves the choice to it."""
        raise NotImplementedError

    def spread(self, topics, records):
        """Writes records over all partitions of the topics."""
        self.produce(topics[0], records, partition=None)

    def read(self, topic, count, offset=None, time_ms=None):
        """Reads partition 0 by assignment from an offset or a time (default: the start), at most `count`."""
        raise NotImplementedError

    def read_all(self, topics, count_each):
        """Reads several one-partition topics from the start; topic -> records."""
        return {topic: self.read(topic, count_each) for topic in topics}

    def readable(self, records):
        """What this client can show of records that others wrote, or None if it cannot read them at all."""
        return records

    def producer(self, topic):
        """An open producer with `send(records)` (waits for the acknowledgement) and `close()`."""
        raise NotImplementedError

    def write_lines(self, topic, path):
        """Writes each line of a file as a record, with a codec."""
        raise NotImplementedError

    def read_lines(self, topic, count, path):
        """Reads `count` records from the start into a file, one a line."""
        raise NotImplementedError

    def pump(self, topic):
        """A running `Pump` into partition 0 of the topic."""
        raise NotImplementedError

    # Groups.
    def member(self, group, topics, assignor=None, instance=None, reset="earliest", session_ms=SESSION_MS,
               rack=None, client_id=None):
        """A new member of the group.

        `instance` is its group.instance.id: such a member closes without leaving the group. `reset` is where it
        begins without a committed offset or with one out of range: "earliest" or "latest". `rack` is its
        client.rack, `client_id` its client.id. A client that lacks one of them says so in `flows.table` (rows
        `static`, `offset-reset`, `rack`, `client-id`) and is not given it.
        """
        raise NotImplementedError

    def group_read(self, group, topic, count):
        """Joins, reads exactly `count` records, commits, leaves."""
        raise NotImplementedError

    def fenced(self, group, topic):
        """Lets a second static member take over from a first; the code the first ends with."""
        first = self.member(group, [topic], instance="the-one")
        try:
            wait_for(lambda: first.assigned or first.error, "the first static member")
            second = self.member(group, [topic], instance="the-one")
            try:
                wait_for(lambda: first.error, "the fenced member's error")
                wait_for(lambda: second.assigned, "the second static member's partitions")
            finally:
                second.close()
        finally:
            first.close()
        return first.error

    # Errors.
    def bad_topic(self, topic):
        """The code the client shows for creating (or using) a topic with a name that is not allowed."""
        try:
            self.create_topic(topic)
        except ClientError as error:
            return error.code
        return None

    def unknown_topic(self, topic):
        """The codes the client shows for a topic that does not exist, one for each way it has of asking."""
        raise NotImplementedError

    def too_large(self, topic, record):
        """The code the client shows for a record larger than the broker takes."""
        raise NotImplementedError


class Calls:
    """Answers to numbered calls, for clients that run in another process."""

    def __init__(self):
        self._waiting = {}
        self._next = 0
        self._lock = threading.Lock()

    def begin(self):
        """A number for a new call."""
        with self._lock:
            self._next += 1
            self._waiting[self._next] = queue.Queue()
            return self._next

    def answer(self, number, value):
        """Hands the answer over."""
        with self._lock:
            waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.put(value)

    def end(self, value):
        """Hands `value` to every call that waits: no other answer will come."""
        with self._lock:
            waiting = list(self._waiting.values())
        for each in waiting:
            each.put(value)

    def wait(self, number, seconds):
        """Waits for the answer."""
        try:
            return self._waiting[number].get(timeout=seconds)
        except queue.Empty as error:
            raise TooSlow(f"no answer after {seconds} s") from error
        finally:
            with self._lock:
                del self._waiting[number]
