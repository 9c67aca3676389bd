"""SYNTH-PEDES: 4.8 million photos with machine-written captions (PLIP, arXiv:2305.08386). Training only."""

from __future__ import annotations

from ..errors import ProtocolError
from ..modality import Combination
from ..protocols.base import Protocol
from . import checks
from .annotations import read_photos
from .base import Adapter, Options, Splits
from .checks import Absences
from .compact import CaptionedPhotos
from .files import Part, Tree
from .options import resolve

NAME, FOLDER = "synth_pedes", "SYNTH-PEDES"
ANNOTATIONS = "synthpedes_dataset.json"
LAYOUT = (Part(ANNOTATIONS), Part("Part<1..11>/<id>/<n>.jpg"))
PUBLISHED = {"train ids": 312_321, "train images": 4_791_711, "train captions": 12_138_157}


def read(root: str, options: Options, query: Combination | None = None) -> Splits:
    """Photos with their captions; the prompt captions and attribute strings are not used.

    Raises:
        DatasetError: the annotations are malformed or images are absent.
    """
    resolve(NAME, (), options)
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require()
    file = tree.path(ANNOTATIONS)
    absences = Absences(tree, tree.relative(file))
    photos = CaptionedPhotos(file, tree.base)
    for record in read_photos(file):
        path = tree.listed(record.path, f"{file}: record {record.number}, 'file_path'")
        absences.see(path)
        photos.add(record, path)
    absences.raise_if_any()
    photos.close()
    found = {"train ids": photos.persons, "train images": len(photos), "train captions": photos.captions}
    return Splits(train=photos, notes=checks.compare(NAME, found, PUBLISHED))


def protocol(root: str, options: Options, query: Combination | None = None) -> Protocol:
    """Raises ProtocolError: there is no test split."""
    raise ProtocolError(f"{NAME} is for training only; use it in data.sources, not in data.targets.")


ADAPTER = Adapter(NAME, FOLDER, read, protocol, ())
