"""What is asked of an index, by media in any mix and by pictures in it, and the hits that answer it."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..errors import GalleryError
from ..metrics.reranking import reciprocal_distances
from ..modality import Media, Modality
from .calibration import Calibrations, Verdict, direction_of
from .filters import Filter
from .gallery import Gallery
from .items import Medium
from .pictures import BoxMedia
from .store import FILE_STATE

MOST_ITEMS = 64
"""Combinations of a query's media."""
MOST_NAMED = 1000
"""Pictures of the index that a query may name."""
MOST_RERANKED = 2000
MOST_HITS = 10_000

QUERY, LIKE, UNLIKE = 1.0, 0.75, 0.15
"""Rocchio's weights of what was asked, of pictures like it and of those unlike it: the usual ones (Manning et al.,
Introduction to Information Retrieval, 9.1.1)."""

GROUPS = {"track": ("camera", "track"), "person": ("pid",)}
"""Columns that make a group, by its name; trackers number their tracks anew for every camera."""


class QueryEncoder(Protocol):
    """What is needed of a :class:`.model.ReIDModel`."""

    @property
    def digest(self) -> str:
        """Tells it from others."""

    def encode(self, items: list[Mapping[str, Medium]], /) -> Tensor:
        """Features (B, D) of items."""


@dataclass(frozen=True)
class Query:
    """A person to look for.

    Args:
        media: by the names of their modalities, one or several of each:
            ``{"rgb": ["a.jpg", "b.jpg"], "text": ["a woman in red"]}``.
        like, unlike: ids or paths of pictures of the index: more like these, not like those. The latter are not found.

    Raises:
        GalleryError: it is empty, or too much.
    """

    media: Mapping[str, Sequence[Medium]] = field(default_factory=dict)
    like: Sequence[str] = ()
    unlike: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "media", {name: list(media) for name, media in self.media.items() if len(media)})
        if not (self.media or self.like):
            raise GalleryError("The query is empty: give a picture, a caption, or a picture of the index.")
        count = math.prod(map(len, self.media.values()))
        if count > MOST_ITEMS or len(self.like) + len(self.unlike) > MOST_NAMED:
            raise GalleryError(
                f"The query has {count} combinations of media and names {len(self.like) + len(self.unlike)} pictures "
                f"of the index; at most {MOST_ITEMS} and {MOST_NAMED} are taken."
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """What it consists of: modalities, ``like`` and ``unlike``."""
        return (*self.media, *(name for name in ("like", "unlike") if getattr(self, name)))

    def without(self, part: str) -> Query | None:
        """The query without a part; None if nothing is left to look for."""
        media = {name: each for name, each in self.media.items() if name != part}
        kept = {name: () if name == part else getattr(self, name) for name in ("like", "unlike")}
        return replace(self, media=media, **kept) if media or kept["like"] else None

    @property
    def items(self) -> list[Mapping[str, Medium]]:
        """One of every combination of its media."""
        combinations = itertools.product(*self.media.values()) if self.media else ()
        return [dict(zip(self.media, media, strict=True)) for media in combinations]


@dataclass(frozen=True)
class Hit:
    """A picture that was found.

    Attributes:
        row: of the gallery.
        id, path: of the picture, see :mod:`.store`.
        score: cosine of the query and the picture.
        values: columns of the index: box, modality, pid, camera, track, time and further ones.
        count: pictures of its group that were compared; 1 without groups.
        contributions: part of the query -> by how much the cosine is lower without it; {} if it was not asked for.
        verdict: whether it is the person asked for, or somebody unknown; None without a calibration that fits.
    """

    row: int
    id: str
    path: str
    score: float
    values: Mapping[str, Any]
    count: int = 1
    contributions: Mapping[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Answer:
    """What a query found.

    Attributes:
        query: that was asked.
        hits: best first.
        compared: pictures that the filter kept.
        feature: (D) of the query, of unit length.
        reranked: pictures whose order is that of re-ranking, not of the scores.
        group: what a hit stands for; "" = itself.
        uncalibrated: why hits have no verdict although there are calibrations.
    """

    query: Query
    hits: tuple[Hit, ...]
    compared: int
    feature: Tensor
    reranked: int = 0
    group: str = ""
    uncalibrated: str = ""


def ask(
    model: QueryEncoder | None,
    gallery: Gallery,
    query: Query,
    *,
    top: int = 20,
    where: Filter | None = None,
    group: str = "",
    rerank: int = 0,
    contributions: bool = False,
    calibrations: Calibrations | None = None,
) -> Answer:
    """The pictures of an index that are most similar to a query.

    Args:
        model: that made the index; None for a query without media.
        top: hits.
        where: which pictures are compared.
        group: ``track``, ``person`` or a column: the best picture of each stands for it; a picture of which it is not
            known stands for itself.
        rerank: how many of the best pictures are put into the order of k-reciprocal re-ranking; 0 = none.
        contributions: find out what each part of the query adds to the cosine of each hit (leave-one-out; of a query of
            one part it is the cosine).
        calibrations: of the model, for verdicts. A query of several media of one modality, or that names pictures of
            the index, has none: its cosines are others than those of the pairs that were calibrated.

    Raises:
        CalibrationError: they are of another model.
        GalleryError: the index was made by another model, has no such picture or column, or a number is out of bounds.
        MediaError, ModalityError: the model cannot read the media.
    """
    if not (1 <= top <= MOST_HITS and 0 <= rerank <= MOST_RERANKED):
        raise GalleryError(f"top is 1 to {MOST_HITS}, rerank 0 to {MOST_RERANKED}; got {top} and {rerank}.")
    if query.media:
        if model is None:
            raise GalleryError("A query of media needs the model that made the index.")
        gallery.require_model(model.digest)
    named = {name: named_rows(gallery, getattr(query, name)) for name in ("like", "unlike")}
    lesser = {part: query.without(part) for part in query.parts} if contributions and len(query.parts) > 1 else {}
    asked = [query, *(each for each in lesser.values() if each)]
    features = _features(model, gallery, asked, named)
    codes = group_codes(gallery, group) if group else None
    mask = gallery.mask(where or Filter())
    mask[named["unlike"]] = False
    rows, scores = _best(gallery, features[0], top, where, named["unlike"], codes, rerank)
    counts = [1] * len(rows)
    if codes is not None:
        sizes = dict(zip(*(each.tolist() for each in np.unique(codes[mask], return_counts=True)), strict=True))
        counts = [sizes[code] for code in codes[rows].tolist()]
    names = [name for name in gallery.columns if name not in FILE_STATE]
    values = gallery.values(rows, names).to_pylist() if len(rows) else []
    shares = _contributions(gallery.vectors[rows], features, query, lesser) if contributions else [{}] * len(rows)
    verdicts, uncalibrated = _verdicts(calibrations, gallery, query, scores, values)
    hits = (
        Hit(int(row), each.pop("id"), each.pop("path"), float(score), each, count, share, verdict)
        for row, score, each, count, share, verdict in zip(rows, scores, values, counts, shares, verdicts, strict=True)
    )
    reranked = min(rerank, int(mask.sum()))
    return Answer(query, tuple(hits), int(mask.sum()), features[0], reranked, group, uncalibrated)


def named_rows(gallery: Gallery, names: Sequence[str]) -> list[int]:
    """The rows of pictures by their ids, or paths, below the root or whole.

    Raises:
        GalleryError: there is no such picture, or a path holds several of which boxes were indexed.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not names:
        return []
    below = os.path.join(gallery.root, "")
    wanted = [name.removeprefix(below) for name in names]
    found: dict[str, list[int]] = {name: [] for name in wanted}
    for column in ("id", "path"):
        values = gallery.column(column)
        rows = pc.indices_nonzero(pc.is_in(values, pa.array(wanted, pa.string())))
        for row, value in zip(rows.to_pylist(), values.take(rows).to_pylist(), strict=True):
            found[value].append(row)
    for name, rows in found.items():
        if not rows:
            raise GalleryError(
                f"{gallery.uri} has no picture {name[:200]!r}; give its id, or its path below {gallery.root!r}."
            )
        if len(rows) > 1:
            ids = ", ".join(gallery.column("id").take(rows[:3]).to_pylist())
            raise GalleryError(f"{gallery.uri}: {name[:200]!r} has {len(rows)} boxes; name one by its id: {ids} ...")
    return list(dict.fromkeys(row for rows in found.values() for row in rows))


def picture_of(gallery: Gallery, hit: Hit) -> Media:
    """The picture of a hit, to be read; raises GalleryError if its path leads out of the root."""
    return picture_in_row(gallery, hit.row, hit.values)


def picture_in_row(gallery: Gallery, row: int, values: Mapping[str, Any]) -> Media:
    """The picture of a row, given its modality and box; raises GalleryError if its path leads out of the root."""
    file, modality, box = gallery.file(row), Modality.named(values["modality"]), values["box"]
    return BoxMedia(file, modality, tuple(box)) if box else Media(file, modality)


def group_codes(gallery: Gallery, name: str) -> NDArray[np.int64]:
    """(N) the same for rows of one group, and different ones for rows whose group is not known."""
    import pyarrow as pa

    codes = np.zeros(len(gallery), np.int64)
    for column in GROUPS.get(name, (name,)):
        values = gallery.column(column)
        if values.type != pa.string():
            raise GalleryError(f"{gallery.uri}: the column {column!r} is not of text; group by another.")
        encoded = values.combine_chunks().dictionary_encode()
        known = len(encoded.dictionary)
        own = encoded.indices.fill_null(known).to_numpy(zero_copy_only=False).astype(np.int64)
        codes = np.unique(codes * (known + 1) + own, return_inverse=True)[1]
    return np.where(own == known, -1 - np.arange(len(codes)), codes)  # of the last column: who, or which track, it is


def _features(
    model: QueryEncoder | None, gallery: Gallery, queries: Sequence[Query], named: Mapping[str, Sequence[int]]
) -> Tensor:
    """Features (Q, D) of unit length.

    Of several media of a modality each stands in as many items as the others, and the mean of the items' unit features
    is taken, as in multi-query testing of Market-1501. Pictures of the index are added by Rocchio's formula:
    1 q + 0.75 mean(like) - 0.15 mean(unlike).
    """
    items = [item for query in queries for item in query.items]
    encoded = iter(model.encode(items) if model is not None and items else ())
    features = []
    for query in queries:
        feature = torch.zeros(gallery.index.dim)
        if query.media:
            own = torch.stack([next(encoded) for _ in query.items])
            feature += QUERY * F.normalize(F.normalize(own).mean(0), dim=0)
        for name, weight in (("like", LIKE), ("unlike", -UNLIKE)):
            if getattr(query, name):
                feature += weight * gallery.vectors[list(named[name])].mean(0)
        features.append(feature)
    stacked = F.normalize(torch.stack(features))
    if not bool((stacked.norm(dim=1) > 0.5).all()):
        raise GalleryError("The parts of the query cancel each other; leave some out.")
    return stacked


def _verdicts(
    calibrations: Calibrations | None,
    gallery: Gallery,
    query: Query,
    scores: NDArray[np.float32],
    values: Sequence[Mapping[str, Any]],
) -> tuple[list[Verdict | None], str]:
    """Of every hit, and why there are none."""
    verdicts: list[Verdict | None] = [None] * len(scores)
    if calibrations is None:
        return verdicts, ""
    calibrations.require_model(gallery.index.digest)
    if query.like or query.unlike or len(query.items) != 1:
        return verdicts, "verdicts are of one medium of each modality, without pictures of the index"
    asked = tuple(sorted(map(Modality.named, query.media), key=lambda modality: modality.index))
    known = {each["modality"]: (Modality.named(each["modality"]),) for each in values}
    fitting = {name: calibrations.between(asked, kind) for name, kind in known.items()}
    missing = [direction_of(asked, known[name]) for name, each in fitting.items() if each is None]
    for row, (score, each) in enumerate(zip(scores, values, strict=True)):
        calibration = fitting[each["modality"]]
        verdicts[row] = calibration.verdict(float(score)) if calibration else None
    return verdicts, f"there is no calibration of {', '.join(missing)}" if missing else ""


def _contributions(
    vectors: Tensor, features: Tensor, query: Query, lesser: Mapping[str, Query | None]
) -> list[dict[str, float]]:
    """Of every row of ``vectors``, by the part of the query."""
    cosines = vectors @ features.T
    left_out, at = {}, 1
    for part in query.parts:
        if lesser.get(part) is None:  # nothing is left to be similar
            left_out[part] = cosines[:, 0]
        else:
            left_out[part] = cosines[:, 0] - cosines[:, at]
            at += 1
    return [{part: float(share[row]) for part, share in left_out.items()} for row in range(len(vectors))]


def _best(
    gallery: Gallery,
    feature: Tensor,
    top: int,
    where: Filter | None,
    unlike: Sequence[int],
    codes: NDArray[np.int64] | None,
    rerank: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of the best ``top`` pictures, or of the best picture of as many groups, and their cosines."""
    count = max(top, rerank)
    while True:
        asked = count + len(unlike)
        hits = gallery.search(feature[None], asked, where)
        rows, scores = hits.rows[0], hits.scores[0]
        is_last = len(rows) < asked
        kept = ~np.isin(rows, unlike)
        rows, scores = rows[kept], scores[kept]
        if rerank and len(rows):
            best = rows[:rerank]
            order = reciprocal_distances(feature, gallery.vectors[best]).argsort(kind="stable")
            rows, scores = np.r_[best[order], rows[rerank:]], np.r_[scores[:rerank][order], scores[rerank:]]
        if codes is None:
            return rows[:top], scores[:top]
        first = np.sort(np.unique(codes[rows], return_index=True)[1])[:top]
        if len(first) == top or is_last:
            return rows[first], scores[first]
        count *= 4
