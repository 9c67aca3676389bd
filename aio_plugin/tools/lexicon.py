"""``lexicon``: the attribute words of SYNTH-PEDES, for ``aio.attributes.lexicon``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ..datasets.reading.annotations import read_objects, strings
from ..datasets.text.synth_pedes import ANNOTATIONS, FOLDER
from ..heads.lexicon import Lexicon, build_lexicon


def attribute_slots(root: str | Path) -> Iterator[str]:
    """The attribute strings of SYNTH-PEDES below the data root, six slots each.

    Raises:
        DatasetError: the annotations are absent, or a record has no attributes.
    """
    file = str(Path(root) / FOLDER / ANNOTATIONS)
    for number, record in read_objects(file):
        yield from strings(record, "attributes", f"{file}: record {number}")


def run_lexicon(args: argparse.Namespace) -> None:
    """Write the lexicon to ``--out``."""
    print(f"{len(write_lexicon(args.root, args.least, args.out))} words written to {args.out}")


def write_lexicon(root: str | Path, least: int, out: str | Path) -> Lexicon:
    """Write the words that occur at least ``least`` times as a JSON list, the most frequent first."""
    lexicon = build_lexicon(attribute_slots(root), least)
    lexicon.to_file(out)
    return lexicon
