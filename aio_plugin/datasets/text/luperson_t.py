"""LUPerson-T: photos of LUPerson with pseudo texts (UniPT, arXiv:2309.01420). Training only.

There are no identities: every photo is a class of its own.
"""

from __future__ import annotations

from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading.annotations import file_option, find_file
from ..reading.layouts import Part, Tree
from ..storage.annotated_photos import store_unidentified_photos

NAME, FOLDER = "luperson_t", "LUPerson-T"
LAYOUT = (
    Part("images/<name>.jpg"),
    Part("*.json", "a list of file_path, a name in images/, and captions"),
)
ANNOTATIONS = file_option()
OPTIONS = (ANNOTATIONS,)


def read_luperson_t(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the annotated photos; UniPT's own test cut, a thousandth drawn unseeded, is not made."""
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require()
    file = find_file(tree, ANNOTATIONS, options[ANNOTATIONS.name])
    photos, found, notes = store_unidentified_photos(tree, [file], "images")
    notes += [
        f"{NAME}: found (published): train images {found['train images']:,} (about 1.3 million pairs; no exact count)",
        f"{NAME}: every photo is a class of its own",
    ]
    return Splits(photos, notes=notes, found=found)


ADAPTER = Adapter(NAME, FOLDER, read_luperson_t, options=OPTIONS)
