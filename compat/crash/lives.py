"""A short life of the broker, played again for each call on its data folder, with that call failing.

Owns what `calls.py` and `folders.py` share: a broker whose calls fail as a shim is told, the shim's report, the plan
over all calls, and the judgement of the whole. What happens in a life, and what must hold in it, is theirs. The shim
is a library loaded before the C library, so the binary is one whose calls go through the C library (`--features
interposed`).
"""

import argparse
import time
from typing import NamedTuple

from crash import lab
from harness import install

BINARY = install.ROOT / "target" / "interposed" / "walser"
# They wait more than they work.
WORKERS = 5


class Fault(NamedTuple):
    """What the shim does from a call on."""

    name: str
    errno: int
    # FAULT_AFTER: whether later calls fail, and which.
    after: int


class Node(lab.Node):
    """A broker whose calls the shim can make fail."""

    def __init__(self, work, data=None):
        super().__init__(work, BINARY, data)
        self.report = work / "calls.txt"

    def breaks(self, path, nth, fault):
        """From the next start on the n-th call below this path fails; with 0 none does, and they are counted."""
        self.report.unlink(missing_ok=True)
        self.environment = {
            "LD_PRELOAD": str(lab.REPORTS / "shim.so"), "FAULT_PATH": str(path), "FAULT_NTH": str(nth),
            "FAULT_ERRNO": str(fault.errno), "FAULT_AFTER": str(fault.after), "FAULT_REPORT": str(self.report),
        }

    def heals(self):
        """From the next start on no call fails."""
        self.environment = {}

    def reported(self):
        """How many calls there were, known after an orderly end, and those that failed."""
        lines = self.report.read_text().splitlines() if self.report.exists() else []
        counted = [int(line.split()[1]) for line in lines if line.startswith("calls ")]
        return max(counted, default=0), [line for line in lines if " fails " in line]


def value(n, size=0):
    """The n-th value, of at least this size."""
    return (f"record {n} ".encode() * (1 + size // 8))[:max(size, 16)]


def main(name, doc, planted, run):
    """Reads the command line, and calls `run(chosen, base, began)` with an empty folder."""
    parser = argparse.ArgumentParser(prog=f"cargo xtask crash {name}", description=doc.splitlines()[0])
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first call index (default 1)")
    parser.add_argument("--to", type=int, default=0, help="the last (default: the last there is)")
    parser.add_argument("--plant", action="store_true", help=f"{planted}: succeeds only if that is seen")
    parser.add_argument("--step", type=int, default=1, help="every how-manieth (default 1: each)")
    chosen = parser.parse_args()
    began = time.monotonic()
    lab.shim()
    with install.alone(name):
        return run(chosen, lab.fresh(install.TOOLS / name), began)


def cases(chosen, last, faults):
    """(call index, fault) for each life."""
    return [(nth, fault) for nth in range(chosen.first, (chosen.to or last) + 1, chosen.step) for fault in faults]


def play(name, total, plan, one, base, began):
    """Plays the lives, several at a time: `one(folder, call index, fault)` returns (what is wrong, calls that failed).

    Returns the exit code. Faults that are not delivered prove nothing: most must be.
    """
    found, delivered = [], 0

    def judge(case, outcome):
        nonlocal delivered
        (nth, fault), (problems, failed) = case, outcome
        delivered += bool(failed)
        for problem in problems:
            found.append(f"{fault.name} at call {nth} ({failed[0] if failed else 'not reached'}): {problem}")
            print(f"✗ {found[-1][:700]}", flush=True)

    lab.several(WORKERS, plan, lambda worker, case: one(base / f"w{worker}", *case), judge)
    seconds = time.monotonic() - began
    lab.report(name, calls=total, lives=len(plan), faults=delivered, problems=len(found), seconds=round(seconds))
    if delivered < len(plan) // 2:
        found.append("less than half of the faults were delivered")
        print(f"✗ {found[-1]}", flush=True)
    print(f"{len(plan)} lives, {delivered} met their fault, {len(found)} problems; {seconds:.0f} s", flush=True)
    return 1 if found else 0
