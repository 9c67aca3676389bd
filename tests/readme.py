"""The commands that README.md and benchmarks/README.md tell a reader to type."""

import re
import shlex
import subprocess
from pathlib import Path

REPO = Path(__file__).parents[1]
FILES = (REPO / "README.md", REPO / "benchmarks" / "README.md")
PROGRAMS = ("make", "pip", "python", ".venv/bin/python", "torchrun", "aio-reid")
OPEN = re.compile(r"\.\.\.|\[|<(?!n>)|X\.py")
"""A command that is spoken of, or leaves something out."""


def blocks(file=FILES[0]):
    """The commands of every shell block, each as words without the remark after it."""
    for block in re.findall(r"^```bash\n(.*?)^```$", file.read_text(), flags=re.MULTILINE | re.DOTALL):
        yield [words for line in block.splitlines() if (words := shlex.split(line, comments=True))]


def commands():
    """All of them, those within sentences too."""
    for file in FILES:
        for block in blocks(file):
            yield from block
        prose = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
        for spoken in re.findall(r"`([^`\n]+)`", prose):
            words = spoken.replace("<n>", "1").split()
            if words[0] in PROGRAMS and len(words) > 1 and not OPEN.search(spoken):
                yield words


def expanded(words):
    """The commands that ``make`` would run, or the command itself."""
    if words[0] != "make":
        return [words]
    done = subprocess.run([*words, "--dry-run"], cwd=REPO, capture_output=True, text=True, check=True)
    return [shlex.split(line) for line in done.stdout.splitlines() if not line.startswith("make")]
