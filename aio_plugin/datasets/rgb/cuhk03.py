"""CUHK03, five pairs of cameras, in two protocols, with boxes drawn by hand ("labeled") or by a detector ("detected").

Other code means the one or the other boxes by CUHK03, so the names of these datasets say which.
``cuhk03_np``: the new protocol, 767 training and 700 test persons (Zhong et al., CVPR 2017). ``cuhk03_classic``: 20
splits of 1,367 training and 100 test persons (Li et al., CVPR 2014).
"""

from __future__ import annotations

from functools import partial

from ...errors import DatasetError
from ...modality import Combination, Item, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.cuhk03 import CUHK03Classic
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import Absences, Fault, check_apart, compare, pids
from ..reading.cuhk03 import NewProtocol, read_new_protocol, read_test_set
from ..reading.cuhk03_test_set import SPLITS
from ..reading.folders import folder_of, photo_splits, require_images
from ..reading.image_items import folder_items, image_item
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

FOLDER, BOXES = "cuhk03", ("detected", "labeled")
QUERIES = ((Modality.RGB,),)
EXTRACT = (
    "The images must be extracted from cuhk-03.mat first, for example by torchreid's own dataset cuhk03: "
    "torchreid.data.ImageDataManager(root=..., sources='cuhk03')."
)
MATLAB = "cuhk03_release/cuhk-03.mat"
PACKAGED = ("CUHK03-NP", "cuhk03-np", f"{FOLDER}/CUHK03-NP", f"{FOLDER}/cuhk03-np")
PARTS = ("bounding_box_train", "query", "bounding_box_test")
CLASSIC_OPTIONS = (
    Option(
        "split",
        1,
        "which of the 20 classic splits, 1 to 20; papers print the mean over all",
        lambda split: None if 1 <= split <= SPLITS else f" It must be 1 to {SPLITS}.",
    ),
)
CLASSIC_PUBLISHED = {
    "detected": {"images": 14_097, "train ids": 1_367, "query ids": 100},
    "labeled": {"images": 14_096, "train ids": 1_367, "query ids": 100},
}
_TEST = {"query images": 1_400, "query ids": 700, "gallery ids": 700}
PUBLISHED = {
    "detected": {"train ids": 767, "train images": 7_365, **_TEST, "gallery images": 5_332},
    "labeled": {"train ids": 767, "train images": 7_368, **_TEST, "gallery images": 5_328},
}

TrainQueryGallery = tuple[list[Item], list[Item], list[Item]]


def read_cuhk03_classic(boxes: str, root: str, options: Options, query: Combination | None) -> Splits:
    """Query and gallery: all images of the split's test persons. Train: those of all others."""
    name, split = f"cuhk03_classic_{boxes}", options["split"]
    tree = _tree(name, root, boxes, MATLAB, "MATLAB 7.3, which names the splits")
    tree.require()
    tested = read_test_set(tree.path(MATLAB), split)
    names, folder = _names(name), f"images_{boxes}"
    items = folder_items(tree, folder, names)
    test, train = [i for i in items if i.pid in tested], [i for i in items if i.pid not in tested]
    notes = names.notes()
    if not test or not train:
        raise DatasetError(
            f"{name}: {tree.path(folder)} has {len(items)} images, {len(test)} of split {split}'s test persons. "
            f"{EXTRACT} Do so, or complete the folder."
        )
    missing = tested - pids(test)
    if missing:
        notes.append(
            Fault(f"{name}: {len(missing)} test persons of split {split} have no images, the first {min(missing)}")
        )
    counts = {"images": len(items), "train ids": len(pids(train)), "query ids": len(pids(test))}
    notes += compare(name, counts, CLASSIC_PUBLISHED[boxes])
    notes.append(f"{name}: split {split} of {SPLITS}; papers train {SPLITS} models and print their mean")
    return Splits(relabel(train), test, list(test), notes, counts, CLASSIC_PUBLISHED[boxes])


def cuhk03_classic_protocol(boxes: str, root: str, options: Options, query: Combination | None) -> Protocol:
    """One gallery image drawn per person, ten repeats."""
    return CUHK03Classic(f"cuhk03_classic_{boxes}", f"split {options['split']} of {SPLITS}")


