"""FineGPR: 1,150 generated persons, each from 36 views in 7 weathers and 7 lights (arXiv:2109.10498). Training only."""

from __future__ import annotations

from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading.finegpr import CHOICES, FOLDER, LAYOUT, SURVEY, FineGPRImages
from ..reading.folders import training_splits
from ..reading.layouts import Tree
from ..storage.stored_photos import PhotoStore

NAME = "finegpr"


def read_finegpr(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the images of the chosen views, weathers and lights; a view is a camera."""
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    images = FineGPRImages(tree, options)
    chosen = ((path, image.pid, image.view - 1) for path, image in images.chosen_images())
    photos = PhotoStore(f"{tree.base}/", chosen).photos()
    if not photos:
        raise images.nothing_left()
    return training_splits(NAME, photos, images.notes(), images.published())


ADAPTER = Adapter(NAME, FOLDER, read_finegpr, options=CHOICES, survey=SURVEY)
