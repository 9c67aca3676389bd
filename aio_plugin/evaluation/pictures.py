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

from ..metrics.distance import Metric
from ..metrics.ranking import nearest
from ..modality import Item
from ..protocols.base import Protocol
from .pixels import Render
from .score import Rerank, trial_rows
from .tiles import FAINT, INK, PAPER, font, framed, label_of, tile

RIGHT, WRONG, QUERY = "#1a9850", "#d73027", "#98a2b3"
"""Colours of the frames of gallery images of the same person and of others, and of the query."""

FRAME, GAP, LABEL = 5, 8, 18
"""Pixels: thickness of a frame, space between tiles, height of the line of labels."""


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
) -> Image.Image:
    """One row: every part of the query, then gallery tiles in ``order``, framed green where the person is right.

    Args:
        query: its parts are drawn in the order of modalities, captions as text.
        gallery: the items that ``order`` counts in.
        order: positions in ``gallery``, best first; negative ones (removed) are left out.
        render: draws an image medium.
        width, height: of a tile in pixels, without its frame.
    """
    parts = [(framed(tile(m, render, width, height), QUERY, FRAME), label_of(m), FAINT) for m in query.media.parts]
    found = [gallery[index] for index in order if index >= 0]
    ranked = [
        (framed(tile(item.media, render, width, height), colour, FRAME), str(rank), INK)
        for rank, item in enumerate(found, 1)
        for colour in [RIGHT if item.pid == query.pid else WRONG]
    ]
    return _row(parts, ranked)


def _row(query: list[tuple[Image.Image, str, str]], ranked: list[tuple[Image.Image, str, str]]) -> Image.Image:
    """Labelled tiles side by side; more space after the query."""
    tiles = [*query, *ranked]
    widths = [max(picture.width, math.ceil(font(LABEL - 5).getlength(label))) for picture, label, _ in tiles]
    width = sum(widths) + GAP * (len(tiles) + 1) + 2 * GAP
    height = max(picture.height for picture, _, _ in tiles) + LABEL + 2 * GAP
    row = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(row)
    at = GAP
    for number, (picture, label, colour) in enumerate(tiles):
        if number == len(query):
            at += 2 * GAP
        draw.text((at, GAP // 2), label, fill=colour, font=font(LABEL - 5))
        row.paste(picture, (at, GAP + LABEL))
        at += widths[number] + GAP
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
    for position, best in zip(trial.query, order, strict=True):
        if wanted is None or int(position) in wanted:
            found = [int(trial.gallery[index]) for index in best if index >= 0]
            height, width = size
            yield int(position), ranked_picture(target.query[position], target.gallery, found, render, width, height)


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
