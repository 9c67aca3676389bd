"""What was found of one thing looked at: facts, and what is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

INDENT, MARK = "  ", "! "


@dataclass
class Block:
    """A titled part of a report.

    Attributes:
        title: what was looked at.
        facts: what is so, in the order found.
        problems: what is wrong, each with what to do.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def tell(self, facts: Iterable[str]) -> None:
        """Add facts, each once."""
        self.facts += [fact for fact in dict.fromkeys(facts) if fact not in self.facts]

    def blame(self, problems: Iterable[str]) -> None:
        """Add problems, each once."""
        self.problems += [text for text in dict.fromkeys(problems) if text not in self.problems]

    def __str__(self) -> str:
        lines = [self.title, *(textwrap.indent(fact, INDENT) for fact in self.facts)]
        lines += [INDENT + MARK + textwrap.indent(text, INDENT * 2).lstrip() for text in self.problems]
        return "\n".join(lines if self.problems else [*lines, f"{INDENT}nothing wrong"])


def first_of(what: str, examples: Sequence[str]) -> list[str]:
    """``"<what>: <n>; the first: <example>"``; nothing where there are none."""
    return [f"{what}: {len(examples):,}; the first: {examples[0]}"] if examples else []
