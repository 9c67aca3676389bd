"""Why an mAP is what it is: the worst or best queries of a target, and what stood before the right person."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from tabulate import tabulate

from ..errors import AIOError, MediaError, printable
from ..modality import Item, Media
from ..outside_files import lies_below
from .pictures import camera_name, ranked_picture
from .rankings import item_of
from .report import shortened, template
from .results import COLUMNS
from .table import percent
from .tiles import caption_tile

CAPTION_LENGTH = 100
"""Characters of a caption that the text shows."""


@dataclass(frozen=True)
class ExplainedQuery:
    """A query and the head of its ranking.

    Attributes:
        trial: in which it was ranked.
        item: the query.
        ap: its average precision, a fraction.
        first_rank: rank of its person, counted as Rank-k counts.
        top: the first gallery items.
        similarity: their cosines; () if other distances ranked them.
    """

    trial: str
    item: Item
    ap: float
    first_rank: int
    top: Sequence[Item]
    similarity: Sequence[float]

    @property
    def summary(self) -> str:
        """The query in a line."""
        words = [f"AP {percent(self.ap)} %", f"right person at rank {self.first_rank}", f"pid {self.item.pid}"]
        words += [camera_name(self.item.media.modality, self.item.camid), "" if self.trial == "all" else self.trial]
        return ", ".join(filter(None, words))

    @property
    def media(self) -> list[str]:
        """Every medium of the query in a line: modality and path, or the caption."""
        return [_described(part) for part in self.item.media.parts]


@dataclass(frozen=True)
class Explanation:
    """Chosen queries of a target.

    Attributes:
        heading, about: the target, and how its queries were ranked and chosen.
        queries: in the order of their AP.
    """

    heading: str
    about: str
    queries: Sequence[ExplainedQuery]

    def text(self) -> str:
        """As plain text, a block per query."""
        blocks = [f"{self.heading}\n{self.about}"]
        for number, query in enumerate(self.queries, 1):
            cosines = [f"{value:.3f}" for value in query.similarity] or ["-"] * len(query.top)
            rows = []
            for rank, (item, cosine) in enumerate(zip(query.top, cosines, strict=True), 1):
                remark = "<- right person" if item.pid == query.item.pid else ""
                camera = camera_name(item.media.modality, item.camid)
                rows.append((rank, printable(item.media, lines=False), item.pid, camera, cosine, remark))
            head = ("rank", "gallery", "pid", "camera", "similarity", "")
            table = tabulate(rows, head, disable_numparse=True, colalign=("right",))
            lines = [f"{number}. {query.summary}", *(f"   {each}" for each in query.media)]
            blocks.append("\n".join([*lines, textwrap.indent(table, " " * 5)]))
        return printable("\n\n".join(blocks))


def _described(medium: Media) -> str:
    caption = shortened(medium, CAPTION_LENGTH)
    synthetic = " (synthetic)" if medium.synthetic else ""
    return f"{medium.modality}{synthetic}: {printable(medium, lines=False)}" + (f" {caption!r}" if caption else "")


def explain(
    target: Mapping[str, Any], rankings: Mapping[str, Any], count: int, best: bool = False, topk: int = 10
) -> Explanation:
    """Choose queries of a target by their AP.

    A query of several trials stands once: in the trial in which its AP is lowest, or highest for ``best``. Queries
    without their person in the gallery have no AP and are left out.

    Args:
        target: entry of a results document.
        rankings: see :func:`aio_plugin.evaluation.rankings.read_rankings`.
        count: queries to choose.
        best: the best instead of the worst.
        topk: gallery items of each, at most those that the file holds.
    """
    column = next(column for column in reversed(COLUMNS) if target["results"].get(column))
    result = target["results"][column]
    entries = [
        (ap, rank, trial, row)
        for trial in rankings["trials"]
        for row, (ap, rank) in enumerate(zip(trial["ap"], trial["first_rank"], strict=True))
        if ap is not None
    ]
    entries.sort(key=lambda entry: (-entry[0], entry[1]) if best else (entry[0], -entry[1]))
    chosen: dict[int, ExplainedQuery] = {}
    for ap, rank, trial, row in entries:
        index = trial["query"][row]
        if index not in chosen and len(chosen) < count:
            item = item_of(rankings["query"], trial["parts"][row] if trial["parts"] else [index])
            top = [item_of(rankings["gallery"], [at]) for at in trial["top"][row][:topk]]
            similarity = trial["similarity"][row][: len(top)] if trial["similarity"] else ()
            chosen[index] = ExplainedQuery(trial["trial"], item, ap, rank, top, similarity)
    which = f"the {len(chosen)} {'best' if best else 'worst'} by AP"
    valid = len({trial["query"][row] for _, _, trial, row in entries})
    return Explanation(
        f"{target['target']}: {target['direction']}, {column}",
        f"{result['protocol']}; {result['metric']} distance; mAP {percent(result['mean']['mAP'])} %; "
        f"{which} of {valid:,} queries; ranks count {'identities' if result['cmc'] == 'identity' else 'images'}",
        list(chosen.values()),
    )


def explanation_page(
    explanations: Sequence[Explanation], root: str, read: Callable[[str], Image.Image], title: str, width: int = 96
) -> tuple[str, list[str]]:
    """The explanations as a self-contained HTML page, and what is wrong with the pictures that cannot be read.

    The page has a placeholder for each of these.

    Args:
        root: the data root, which relative paths are below.
        read: opens the image at a path, or raises AIOError.
        title: heading of the page.
        width: of a tile in pixels, half its height.
    """
    missing: dict[str, None] = {}

    def render(medium: Media) -> Image.Image:
        path = os.path.join(root, str(medium))
        try:
            if root and not lies_below(path, root):
                raise MediaError(f"{path!r} does not lie below the data root {root!r}")
            return read(path)
        except AIOError as error:
            missing[str(error)] = None
            return caption_tile(f"cannot be read: {path}", width, 2 * width)

    def picture(query: ExplainedQuery) -> Image.Image:
        order = range(len(query.top))
        return ranked_picture(query.item, query.top, order, render, width, 2 * width, query.similarity)

    page = template("explain.html").render(title=title, explanations=explanations, picture=picture, missing=missing)
    return page, list(missing)


def default_root(document: Mapping[str, Any]) -> str:
    """The data root in a document's config; "" if it has none."""
    data = document["config"].get("data")
    return os.path.expanduser(str(data.get("root", ""))) if isinstance(data, dict) else ""
