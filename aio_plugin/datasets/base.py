"""What every dataset adapter gives: items in three splits, read from disk and checked."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config import Option
from ..errors import ModalityError, ProtocolError
from ..modality import Combination, Item, format_combination
from ..protocols.base import Protocol

Options = Mapping[str, Any]


class MakeProtocol(typing.Protocol):
    """``(root, options, query) -> Protocol``.

    The options can name files below ``root`` that define the trials; ``query`` is the combination
    searched with, None for the dataset's own, because a direction can have its own removal rule.
    """

    def __call__(self, root: str, options: Options, query: Combination | None = None) -> Protocol:
        """Build the protocol."""


@dataclass
class Splits:
    """The items of a dataset.

    Attributes:
        train: every medium of the training persons, of all modalities. An RGB image carries its
            own captions as partners; infrared images and sketches stand as items of their own and
            meet their photos by ``pid``.
        query: what is searched with; the partners of an item are the further parts of its query.
        gallery: what is searched in (RGB unless the protocol says otherwise).
        notes: what a user should know of how the splits were made; they land in the result.
        found, published: what was counted on disk ("train ids": 713, ...), and what the dataset's
            authors say of the same; a count that nobody published is in ``found`` alone.
    """

    train: Sequence[Item] = ()
    query: Sequence[Item] = ()
    gallery: Sequence[Item] = ()
    notes: list[str] = field(default_factory=list)
    found: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Adapter:
    """A dataset by its torchreid name.

    Attributes:
        name: what a config calls it.
        folder: where it lies under the data root.
        read: ``(root, options, query) -> Splits``; ``root`` is the folder that contains ``folder``,
            ``query`` the combination of modalities to search with, or None for ``queries[0]`` (ORBench's
            groups: for all of them).
        protocol: see :class:`MakeProtocol`.
        queries: the combinations its own media can form, the default first; empty if the
            dataset is for training only, or if only the data says, see ``find_queries``.
        options: every option it takes.
        folders: all names its folder goes by; () if ``folder`` is the only one.
        survey: options under which, one after the other, everything in a complete copy is read; () if other
            datasets of the folder read it all. Forms that a copy need not have raise OtherFormError.
        spare: patterns, relative to the folder, of what a complete copy has though nothing reads it:
            images that no split uses, folders that are empty.
        find_queries: ``(root, options) -> combinations`` of a dataset that can have any.
    """

    name: str
    folder: str
    read: Callable[[str, Options, Combination | None], Splits]
    protocol: MakeProtocol
    queries: tuple[Combination, ...]
    options: Sequence[Option] = ()
    folders: Sequence[str] = ()
    survey: Sequence[Options] = ({},)
    spare: Sequence[str] = ()
    find_queries: Callable[[str, Options], tuple[Combination, ...]] | None = None

    def queries_in(self, root: str, options: Options) -> tuple[Combination, ...]:
        """``queries``, or what the data below ``root`` has of them.

        Raises:
            DatasetError: the data has to be read for it, and cannot be.
        """
        return self.find_queries(root, options) if self.find_queries else self.queries


def training_only(dataset: str) -> MakeProtocol:
    """The protocol of a dataset without a test split, which raises ProtocolError."""

    def protocol(root: str, options: Options, query: Combination | None = None) -> Protocol:
        raise ProtocolError(f"{dataset} is for training only; use it in data.sources, not in data.targets.")

    return protocol


def choose_query(name: str, queries: Sequence[Combination], query: Combination | None) -> Combination:
    """``query``, or the default where it is None.

    Raises:
        ModalityError: the dataset's own media cannot form it; names those they can.
    """
    if query is None:
        return queries[0]
    if query not in queries:
        known = ", ".join(map(format_combination, queries))
        raise ModalityError(f"{name} has no {format_combination(query)} queries of its own; it has {known}.")
    return query


def relabel(items: Iterable[Item]) -> list[Item]:
    """The items with pids 0..n-1 in the order of their raw identities."""
    items = list(items)
    label = {pid: index for index, pid in enumerate(sorted({item.pid for item in items}))}
    return [item._replace(pid=label[item.pid]) for item in items]
