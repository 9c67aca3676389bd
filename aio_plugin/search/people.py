"""Everyone in the footage: the people that pictures of an index are grouped into, as CSV and as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import GalleryError, printable
from ..evaluation.report import template
from ..evaluation.table import percent
from ..modality import Media
from .answers import SHOWN, shown_value, thumbnail
from .calibration import Calibrations
from .filters import Filter
from .gallery import Gallery
from .grouping import NEIGHBOURS, Agreement, agreement, by_density, by_neighbours, track_means
from .query import group_codes, picture_in_row

METHODS = ("neighbours", "hdbscan")
SHOWN_PEOPLE, SHOWN_PICTURES = 100, 12
"""On the page, of the most pictures; spread evenly over a person's pictures in the order of time."""


@dataclass(frozen=True)
class GroupedPeople:
    """Pictures grouped into people.

    Attributes:
        rows: (N) of the gallery.
        people: (N) number of the person of each, from 0, those of most pictures first.
        units: tracks and single pictures that were grouped.
        agreement: with the people that are known; None if there are none.
    """

    rows: NDArray[np.int64]
    people: NDArray[np.int64]
    units: int
    agreement: Agreement | None

    @property
    def summary(self) -> str:
        """The figures in a line."""
        words = [f"{len(self.rows):,} pictures ({self.units:,} tracks or single pictures)"]
        words += [f"{len(np.unique(self.people)):,} people"]
        if self.agreement:
            each = self.agreement
            words += [
                f"of {each.pictures:,} pictures of known people: purity {percent(each.purity)} %, pairs: "
                f"precision {percent(each.precision)} %, recall {percent(each.recall)} %, F1 {percent(each.f1)} %"
            ]
        return "; ".join(words)


def group_people(
    gallery: Gallery,
    *,
    where: Filter | None = None,
    threshold: float | None = None,
    calibrations: Calibrations | None = None,
    method: str = "neighbours",
    neighbours: int = NEIGHBOURS,
    tracks: bool = True,
    ignore: Sequence[str] = (),
) -> GroupedPeople:
    """Group the pictures of an index into people.

    Args:
        where: which pictures.
        threshold: cosine at which two are linked by the method ``neighbours``; None = that of ``calibrations``, which
            is of single pictures: the means of tracks of different people reach it more easily.
        method: ``neighbours`` or ``hdbscan``, see :mod:`.grouping`.
        neighbours: nearest ones that can be linked.
        tracks: group tracks, by the mean feature of their pictures, where they are known.
        ignore: pids of no person, such as Market-1501's -1 and 0000; their pictures are not scored.

    Raises:
        GalleryError: there is no threshold, or the pictures are of several modalities.
        CalibrationError: the calibrations are of another model.
    """
    if neighbours < 1:
        raise GalleryError(f"neighbours is {neighbours}; give 1 or more.")
    rows = np.flatnonzero(gallery.mask(where or Filter()))
    modalities = sorted(set(gallery.column("modality").take(rows).to_pylist()))
    if len(modalities) > 1:
        raise GalleryError(
            f"The pictures are of {', '.join(modalities)}, whose cosines differ; give --where modality={modalities[0]}."
        )
    codes = group_codes(gallery, "track")[rows] if tracks else rows
    features, of = track_means(gallery.vectors[torch.from_numpy(rows)], codes)
    if method == "hdbscan":
        people = by_density(features)
    elif method == "neighbours":
        people = by_neighbours(features, _threshold(gallery, threshold, calibrations, modalities), neighbours)
    else:
        raise GalleryError(f"There is no method {method[:40]!r}; give {' or '.join(METHODS)}.")
    numbers = people[of]
    sizes = np.bincount(numbers) if len(numbers) else np.empty(0, np.int64)
    places = np.empty(len(sizes), np.int64)
    places[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))  # by pictures, no longer by tracks
    numbers = places[numbers]
    known = [None if pid in ignore else pid for pid in gallery.column("pid").take(rows).to_pylist()]
    return GroupedPeople(rows, numbers, len(features), agreement(numbers, known))


def _threshold(
    gallery: Gallery, threshold: float | None, calibrations: Calibrations | None, modalities: list[str]
) -> float:
    if threshold is not None:
        return threshold
    if calibrations is not None:
        calibrations.require_model(gallery.index.digest)
        name = f"{modalities[0]} -> {modalities[0]}" if modalities else ""
        if not modalities or name in calibrations.directions:
            return calibrations.directions[name].threshold if modalities else 1.0
    raise GalleryError(
        "The cosine from which on two pictures show one person is not known: run `aio-reid calibrate`, give "
        "--threshold, or --method hdbscan, which needs none."
    )


def people_csv(grouped: GroupedPeople, gallery: Gallery) -> str:
    """A line for every picture: number of the person from 1, then the columns of the index."""
    names = ["id", "path", "box", *SHOWN]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["person", *names])
    order = np.lexsort((grouped.rows, grouped.people))
    columns = [gallery.column(name).take(grouped.rows[order]).to_pylist() for name in names]
    for number, *values in zip(grouped.people[order].tolist(), *columns, strict=True):
        writer.writerow([number + 1, *(printable(shown_value(value), lines=False) for value in values)])
    return text.getvalue()


def people_page(grouped: GroupedPeople, gallery: Gallery, read: Callable[[Media], Image.Image]) -> str:
    """The people of most pictures as a self-contained HTML page.

    Args:
        read: an image medium as an 8-bit RGB image, or raises AIOError.
    """

    def picture(row: int, values: Mapping[str, Any]) -> Image.Image:
        return thumbnail(lambda: read(picture_in_row(gallery, row, values)))

    shown = []
    for number in range(min(SHOWN_PEOPLE, int(grouped.people.max(initial=-1)) + 1)):
        rows = grouped.rows[grouped.people == number]
        values = gallery.values(rows, ["box", "modality", *SHOWN]).to_pylist()
        order = sorted(range(len(rows)), key=lambda at: (values[at]["time"] is None, str(values[at]["time"]), at))
        spread = np.unique(np.linspace(0, len(rows) - 1, min(SHOWN_PICTURES, len(rows))).round().astype(int))
        chosen = [order[at] for at in spread]
        pictures = [picture(int(rows[at]), values[at]) for at in chosen]
        facts = [
            (name, sorted({shown_value(each[name]) for each in values if each[name] is not None}))
            for name in ("camera", "pid")
        ]
        times = sorted(each["time"] for each in values if each["time"] is not None)
        span = f"{shown_value(times[0])} to {shown_value(times[-1])}" if times else ""
        shown.append((number + 1, len(rows), facts, span, pictures))
    return template("people.html", "aio_plugin.search").render(
        title=f"People in {gallery.uri.rpartition('/')[2]}", summary=grouped.summary, people=shown
    )
