"""``group``: the pictures of an index put together into people, without knowing who they are."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..atomic_write import written_whole
from ..errors import ConfigError, printable
from ..search.calibration import beside, read_calibrations
from ..search.gallery import Gallery
from ..search.people import group_people, people_csv, people_page
from ..training.images import read_image
from .filter_options import filter_of


def run_group(args: argparse.Namespace) -> None:
    """Print the figures, and write the CSV file and the page that are asked for.

    Raises:
        ConfigError: the options contradict each other.
        GalleryError: the index cannot be read, or the threshold is not known.
    """
    if not (args.csv or args.html):
        raise ConfigError("Say what to write: --csv, --html or both.")
    if args.method == "hdbscan" and args.threshold is not None:
        raise ConfigError("HDBSCAN takes no --threshold; leave one of the two out.")
    gallery = Gallery(args.index, root=args.root)
    file = Path(args.calibration).expanduser() if args.calibration else beside(gallery.uri)
    calibrations = read_calibrations(file) if args.calibration or file.is_file() else None
    grouping = group_people(
        gallery,
        where=filter_of(args),
        threshold=args.threshold,
        calibrations=calibrations,
        method=args.method,
        neighbours=args.neighbours,
        tracks=not args.pictures,
        ignore=args.ignore,
    )
    print(grouping.summary)
    written = [(args.csv, people_csv(grouping, gallery))] if args.csv else []
    written += [(args.html, people_page(grouping, gallery, read_image))] if args.html else []
    for path, content in written:
        with written_whole(Path(path).expanduser()) as out:
            out.write(content.encode(errors="replace"))
        print(f"Saved to {printable(path)}")
