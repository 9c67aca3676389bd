"""Sections of the doctor's report: facts, and problems with what to do about them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from tabulate import tabulate

from ..errors import printable

Counts = dict[str, tuple[int, int | None]]
"""What is counted -> the number in the dataset, and the published one where there is one."""


@dataclass
class Section:
    """A part of the report under a title."""

    title: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.title, *(textwrap.indent(fact, "  ") for fact in self.facts)]
        lines += ["  ! " + textwrap.indent(problem, "    ").lstrip() for problem in self.problems]
        return printable("\n".join(lines if self.problems else [*lines, "  no problems"]))


def with_first(what: str, examples: Sequence[str]) -> list[str]:
    """``["<what>: <number>; the first: <example>"]``, or nothing without examples."""
    return [f"{what}: {len(examples):,}; the first: {printable(examples[0], lines=False)}"] if examples else []


def counts_table(counts: Counts) -> str:
    """Counts beside the published ones, as a text table."""
    rows = [(what, f"{number:,}", "-" if known is None else f"{known:,}") for what, (number, known) in counts.items()]
    return tabulate(
        rows, ("", "found", "published"), "plain", colalign=("left", "right", "right"), disable_numparse=True
    )


def differing_counts(counts: Counts) -> list[str]:
    """A problem that names the counts that differ from the published ones, if any do."""
    off = [f"{what} {number:,} ({known:,})" for what, (number, known) in counts.items() if known not in (None, number)]
    return [f"counts differ from the published ones: {', '.join(off)}. Complete the download."] if off else []
