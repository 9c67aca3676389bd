"""report.html, one self-contained file: what was trained, Rank-1 of every direction, examples; folded: all the rest."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from ..atomic_write import written_whole
from ..errors import printable
from ..modality import Media, Modality
from .attributes import describe_words
from .pictures import ranked_pictures
from .pixels import Render
from .score import Result
from .table import TABLE_METRICS, columns, percent, rows

COLUMN_NAMES = {"pixels": "Raw pixels", "before": "Before training", "after": "After training"}
METRIC_NAMES = {"rank-1": "Rank-1", "mAP": "mAP", "mINP": "mINP"}
CAPTION_LENGTH = 2000
"""Characters of a caption that the page shows."""
EXAMPLES = 4
"""Ranked lists that the page opens with."""


@dataclass(frozen=True)
class RankedList:
    """A picture of a query and its ranking, with the query's identity and captions, and whether Rank-1 counts it."""

    pid: int
    right: bool
    captions: tuple[str, ...]
    picture: Image.Image


def ranked_lists(result: Result, count: int, topk: int, render: Render, size: tuple[int, int]) -> list[RankedList]:
    """Ranked lists of ``count`` queries of the first trial, evenly spread over it: not chosen by success.

    If none of them found its person at once, the first query that did comes last. The other arguments are those of
    :func:`aio_plugin.evaluation.pictures.ranked_pictures`.
    """
    searched, items = result.trials[0].trial.query, result.query
    right = set(searched[result.trials[0].retrieval.first_rank.numpy() == 1].tolist())
    spread = searched[np.linspace(0, len(searched) - 1, min(count, len(searched))).round().astype(int)].tolist()
    example = [] if right.intersection(spread) else sorted(right)[:1]
    drawn = dict(ranked_pictures(result, topk, render, size, queries=[*spread, *example]))
    return [
        RankedList(
            items[at].pid,
            at in right,
            tuple(printable(shortened(m, CAPTION_LENGTH)) for m in items[at].media.parts if m.caption),
            drawn[at],
        )
        for at in dict.fromkeys([*spread, *example])
    ]


def write_report(path: Path, document: Mapping[str, Any], lists: Mapping[str, Sequence[RankedList]]) -> Path:
    """Write the page and return its path.

    Args:
        path: of the page, replaced whole.
        document: see :func:`aio_plugin.evaluation.results.document`.
        lists: target, as the document names it -> its ranked lists.
    """
    page = template("report.html").render(
        title=_title(document),
        examples=_examples(document, lists),
        document=document,
        config=json.dumps(document["config"], indent=2, ensure_ascii=False),
        columns=[(name, COLUMN_NAMES[name]) for name in columns(document)],
        metrics=[(key, METRIC_NAMES[key]) for key in TABLE_METRICS],
        rows=rows(document),
        lists=lists,
    )
    with written_whole(path) as file:
        file.write(page.encode(errors="replace"))
    return path


def _title(document: Mapping[str, Any]) -> str:
    model = (document["config"].get("model") or {}).get("name", "AIO model")
    sources = ", ".join(source["name"] for source in document.get("sources", ()))
    return f"{model}, trained on {sources}" if sources and "training" in document else f"{model}, tested"


def _examples(
    document: Mapping[str, Any], lists: Mapping[str, Sequence[RankedList]]
) -> list[tuple[Mapping[str, Any], RankedList]]:
    """Targets with a ranked list of a query that found its person at once; first those that search by text, and by most
    beside it, last those that search by photo."""

    def order(target: Mapping[str, Any]) -> tuple[bool, bool, int]:
        kinds = target["direction"].partition(" ")[0].split("+")
        return Modality.RGB.value in kinds, Modality.TEXT.value not in kinds, -len(kinds)

    examples: list[tuple[Mapping[str, Any], RankedList]] = []
    for target in sorted(document["targets"], key=order):
        examples += [(target, each) for each in lists.get(target["target"], ()) if each.right][:1]
    return examples[:EXAMPLES]


def shortened(medium: Media, length: int) -> str:
    """The caption of a medium on one line, cut to a number of characters."""
    caption = " ".join((medium.caption or "").split())
    return caption if len(caption) <= length else f"{caption[:length].rstrip()} ..."


def template(name: str, package: str = "aio_plugin.evaluation") -> jinja2.Template:
    """A page of a package, which may extend those of this one; all that is put into it is escaped."""
    packages = dict.fromkeys([package, "aio_plugin.evaluation"])
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each, ".") for each in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "data_url": _data_url, "words": describe_words}
    return environment.get_template(name)


def _data_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
