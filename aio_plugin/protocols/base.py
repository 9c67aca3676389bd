"""A protocol: given queries and gallery, which trials are run and what each removes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..modality import Item

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One scoring of queries against a gallery.

    Attributes:
        name: of the trial, for the result.
        query, gallery: (Q,), (G,) indices into the items the protocol was given.
        parts: for every query the indices of the items that it is made of, the one in ``query`` first: its
            feature is the mean of theirs, each of unit length. None where every query is one item.
        query_key, gallery_key: (Q,), (G,) removal keys. Gallery item ``j`` is removed from the
            ranking of query ``i`` where ``query_key[i] == gallery_key[j] >= 0``. Every removal rule
            of the field is of this form: (pid, camera) pairs for Market-1501, camera locations
            for SYSU-MM01, the source photo for Tri-CUHK-PEDES.
    """

    name: str
    query: Ints
    gallery: Ints
    query_key: Ints
    gallery_key: Ints
    parts: tuple[Ints, ...] | None = None


class Protocol(ABC):
    """How a dataset is scored.

    Attributes:
        name: as it stands in results, with everything that distinguishes it from its variants.
        cmc: ``"image"`` counts gallery images; ``"identity"`` first keeps only the best-ranked image
            of every gallery identity.
        variants: further protocols, scored on the same features and reported beside this one.
    """

    name: str
    cmc: Literal["image", "identity"] = "image"
    variants: tuple[Protocol, ...] = ()

    @abstractmethod
    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield the trials."""
