"""The tables of docs/deviations.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aio_plugin.errors import AIOError

from ..markdown.formatting import markdown_table
from .configs import CONFIGS, Deviation, deviations, paper


def deviation_tables(name: str, results: Path) -> str:
    """What stands between ``<!-- deviations:NAME -->`` and its end; ``name`` is one of :data:`PARTS`.

    Raises:
        AIOError: there is no such part, or a config deviates without giving its reason.
    """
    kind, _, of = name.partition("-")
    if kind not in PARTS or of not in ("aio", "dmf"):
        raise AIOError(f"There is no {name!r} in docs/deviations.md: it has {', '.join(PARTS)}, each -aio or -dmf.")
    return f"\n{PARTS[kind](of)}\n"


def _configs(method: str) -> str:
    """A table for every config of a method; configs that deviate alike share it."""
    groups: dict[tuple[Deviation, ...], list[str]] = {}
    faults = []
    for path in sorted(CONFIGS.glob(f"*/{method}_*.yaml")):
        try:
            groups.setdefault(tuple(deviations(path)), []).append(f"`{path.parent.name}/{path.name}`")
        except AIOError as error:
            faults.append(str(error))
    if faults:
        raise AIOError("\n".join(faults))
    return "\n\n".join(_config(names, rows) for rows, names in groups.items())


def _config(names: list[str], rows: tuple[Deviation, ...]) -> str:
    lines = [[f"`{row.key}`", f"{row.paper} ({row.place})", row.here, row.why] for row in rows]
    table = markdown_table(["key", "paper", "here", "why"], lines) if rows else "No key deviates."
    return f"**{', '.join(names)}**\n\n{table}"


def _code(method: str) -> str:
    rows = [[str(each[name]) for name in ("what", "paper", "here", "why")] for each in paper(method).code]
    return markdown_table(["what", "paper", "here", "why"], rows)


def _open(method: str) -> str:
    rows = [
        [
            *(str(each[name]) for name in ("what", "choice", "why")),
            ", ".join(f"`{key}`" for key in each.get("keys", ())),
        ]
        for each in paper(method).open
    ]
    return markdown_table(["what", "choice", "why", "keys"], rows)


PARTS: Mapping[str, Callable[[str], str]] = {"configs": _configs, "code": _code, "open": _open}
"""What the page is made of: the keys of configs, deviations that are not keys, and what a paper leaves open."""
