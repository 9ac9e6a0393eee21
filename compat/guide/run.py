"""Runs the commands of the guide as a reader would; `cargo xtask guide` calls it.

Each page has a fresh folder, and what it starts is stopped at its end. What a reader has on the PATH is there:
the release binary, Python with the client from PyPI, Node with the one from npm, kcat, Kafka's tools. Only the
port differs from the text: a free one stands for 9092, so that nothing else on the machine is in the way.

Standard library only: it installs what the clients need before it starts them.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from guide import pages  # noqa: E402
from harness import brokers, install  # noqa: E402

WORK = install.TOOLS / "guide"
GUIDE = install.ROOT / "docs" / "guide"
# In the order in which they are read; others follow.
FIRST = ["README.md", "install.md", "first-five-minutes.md", "operating.md"]
COMMAND_SECONDS_MAX = 300
START_SECONDS_MAX = 30
ADDRESS = "127.0.0.1:9092"

KAFKA_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}


class Failed(Exception):
    """A block that did not do what the page says."""


def shim(folder, name, text):
    """A program on the reader's PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def programs(folder):
    """Everything the pages take for granted, by the names they use."""
    folder.mkdir(parents=True)
    (folder / "walser").symlink_to(install.ROOT / "target" / "release" / "walser")
    shim(folder, "python3", f'exec "{install.PYTHON}" "$@"')
    # A reader builds in the checkout.
    cargo = shutil.which("cargo")
    shim(folder, "cargo", f'cd "{install.ROOT}" && exec "{cargo}" "$@"')
    for name, main_class in KAFKA_TOOLS.items():
        command = " ".join(f'"{part}"' for part in install.java(main_class))
        shim(folder, name, f'exec {command} "$@"')


class Page:
    """One page while it is run."""

    def __init__(self, name, text):
        self.name = name
        self.blocks = pages.blocks(name, text)
        self.folder = WORK / name.removesuffix(".md")
        self.running = []
        self.port = brokers.free_port()

    def environment(self):
        """The reader's environment, with the port that stands for 9092."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("WALSER_")}
        return {
            **own,
            "PATH": f"{WORK / 'bin'}:{os.environ['PATH']}",
            "NODE_PATH": str(install.TOOLS / "node" / "node_modules"),
            "KAFKAJS_NO_PARTITIONER_WARNING": "1",
            "NO_COLOR": "1",
            "WALSER_LISTENERS": f"PLAINTEXT://127.0.0.1:{self.port}",
            "WALSER_BOOTSTRAP_SERVER": f"127.0.0.1:{self.port}",
        }

    def run(self):
        """Runs the page; gives how many blocks ran."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        ran = 0
        try:
            for block in self.blocks:
                if block.not_run is None:
                    self.one(block)
                    ran += 1
        finally:
            self.stop()
        return ran

    def command(self, block):
        """What a reader does with the block."""
        text = block.text.replace(ADDRESS, f"127.0.0.1:{self.port}")
        if block.kind == "sh":
            return ["bash", "-euo", "pipefail", "-c", text]
        if block.kind == "python":
            return [str(WORK / "bin" / "python3"), "-c", text]
        # What the page shows may await at its top, as in an interactive Node.
        return ["node", "-e", f"(async () => {{\n{text}\n}})().catch((error) => {{ console.error(error); process.exit(1); }})"]

    def one(self, block):
        """Runs one block and holds it against the page."""
        command = self.command(block)
        if block.runs_on:
            self.start(block, command)
            return
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=COMMAND_SECONDS_MAX, check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{block.where}: no end after {COMMAND_SECONDS_MAX} s") from error
        if done.returncode != block.exit_code:
            raise Failed(f"{block.where}: ended with {done.returncode}, not {block.exit_code}\n"
                         f"{block.text}{done.stdout}{done.stderr}")
        printed = done.stdout.replace(f"127.0.0.1:{self.port}", ADDRESS)
        if block.output is not None and not pages.same(block.output, printed):
            raise Failed(f"{block.where}: it printed\n{printed}and the page shows\n{block.output}{done.stderr}")

    def start(self, block, command):
        """Starts what runs on, and waits until somebody listens."""
        log = open(self.folder / f"line-{block.line}.log", "w+", encoding="utf-8")
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )
        self.running.append((process, log))
        deadline = time.monotonic() + START_SECONDS_MAX
        while not brokers.listening(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise Failed(f"{block.where}: nobody listens\n{block.text}{log.read()}")
            time.sleep(0.05)

    def stop(self):
        """Stops what runs on, as Ctrl-C does."""
        for process, log in reversed(self.running):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.close()
        self.running.clear()


def read():
    """All pages, in order."""
    names = sorted(path.name for path in GUIDE.glob("*.md"))
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return [Page(name, (GUIDE / name).read_text()) for name in names]


def main():
    """Runs the pages asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="cargo xtask guide", description="Runs the commands of docs/guide.")
    parser.add_argument("page", nargs="*", help="only these pages")
    parser.add_argument("--list", action="store_true", help="only say what is run and what is not")
    chosen = parser.parse_args()
    try:
        found = [page for page in read() if not chosen.page or page.name in chosen.page]
    except pages.BadPage as error:
        print(error)
        return 1
    if not chosen.list:
        try:
            install.everything(["kcat", "kafkajs", "kafka-tools"])
        except install.CannotInstall as error:
            print(error)
            return 1
        shutil.rmtree(WORK, ignore_errors=True)
        programs(WORK / "bin")
    failed = False
    for page in found:
        runnable = sum(block.not_run is None for block in page.blocks)
        if not page.blocks:
            continue
        if chosen.list:
            print(f"guide {page.name}: {runnable} blocks to run")
        else:
            started = time.monotonic()
            try:
                print(f"guide {page.name}: {page.run()} blocks ran ({time.monotonic() - started:.0f} s)", flush=True)
            except Failed as error:
                print(error, flush=True)
                failed = True
        for block in page.blocks:
            if block.not_run is not None:
                print(f"    not run: {block.where}: {block.not_run}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
