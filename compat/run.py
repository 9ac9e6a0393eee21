"""Runs real clients against the broker and writes the compatibility table; `cargo xtask compat` calls it.

Standard library only: it installs what the clients need before it starts them.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from flows import records, table  # noqa: E402
from harness import brokers, install, report, session  # noqa: E402

SECONDS_MAX = 1200
PAGE = install.ROOT / "docs" / "compatibility.md"
WORK = install.TOOLS / "compat"
# What cannot be done to a broker that somebody else runs: restart it, fill it, and change its settings.
NEEDS_RESTART = ("restart", "errors", "cuts", "crowd", "pump")
# What starts a broker of its own, always ours, and does something to its folder.
OWN_BROKER = ("damage", "folders")


def say(line):
    """A line of progress."""
    print(line, flush=True)


def options():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="cargo xtask compat", description="Runs real clients, side by side, against the release binary.",
    )
    parser.add_argument("--client", action="append", choices=table.CLIENTS, help="only this client (may be repeated)")
    parser.add_argument("--flow", action="append", choices=list(table.FLOWS), help="only this flow (may be repeated)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--bootstrap", metavar="HOST:PORT", help="use this running broker; flows with a restart are left out")
    where.add_argument("--kafka", action="store_true", help="start a real Apache Kafka instead: proves the harness")
    parser.add_argument("--check", action="store_true", help="fail if docs/compatibility.md would change")
    parser.add_argument("--install-only", action="store_true", help="install the clients and stop")
    parser.add_argument("--seconds", type=int, default=SECONDS_MAX, help="deadline of the run (default %(default)s)")
    return parser.parse_args()


def finish(results, chosen, problem, complaints):
    """Writes what was found; returns the exit code."""
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "results.json").write_text(results.as_json())
    red = results.red()
    # A real Kafka proves the harness; its page is no page of ours.
    page = results.page("Apache Kafka 4.3.1" if chosen.kafka else "Walser")
    target = WORK / "compatibility.md"
    changed = False
    if results.complete() and not chosen.kafka and not chosen.bootstrap and problem is None:
        target = PAGE
        changed = not PAGE.exists() or PAGE.read_text() != page
    target.write_text(page)
    say("")
    for client, row, detail in red:
        say(f"✗ {client}: {table.ROWS.get(row, row)}: {detail}")
    if problem:
        say(f"✗ {problem}")
    for line in complaints[:10]:
        say(f"✗ the broker's log: {line}")
    states = [results.cell(client, row)[0] for client in results.clients for row in table.ROWS]
    say(f"{states.count(report.GREEN)} green, {states.count(report.RED)} red, {states.count(report.LACKING)} n/a, "
        f"{states.count(report.NOT_RUN)} not run; table in {target.relative_to(install.ROOT)}")
    if changed and chosen.check:
        say("✗ docs/compatibility.md was not up to date; it is now")
        return 1
    return 1 if red or problem or complaints else 0


def main():
    """Installs, starts, runs, reports."""
    chosen = options()
    # Whoever ends this run ends its broker and its clients as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    table.check_table()
    records.self_test()
    clients = chosen.client or list(table.CLIENTS)
    flows = [flow for flow in table.FLOWS if not chosen.flow or flow in chosen.flow]
    if chosen.bootstrap:
        flows = [flow for flow in flows if flow not in NEEDS_RESTART]
    if chosen.bootstrap or chosen.kafka:
        flows = [flow for flow in flows if flow not in OWN_BROKER]
    began = time.monotonic()
    try:
        install.everything(clients, with_kafka_broker=chosen.kafka)
    except install.CannotInstall as error:
        say(f"✗ cannot install: {error}")
        return 1
    say(f"clients ready ({time.monotonic() - began:.1f} s)")
    if chosen.install_only:
        return 0
    with install.alone("compat"):
        return test(chosen, clients, flows)


def test(chosen, clients, flows):
    """One run on a broker."""
    began = time.monotonic()

    if chosen.bootstrap:
        broker = brokers.Elsewhere(chosen.bootstrap)
    else:
        kind = brokers.KafkaBroker if chosen.kafka else brokers.Broker
        broker = kind(WORK / "broker")
    crowd = kind(WORK / "crowd") if "crowd" in flows else None
    results = report.Results(clients, flows)
    problem = None
    try:
        say(f"{broker.name} listens on {broker.bootstrap} after {broker.start() * 1000:.0f} ms")
        run = session.Session(broker, crowd, results, WORK, chosen.seconds, say)
        problem = run.run(f"compat{int(time.time()) % 100_000}", int(time.time() * 1000) - 3_600_000)
        if broker.ended() is None:
            broker.stop()
    except (brokers.BrokerFault, OSError) as error:
        problem = str(error)
    finally:
        broker.kill()
    code = finish(results, chosen, problem, broker.complaints() + (crowd.complaints() if crowd else []))
    say(f"{time.monotonic() - began:.0f} s in all")
    return code


if __name__ == "__main__":
    sys.exit(main())
