"""CUHK03 in the new protocol (CUHK03-NP): 767 training and 700 test persons (Zhong et al., CVPR 2017)."""

from __future__ import annotations

from functools import partial

from ...errors import DatasetError
from ...modality import Combination, Item, Media
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import Absences, check_apart, pids
from ..reading.cuhk03 import (
    BOXES,
    EXTRACT,
    FOLDER,
    QUERIES,
    NewProtocol,
    image_item,
    images_of,
    names_of,
    read_new_protocol,
    tree_of,
)
from ..reading.folders import folder_of, photo_splits, require_images
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

PACKAGED = ("CUHK03-NP", "cuhk03-np", f"{FOLDER}/CUHK03-NP", f"{FOLDER}/cuhk03-np")
PARTS = ("bounding_box_train", "query", "bounding_box_test")
_TEST = {"query images": 1_400, "query ids": 700, "gallery ids": 700}
PUBLISHED = {
    "detected": {"train ids": 767, "train images": 7_365, **_TEST, "gallery images": 5_332},
    "labeled": {"train ids": 767, "train images": 7_368, **_TEST, "gallery images": 5_328},
}

TrainQueryGallery = tuple[list[Item], list[Item], list[Item]]


def read_cuhk03_np(boxes: str, root: str, options: Options, query: Combination | None) -> Splits:
    """The new protocol's lists, from its MATLAB configuration or from the packaging in Market-1501's form.

    Raises:
        DatasetError: missing or malformed files, absent images, or persons in train and test.
    """
    name = f"cuhk03_np_{boxes}"
    tree = tree_of(name, root, boxes, _config(boxes), f"or {PACKAGED[0]}/{boxes}/{PARTS[0]} and so on instead")
    layout = tuple(Part(f"{boxes}/{part}/<pid, 4 digits>_c<camera>_<n>.png") for part in PARTS)
    packaged = Tree(name, root, folder_of(root, PACKAGED), layout)
    if not tree.has(_config(boxes)) and packaged.has(boxes):
        (train, probes, gallery), notes = _packaged(packaged, boxes)
    else:
        (train, probes, gallery), notes = _configured(tree, boxes)
    check_apart(name, pids(train), pids(probes) | pids(gallery))
    return photo_splits(name, train, probes, gallery, notes, PUBLISHED[boxes])


def cuhk03_np_protocol(boxes: str, root: str, options: Options, query: Combination | None) -> Protocol:
    """Market-1501's rule with two cameras: the first and the second view of all pairs."""
    return WholeGallery(f"cuhk03_np_{boxes}", "same_camera")


def _config(boxes: str) -> str:
    return f"cuhk03_new_protocol_config_{boxes}.mat"


def _configured(tree: Tree, boxes: str) -> tuple[TrainQueryGallery, list[str]]:
    tree.require()
    file, folder = _config(boxes), images_of(boxes)
    config = read_new_protocol(tree.path(file))
    names = names_of(tree.dataset)
    absences = Absences(tree, tree.relative(tree.path(file)))
    items: dict[int, Item] = {}
    for at in sorted({*config.train.tolist(), *config.query.tolist(), *config.gallery.tolist()}):
        match = names.match(config.names[at], f"{file}, filelist {at + 1}: {config.names[at]}")
        if match:
            items[at] = image_item(tree.path(f"{folder}/{config.names[at]}"), match)
            absences.see(items[at].media)
    notes = names.notes()
    try:
        absences.raise_if_any(tolerable=True)
    except DatasetError as error:
        raise DatasetError(f"{error} {EXTRACT}") from error
    _check_labels(tree.path(file), config, items)
    train, query, gallery = (
        [items[at] for at in dict.fromkeys(part.tolist()) if at in items]
        for part in (config.train, config.query, config.gallery)
    )
    repeated = sum(len(part) - len(set(part.tolist())) for part in (config.train, config.query, config.gallery))
    if repeated:
        notes.append(f"{tree.dataset}: {repeated} repeated entries of {file} count once")
    return (train, query, gallery), notes


def _check_labels(path: str, config: NewProtocol, items: dict[int, Item]) -> None:
    """Check that labels and file names agree on who is the same person."""
    label_of: dict[int, int] = {}
    pid_of: dict[int, int] = {}
    for at, item in items.items():
        label = int(config.labels[at])
        if label_of.setdefault(item.pid, label) != label or pid_of.setdefault(label, item.pid) != item.pid:
            raise DatasetError(
                f"{path}: labels and file names disagree on who is the same person, first at {config.names[at]} with "
                f"label {label}. Restore it from zhunzhong07/person-re-ranking."
            )


def _packaged(tree: Tree, boxes: str) -> tuple[TrainQueryGallery, list[str]]:
    tree.require()
    pattern = r"(?P<pid>\d{4})_c(?P<view>[12])_\d+\.(?:png|jpg)"
    names = Names(pattern, f"{tree.dataset} images", "0001_c1_1.png")
    lists: list[list[Item]] = []
    for part in PARTS:
        folder = f"{boxes}/{part}"
        lists.append(
            [
                Item(Media(tree.path(path)), int(match["pid"]), int(match["view"]) - 1)
                for path, match in names.in_folder(tree, folder)
            ]
        )
        require_images(tree, folder, lists[-1])
    train, query, gallery = lists
    return (train, query, gallery), [*names.notes(), f"{tree.dataset}: read from the packaging {tree.folder}/{boxes}"]


def _adapter(boxes: str) -> Adapter:
    folders = (FOLDER, *PACKAGED)
    return Adapter(
        f"cuhk03_np_{boxes}",
        FOLDER,
        partial(read_cuhk03_np, boxes),
        partial(cuhk03_np_protocol, boxes),
        QUERIES,
        folders=folders,
    )


ADAPTERS = {adapter.name: adapter for adapter in map(_adapter, BOXES)}
