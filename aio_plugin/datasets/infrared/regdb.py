"""RegDB (DBPerson-Recog-DB1): ten visible and ten thermal images of each of 412 people (Nguyen et al., 2017).

Ten trials split the people differently, so each needs a model of its own. The numbers in the lists are
classes of one list and denote other people in every trial; the folder of an image says who it shows.
"""

from __future__ import annotations

import re

from ...modality import Combination, Item, Media, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import missing_modalities
from ..reading.folders import cross_modal_splits
from ..reading.image_items import listed_items
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

NAME, FOLDER = "regdb", "RegDB"
PARTS, TRIALS = ("train", "test"), tuple(range(1, 11))
QUERIES = ((Modality.IR,), (Modality.RGB,))
FOLDERS = {Modality.RGB: "Visible", Modality.IR: "Thermal"}
DIRECTIONS = {Modality.IR: "thermal to visible (t2v)", Modality.RGB: "visible to thermal (v2t)"}
LAYOUT = (
    Part("Visible/<pid>/<sex>_<view>_v_<frame>_<pid>.bmp"),
    Part("Thermal/<pid>/<sex>_<view>_t_<frame>_<pid>.bmp"),
    Part("idx/<train or test>_<visible or thermal>_<1 ... 10>.txt", "lines 'path label'"),
)
OPTIONS = (
    Option(
        "trial",
        1,
        "which of the ten splits of the people to train and test on, 1 to 10; a published number is the mean of ten "
        "models, one trained on each",
        TRIALS,
    ),
)
PUBLISHED = {
    f"{part} {what}": number
    for part in PARTS
    for what, number in (("ids", 206), ("rgb images", 2_060), ("ir images", 2_060))
}


def read_regdb(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the images of the trial's training lists. Query: the test images of the query's modality.
    Gallery: those of the other.

    Visible images are camera 0, thermal ones camera 1.
    """
    trial = options["trial"]
    (modality,) = query or QUERIES[0]
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    lists = {part: {kind: f"idx/{part}_{FOLDERS[kind].lower()}_{trial}.txt" for kind in FOLDERS} for part in PARTS}
    tree.require(*(file for files in lists.values() for file in files.values()))
    names = {kind: _names(kind) for kind in FOLDERS}
    notes: list[str] = []
    train, test = (
        {kind: listed_items(tree, [lists[part][kind]], names[kind], _item, notes, reencoded=True) for kind in FOLDERS}
        for part in PARTS
    )
    notes += [note for each in names.values() for note in each.notes()]
    notes += missing_modalities(NAME, "test", [item for items in test.values() for item in items], FOLDERS)
    files = f"lists of trial {trial} in {FOLDER}/idx"
    splits = cross_modal_splits(NAME, train, test, modality, notes, PUBLISHED, files)
    splits.notes.append(
        f"{NAME}: trial {trial} alone; published results are the mean over ten models, one trained on each of the "
        f"ten splits (aio.datasets.{NAME}.trial 1 to 10)"
    )
    return splits


def regdb_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """All test images of one modality against all of the other, nothing removed."""
    (modality,) = query or QUERIES[0]
    return WholeGallery(NAME, part=f"{DIRECTIONS[modality]}, split {options['trial']} of 10")


def _names(modality: Modality) -> Names:
    folder = FOLDERS[modality]
    letter = folder[0].lower()
    return Names(
        rf"{folder}/(?P<pid>\d{{1,9}})/(?:fe)?male_(?:front|back)_{letter}_\d+_(?P=pid)\.(?:bmp|jpe?g|png)",
        f"{NAME} {folder.lower()} images",
        f"{folder}/168/male_front_{letter}_04111_168.bmp",
    )


def _item(path: str, match: re.Match[str], label: int, where: str) -> Item:
    modality = next(kind for kind, folder in FOLDERS.items() if match[0].startswith(folder))
    return Item(Media(path, modality), int(match["pid"]), list(FOLDERS).index(modality))


SURVEY = [{"trial": trial} for trial in TRIALS]
ADAPTER = Adapter(NAME, FOLDER, read_regdb, regdb_protocol, QUERIES, OPTIONS, survey=SURVEY)
