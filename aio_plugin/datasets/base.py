"""Adapters: what a dataset is called, how its items are read into splits, how queries are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModalityError, ProtocolError
from ..modality import Combination, Item, format_combination
from ..options import Option, resolve
from ..protocols.base import Protocol

Options = Mapping[str, Any]


@dataclass
class Splits:
    """The items of a dataset.

    Attributes:
        train: every medium of the training persons, of all modalities. An RGB image carries its
            own captions as partners; infrared images and sketches stand as items of their own and
            meet their photos by ``pid``.
        query: the queries; the partners of an item are the further parts of its query.
        gallery: the gallery (RGB unless the protocol says otherwise).
        notes: what a user should know of how the splits were made; they are part of the result.
        found, published: the counts on disk ("train ids": 713, ...) and those that the dataset's
            authors published; an unpublished count is in ``found`` alone.
    """

    train: Sequence[Item] = ()
    query: Sequence[Item] = ()
    gallery: Sequence[Item] = ()
    notes: list[str] = field(default_factory=list)
    found: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)


ReadSplits = Callable[[str, Options, Combination | None], Splits]
MakeProtocol = Callable[[str, Options, Combination | None], Protocol]


@dataclass(frozen=True)
class Adapter:
    """A dataset by its torchreid name.

    Attributes:
        name: what a config calls it.
        folder: its folder below the data root.
        read_splits: ``(root, options, query) -> Splits``; ``root`` is the folder that contains ``folder``, ``options``
            has a checked value for every option, and ``query`` is one of ``queries`` or None, which stands for the
            first (ORBench's groups and manifests: for all of them).
        make_protocol: the protocol, or ``(root, options, query) -> Protocol``, as for ``read_splits``: the options can
            name files below ``root`` that define the trials, and a direction can have its own removal rule. None if
            the dataset is for training only.
        queries: the combinations its own media can form, the default first; empty if the
            dataset is for training only, or if they depend on the data, see ``find_queries``.
        options: every option it takes.
        folders: all names its folder can have; () if ``folder`` is the only one.
        survey: options that together read everything in a complete copy; () if other datasets of the folder
            do. Forms that a copy need not have raise OtherFormError.
        surveyed: queries that together read everything under the options of ``survey``; () for all of ``queries``.
        spare: patterns, relative to the folder, of parts of a complete copy that are not read: images that
            no split uses, empty folders.
        find_spare: ``root -> patterns`` of images that the dataset's own lists leave out.
        beside: folders below the data root that parts of the dataset can lie in, outside of its own.
        find_queries: ``(root, options) -> combinations`` of a dataset that can have any.
    """

    name: str
    folder: str
    read_splits: ReadSplits
    make_protocol: MakeProtocol | Protocol | None = None
    queries: tuple[Combination, ...] = ()
    options: Sequence[Option] = ()
    folders: Sequence[str] = ()
    survey: Sequence[Options] = ({},)
    surveyed: Sequence[Combination] = ()
    spare: Sequence[str] = ()
    find_spare: Callable[[str], Sequence[str]] | None = None
    beside: Sequence[str] = ()
    find_queries: Callable[[str, Options], tuple[Combination, ...]] | None = None

    def read(self, root: str, options: Options, query: Combination | None = None) -> Splits:
        """The items of the dataset below the data root, with queries of a combination or of its default.

        Raises:
            ConfigError: an option is unknown or its value is not accepted.
            ModalityError: the dataset has no queries of that combination.
            DatasetError: files are missing, malformed or contradict each other.
        """
        values = resolve(self.name, self.options, options)
        if query is not None and self.queries:
            check_query(self.name, self.queries, query)
        return self.read_splits(root, values, query)

    def protocol(self, root: str, options: Options, query: Combination | None = None) -> Protocol:
        """How the queries of a combination, or of its default, are scored.

        Raises:
            ProtocolError: the dataset is for training only.
        """
        if self.make_protocol is None:
            raise ProtocolError(f"{self.name} is for training only; use it in data.sources, not in data.targets.")
        values = resolve(self.name, self.options, options)
        return (
            self.make_protocol if isinstance(self.make_protocol, Protocol) else self.make_protocol(root, values, query)
        )

    def queries_in(self, root: str, options: Options) -> tuple[Combination, ...]:
        """``queries``, or those that the data below ``root`` has.

        Raises:
            DatasetError: the data has to be read for it, and cannot be.
        """
        if self.find_queries is None:
            return self.queries
        return self.find_queries(root, resolve(self.name, self.options, options))


def check_query(name: str, queries: Sequence[Combination], query: Combination) -> None:
    """Raise ModalityError if a dataset has no queries of a combination; names those it has."""
    if query not in queries:
        known = ", ".join(map(format_combination, queries))
        raise ModalityError(f"{name} has no {format_combination(query)} queries of its own; it has {known}.")


def relabel(items: Iterable[Item]) -> list[Item]:
    """The items with pids 0..n-1 in the order of their raw identities."""
    items = list(items)
    label = {pid: index for index, pid in enumerate(sorted({item.pid for item in items}))}
    return [Item(media, label[pid], camid, source) for media, pid, camid, source in items]
