"""Ranked lists as pictures: a query, whatever it consists of, and the first gallery items of its ranking."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..atomic_write import written_whole
from ..modality import Item, Media, Modality
from .pixels import Render
from .score import Result
from .tiles import FAINT, INK, PAPER, font, framed, label_of, tile

RIGHT, WRONG, QUERY = "#1a9850", "#d73027", "#98a2b3"
"""Frame colours of gallery images of the same person and of others, and of the query."""

NAME_LENGTH = 48
"""Characters of a query's file name in that of its picture; a name can have 255 bytes."""

FRAME, GAP, LABEL, FOOT = 5, 8, 20, 18
"""Pixels: thickness of a frame, space between tiles, heights of the text above and below them."""


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
    """One row: every part of the query, then gallery tiles in ``order``, framed green if the person is right.

    Modality and rank are written above the tiles, the query's identity, cameras and similarities below.

    Args:
        query: its parts are drawn in the order of modalities, captions as text.
        gallery: the items that ``order`` counts in.
        order: positions in ``gallery``, best first; negative ones (removed) are left out.
        render: draws an image medium.
        width, height: of a tile in pixels, without its frame.
        similarity: of the query and the item at every position of ``order``; () shows none.
        cameras: whether to write the cameras.
    """
    parts = []
    for number, medium in enumerate(query.media.parts):
        words = ["" if number else f"id {query.pid}", camera_name(medium.modality, query.camid) if cameras else ""]
        picture = framed(tile(medium, render, width, height), QUERY, FRAME)
        parts.append(_Tile(picture, label_of(medium), FAINT, "  ".join(filter(None, words))))
    ranked: list[_Tile] = []
    for place, index in enumerate(order):
        if index < 0:
            continue
        item = gallery[index]
        words = [camera_name(item.media.modality, item.camid) if cameras else ""]
        words += [f"{similarity[place]:.2f}"] if len(similarity) else []
        colour = RIGHT if item.pid == query.pid else WRONG
        picture = framed(tile(item.media, render, width, height), colour, FRAME)
        ranked.append(_Tile(picture, str(len(ranked) + 1), INK, "  ".join(filter(None, words))))
    return _row(parts, ranked)


class _Tile(NamedTuple):
    """A picture with the text above it, its colour, and the text below it."""

    picture: Image.Image
    label: str
    colour: str
    foot: str

    @property
    def width(self) -> int:
        """Pixels of the widest of the three."""
        words = ((self.label, LABEL), (self.foot, FOOT))
        return max(self.picture.width, *(math.ceil(font(line - 5).getlength(text)) for text, line in words))


def camera_name(modality: Modality, camid: int) -> str:
    """Cameras are counted from 1, as file names count them; "" for sketches and captions."""
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
    result: Result, topk: int, render: Render, size: tuple[int, int], *, queries: Sequence[int] | None = None
) -> Iterator[tuple[int, Image.Image]]:
    """Yield (position of the query, picture) for queries of the protocol's first trial.

    Args:
        result: holds the top k of every query, see ``topk`` of :func:`aio_plugin.evaluation.score.score`.
        topk: gallery images shown.
        render: draws an image medium.
        size: height and width of a tile in pixels.
        queries: positions of the queries to draw, those that the trial lacks left out; None for all.
    """
    trial, retrieval = result.trials[0].trial, result.trials[0].retrieval
    similarity = result.similarity(retrieval)
    wanted = None if queries is None else set(queries)
    cameras = len({item.camid for item in result.gallery}) > 1
    height, width = size
    for row, position in enumerate(trial.query.tolist()):
        if wanted is None or position in wanted:
            places = retrieval.top[row, :topk].numpy()
            order = trial.gallery[places[places >= 0]]
            query = result.query[position]
            if trial.parts is not None:  # one query made of several items
                parts = (part for index in trial.parts[row] for part in result.query[index].media.parts)
                query = query._replace(media=Media.joined(parts))
            values = [] if similarity is None else similarity[row, : len(order)].tolist()
            yield position, ranked_picture(query, result.gallery, order, render, width, height, values, cameras)


def write_ranked_lists(result: Result, folder: Path, topk: int, render: Render, size: tuple[int, int]) -> Path:
    """Write :func:`ranked_pictures` of all queries into ``folder``, one JPEG each; returns the folder.

    A file is named by the position of its query and the name of the query's file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for position, picture in ranked_pictures(result, topk, render, size):
        name = re.sub(r"[^\w.-]+", "-", Path(str(result.query[position].media)).name)[-NAME_LENGTH:]
        with written_whole(folder / f"{position:06d}_{name}.jpg", flushed=False) as file:
            picture.save(file, "JPEG", quality=90)
    return folder
