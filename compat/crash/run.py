"""Kills the broker with SIGKILL under load, again and again, and judges the history; `cargo xtask crash` calls it.

Started with any Python it installs confluent-kafka and starts itself anew with that. A run with one seed kills at
the same moments relative to the load, which itself is not repeatable to the microsecond.
"""

import argparse
import os
import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crash import history as histories, lab  # noqa: E402
from harness import brokers, install  # noqa: E402

CATCH_UP_SECONDS_MAX = 20
FINISH_SECONDS_MAX = 90
# Load between two kills; a broker is also killed while it starts, this often.
LOAD_SECONDS_MAX = 0.25
KILL_AT_START_CHANCE = 0.15
# A group that never commits would make its rule empty; it needs a moment to form.
KILLS_WITHOUT_GROUP_MAX = 10
KILL_AT_START_SECONDS_MAX = 0.03
# From exec to the first request answered. The goal is reported; the limit, which fails the run, leaves room for a
# machine that does much else.
RESTART_SECONDS_GOAL = 0.15
RESTART_SECONDS_MAX = 3.0


class Fault(Exception):
    """The run cannot go on."""


def options():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="cargo xtask crash", description="Kills the release binary under load and checks that nothing acknowledged is lost.",
    )
    parser.add_argument("--cycles", type=int, default=100, help="how many kills (default %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the kills' moments")
    parser.add_argument("--kafka", action="store_true", help="kill a real Apache Kafka instead: proves the harness")
    parser.add_argument("--plant", action="store_true",
                        help="cut the end off a log, and empty the journal, after the first kill: succeeds only if "
                             "that is seen")
    parser.add_argument("--self-test", action="store_true", help="only test the checker")
    return parser.parse_args()


def in_clients_python():
    """Installs confluent-kafka and continues in its Python."""
    try:
        install.everything(["kafka-tools"] if "--kafka" in sys.argv else [])
    except install.CannotInstall as error:
        print(f"✗ cannot install: {error}", flush=True)
        sys.exit(1)
    if Path(sys.executable) != install.PYTHON:
        os.execv(str(install.PYTHON), [str(install.PYTHON), __file__, *sys.argv[1:]])


def wait(condition, seconds, what, load, broker):
    """Waits for `condition()`; a dead broker or a problem of a client ends the run at once."""
    ends = time.monotonic() + seconds
    while not condition():
        if load.problems:
            raise Fault(load.problems[0])
        if broker.ended() is not None:
            raise Fault(f"the broker ended by itself with code {broker.ended()}:\n{broker.tail()}")
        if time.monotonic() > ends:
            raise Fault(f"{what}: not within {seconds} s")
        time.sleep(0.002)


def cut(broker):
    """Damages the data as no kill may: half of one partition is gone, which is more than what was in flight, and the
    journal, which would bring it back."""
    for journal in broker.data.glob("journal/*.journal"):
        os.truncate(journal, 0)
    log = max(broker.data.glob("crash-0/*.log"))
    size = len(log.read_bytes().rstrip(b"\0"))
    os.truncate(log, size // 2)


def cycle(rng, load, broker, ask, plant=False):
    """Load, kill, restart, look; returns (kills, seconds the restart took)."""
    # Under load means: acknowledgements and commits come since the last restart.
    acknowledged, lone = load.acknowledged, load.lone_commits
    wait(lambda: load.acknowledged > acknowledged and load.lone_commits > lone, CATCH_UP_SECONDS_MAX,
         "acknowledgements after a restart", load, broker)
    time.sleep(rng.uniform(0, LOAD_SECONDS_MAX))
    broker.kill()
    kills = 1
    while rng.random() < KILL_AT_START_CHANCE:
        broker.spawn()
        time.sleep(rng.uniform(0, KILL_AT_START_SECONDS_MAX))
        broker.kill()
        kills += 1
    if plant:
        cut(broker)
    seconds = broker.start()
    from crash.load import GROUP, LONE
    for group in (GROUP, LONE):
        load.ask_committed(group, ask)
    wait(lambda: not load.behind(), CATCH_UP_SECONDS_MAX, "reading what was acknowledged before the kill", load, broker)
    return kills, seconds


def run(chosen, broker, load):
    """All cycles and the final reading; returns (kills, restart times)."""
    from crash.committed import committed
    from crash.load import GROUP, LONE

    def ask(group, topic, partitions):
        return committed(broker.bootstrap, group, topic, partitions)

    rng = random.Random(chosen.seed)
    kills, restarts = 0, []
    began = told = time.monotonic()
    load.start()
    while kills < chosen.cycles:
        done, seconds = cycle(rng, load, broker, ask, plant=chosen.plant)
        kills += done
        restarts.append(seconds)
        # The rules over what is committed are cheap enough to look at as it goes.
        fault = next(histories.commit_faults(load.history), None)
        if fault is not None:
            raise Fault(f"{fault[0]}: {fault[1]}")
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"    {kills} kills, {load.acknowledged} records acknowledged, "
                  f"{load.lone_commits + load.group_commits} commits ({told - began:.0f} s)", flush=True)
    if kills >= KILLS_WITHOUT_GROUP_MAX and load.group_commits == 0:
        raise Fault(f"the group committed nothing over {kills} kills")
    load.finish(FINISH_SECONDS_MAX)
    for group in (GROUP, LONE):
        load.ask_committed(group, ask)
    # Once more in order: a clean stop loses nothing either.
    broker.stop()
    broker.start()
    for group in (GROUP, LONE):
        load.ask_committed(group, ask)
    load.read_again(FINISH_SECONDS_MAX)
    return kills, restarts


