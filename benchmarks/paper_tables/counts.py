"""What the folders of the datasets hold: AIO's table 3."""

from __future__ import annotations

from pathlib import Path

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import AIOError, OtherFormError
from aio_plugin.modality import Modality

from .spec import Count


def count(cell: Count, root: Path) -> tuple[int, tuple[str, ...]]:
    """The number of ``cell``, and the counts that its dataset's authors publish and that differ, as notes.

    Raises:
        DatasetError: the dataset cannot be read.
        AIOError: it does not count what the cell asks for.
    """
    if cell.modality:
        return _distinct(cell.dataset, Modality.named(cell.modality), root), ()
    found: dict[str, int] = {}
    published: dict[str, int] = {}
    adapter = all_adapters()[cell.dataset]
    for options in adapter.survey:
        try:
            splits = adapter.read(str(root), options, None)
        except OtherFormError:  # a complete copy need not have this form
            continue
        found |= splits.found
        published |= splits.published
    lacking = [name for name in cell.names if name not in found]
    if lacking:
        raise AIOError(f"{cell.dataset} does not count {lacking[0]!r}; it counts {', '.join(found)}.")
    notes: tuple[str, ...] = ()
    if all(name in published for name in cell.names):
        theirs, ours = (sum(counts[name] for name in cell.names) for counts in (published, found))
        notes = () if theirs == ours else (f"the dataset's authors publish {theirs:,}",)
    return sum(found[name] for name in cell.names), notes


def _distinct(name: str, modality: Modality, root: Path) -> int:
    """Different files of ``modality`` that any split uses."""
    adapter = all_adapters()[name]
    files: set[str] = set()
    for options in adapter.survey:
        splits = adapter.read(str(root), options, None)
        for items in (splits.train, splits.query, splits.gallery):
            files.update(str(part) for item in items for part in item.media.parts if part.modality is modality)
    return len(files)
