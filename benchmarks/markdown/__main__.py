"""Tables in Markdown, made from the result files: ``python -m benchmarks.markdown`` rewrites what is stale.

Between the lines ``<!-- table:toy/aio4 -->`` and ``<!-- /table -->`` stands the table of ``results/toy/aio4.json``;
between ``<!-- result:toy_demo_seed1 -->`` and ``<!-- /result -->`` what the run of that file in ``results/`` printed;
and likewise for the other kinds (:data:`KINDS`).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aio_plugin.atomic_write import written_whole
from aio_plugin.errors import AIOError

from .. import binding
from ..deviations.page import deviation_tables
from ..paper_tables import documents, tables
from ..paper_tables.published_numbers import read_published
from ..paper_tables.render import markdown
from ..paper_tables.runs import relative
from ..paper_tables.scales import SCALES
from ..result_files import REPOSITORY
from . import measured


def files() -> list[Path]:
    """The Markdown files that can have tables."""
    return [
        REPOSITORY / "README.md",
        *sorted((REPOSITORY / "benchmarks").glob("README.md")),
        *sorted((REPOSITORY / "benchmarks").glob("*/TOY.md")),
        REPOSITORY / "docs" / "deviations.md",
    ]


def table_of(name: str, results: Path = documents.RESULTS) -> str:
    """The Markdown of ``<scale>/<table>``.

    Raises:
        AIOError: its file is missing, corrupt, or of no table that is known; names it.
    """
    path = results / f"{name}.json"
    document = documents.read_table(path)
    if f"{document.scale}/{document.table}" != name:
        raise AIOError(f"{path} is {document.scale}/{document.table}, not {name}; move it there.")
    definition = tables(SCALES[document.scale]).get(document.table)
    if definition is None:
        raise AIOError(f"{path}: there is no table {document.table!r} any more; delete the file.")
    published = read_published(definition.name) if definition.printed else None
    return markdown(definition, document, published, relative(path).as_posix())


KINDS: Mapping[str, Callable[[str, Path], str]] = {
    "table": lambda name, results: f"\n{table_of(name, results)}",
    "result": measured.printed,
    "seeds": measured.seeds,
    "speed": measured.fast,
    "profile": measured.profile,
    "ranking": measured.ranking,
    "deviations": deviation_tables,
    "binding": lambda name, results: binding.markdown(binding.read(results / f"{name}.json")),
}
"""What can stand in a Markdown file: kind -> how it is made of a name and the folder of the results."""

FLAGS = re.DOTALL | re.MULTILINE
KIND = "|".join(KINDS)
BLOCK = re.compile(rf"^<!-- (?P<kind>{KIND}):(?P<name>\S+) -->\n(?P<inside>.*?)^<!-- /(?P=kind) -->$", FLAGS)
MARK = re.compile(rf"^<!-- /?({KIND})\b", FLAGS)
"""On a line of its own; within a line it is spoken of."""


def renewed(text: str, results: Path = documents.RESULTS) -> str:
    """``text`` with every table made from its result file.

    Raises:
        AIOError: a marker has no end, or its result file cannot be read.
    """
    if len(MARK.findall(text)) != 2 * len(BLOCK.findall(text)):
        raise AIOError("A marker <!-- table:NAME --> or <!-- result:NAME --> has no end, or an end no beginning.")
    return BLOCK.sub(lambda match: _block(match["kind"], match["name"], results), text)


def _block(kind: str, name: str, results: Path) -> str:
    inside = KINDS[kind](name, results)
    return f"<!-- {kind}:{name} -->\n{inside}\n<!-- /{kind} -->"


def stale(paths: Sequence[Path]) -> list[Path]:
    """The files whose tables are not those of their result files.

    Raises:
        AIOError: see :func:`renewed`; the file is named.
    """
    return list(_changed({path: _renewed(path) for path in paths}))


def _renewed(path: Path) -> str:
    try:
        return renewed(path.read_text(encoding="utf-8"))
    except AIOError as error:
        raise AIOError(f"{path}: {error}") from error


def _alone() -> dict[Path, str]:
    """The tables that stand beside their result files, as they should be."""
    paths = sorted(documents.RESULTS.glob("*/*.json"))
    return {path.with_suffix(".md"): table_of(f"{path.parent.name}/{path.stem}") for path in paths}


def _changed(made: Mapping[Path, str]) -> dict[Path, str]:
    """Those of ``made`` that do not stand so on disk."""
    return {path: text for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 where something is stale and was not to be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a table is stale")
    args = parser.parse_args(arguments)
    try:
        old = _changed({path: _renewed(path) for path in files()} | _alone())
        for path, text in old.items():
            print(f"{path.relative_to(REPOSITORY)}: tables are {'stale' if args.check else 'made anew'}")
            if not args.check:
                with written_whole(path) as file:
                    file.write(text.encode())
    except AIOError as error:
        print(f"benchmarks.markdown: {error}", file=sys.stderr)
        return 2
    return 1 if old and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
