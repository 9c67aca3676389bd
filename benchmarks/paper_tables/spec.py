"""What a table is made of: rows and columns of cells, each with what it takes to fill it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .published_numbers import Note

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """How a model comes about.

    Attributes:
        name: of its runs.
        role: which of a scale's configs it takes.
        settings: over those of the scale.
        encoder: which of a scale's encoders it takes.
        start: the stage that it starts from (DMF).
        trains: False is the model as it is built.
    """

    name: str
    role: str
    settings: Settings = field(default_factory=dict)
    encoder: str = "laion"
    start: Training | None = None
    trains: bool = True


@dataclass(frozen=True)
class Score:
    """A cell of retrieval numbers, one of every metric and seed.

    Attributes:
        target: as data.targets names it.
        options: settings of the test alone.
        variant: which of the result's variants, by words in its protocol's name; '' is the result itself.
    """

    training: Training
    target: str
    options: Settings = field(default_factory=dict)
    variant: str = ""


@dataclass(frozen=True)
class Count:
    """A cell that counts what a dataset's folder holds.

    Attributes:
        dataset: name of an adapter.
        names: of the adapter's counts, which are added up; () counts distinct media instead.
        modality: of the media counted.
    """

    dataset: str
    names: tuple[str, ...] = ()
    modality: str = ""


@dataclass(frozen=True)
class Timing:
    """A cell that times the model on queries of ``modalities``, such as ``rgb+text``."""

    modalities: str
    role: str = "aio"


@dataclass(frozen=True)
class Absent:
    """A cell that cannot be computed whatever data there is, and why."""

    why: str


Cell = Score | Count | Timing | Absent


@dataclass(frozen=True)
class Claim:
    """An order of two rows that the paper prints, to be looked for in ours.

    Attributes:
        words: what it says, for people.
        more, less: the rows; the first has the higher number.
        column: None = every column, each looked at on its own.
        metric: index of it.
        printed: rows of the paper's table that say so, where they are called otherwise; None = it prints no such
            numbers, the order is the method's premise.
    """

    words: str
    more: str
    less: str
    column: str | None = None
    metric: int = 0
    printed: tuple[str, str] | None = ("", "")


@dataclass(frozen=True)
class Table:
    """A table to regenerate.

    Attributes:
        name: of its files.
        title: of a table of ours; one that a paper printed has the paper's.
        metrics: of every cell, as results name them.
        unit: "percent" (of fractions), "count" or "ms".
        cells: row -> column -> cell. Rows of the paper that are not here were run by others and stay as printed.
        printed: whether ``published/`` has a file of its name.
        incomparable: columns or rows whose difference from the printed number would mean nothing, and why.
        notes: what a reader has to know of how ours was made.
        each_seed: show every seed's numbers.
    """

    name: str
    title: str
    row_label: str
    metrics: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[str, Mapping[str, Cell]]
    unit: str = "percent"
    printed: bool = True
    incomparable: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    claims: Sequence[Claim] = ()
    each_seed: bool = False
    most_seeds: int | None = None

    def __iter__(self) -> Iterator[tuple[str, str, Cell]]:
        """Row, column and cell of all cells."""
        for row, columns in self.cells.items():
            for column, cell in columns.items():
                yield row, column, cell
