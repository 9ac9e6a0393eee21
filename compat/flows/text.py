"""A large real text, one record a line, through the client and back, compared as files."""

import hashlib


def _digest(path):
    with open(path, "rb") as lines:
        return hashlib.file_digest(lines, "sha256").hexdigest()


def _first_difference(want, got):
    with open(want, "rb") as wanted, open(got, "rb") as read:
        for number, line in enumerate(wanted, 1):
            other = read.readline()
            if line != other:
                return f"line {number}: wrote {line[:60]!r}, read {other[:60]!r}"
    return "lines after the end"


def text(ctx):
    """Hundreds of thousands of lines."""
    client = ctx.adapter
    topic = ctx.new_topic("text")
    with open(ctx.words, "rb") as lines:
        count = sum(1 for _ in lines)
    ctx.check("text", count > 200_000, f"the text has only {count} lines")
    client.write_lines(topic, ctx.words)
    read = ctx.work / f"{ctx.client}.text"
    client.read_lines(topic, count, read)
    same = _digest(read) == _digest(ctx.words)
    ctx.check("text", same, "" if same else _first_difference(ctx.words, read))
    read.unlink()
    return
    yield


def perf(ctx):
    """The client's own load generator, where it has one."""
    if ctx.has("perf"):
        for problem in ctx.adapter.perf(ctx.topic("perf")):
            ctx.check("perf", False, problem)
        ctx.check("perf", True)
    return
    yield
