"""``lexicon``: the attribute words of SYNTH-PEDES, for ``aio.attributes.lexicon``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..datasets.reading.annotations import read_objects, strings
from ..datasets.text.synth_pedes import ANNOTATIONS, FOLDER
from ..heads.lexicon import Lexicon, build_lexicon


def run_lexicon(args: argparse.Namespace) -> None:
    """Write the lexicon to ``--out``."""
    print(f"{len(write_lexicon(args.root, args.least, args.out))} words written to {args.out}")


def write_lexicon(root: str | Path, least: int, out: str | Path) -> Lexicon:
    """Write the words of the attributes below the data root as a JSON list, the most frequent first.

    Args:
        least: minimum number of occurrences of a word.

    Raises:
        DatasetError: the annotations are absent, or a record has no attributes.
    """
    file = str(Path(root) / FOLDER / ANNOTATIONS)
    records = read_objects(file)
    slots = (slot for n, record in records for slot in strings(record, "attributes", f"{file}: record {n}"))
    lexicon = build_lexicon(slots, least)
    lexicon.to_file(out)
    return lexicon
