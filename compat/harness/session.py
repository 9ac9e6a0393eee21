"""Runs all workers against one broker: up to its restart, up to its kill, and after it.

Owns: the workers' processes, how many work at once, their deadline, the barriers, and the second broker, the one
with very many topics. A worker that dies counts as having reached every barrier; its unfinished flows are red.
Every wait looks at the deadline and at the broker's health.
"""

import json
import subprocess
import threading
import time

from harness import brokers, install
from harness.report import plain

WORKER = install.ROOT / "compat" / "worker.py"
FILL = install.ROOT / "compat" / "harness" / "fill.py"
FILL_SECONDS_MAX = 300
# Clients at work at once; one that waits at a barrier is not at work, so the others take its place.
AT_ONCE_MAX = 10
# The restart must meet pumps that write fast.
HURRY_SECONDS = 1.0


class Worker:
    """One client's process and what it said last."""

    def __init__(self, client, command, log, take):
        self.client = client
        self.shared = {}
        # How many barriers it has reached; a worker that ended has reached them all.
        self.reached = 0
        self.over = False
        self._take = take
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=brokers.environment(), start_new_session=True,
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "barrier":
                self.shared = event["shared"]
                self.reached += 1
            else:
                self._take(self.client, event)
        self.process.wait()
        self.over = True

    def done(self, barrier):
        """Whether it is at this barrier, or past it, or ended."""
        return self.over or self.reached >= barrier

    def tell(self, answer):
        """Writes to it: an answer releases it from the barrier."""
        try:
            self.process.stdin.write(json.dumps(answer) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it died; its flows are red already

    def kill(self):
        """Ends it and the programs it started."""
        if self.process.poll() is None:
            brokers.kill_group(self.process)


class Session:
    """One run."""

    def __init__(self, broker, crowd, results, work, seconds_max, say):
        self.broker = broker
        # The second broker, if a flow needs it.
        self.crowd = crowd
        self.crowd_problem = None
        self.results = results
        self.work = work
        self.ends = time.monotonic() + seconds_max
        self.say = say
        self.lock = threading.Lock()
        self.workers = []

    def _take(self, client, event):
        with self.lock:
            self.results.take(client, event)
        if event["event"] == "check" and not event["ok"]:
            self.say(f"  ✗ {client}: {event['row']}: {plain(event['detail'])}")
        elif event["event"] == "broke":
            self.say(f"  ✗ {client}: {event['flow']}: {plain(event['detail'])}")
        elif event["event"] == "flow" and event["seconds"] >= 0.01:
            self.say(f"    {client}: {event['flow']} {'done' if event['ended'] else 'waits'} ({event['seconds']} s)")

    def _wait(self, condition, what):
        """Waits until `condition()`; returns what went wrong, or None."""
        while not condition():
            if self.broker.ended() is not None:
                return f"the broker ended by itself with code {self.broker.ended()}:\n{self.broker.tail()}"
            if time.monotonic() > self.ends:
                return f"{what} before the deadline of the run"
            time.sleep(0.05)
        return None

    def _in_turns(self, starts, barrier):
        """Starts each worker's next part, a few at work at once, and waits until all are at the barrier."""
        starts, at_work = list(starts), []
        while starts or at_work:
            while starts and len(at_work) < AT_ONCE_MAX:
                at_work.append(starts.pop(0)())
            slow = ", ".join(worker.client for worker in at_work)
            problem = self._wait(lambda: any(worker.done(barrier) for worker in at_work),
                                 f"{slow} did not reach barrier {barrier}")
            if problem:
                return problem
            at_work = [worker for worker in at_work if not worker.done(barrier)]
        return None

    def _starter(self, client, prefix, base_ms):
        def start():
            command = [str(install.python_of(client)), str(WORKER), "--client", client, "--bootstrap", self.broker.bootstrap,
                       "--prefix", prefix, "--base-ms", str(base_ms), "--work", str(self.work),
                       "--broker", self.broker.name]
            for flow in self.results.flows:
                command += ["--flow", flow]
            log = self.work / "logs" / f"{client}.log"
            self.workers.append(Worker(client, command, log, self._take))
            return self.workers[-1]

        return start

    def _go_on(self, answers):
        """Releases the workers from a barrier, each with its answer."""
        def release(worker):
            worker.tell(answers(worker))
            return worker

        return [lambda worker=worker: release(worker) for worker in self.workers]

    def _hurry(self, fast):
        """Lets pumps write fast for a moment, or as before."""
        if "pump" in self.results.flows:
            for worker in self.workers:
                worker.tell({"hurry": fast})
            time.sleep(HURRY_SECONDS if fast else 0)

    def _again(self, end, what):
        """Ends the broker while pumps write fast, and starts it on the same data."""
        self._hurry(True)
        self.say(f"    {what} the broker")
        end()
        self._hurry(False)
        self.say(f"    it listens again after {self.broker.start() * 1000:.0f} ms")

    def _fill(self):
        """Starts the second broker and creates its topics, beside the clients' first part."""
        try:
            self.crowd.start()
            done = subprocess.run([str(install.PYTHON), str(FILL), self.crowd.bootstrap], timeout=FILL_SECONDS_MAX,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=brokers.environment(), check=False)
            if done.returncode != 0:
                self.crowd_problem = f"creating very many topics: {done.stdout.decode(errors='replace')[-500:]}"
        except (brokers.BrokerFault, OSError, subprocess.TimeoutExpired) as error:
            self.crowd_problem = f"the broker with very many topics: {error}"

    def run(self, prefix, base_ms):
        """Runs the flows; returns what went wrong apart from the cells, or None."""
        (self.work / "logs").mkdir(parents=True, exist_ok=True)
        filling = threading.Thread(target=self._fill, daemon=True)
        if self.crowd is not None:
            filling.start()
        try:
            problem = self._parts(prefix, base_ms, filling)
        except brokers.BrokerFault as error:
            problem = str(error)
        finally:
            for worker in self.workers:
                worker.kill()
            if self.crowd is not None:
                self.crowd.kill()
        return problem

    def _parts(self, prefix, base_ms, filling):
        """The three parts of a run and what happens to the broker between them."""
        # The client whose programs take longest to start goes first.
        clients = sorted(self.results.clients, key=lambda client: client != "kafka-tools")
        problem = self._in_turns([self._starter(client, prefix, base_ms) for client in clients], 1)
        if problem is None and self.crowd is not None:
            problem = self._wait(lambda: not filling.is_alive(), "very many topics were not created")
            problem = problem or self.crowd_problem
        if problem:
            return problem
        if self.broker.restarts:
            # From here on an unknown topic must stay unknown.
            self.broker.settings["auto.create.topics.enable"] = "false"
            self._again(self.broker.stop, "restarting")
        written = {worker.client: worker.shared.get("codec_topics", []) for worker in self.workers}
        problem = self._in_turns(self._go_on(lambda worker: {
            "peers": {client: topics for client, topics in written.items() if client != worker.client and topics},
            "crowd": self.crowd.bootstrap if self.crowd is not None else None,
        }), 2)
        if problem:
            return problem
        if self.broker.restarts and "pump" in self.results.flows:
            self._again(self.broker.kill, "killing")
        for release in self._go_on(lambda worker: {}):
            release()
        return self._wait(lambda: all(worker.over for worker in self.workers), "some clients did not end")
