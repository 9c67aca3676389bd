"""FineGPR-C: captions of FineGPR's images (VTBR, arXiv:2110.05074). Training only."""

from __future__ import annotations

from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.annotations import file_option, find_file
from ..reading.finegpr import CHOICES, FOLDER, LAYOUT, SURVEY, FineGPRImages
from ..reading.finegpr_captions import SUFFIXES, FineGPRCaptions
from ..reading.layouts import Part, Tree
from ..storage.stored_photos import PhotoStore

NAME = "finegpr_c"
CAPTIONS = file_option("captions", SUFFIXES)
OPTIONS = (*CHOICES, CAPTIONS)


def read_finegpr_c(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the images of the chosen views, weathers and lights that have captions, which are their partners."""
    tree = Tree(NAME, root, FOLDER, (*LAYOUT, Part("*.txt", "the captions, or .tsv or .json")))
    images = FineGPRImages(tree, options)
    file = find_file(tree, CAPTIONS, options[CAPTIONS.name], SUFFIXES)
    captions = FineGPRCaptions(NAME, file)
    store = PhotoStore(f"{tree.base}/")
    for path, image in images.chosen_images():
        if image.key in captions.by_key:
            numbers, texts = zip(*captions.by_key[image.key], strict=True)
            store.add(path, image.pid, image.view - 1, texts, numbers)
    if not store:
        raise images.nothing_left("none with a caption")
    photos = store.photos({file: len(store)})
    found = {
        "images with or without caption": images.chosen,
        "train ids": photos.persons,
        "train images": len(photos),
        "train captions": photos.captions,
    }
    published = {"images with or without caption": images.published()["train images"]}
    notes = [*images.notes(), *captions.notes(images.keys), *checks.compare(NAME, found, published)]
    return Splits(photos, notes=notes, found=found, published=published)


ADAPTER = Adapter(NAME, FOLDER, read_finegpr_c, options=OPTIONS, survey=SURVEY)
