"""``search``: pictures of an index that are most similar to a query of any mix of media."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .. import load
from ..atomic_write import written_whole
from ..errors import ConfigError, printable
from ..modality import BUILT_IN
from ..search.answers import answer_json, answer_page, answer_text
from ..search.calibration import Calibrations, beside, read_calibrations
from ..search.gallery import Gallery
from ..search.model import ReIDModel
from ..search.query import Query, ask
from ..training.images import read_image
from .filter_options import filter_of


def run_search(args: argparse.Namespace) -> None:
    """Print the hits, as a table or as JSON, and write the page if ``--html`` asks for it.

    Raises:
        ConfigError: the options contradict each other.
        AIOError: whatever is wrong with the query, the model or the index.
    """
    media: dict[str, list[str]] = {name.lower(): getattr(args, name.lower()) for name in BUILT_IN}
    for given in args.media:
        name, equals, value = given.partition("=")
        if not equals:
            raise ConfigError(f"--media {given!r} is not MODALITY=FILE.")
        media.setdefault(name, []).append(value)
    query = Query(media, args.like, args.unlike)
    gallery = Gallery(args.index, root=args.root)
    model = None
    if query.media:
        if not args.weights:
            raise ConfigError("A query of media needs --weights, the model that made the index.")
        model = load(args.weights, args.device or None)
    answer = ask(
        model,
        gallery,
        query,
        top=args.top,
        where=filter_of(args),
        group=args.group,
        rerank=args.rerank,
        contributions=args.contributions,
        calibrations=_calibrations(args, gallery, model),
    )
    print(json.dumps(answer_json(answer, gallery), indent=2) if args.json else answer_text(answer))
    if args.html:
        with written_whole(Path(args.html).expanduser()) as file:
            file.write(answer_page(answer, gallery, read_image).encode(errors="replace"))
        if not args.json:
            print(f"Page saved to {printable(args.html)}")


def _calibrations(args: argparse.Namespace, gallery: Gallery, model: ReIDModel | None) -> Calibrations | None:
    """Those of ``--calibration``, or beside the index or the weights, if there are any."""
    if args.calibration:
        return read_calibrations(args.calibration)
    for source in (gallery.uri, model.source if model is not None else ""):
        if source and beside(source).is_file():
            return read_calibrations(beside(source))
    return None
