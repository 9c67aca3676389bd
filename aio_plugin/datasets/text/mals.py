"""MALS: 1.5 million generated photos, a caption each (APTM, arXiv:2306.02898). Training only.

No person is meant to be shown twice, and there are no identities: every photo is a class of its own.
"""

from __future__ import annotations

from ...errors import IncompleteError
from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.annotations import read_objects, string
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..storage.annotated_photos import store_unidentified_photos

NAME, FOLDER = "mals", "MALS"
ANNOTATIONS = ("data/gene_attrs", "gene_attrs", "data/finetune/gene_attrs")
IMAGES = ("images/MALS", "images", ".")
LAYOUT = (
    Part(f"{ANNOTATIONS[0]}/g_<4x|c_g_a|...|i_g_a_43>_attrs.json", f"or below {' or '.join(ANNOTATIONS[1:])}"),
    Part(f"{IMAGES[0]}/gene_crop/<4x|c_g_a|...|i_g_a_43>/<n>.jpg", "or below images, or directly here"),
)
PUBLISHED = {"train images": 1_510_330, "train captions": 1_510_330}


def read_mals(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the photos of all annotation files in the order of their names; the attributes are not used."""
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    files, notes = _files(tree)
    photos, found, more = store_unidentified_photos(tree, files, _images_folder(tree, files[0]), "image", "caption")
    notes += [*more, *checks.compare(NAME, found, PUBLISHED), f"{NAME}: every photo is a class of its own"]
    return Splits(photos, notes=notes, found=found, published=PUBLISHED)


def _files(tree: Tree) -> tuple[list[str], list[str]]:
    """The annotation files, and notes on files that are none."""
    folder = next((folder for folder in ANNOTATIONS if tree.has(folder)), None)
    if folder is None:
        tree.require()
        folder = ANNOTATIONS[0]
    names = Names(r"g_.+_attrs\.json", f"{NAME} annotation files", "g_c_g_a_0_attrs.json")
    files = [name for name in tree.files(folder, (".json",)) if names.match(name, f"{folder}/{name}")]
    notes = names.notes()
    if not files:
        raise IncompleteError(f"{NAME}: there are no annotations in {tree.path(folder)}. Complete the download.")
    return [tree.path(f"{folder}/{name}") for name in files], notes


def _images_folder(tree: Tree, file: str) -> str:
    """The folder that paths are relative to: where the first image is."""
    _, first = next(read_objects(file))
    where = f"{file}: record 0"
    path = string(first, "image", where)
    return next((top for top in IMAGES if tree.exists(tree.listed(path, where, top))), IMAGES[0])


ADAPTER = Adapter(NAME, FOLDER, read_mals)
