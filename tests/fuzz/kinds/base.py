"""What a kind of case is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """Cases of one kind.

    Attributes:
        name: as the table of counts says it.
        run: ``(rng, lab) -> verdict``: "same" if the result is that of undamaged files, "warned" if the difference is
            told in a warning or a note, "other" if the damaged files are valid as they are; raises an AIOError if they
            are refused, and anything else if the case failed.
        prepare: ``(lab)``, once in a process.
        weight: how many cases there are beside those of other kinds.
    """

    name: str
    run: Callable[[Any, Any], str]
    prepare: Callable[[Any], Any] = lambda lab: None
    weight: int = 1
