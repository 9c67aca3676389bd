"""Who is in which split, and in which modalities: counted, and checked for people in the wrong place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...errors import DatasetError
from ...modality import Item, Modality


def pids(items: Iterable[Item]) -> set[int]:
    """The identities of items."""
    return {item.pid for item in items}


def search_counts(query: Sequence[Item], gallery: Sequence[Item]) -> dict[str, int]:
    """Identities and images of a test split, to compare with the published ones."""
    return {
        "query images": len(query),
        "query ids": len(pids(query)),
        "gallery images": len(gallery),
        "gallery ids": len(pids(gallery)),
    }


def modality_counts(split: str, items: Sequence[Item], kinds: Iterable[Modality]) -> dict[str, int]:
    """Identities of a split and images of each modality, to compare with the published ones."""
    images = {f"{split} {kind} images": sum(item.media.modality is kind for item in items) for kind in kinds}
    return {f"{split} ids": len(pids(items)), **images}


def lacking(dataset: str, split: str, items: Sequence[Item], kinds: Iterable[Modality]) -> list[str]:
    """A note for every modality in which somebody of the items is not seen.

    Args:
        split: of the items, for messages: "training".
    """
    everybody, notes = pids(items), []
    for kind in kinds:
        without = everybody - pids(item for item in items if item.media.modality is kind)
        if without:
            seen = f"{len(without)} of {len(everybody)} {split} persons have no {kind}"
            notes.append(f"{dataset}: {seen}, the first {min(without)}")
    return notes


def unanswered(dataset: str, query: Sequence[Item], gallery: Sequence[Item]) -> list[str]:
    """A note if persons are searched for who are not in the gallery."""
    alone = pids(query) - pids(gallery)
    if not alone:
        return []
    return [
        f"{dataset}: {len(alone)} query persons are not in the gallery, the first {min(alone)}; their queries "
        f"count in no metric"
    ]


def check_apart(dataset: str, train: set[int], test: set[int], files: str = "files") -> None:
    """Check that nobody is trained on and tested with.

    Args:
        files: what says who is where, for the message: "lists in RegDB/idx".

    Raises:
        DatasetError: somebody is; names the first.
    """
    shared = train & test
    if shared:
        raise DatasetError(
            f"{dataset}: {len(shared)} persons are in train and test, the first {min(shared)}. Restore the published "
            f"{files}."
        )
