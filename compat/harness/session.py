"""Runs all workers side by side against one broker, with one restart of the broker between them.

Owns: the workers' processes, their deadline, the barrier. A worker that dies counts as having reached the
barrier; its unfinished flows are red. Every wait looks at the deadline and at the broker's health.
"""

import json
import subprocess
import threading
import time

from harness import brokers, install
from harness.report import plain

WORKER = install.ROOT / "compat" / "worker.py"


class Worker:
    """One client's process and what it said last."""

    def __init__(self, client, command, log, take):
        self.client = client
        self.shared = {}
        self.at_barrier = threading.Event()
        self.over = threading.Event()
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
                self.at_barrier.set()
            else:
                self._take(self.client, event)
        self.process.wait()
        self.at_barrier.set()
        self.over.set()

    def go_on(self, answer):
        """Releases it from the barrier."""
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

    def __init__(self, broker, results, work, seconds_max, say):
        self.broker = broker
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

    def _wait(self, which, what):
        """Waits until all workers are there; returns what went wrong, or None."""
        for worker in self.workers:
            while not getattr(worker, which).wait(0.1):
                if self.broker.ended() is not None:
                    return f"the broker ended by itself with code {self.broker.ended()}:\n{self.broker.tail()}"
                if time.monotonic() > self.ends:
                    return f"{worker.client} {what} before the deadline of the run"
        return None

    def run(self, prefix, base_ms):
        """Runs the flows; returns what went wrong apart from the cells, or None."""
        logs = self.work / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for client in self.results.clients:
            command = [str(install.python_of(client)), str(WORKER), "--client", client, "--bootstrap", self.broker.bootstrap,
                       "--prefix", prefix, "--base-ms", str(base_ms), "--work", str(self.work),
                       "--broker", self.broker.name]
            for flow in self.results.flows:
                command += ["--flow", flow]
            self.workers.append(Worker(client, command, logs / f"{client}.log", self._take))
        try:
            problem = self._wait("at_barrier", "did not reach the restart")
            if problem is None and self.broker.restarts:
                self.say("    restarting the broker")
                self.broker.stop()
                # From here on an unknown topic must stay unknown.
                self.broker.settings["auto.create.topics.enable"] = "false"
                self.broker.start()
            if problem is None:
                written = {worker.client: worker.shared.get("codec_topics", []) for worker in self.workers}
                for worker in self.workers:
                    peers = {client: topics for client, topics in written.items()
                             if client != worker.client and topics}
                    worker.go_on({"peers": peers})
                problem = self._wait("over", "did not end")
        except brokers.BrokerFault as error:
            problem = str(error)
        finally:
            for worker in self.workers:
                worker.kill()
        return problem
