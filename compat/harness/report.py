"""Turns checks into cells, cells into `docs/compatibility.md` and a JSON file.

Owns: when a cell is green. Invariant: green needs at least one check and no failed one, and the flow must have
run to its end; a cell the client lacks (`flows.table`) is n/a with its reason; everything else is red or not run.
The page holds no time, path or duration, so that writing it again changes nothing.
"""

import json

from flows import table
from harness import install

DETAIL_MAX = 300
GREEN, RED, LACKING, NOT_RUN = "green", "red", "n/a", "not run"


def plain(detail):
    """A detail for one line of the page: no path of this machine, no line breaks, not endless."""
    line = " ".join(detail.replace(str(install.ROOT), ".").split()).replace("|", "\\|")
    return line if len(line) <= DETAIL_MAX else line[:DETAIL_MAX] + " ..."


def plain_name(client):
    """A client's name without the version that tells it from another column; the version stands beside it."""
    name, _, last = client.rpartition("-")
    return name if name and last[:1].isdigit() else client


def anchor(family):
    """Where the page's section of a family is found."""
    return family.lower().replace(" ", "-")


class Results:
    """All that the workers reported."""

    def __init__(self, clients, flows):
        self.clients = clients
        self.flows = flows
        self.versions = {client: "" for client in clients}
        self.checks = {(client, row): 0 for client in clients for row in table.ROWS}
        self.failures = {(client, row): [] for client in clients for row in table.ROWS}
        self.ended = set()
        self.broke = {}
        self.seconds = {}
        self.tools = {}

    def take(self, client, event):
        """Takes one line of a worker."""
        kind = event["event"]
        if kind == "version":
            self.versions[client] = event["version"]
        elif kind == "check":
            self.checks[client, event["row"]] += 1
            if not event["ok"]:
                self.failures[client, event["row"]].append(plain(event["detail"]))
        elif kind == "broke":
            self.broke[client, event["flow"]] = plain(event["detail"])
        elif kind == "flow":
            key = client, event["flow"]
            self.seconds[key] = round(self.seconds.get(key, 0) + event["seconds"], 2)
            if event["ended"]:
                self.ended.add(key)
        elif kind == "done":
            self.tools.update(event["tools"])

    def cell(self, client, row):
        """(state, what to say about it)."""
        flow = table.FLOW_OF[row]
        reason = table.lacks(client, row)
        if reason is not None:
            if self.checks[client, row]:
                return RED, "listed as lacking, but a check came"
            return LACKING, reason
        if client not in self.clients or flow not in self.flows:
            return NOT_RUN, ""
        failures = self.failures[client, row]
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            return RED, failures[0] + more
        if (client, flow) in self.broke:
            return RED, self.broke[client, flow]
        if (client, flow) not in self.ended:
            return RED, "the flow did not end"
        if not self.checks[client, row]:
            if row == "interop" and len(self.clients) == 1:
                return NOT_RUN, ""
            return RED, "no check was made"
        return GREEN, ""

    def red(self):
        """All that is wrong: (client, row, detail)."""
        found = []
        for client in self.clients:
            for row in table.ROWS:
                state, detail = self.cell(client, row)
                if state == RED:
                    found.append((client, row, detail))
        if "kafka-tools" in self.clients and set(self.flows) == set(table.FLOWS):
            found += [("kafka-tools", tool, "this tool did not run") for tool in table.TOOL_ROWS
                      if not self.tools.get(tool)]
        return found

    def complete(self):
        """Whether every client went through every flow."""
        return set(self.clients) == set(table.CLIENTS) and set(self.flows) == set(table.FLOWS)

    def as_json(self):
        """Everything, for programs."""
        cells = {
            client: {row: dict(zip(("state", "detail"), self.cell(client, row)), checks=self.checks[client, row])
                     for row in table.ROWS}
            for client in self.clients
        }
        seconds = {client: {flow: self.seconds.get((client, flow)) for flow in self.flows} for client in self.clients}
        return json.dumps({"versions": self.versions, "cells": cells, "seconds": seconds, "tools": self.tools},
                          indent=2)

    def page(self, broker):
        """`docs/compatibility.md`: a line for each client, then a table of flows for each family of clients."""
        lines = [
            "# Compatibility",
            "",
            "<!-- Written by `cargo xtask compat`; do not edit. -->",
            "",
            f"What unmodified clients do against {broker}. Every client writes its records, reads them back and "
            "compares them byte by byte; `cargo xtask compat` runs it all and writes this page, "
            "`cargo xtask compat --client NAME` runs one client. How the flows work is in `compat/README.md`.",
            "",
            "✓ all checks of the flow passed; n/a: the client lacks it; ✗ differs. A number in brackets points "
            "to the reason, or to what was left out, below the table.",
            "",
            "| client | version | ✓ | n/a | ✗ |",
            "|---|---|---|---|---|",
        ]
        families = {}
        for client in self.clients:
            states = [self.cell(client, row)[0] for row in table.ROWS]
            counts = " | ".join(str(states.count(state)) for state in (GREEN, LACKING, RED))
            family = table.CLIENTS[client].family
            families.setdefault(family, []).append(client)
            lines.append(f"| [{plain_name(client)}](#{anchor(family)}) | {self.versions[client]} | {counts} |")
        for family, clients in families.items():
            lines += ["", f"## {family}", "", *self._section(clients)]
        return "\n".join(lines) + "\n"

    def _section(self, clients):
        """The table of a family: a flow a line, a client a column; then what is said about cells."""
        notes, none_has = [], []

        def shown(client, row):
            state, detail = self.cell(client, row)
            if state == NOT_RUN:
                return "–"
            if state == GREEN:
                detail = table.left_out(client, row)
                if detail is None:
                    return "✓"
            if detail not in notes:
                notes.append(detail)
            sign = {GREEN: "✓", LACKING: "n/a", RED: "✗"}[state]
            return f"{sign} ({notes.index(detail) + 1})"

        yield "| | " + " | ".join(f"{plain_name(client)} {self.versions[client]}" for client in clients) + " |"
        yield "|---|" + "---|" * len(clients)
        for row, title in table.ROWS.items():
            cells = [self.cell(client, row) for client in clients]
            reasons = {detail for _, detail in cells}
            if len(reasons) == 1 and all(state == LACKING for state, _ in cells):
                none_has.append((title, reasons.pop()))
                continue
            yield f"| {title} | " + " | ".join(shown(client, row) for client in clients) + " |"
        if notes:
            yield ""
            yield from (f"{number}. {note}" for number, note in enumerate(notes, 1))
        if none_has:
            yield ""
            yield "n/a here:" if len(clients) == 1 else "n/a for all of these:"
            yield ""
            yield from (f"- {title}: {reason}" for title, reason in none_has)
        if "kafka-tools" in clients:
            yield from self._tools()

    def _tools(self):
        """The Apache Kafka tools one by one."""
        yield from ("", "The Apache Kafka tools one by one:", "", "| tool | takes part in | |", "|---|---|---|")
        for tool, rows in table.TOOL_ROWS.items():
            states = {self.cell("kafka-tools", row)[0] for row in rows}
            sign = "✓" if states == {GREEN} else "✗" if RED in states else "–"
            titles = "; ".join(table.ROWS[row].lower() for row in rows)
            yield f"| {tool} | {titles} | {sign} |"
