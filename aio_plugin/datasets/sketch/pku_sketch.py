"""PKU-Sketch: two photos and one sketch of 200 people by five artists (Pang et al., ACM MM 2018).

The literature reports means over ten random splits into 150 and 50 people that were never shipped:
see :mod:`aio_plugin.datasets.reading.pku_splits`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from ...errors import ConfigError, DatasetError
from ...modality import Combination, Item, Media, Modality
from ...options import Option, at_least
from ...protocols.base import Protocol
from ...protocols.pku import PKUSketch
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import compare, pids
from ..reading.folders import folder_of
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..reading.pku_splits import TestSplits, list_folder, listed_splits, seeded_splits

NAME, FOLDERS = "pku_sketch", ("PKU-Sketch", "PKUSketchRE-ID_V1")
SKETCH_CAMERA = 0
LAYOUT = (
    Part("photo/<pid>_<camera>_<frame>.jpg", "two for every person"),
    Part("sketch/<pid>.jpg", "one for every person"),
    Part("styleAnnotation/<a_46|b_20|c_79|d_33|e_22>.txt", "one identity a line; for seeded splits", optional=True),
    Part("idx/test_sketch_<1..10>.txt", "lists of splits, if you have them", optional=True),
)
OPTIONS = (
    Option("splits", 10, "how many splits are scored", at_least(1)),
    Option("split_seed", 0, "seed of the splits drawn here", at_least(0)),
    Option(
        "lists",
        "auto",
        "'files': the splits of idx/test_sketch_<k>.txt; 'seeded': drawn here; 'auto': files if there are any",
        ("auto", "files", "seeded"),
    ),
    Option(
        "split",
        0,
        "0: no training, all splits scored (zero-shot); k: train on the persons of split k and score that split alone",
        at_least(0),
    ),
)
PUBLISHED = {"sketches": 200, "photos": 400}


def read_pku_sketch(root: str, options: Options, query: Combination | None) -> Splits:
    """Query: the sketches, gallery: the photos, of everybody who is tested in a split; the protocol selects
    those of each split. Train: those of the others, where ``split`` names one.

    The camera of a photo is the number in its name; sketches have camera 0.
    """
    tree = _tree(root)
    of_sketches = Names(r"(?P<pid>\d{1,6})\.jpg", f"{NAME} sketches", "17.jpg")
    of_photos = Names(r"(?P<pid>\d{1,6})_(?P<camera>\d{1,6})_\d+\.jpg", f"{NAME} photos", "17_05_120.jpg")
    sketches = _by_person(
        Item(Media(tree.path(path), Modality.SKETCH), int(match["pid"]), SKETCH_CAMERA)
        for path, match in of_sketches.in_folder(tree, "sketch")
    )
    photos = _by_person(
        Item(Media(tree.path(path)), int(match["pid"]), int(match["camera"]))
        for path, match in of_photos.in_folder(tree, "photo")
    )
    notes = [*of_sketches.notes(), *of_photos.notes()]
    drawn, seen = pids(sketches), pids(photos)
    for lacking, what in ((drawn - seen, "a sketch but no photo"), (seen - drawn, "photos but no sketch")):
        if lacking:
            notes.append(f"{NAME}: {len(lacking)} persons have {what}, the first {min(lacking)}")
    lists = _lists(tree, options, drawn & seen)
    tested = {pid for split in lists.tests for pid in split}
    train = relabel(item for item in (*photos, *sketches) if item.pid not in tested) if options["split"] else []
    counts = {"sketches": len(sketches), "photos": len(photos)}
    notes += [*compare(NAME, counts, PUBLISHED), *lists.notes]
    queries, gallery = ([item for item in items if item.pid in tested] for items in (sketches, photos))
    return Splits(train, queries, gallery, notes, counts, PUBLISHED)


def pku_sketch_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """One trial per split: its sketches against its photos, no camera rule."""
    return PKUSketch(_lists(_tree(root), options).tests)


def _tree(root: str) -> Tree:
    tree = Tree(NAME, root, folder_of(root, FOLDERS), LAYOUT)
    tree.require()
    return tree


def _by_person(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.pid, item.media))  # names are unpadded: 10 after 9


def _lists(tree: Tree, options: Options, complete: Container[int] | None = None) -> TestSplits:
    """The splits that the options ask for.

    Args:
        complete: the persons with a sketch and photos, who alone are scored; None for all.

    Raises:
        ConfigError: ``split`` is beyond ``splits``.
        DatasetError: the lists asked for are absent or malformed.
    """
    if options["split"] > options["splits"]:
        raise ConfigError(
            f"aio.datasets.{NAME}.split is {options['split']}, but there are {options['splits']} splits (0 for all)."
        )
    folder = list_folder(tree)
    if options["lists"] == "files" and folder is None:
        raise DatasetError(f"{NAME}: no idx/test_sketch_1.txt below {tree.base}; add the lists or set lists: seeded.")
    if folder is not None and options["lists"] != "seeded":
        lists = listed_splits(tree, folder, options["splits"], complete)
    else:
        lists = seeded_splits(tree, options["split_seed"], options["splits"], complete)
    return lists.only(options["split"]) if options["split"] else lists


SURVEY: tuple[Options, ...] = ({}, {"split": 1})
"""Together they read everybody: whoever is not in a test split is trained on."""
ADAPTER = Adapter(
    NAME,
    FOLDERS[0],
    read_pku_sketch,
    pku_sketch_protocol,
    ((Modality.SKETCH,),),
    OPTIONS,
    folders=FOLDERS,
    survey=SURVEY,
)
