"""Takes the fenced blocks out of a Markdown page, with what the page says of how they are run.

A block of `sh`, `python` or `js` is a command. A comment on the line before it may say:

    <!-- not run: REASON -->            it is left out, and listed with its reason
    <!-- runs on -->                    it is started and left running until the page ends
    <!-- fails: N -->                   it must end with this exit code

A block of `output` is what the block before it prints; `...` in it stands for any text within a line, and a
line of `...` for any lines. Blocks of other kinds are for reading only. Does not run anything.
"""

import re

COMMANDS = ("sh", "python", "js")
# Kinds that are read and never run; any other kind is an error, so that a typo hides no command.
FOR_READING = ("text", "toml", "properties", "ini", "dockerfile", "json")

FENCE = re.compile(r"^```(\S*)\s*$")
NOTE = re.compile(r"^<!-- (not run|runs on|fails)(?:: (.+))? -->$")


class BadPage(Exception):
    """A page that cannot be understood; says where."""


class Block:
    """A fenced block."""

    def __init__(self, page, line, kind, text, note):
        self.page = page
        self.line = line
        self.kind = kind
        self.text = text
        self.not_run = None
        self.runs_on = False
        self.exit_code = 0
        self.output = None
        if note is None:
            return
        word, value = note
        if word == "not run":
            self.not_run = value
        elif word == "runs on":
            self.runs_on = True
        else:
            self.exit_code = int(value)

    @property
    def where(self):
        """PAGE:LINE."""
        return f"{self.page}:{self.line}"


def blocks(name, text):
    """The commands of a page, each with the output that the page shows for it."""
    found = []
    note = None
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        said = NOTE.match(line)
        if said:
            note = (said[1], said[2])
            if said[1] in ("not run", "fails") and not said[2]:
                raise BadPage(f"{name}:{number}: `{said[1]}` needs a reason or a number behind it")
            continue
        fence = FENCE.match(line)
        if not fence:
            if line.strip():
                if note:
                    raise BadPage(f"{name}:{number}: a note that no block follows")
            continue
        body = []
        for _, inner in lines:
            if inner.startswith("```"):
                break
            body.append(inner)
        else:
            raise BadPage(f"{name}:{number}: the block has no end")
        kind = fence[1] or "text"
        content = "\n".join(body) + "\n"
        if kind in COMMANDS:
            found.append(Block(name, number, kind, content, note))
        elif kind == "output":
            if not found or found[-1].output is not None:
                raise BadPage(f"{name}:{number}: output of no block")
            found[-1].output = content
        elif kind not in FOR_READING:
            raise BadPage(f"{name}:{number}: blocks of `{kind}` are not known")
        elif note:
            raise BadPage(f"{name}:{number}: a note before a block that is never run")
        note = None
    return found


def same(shown, printed):
    """Whether what was printed is what the page shows, blank lines at the end aside."""
    pattern = ""
    for line in shown.splitlines():
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"
    return re.fullmatch(pattern, printed.rstrip() + "\n") is not None
