"""SYNTH-PEDES: 4.8 million photos with machine-written captions (PLIP, arXiv:2305.08386). Training only."""

from __future__ import annotations

from ...modality import Combination
from ...options import Option
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.layouts import Part, Tree
from ..storage.annotated_photos import store_photos
from ..storage.index import OFF, read_through_index
from ..storage.index import OPTION as INDEX

NAME, FOLDER = "synth_pedes", "SYNTH-PEDES"
ANNOTATIONS = "synthpedes_dataset.json"
LAYOUT = (Part(ANNOTATIONS), Part("Part<1..11>/<id>/<n>.jpg"))
PUBLISHED = {"train ids": 312_321, "train images": 4_791_711, "train captions": 12_138_157}
OPTIONS = (
    Option(
        "check_images",
        True,
        "look whether every image is there when the annotations are read; the index remembers that they were",
    ),
    INDEX,
)


def read_synth_pedes(root: str, options: Options, query: Combination | None) -> Splits:
    """Photos with their captions; the prompt captions and attribute strings are not used."""
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require()
    file, look = tree.path(ANNOTATIONS), options["check_images"]
    photos = read_through_index(tree, file, options[INDEX.name], look, lambda: store_photos(tree, file, look))
    found = {"train ids": photos.persons, "train images": len(photos), "train captions": photos.captions}
    return Splits(train=photos, notes=checks.compare(NAME, found, PUBLISHED), found=found, published=PUBLISHED)


ADAPTER = Adapter(NAME, FOLDER, read_synth_pedes, options=OPTIONS, survey=({INDEX.name: OFF},))
