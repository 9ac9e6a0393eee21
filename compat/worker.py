"""Runs the flows of one client in its own process and reports each check as a line of JSON.

Started by `run.py` with the virtual environment's Python; also runs alone:
`.tools/python/bin/python compat/worker.py --client kcat --bootstrap HOST:PORT --prefix p --flow seek`.
Where the broker is restarted, and once more where it is killed, it prints a `barrier` line and waits on standard
input: a line `{"hurry": true}` lets pumps run fast, `false` ends that, any other line is the end of the wait and what others tell.
Nothing else is written to standard output; what clients say goes to standard error.
"""

import argparse
import concurrent.futures
import importlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from flows import (  # noqa: E402
    admin, codecs, compaction, crowd, cuts, damage, errors, folders, groups, members, names, pump, restart, seek, table,
    text, topics,
)
from flows.adapter import HURRY  # noqa: E402
from flows.context import Context  # noqa: E402

# Long waits first: what runs beside them fills the gaps.
ORDER = {
    "cuts": cuts.cuts,
    "compaction": compaction.compaction,
    "paused": members.paused,
    "four": members.four,
    "static": members.static,
    "resets": members.resets,
    "group": groups.group,
    "cooperative": groups.cooperative,
    "restart": restart.restart,
    "codecs": codecs.codecs,
    "topics": topics.topics,
    "seek": seek.seek,
    "damage": damage.damage,
    "folders": folders.folders,
    "text": text.text,
    "perf": text.perf,
    "errors": errors.errors,
    "admin": admin.admin,
    "interop": codecs.interop,
    "names": names.names,
    "crowd": crowd.crowd,
    # Last: it writes until the broker restarts.
    "pump": pump.pump,
}


class Reporter:
    """Lines of JSON on what was standard output; prints of clients are sent to standard error."""

    def __init__(self):
        self._lock = threading.Lock()
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def __call__(self, event):
        with self._lock:
            print(json.dumps(event), file=self._out, flush=True)


def open_adapter(client, bootstrap, work):
    """The adapter of a client of the table; its name is the client's, also where several versions share one."""
    entry = table.CLIENTS[client]
    module = importlib.import_module(f"clients.{entry.module}.adapter")
    adapter = module.open_adapter(bootstrap, work, *([entry.variant] if entry.variant else []))
    adapter.name = client
    return adapter


def step(name, flow, ctx, report):
    """Runs a flow up to its restart or its end; returns the flow if it is to be continued."""
    began = time.monotonic()
    waiting = None
    try:
        next(flow)
        waiting = flow
    except StopIteration:
        pass
    except Exception as error:  # a flow that breaks is a red cell, not the end of the run
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        report({"event": "broke", "flow": name, "detail": f"{type(error).__name__} in {where}: {error}"})
    seconds = round(time.monotonic() - began, 2)
    report({"event": "flow", "flow": name, "ended": waiting is None, "seconds": seconds})
    return waiting


def steps(flows, ctx, report):
    """Runs one step of each flow, as many at once as suits the client."""
    with concurrent.futures.ThreadPoolExecutor(ctx.adapter.parallel) as pool:
        running = {name: pool.submit(step, name, flow, ctx, report) for name, flow in flows.items()}
    waiting = {name: done.result() for name, done in running.items()}
    return {name: flow for name, flow in waiting.items() if flow is not None}


def barrier(ctx, report):
    """Waits until the broker is back; returns what the session tells."""
    report({"event": "barrier", "shared": ctx.shared})
    while "hurry" in (told := json.loads(sys.stdin.readline() or "{}")):
        (HURRY.set if told["hurry"] else HURRY.clear)()
    return told


def main():
    """Everything before the restart, after it, and after the kill."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", choices=table.CLIENTS, required=True)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--prefix", required=True, help="how this run's topics and groups begin")
    parser.add_argument("--broker", default="walser", help="whose broker it is")
    parser.add_argument("--flow", action="append", choices=list(table.FLOWS), help="only these flows")
    parser.add_argument("--base-ms", type=int, default=int(time.time() * 1000) - 3_600_000,
                        help="first timestamp of the records written")
    parser.add_argument("--work", type=Path, default=ROOT.parent / ".tools" / "compat")
    options = parser.parse_args()

    report = Reporter()
    work = options.work / options.client
    work.mkdir(parents=True, exist_ok=True)
    adapter = open_adapter(options.client, options.bootstrap, work)
    adapter.own = f"{options.prefix}.{options.client}."
    report({"event": "version", "version": adapter.version()})
    ctx = Context(adapter, {
        "prefix": options.prefix,
        "broker": options.broker,
        "base_ms": options.base_ms,
        "words": ROOT.parent / ".tools" / "words" / "american-english-huge",
        "work": work,
        "open": lambda bootstrap: open_adapter(options.client, bootstrap, work),
    }, report)
    flows = {name: flow(ctx) for name, flow in ORDER.items() if not options.flow or name in options.flow}
    flows = steps(flows, ctx, report)
    told = barrier(ctx, report)
    ctx.peers, ctx.crowd = told.get("peers", {}), told.get("crowd")
    flows = steps(flows, ctx, report)
    barrier(ctx, report)
    steps(flows, ctx, report)
    adapter.close()
    report({"event": "done", "tools": getattr(adapter, "tools_used", {})})
    # Threads of a client that did not end must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
