"""Tables as Markdown: real ones beside what the paper printed, toy ones by themselves and marked as such."""

from __future__ import annotations

from collections.abc import Sequence

from ..markdown.formatting import FACTOR, format_mean, format_number, heading, markdown_table
from .comparisons import verdicts
from .documents import CellValues, Document
from .published_numbers import Note, Published
from .spec import Table

TOY = "TOY DATA"
UNLIKE = "Not comparable with published results"
"""What adapters say where a dataset is not complete, or not the one it should be."""


class Footnotes:
    """Sentences below a table, each once, and the marks of the cells they belong to."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def mark(self, *texts: str) -> str:
        """The mark of a cell that ``texts`` are said of."""
        numbers = [self.texts.setdefault(text, len(self.texts) + 1) for text in texts if text]
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""

    def lines(self) -> list[str]:
        """The sentences."""
        return [f"{number}. {text}" for text, number in self.texts.items()]


def markdown(table: Table, document: Document, published: Published | None, place: str) -> str:
    """The table of ``document``.

    Args:
        place: path of the document's file.
        published: what the paper printed; not shown beside toy data.
    """
    feet = Footnotes()
    if document.toy:
        title, body, about = f"{TOY}: {table.title}", _alone(table, document, feet), [_warning(published)]
    elif published is None:
        title, body, about = table.title, _alone(table, document, feet), []
    else:
        title = f"{published.paper.partition(':')[0]}, {published.table}: {published.title}"
        body = _beside(table, document, published, feet)
        about = [f"Published: {published.paper}, {published.table}."]
    parts = [
        [f"**{title}**"],
        about,
        [body],
        feet.lines(),
        _notes(table, document, published),
        _claims(table, document),
    ]
    return "\n\n".join("\n".join(part) for part in [*parts, [_origin(document, place)]] if part) + "\n"


def _warning(published: Published | None) -> str:
    """Says that toy numbers are not comparable with published ones."""
    after = f" Modelled on {published.table} of {published.paper.partition(':')[0]}." if published else ""
    return (
        "**The people are drawn by a program and the encoder was trained on such drawings only: no number here is "
        f"comparable with a published one.**{after}"
    )


def _alone(table: Table, document: Document, feet: Footnotes) -> str:
    """One line per row, one column per column, ours alone."""
    columns = [column if table.unit == "count" else f"{column}, {heading(table.metrics)}" for column in table.columns]
    seeds = [f"seed {seed}" for seed in document.seeds()] if table.each_seed else []
    rows = []
    for row, cells in table.cells.items():
        own = {column: document.cells.get((row, column)) for column in table.columns}
        line = [_ours(each, table, feet, document.toy) if column in cells else "" for column, each in own.items()]
        if table.each_seed:
            line += _by_seed(own[table.columns[0]], table, document)
        rows.append([row, *line])
    return markdown_table([table.row_label, *columns, *seeds], rows)


def _beside(table: Table, document: Document, published: Published, feet: Footnotes) -> str:
    """One line per cell: published, ours, difference."""
    numbers = heading(table.metrics)
    head, rows = [table.row_label, "", f"published, {numbers}", f"ours, {numbers}", "difference"], []
    for row in [*table.cells, *(row for row in published.values if row not in table.cells)]:
        for column in table.columns:
            printed = published.at(row, column)
            ours = document.cells.get((row, column))
            if printed is None and ours is None:
                continue
            said = [note.text for note in published.notes if (note.rows or note.columns) and note.concerns(row, column)]
            left = (
                "" if printed is None else " / ".join(format_number(v, table.unit) for v in printed) + feet.mark(*said)
            )
            right = "" if row not in table.cells else _ours(ours, table, feet)
            rows.append([row, column, left, right, _difference(table, row, column, ours, printed, feet)])
    return markdown_table(head, rows)


def _difference(
    table: Table,
    row: str,
    column: str,
    ours: CellValues | None,
    printed: Sequence[float | None] | None,
    feet: Footnotes,
) -> str:
    if ours is None or not ours.values or printed is None:
        return ""
    why = [table.incomparable[key] for key in (row, column) if key in table.incomparable]
    why += ["counts differ from the published ones" for note in ours.notes if UNLIKE in note][:1]
    if why:
        return feet.mark(*why).strip()
    pairs = [(FACTOR[table.unit] * ours.mean(index), value) for index, value in enumerate(printed)]
    return " / ".join(
        "-" if value is None else format_number(mean - value, table.unit, sign=True) for mean, value in pairs
    )


def _ours(values: CellValues | None, table: Table, feet: Footnotes, toy: bool = False) -> str:
    if values is None:
        return feet.mark("not in this result file; make the table again").strip()
    if not values.values:
        return feet.mark(f"empty: {values.why}").strip()
    numbers = " / ".join(format_mean(values, index, table.unit) for index in range(len(table.metrics)))
    return numbers + feet.mark(*(note for note in values.notes if not (toy and UNLIKE in note)))  # the title says it


def _by_seed(values: CellValues | None, table: Table, document: Document) -> list[str]:
    if values is None or not values.values:
        return [""] * len(document.seeds())
    by = {document.runs[key]["seed"]: value for key, value in zip(values.runs, values.values, strict=True)}
    return [
        " / ".join(format_number(FACTOR[table.unit] * v, table.unit) for v in by[seed]) if seed in by else ""
        for seed in document.seeds()
    ]


def _notes(table: Table, document: Document, published: Published | None) -> list[str]:
    """What is said of the whole table, or of rows and columns of ours."""
    notes: list[Note] = list(table.notes)
    if published is not None and not document.toy:
        notes = [note for note in published.notes if not note.rows and not note.columns] + notes
    return [f"* {_of(note)}{note.text}." for note in notes]


def _of(note: Note) -> str:
    of = "; ".join(", ".join(names) for names in (note.rows, note.columns) if names)
    return f"{of}: " if of else ""


def _claims(table: Table, document: Document) -> list[str]:
    sentences = list(verdicts(table, document))
    who = "The paper's observations, tested on these numbers" if table.printed else "Observations"
    apart = "an order counts where the means are further apart than their joint deviation"
    return [f"{who} ({apart}):", "", *(f"* {sentence}" for sentence in sentences)] if sentences else []


def _origin(document: Document, place: str) -> str:
    """Where the numbers come from: what a reader needs to make them again."""
    command = document.command.replace("benchmarks.tables", "benchmarks.paper_tables")  # its earlier name
    if not document.runs:
        return f"Nothing could be computed. `{command}`, {document.created[:10]}."
    runs = list(document.runs.values())
    commits = sorted({str(run["commit"])[:12] for run in runs})
    machines = sorted({f"{r['hardware']['processor']}, {r['hardware']['cores']} cores" + _gpus(r) for r in runs})
    facts = ", ".join(f"{key} {fact}" for key, fact in (document.world or {}).items())
    world = f"; toy world: {facts}" if facts else ""
    seeds = f"; seeds {', '.join(map(str, document.seeds()))}" if document.unit == "percent" else ""
    return (
        f"`{command}`, {document.created[:10]}; commit {', '.join(commits)}; {'; '.join(machines)}"
        f"{seeds}{world}. Configs, versions and every seed's numbers: `{place}`."
    )


def _gpus(run: object) -> str:
    names = run["hardware"]["gpus"] if isinstance(run, dict) else []
    return "".join(f", {name}" for name in names)