def main():
    """Tests the checker, then the broker."""
    chosen = options()
    if not chosen.self_test:
        in_clients_python()
    print(f"the checker sees all {histories.self_test()} planted faults", flush=True)
    if chosen.self_test:
        return 0
    with install.alone("crash"):
        return test(chosen)


def test(chosen):
    """One run on the broker."""
    from confluent_kafka.admin import AdminClient, NewTopic
    from crash import load as loads

    work = install.TOOLS / "crash"
    broker = (brokers.KafkaBroker if chosen.kafka else brokers.Broker)(work)
    began = time.monotonic()
    problems, kills, restarts = [], 0, [0.0]
    history = histories.History()
    load = None
    try:
        print(f"{broker.name} listens after {broker.start() * 1000:.0f} ms; seed {chosen.seed}", flush=True)
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic(loads.TOPIC, loads.PARTITIONS, 1)])[loads.TOPIC].result(30)
        del admin
        load = loads.Load(broker.bootstrap, history, chosen.seed)
        kills, restarts = run(chosen, broker, load)
        broker.stop()
    except (Fault, brokers.BrokerFault, TimeoutError, ValueError) as error:
        problems.append(str(error))
        if load is not None:
            # What was read so far still says much; a cut-short reading must not look like a loss, though.
            load.stopping.set()
    finally:
        broker.kill()
    if load is not None:
        problems += load.problems
        judged = histories.faults(history) if not problems else histories.commit_faults(history)
        problems += [f"{kind}: {what}" for kind, what in judged]
    if not chosen.kafka and max(restarts) > RESTART_SECONDS_MAX:
        problems.append(f"a restart took {max(restarts):.1f} s, more than {RESTART_SECONDS_MAX} s")
    problems += [f"the broker's log: {line}" for line in broker.complaints()]
    for problem in problems[:20]:
        print(f"✗ {problem}", flush=True)
    if chosen.plant:
        lab.report("kills-plant", noticed=bool(problems))
        print("the damage was seen" if problems else "✗ the damage was not seen", flush=True)
        os._exit(0 if problems else 1)
    if problems:
        print(f"{len(problems)} problems with seed {chosen.seed}; the broker's log and data are in "
              f"{work.relative_to(install.ROOT)}", flush=True)
        os._exit(1)
    slow = sum(seconds > RESTART_SECONDS_GOAL for seconds in restarts)
    if not chosen.kafka:
        lab.report("kills", kills=kills, seed=chosen.seed, records=load.acknowledged,
                   commits=load.lone_commits + load.group_commits, problems=0,
                   restart_ms_median=round(statistics.median(restarts) * 1000), restart_ms_max=round(max(restarts) * 1000),
                   restarts=len(restarts), restarts_over_goal=slow, goal_ms=round(RESTART_SECONDS_GOAL * 1000),
                   seconds=round(time.monotonic() - began))
    print(f"{slow} of {len(restarts)} restarts took longer than {RESTART_SECONDS_GOAL * 1000:.0f} ms", flush=True)
    print(f"{kills} kills: {load.acknowledged} acknowledged records all there once, in order, unchanged; "
          f"{load.lone_commits} + {load.group_commits} commits never went back; restart {statistics.median(restarts) * 1000:.0f} ms "
          f"(median), {max(restarts) * 1000:.0f} ms (longest); {time.monotonic() - began:.0f} s in all", flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
