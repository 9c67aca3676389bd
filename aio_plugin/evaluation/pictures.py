"""Ranked lists to look at: a query, whatever it is made of, and who was found for it."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from ..metrics.distance import Metric
from ..metrics.ranking import nearest
from ..modality import Item, Media, Modality
from ..protocols.base import Protocol
from .pixels import Render
from .score import Rerank, trial_queries, trial_rows
from .tiles import FAINT, INK, PAPER, font, framed, label_of, tile

RIGHT, WRONG, QUERY = "#1a9850", "#d73027", "#98a2b3"
"""Colours of the frames of gallery images of the same person and of others, and of the query."""

FRAME, GAP, LABEL, FOOT = 5, 8, 20, 18
"""Pixels: thickness of a frame, space between tiles, heights of the lines above and below them."""


class Searched(typing.Protocol):
    """What was searched with what."""

    @property
    def protocol(self) -> Protocol:
        """How it is scored."""

    @property
    def query(self) -> Sequence[Item]:
        """(Q,) items."""

    @property
    def gallery(self) -> Sequence[Item]:
        """(G,) items."""


def ranked_picture(
    query: Item,
    gallery: Sequence[Item],
    order: Sequence[int] | NDArray[np.int64],
    render: Render,
    width: int = 128,
    height: int = 256,
    similarity: Sequence[float] = (),
    cameras: bool = True,
) -> Image.Image:
    """One row: every part of the query, then gallery tiles in ``order``, framed green where the person is right.

    Above the tiles stand modality and rank, below them the query's identity, cameras and similarities.

    Args:
        query: its parts are drawn in the order of modalities, captions as text.
        gallery: the items that ``order`` counts in.
        order: positions in ``gallery``, best first; negative ones (removed) are left out.
        render: draws an image medium.
        width, height: of a tile in pixels, without its frame.
        similarity: of the query and the item at every position of ``order``; () shows none.
        cameras: whether items tell their camera.
    """
    parts = []
    for number, medium in enumerate(query.media.parts):
        words = ["" if number else f"id {query.pid}", _camera(medium.modality, query.camid) if cameras else ""]
        picture = framed(tile(medium, render, width, height), QUERY, FRAME)
        parts.append(_Tile(picture, label_of(medium), FAINT, "  ".join(filter(None, words))))
    ranked: list[_Tile] = []
    for place, index in enumerate(order):
        if index < 0:
            continue
        item = gallery[index]
        words = [_camera(item.media.modality, item.camid) if cameras else ""]
        words += [f"{similarity[place]:.2f}"] if len(similarity) else []
        colour = RIGHT if item.pid == query.pid else WRONG
        picture = framed(tile(item.media, render, width, height), colour, FRAME)
        ranked.append(_Tile(picture, str(len(ranked) + 1), INK, "  ".join(filter(None, words))))
    return _row(parts, ranked)


class _Tile(typing.NamedTuple):
    """A picture with the words above it, their colour, and those below it."""

    picture: Image.Image
    label: str
    colour: str
    foot: str

    @property
    def width(self) -> int:
        """Of the widest of the three, in pixels."""
        words = ((self.label, LABEL), (self.foot, FOOT))
        return max(self.picture.width, *(math.ceil(font(line - 5).getlength(text)) for text, line in words))


def _camera(modality: Modality, camid: int) -> str:
    """Cameras are counted from 1, as file names count them."""
    return f"cam {camid + 1}" if modality.has_camera else ""


def _row(query: Sequence[_Tile], ranked: Sequence[_Tile]) -> Image.Image:
    """Labelled tiles side by side; more space after the query."""
    tiles = [*query, *ranked]
    width = sum(each.width for each in tiles) + GAP * (len(tiles) + 1) + 2 * GAP
    tall = max(each.picture.height for each in tiles)
    row = Image.new("RGB", (width, LABEL + tall + FOOT + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(row)
    at = GAP
    for number, each in enumerate(tiles):
        if number == len(query):
            at += 2 * GAP
        draw.text((at, GAP // 2), each.label, fill=each.colour, font=font(LABEL - 5))
        row.paste(each.picture, (at, GAP + LABEL))
        draw.text((at, GAP + LABEL + tall + GAP // 2), each.foot, fill=FAINT, font=font(FOOT - 5))
        at += each.width + GAP
    return row


def ranked_pictures(
    query_features: Tensor,
    gallery_features: Tensor,
    target: Searched,
    topk: int,
    render: Render,
    size: tuple[int, int],
    *,
    queries: Sequence[int] | None = None,
    metric: Metric = "cosine",
    rerank: Rerank | None = None,
) -> Iterator[tuple[int, Image.Image]]:
    """Yield (position of the query, picture) for queries of the protocol's first trial.

    Args:
        query_features, gallery_features: (Q, D), (G, D).
        topk: gallery images shown, after removal as the protocol asks.
        render: draws an image medium.
        size: height and width of a tile in pixels.
        queries: positions of the queries to draw, those that the trial lacks left out; None for all.
        metric, rerank: as scored with.
    """
    trial = next(iter(target.protocol.trials(target.query, target.gallery)))
    rows, ranking = trial_rows(query_features, gallery_features, target.query, target.gallery, trial, metric, rerank)
    order = nearest(rows, ranking, topk)
    wanted = None if queries is None else set(queries)
    cameras = len({item.camid for item in target.gallery}) > 1
    height, width = size
    features = trial_queries(query_features, trial)
    for row, (position, best) in enumerate(zip(trial.query, order, strict=True)):
        if wanted is None or int(position) in wanted:
            found = [int(trial.gallery[index]) for index in best if index >= 0]
            likeness = [] if rerank else cosines(features[row], gallery_features[found])
            query = target.query[position]
            if trial.parts is not None:
                query = _together([target.query[part] for part in trial.parts[row]])
            yield int(position), ranked_picture(query, target.gallery, found, render, width, height, likeness, cameras)


def _together(queries: Sequence[Item]) -> Item:
    """The first of the queries, with the media of all."""
    first, *others = (part for query in queries for part in query.media.parts)
    return queries[0]._replace(media=Media(str(first), first.modality, first.caption, others, first.synthetic))


def cosines(query: Tensor, gallery: Tensor) -> list[float]:
    """(D), (G, D) -> G cosine similarities; they order as both distances do, but not as re-ranking does."""
    found: list[float] = F.cosine_similarity(query[None].float(), gallery.float()).tolist()
    return found


def write_ranked_lists(
    query_features: Tensor,
    gallery_features: Tensor,
    target: Searched,
    folder: Path,
    topk: int,
    render: Render,
    size: tuple[int, int],
    *,
    metric: Metric = "cosine",
    rerank: Rerank | None = None,
) -> Path:
    """Write :func:`ranked_pictures` of all queries into ``folder``, one JPEG each; returns the folder.

    A file is named by the position of its query and the name of the query's file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = ranked_pictures(
        query_features, gallery_features, target, topk, render, size, metric=metric, rerank=rerank
    )
    for position, picture in pictures:
        name = re.sub(r"[^\w.-]+", "-", Path(str(target.query[position].media)).name)
        picture.save(folder / f"{position:06d}_{name}.jpg", quality=90)
    return folder
