"""Why an mAP is what it is: the worst or best queries of a target, and what stood before the right person."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from tabulate import tabulate

from ..errors import AIOError
from ..modality import Item, Media
from .pictures import camera_name, ranked_picture
from .pixels import Render
from .rankings import item_of
from .report import embed, template
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
        return "\n\n".join(
            [f"{self.heading}\n{self.about}", *(self._block(*each) for each in enumerate(self.queries, 1))]
        )

    def summary(self, query: ExplainedQuery) -> str:
        """A query in a line."""
        camera = camera_name(query.item.media.modality, query.item.camid)
        words = [f"AP {percent(query.ap)} %", f"right person at rank {query.first_rank}", f"pid {query.item.pid}"]
        return ", ".join([*words, *([camera] if camera else []), *([query.trial] if query.trial != "all" else [])])

    def _block(self, number: int, query: ExplainedQuery) -> str:
        lines = [f"{number}. {self.summary(query)}", *(f"   {each}" for each in described(query.item))]
        similarity = [f"{value:.3f}" for value in query.similarity] or ["-"] * len(query.top)
        rows = [
            (
                rank,
                _printable(str(item.media)),
                item.pid,
                camera_name(item.media.modality, item.camid),
                cosine,
                "<- right person" if item.pid == query.item.pid else "",
            )
            for rank, (item, cosine) in enumerate(zip(query.top, similarity, strict=True), 1)
        ]
        head = ("rank", "gallery", "pid", "camera", "similarity", "")
        return (
            "\n".join(lines)
            + "\n"
            + textwrap.indent(tabulate(rows, head, disable_numparse=True, colalign=("right",)), " " * 5)
        )


def described(item: Item) -> list[str]:
    """Every medium of a query in a line: modality and path, or the caption."""
    return [_described(part) for part in item.media.parts]


def _described(medium: Media) -> str:
    caption = " ".join((medium.caption or "").split())
    if len(caption) > CAPTION_LENGTH:
        caption = f"{caption[:CAPTION_LENGTH].rstrip()} ..."
    made = " (synthetic)" if medium.synthetic else ""
    return f"{medium.modality}{made}: {_printable(str(medium))}" + (f" {caption!r}" if caption else "")


def _printable(path: str) -> str:
    return path if path.isprintable() else repr(path)  # escapes would reach the terminal


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
        if len(chosen) >= count:
            break
        index = trial["query"][row]
        if index not in chosen:
            chosen[index] = _query(rankings, trial, row, ap, rank, topk)
    which = f"the {len(chosen)} {'best' if best else 'worst'} by AP"
    valid = len({trial["query"][row] for _, _, trial, row in entries})
    return Explanation(
        f"{target['target']}: {target['direction']}, {column}",
        f"{result['protocol']}; {result['metric']} distance; mAP {percent(result['mean']['mAP'])} %; "
        f"{which} of {valid:,} queries; ranks count {'identities' if result['cmc'] == 'identity' else 'images'}",
        list(chosen.values()),
    )


def _query(
    rankings: Mapping[str, Any], trial: Mapping[str, Any], row: int, ap: float, rank: int, topk: int
) -> ExplainedQuery:
    parts = trial["parts"][row] if trial["parts"] else [trial["query"][row]]
    top = [item_of(rankings["gallery"], [index]) for index in trial["top"][row][:topk]]
    similarity = trial["similarity"][row][: len(top)] if trial["similarity"] else ()
    return ExplainedQuery(trial["trial"], item_of(rankings["query"], parts), ap, rank, top, similarity)


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
            return read(path)
        except AIOError as error:
            missing[str(error)] = None
            return caption_tile(f"cannot be read: {path}", width, 2 * width)

    sections = [
        {
            "heading": each.heading,
            "about": each.about,
            "entries": [_figure(each, query, render, width) for query in each.queries],
        }
        for each in explanations
    ]
    page = template("explain.html").render(title=title, sections=sections, missing=list(missing))
    return page, list(missing)


def _figure(explanation: Explanation, query: ExplainedQuery, render: Render, width: int) -> dict[str, Any]:
    order = range(len(query.top))
    picture = ranked_picture(query.item, query.top, order, render, width, 2 * width, query.similarity)
    return {
        "source": embed(picture),
        "pid": query.item.pid,
        "summary": explanation.summary(query),
        "media": described(query.item),
    }


def default_root(document: Mapping[str, Any]) -> str:
    """The data root in a document's config; "" if it has none."""
    data = document["config"].get("data")
    return os.path.expanduser(str(data.get("root", ""))) if isinstance(data, dict) else ""
