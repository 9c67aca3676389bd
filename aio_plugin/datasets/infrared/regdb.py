"""RegDB (DBPerson-Recog-DB1): ten visible and ten thermal images of each of 412 people (Nguyen et al., 2017).

Ten trials split the people differently, so each needs a model of its own. The numbers in the lists are
classes of one list and denote other people in every trial; the folder of an image says who it shows.
"""

from __future__ import annotations

from ...config import Option
from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import Absences, missing_modalities
from ..reading.folders import cross_modal_splits
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, read_labelled

NAME, FOLDER = "regdb", "RegDB"
TRIALS = tuple(range(1, 11))
QUERIES: tuple[Combination, ...] = ((Modality.IR,), (Modality.RGB,))
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
    "train ids": 206,
    "train rgb images": 2_060,
    "train ir images": 2_060,
    "test ids": 206,
    "test rgb images": 2_060,
    "test ir images": 2_060,
}


def read_regdb(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the images of the trial's training lists. Query: the test images of the query's modality.
    Gallery: those of the other.

    Visible images are camera 0, thermal ones camera 1.

    Raises:
        DatasetError: missing or malformed lists, listed images that are absent, or a person in training and test.
    """
    trial = options["trial"]
    (modality,) = query or QUERIES[0]
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require(*(_list("train", kind, trial) for kind in FOLDERS), *(_list("test", kind, trial) for kind in FOLDERS))
    names = {kind: _names(kind) for kind in FOLDERS}
    notes: list[str] = []
    train = {kind: _listed(tree, "train", kind, trial, names[kind], notes) for kind in FOLDERS}
    test = {kind: _listed(tree, "test", kind, trial, names[kind], notes) for kind in FOLDERS}
    notes += [note for kind in FOLDERS for note in names[kind].notes()]
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


def _list(part: str, modality: Modality, trial: int) -> str:
    return f"idx/{part}_{FOLDERS[modality].lower()}_{trial}.txt"


def _names(modality: Modality) -> Names:
    folder = FOLDERS[modality]
    letter = folder[0].lower()
    return Names(
        rf"{folder}/(?P<pid>\d+)/(?:fe)?male_(?:front|back)_{letter}_\d+_(?P=pid)\.(?:bmp|jpe?g|png)",
        f"{NAME} {folder.lower()} images",
        f"{folder}/168/male_front_{letter}_04111_168.bmp",
    )


def _listed(tree: Tree, part: str, modality: Modality, trial: int, names: Names, notes: list[str]) -> list[Item]:
    """The items of one list, sorted by path; adds to ``notes``."""
    relative = _list(part, modality, trial)
    file = tree.path(relative)
    absences = Absences(tree, tree.relative(file))
    items: dict[str, Item] = {}
    repeated = 0
    for number, listed, _ in read_labelled(file):
        path = tree.reencoded(tree.listed(listed, f"{file}, line {number}"))
        match = names.match(listed.replace("\\", "/"), f"{relative}: {listed}")
        if match is None:
            continue
        absences.see(path)
        repeated += path in items
        items[path] = Item(Media(path, modality), int(match["pid"]), list(FOLDERS).index(modality))
    absences.raise_if_any(tolerable=True)
    if not items:
        names.notes()  # raises if there are lines, all off the pattern
        raise DatasetError(f"{NAME}: {file} lists no images. Restore the list.")
    if repeated:
        notes.append(f"{NAME}: {repeated} repeated lines of {relative} count once")
    return [items[path] for path in sorted(items)]


ADAPTER = Adapter(
    NAME,
    FOLDER,
    read_regdb,
    regdb_protocol,
    QUERIES,
    OPTIONS,
    survey=[{"trial": trial} for trial in TRIALS],
)
