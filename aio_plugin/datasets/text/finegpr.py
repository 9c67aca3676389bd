"""FineGPR: 1,150 generated persons, each from 36 views in 7 weathers and 7 lights (arXiv:2109.10498). Training only.

FineGPR-C (VTBR, arXiv:2110.05074) are captions of its images.
"""

from __future__ import annotations

from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.annotations import file_option, find_file
from ..reading.finegpr import CHOICES, LAYOUT, TOPS, Images
from ..reading.finegpr_captions import SUFFIXES
from ..reading.layouts import Part, Tree
from ..storage.finegpr_captioned import Captions, WithCaptions

FOLDER = "FineGPR_Dataset"
CAPTIONS = file_option("captions", SUFFIXES)
CAPTIONED = (*CHOICES, CAPTIONS)
SURVEY = [{"images": form} for form in TOPS]


def read_finegpr(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the images of the chosen views, weathers and lights; a view is a camera.

    Raises:
        DatasetError: the folder or the names are not as published, or nothing is left of the choice.
    """
    name = "finegpr"
    images = Images(Tree(name, root, FOLDER, LAYOUT), options)
    photos = images.photos()
    found = {"train ids": len(photos.raw), "train images": len(photos)}
    published = images.published()
    notes = [*images.notes(), *checks.compare(name, found, published)]
    return Splits(photos, notes=notes, found=found, published=published)


def read_finegpr_c(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: as :func:`read_finegpr`, but only images that have captions, which are their partners.

    Raises:
        DatasetError: as :func:`read_finegpr`; or the captions are absent or malformed, or are of none of the images.
    """
    name = "finegpr_c"
    layout = (*LAYOUT, Part("*.txt", "the captions, or .tsv or .json"))
    tree = Tree(name, root, FOLDER, layout)
    images = Images(tree, options)
    captions = Captions(name, find_file(tree, CAPTIONS, options[CAPTIONS.name], SUFFIXES))
    photos = images.photos(captions.keys)
    train = WithCaptions(photos, captions)
    found = {
        "images with or without caption": images.chosen,
        "train ids": len(photos.raw),
        "train images": len(photos),
        "train captions": captions.count(images.taken),
    }
    published = {"images with or without caption": images.published()["train images"]}
    notes = [*images.notes(), *captions.notes(images.seen), *checks.compare(name, found, published)]
    return Splits(train, notes=notes, found=found, published=published)


ADAPTERS = {
    "finegpr": Adapter("finegpr", FOLDER, read_finegpr, options=CHOICES, survey=SURVEY),
    "finegpr_c": Adapter(
        "finegpr_c",
        FOLDER,
        read_finegpr_c,
        options=CAPTIONED,
        survey=SURVEY,
    ),
}
