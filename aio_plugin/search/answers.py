"""An answer as text for a terminal, as JSON, and as a page with pictures."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageOps
from tabulate import tabulate

from ..errors import AIOError, printable
from ..evaluation.report import CAPTION_LENGTH, shortened, template
from ..evaluation.tiles import caption_tile
from ..modality import MODALITIES, Media
from .gallery import Gallery
from .items import Medium, items_of
from .query import Answer, Hit, picture_of

SCHEMA = 1
"""The form of the JSON."""
WIDTH, HEIGHT = 128, 256
"""Pixels of a picture on the page."""
SHOWN = ("pid", "camera", "track", "time")
"""Columns of the table that all indices have; those without any value are left out."""

Read = Callable[[Media], Image.Image]


def answer_text(answer: Answer) -> str:
    """The hits as a table."""
    columns = [name for name in SHOWN if any(hit.values[name] is not None for hit in answer.hits)]
    parts = answer.query.parts if any(hit.contributions for hit in answer.hits) else ()
    grouped = ["pictures"] if answer.group else []
    judged = ["probability", "person"] if any(hit.verdict for hit in answer.hits) else []
    rows = [
        [rank, f"{hit.score:.3f}"]
        + _judged(hit)[: len(judged)]
        + [*(f"{hit.contributions[part]:+.3f}" for part in parts)]
        + [hit.count][: len(grouped)]
        + [printable(shown_value(hit.values[name]), lines=False) for name in columns]
        + [printable(hit.path, lines=False) + (f" {hit.values['box']}" if hit.values["box"] else "")]
        for rank, hit in enumerate(answer.hits, 1)
    ]
    head = ["rank", "similarity", *judged, *parts, *grouped, *columns, "picture"]
    table = tabulate(rows, head, disable_numparse=True, colalign=("right",) if rows else None)
    return f"{table}\n{_summary(answer)}"


def answer_json(answer: Answer, gallery: Gallery) -> dict[str, Any]:
    """The answer as ``aio-reid search --json`` writes it; times are UTC in ISO 8601."""
    return {
        "schema": SCHEMA,
        "index": {"uri": gallery.uri, "version": gallery.version, "root": gallery.root, "model": gallery.index.digest},
        "query": {
            "media": {name: [_named(medium) for medium in media] for name, media in answer.query.media.items()},
            "like": list(answer.query.like),
            "unlike": list(answer.query.unlike),
        },
        "compared": answer.compared,
        "group": answer.group or None,
        "reranked": answer.reranked,
        "hits": [
            {
                "rank": rank,
                "id": hit.id,
                "path": hit.path,
                "score": hit.score,
                "probability": hit.verdict.probability if hit.verdict else None,
                "same": hit.verdict.same if hit.verdict else None,
                "pictures": hit.count,
                "contributions": dict(hit.contributions),
                **{name: hit.values[name] for name in ("box", "modality", "pid", "camera", "track")},
                "time": hit.values["time"].isoformat() if hit.values["time"] else None,
                "values": {n: v for n, v in hit.values.items() if n not in ("box", "modality", *SHOWN)},
            }
            for rank, hit in enumerate(answer.hits, 1)
        ],
    }


def thumbnail(read: Callable[[], Image.Image]) -> Image.Image:
    """A picture at the size of the page, or what is wrong with it."""
    try:
        return ImageOps.contain(read(), (2 * WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    except AIOError as error:
        return caption_tile(str(error), WIDTH, HEIGHT)


def answer_page(answer: Answer, gallery: Gallery, read: Read) -> str:
    """The answer as a self-contained HTML page; what cannot be read has a placeholder that says so.

    Args:
        read: an image medium as an 8-bit RGB image, or raises AIOError.
    """

    def found(hit: Hit) -> Image.Image:
        return thumbnail(lambda: read(picture_of(gallery, hit)))

    def asked(modality: str, medium: Medium) -> tuple[str, Image.Image | str]:
        media = items_of([{modality: medium}], {}, tuple(MODALITIES))[0].media
        return media.modality.label, thumbnail(lambda: read(media)) if media.modality.is_image else shortened(
            media, CAPTION_LENGTH
        )

    return template("answer.html", "aio_plugin.search").render(
        title=f"{len(answer.hits)} found in {gallery.uri.rpartition('/')[2]}",
        summary=_summary(answer),
        asked=[asked(name, medium) for name, media in answer.query.media.items() for medium in media],
        named=[(name, list(getattr(answer.query, name))) for name in ("like", "unlike")],
        hits=[(hit, found(hit), [(name, shown_value(hit.values[name])) for name in SHOWN]) for hit in answer.hits],
        group=answer.group,
    )


def _summary(answer: Answer) -> str:
    words = [f"{answer.compared:,} pictures compared"]
    words += [f"the best {answer.reranked} re-ranked"] if answer.reranked else []
    words += [f"the best picture of every {answer.group} with the number of its pictures"] if answer.group else []
    words += [answer.uncalibrated] if answer.uncalibrated else []
    return "; ".join(words)


def _judged(hit: Hit) -> list[str]:
    if hit.verdict is None:
        return ["", ""]
    return [f"{hit.verdict.probability:.3f}", "same" if hit.verdict.same else "unknown"]


def shown_value(value: Any) -> str:
    """A value of a column as text; "" if it is not known."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return "" if value is None else str(value)


def _named(medium: Medium) -> str:
    """A path or caption; what is in memory has no name."""
    return str(medium) if isinstance(medium, str | os.PathLike) else "an image in memory"