def read_cuhk03_np(boxes: str, root: str, options: Options, query: Combination | None) -> Splits:
    """The new protocol's lists, from its MATLAB configuration or from the packaging in Market-1501's form."""
    name, config = f"cuhk03_np_{boxes}", f"cuhk03_new_protocol_config_{boxes}.mat"
    tree = _tree(name, root, boxes, config, f"or {PACKAGED[0]}/{boxes}/{PARTS[0]} and so on instead")
    layout = tuple(Part(f"{boxes}/{part}/<pid, 4 digits>_c<camera>_<n>.png") for part in PARTS)
    packaged = Tree(name, root, folder_of(root, PACKAGED), layout)
    if not tree.has(config) and packaged.has(boxes):
        (train, probes, gallery), notes = _packaged(packaged, boxes)
    else:
        (train, probes, gallery), notes = _configured(tree, boxes, config)
    check_apart(name, pids(train), pids(probes) | pids(gallery))
    return photo_splits(name, train, probes, gallery, notes, PUBLISHED[boxes])


def _tree(name: str, root: str, boxes: str, file: str, remark: str) -> Tree:
    """The dataset's folder, which must have the extracted images and ``file``."""
    images = Part(f"images_{boxes}/<pair>_<person>_<view>_<n>.png", "extracted from cuhk-03.mat")
    return Tree(name, root, FOLDER, (images, Part(file, remark)))


def _names(name: str) -> Names:
    """The names that everyone's extraction gives: the camera pair, the person in it, the view, the image.

    Pair and person identify a person; ``int`` reads ``1_001`` as 1001.
    """
    return Names(r"(?P<pid>[1-5]_\d{3})_(?P<camera>[12])_\d{2}\.png", f"{name} images", "1_001_1_01.png")


def _configured(tree: Tree, boxes: str, file: str) -> tuple[TrainQueryGallery, list[str]]:
    tree.require()
    config = read_new_protocol(tree.path(file))
    parts = [part.tolist() for part in (config.train, config.query, config.gallery)]
    names = _names(tree.dataset)
    absences = Absences(tree, tree.relative(tree.path(file)))
    items: dict[int, Item] = {}
    for at in sorted(set().union(*parts)):
        match = names.match(config.names[at], f"{file}, filelist {at + 1}: {config.names[at]}")
        if match:
            items[at] = image_item(tree.path(f"images_{boxes}/{config.names[at]}"), match)
            absences.see(items[at].media)
    notes = names.notes()
    try:
        absences.raise_if_any(tolerable=True)
    except DatasetError as error:
        raise DatasetError(f"{error} {EXTRACT}") from error
    _check_labels(tree.path(file), config, items)
    train, query, gallery = ([items[at] for at in dict.fromkeys(part) if at in items] for part in parts)
    repeated = sum(len(part) - len(set(part)) for part in parts)
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
    names = Names(r"(?P<pid>\d{4})_c(?P<camera>[12])_\d+\.(?:png|jpg)", f"{tree.dataset} images", "0001_c1_1.png")
    train, query, gallery = (folder_items(tree, f"{boxes}/{part}", names) for part in PARTS)
    for part, items in zip(PARTS, (train, query, gallery), strict=True):
        require_images(tree, f"{boxes}/{part}", items)
    return (train, query, gallery), [*names.notes(), f"{tree.dataset}: read from the packaging {tree.folder}/{boxes}"]


def _adapters(boxes: str) -> tuple[Adapter, Adapter]:
    np, classic = f"cuhk03_np_{boxes}", f"cuhk03_classic_{boxes}"
    read_np, read_classic = partial(read_cuhk03_np, boxes), partial(read_cuhk03_classic, boxes)
    classic_protocol = partial(cuhk03_classic_protocol, boxes)
    survey = [{"split": split} for split in range(1, SPLITS + 1)]
    return (
        Adapter(np, FOLDER, read_np, WholeGallery(np, "same_camera"), QUERIES, folders=(FOLDER, *PACKAGED)),
        Adapter(classic, FOLDER, read_classic, classic_protocol, QUERIES, CLASSIC_OPTIONS, survey=survey),
    )


ADAPTERS = {adapter.name: adapter for boxes in BOXES for adapter in _adapters(boxes)}
