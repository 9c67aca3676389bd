"""SYSU-MM01: four RGB and two infrared cameras (Wu et al., ICCV 2017). Infrared searches RGB.

The official trials are the permutations of ``rand_perm_cam.mat``; the AGW family of code draws
its own. They differ in the gallery, not in how it is scored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.sysu import SysuMM01
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import compare, modality_counts, pids
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, check_disjoint, read_ids
from ..reading.matlab import read_permutations

NAME, FOLDER = "sysu_mm01", "SYSU-MM01"
RGB_CAMERAS, IR_CAMERAS = (1, 2, 4, 5), (3, 6)
GALLERY_CAMERAS = {"all": RGB_CAMERAS, "indoor": (1, 2)}
QUERIES = ((Modality.IR,),)
LAYOUT = (
    *(Part(f"cam{camera}/<pid, 4 digits>/<image, 4 digits>.jpg") for camera in range(1, 7)),
    Part("exp/train_id.txt", "identities separated by commas, on one line"),
    Part("exp/val_id.txt", "for train_ids: train+val", optional=True),
    Part("exp/test_id.txt"),
    Part("exp/rand_perm_cam.mat", "for trials: official; or in data_split/", optional=True),
)
PERMUTATION_FILES = ("exp/rand_perm_cam.mat", "data_split/rand_perm_cam.mat")
TRAIN_IDS = "'train+val' (395 persons, as everyone trains) or 'train' (296)"
OPTIONS = (
    Option("mode", "all", "gallery cameras: 'all' (1, 2, 4, 5) or 'indoor' (1, 2)", ("all", "indoor")),
    Option("shots", 1, "gallery images drawn of every person under every camera: 1 or 10", (1, 10)),
    Option(
        "trials",
        "official",
        "'official': the ten permutations of rand_perm_cam.mat; 'agw': drawn with Python's random, seeds 0 to 9",
        ("official", "agw"),
    ),
    Option("train_ids", "train+val", TRAIN_IDS, ("train+val", "train")),
)
PUBLISHED_TRAIN = {
    "train+val": {"train ids": 395, "train rgb images": 22_258, "train ir images": 11_909},
    "train": {"train ids": 296, "train rgb images": 20_284, "train ir images": 9_929},
}
UNLISTED = 22
"""Persons whose images (1,038 RGB, 80 infrared) are published but who are in no list of identities."""
PUBLISHED_TEST = {
    "all": {"test ids": 96, "query images": 3_803, "gallery pool": 6_775},
    "indoor": {"test ids": 96, "query images": 3_803, "gallery pool": 2_939},
}


def read_sysu_mm01(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: all images of the training identities. Query: all infrared test images. Gallery: the pool
    of RGB test images of the mode's cameras, from which the protocol draws.

    Items are in the order of camera, identity and file name, to which the permutations refer.

    Raises:
        ProtocolError: the official trials do not fit the images.
    """
    tree = _tree(root, options)
    names = Names(r"\d{4}\.jpg", f"{NAME} images", "0001.jpg")
    lists = [tree.path(f"exp/{part}_id.txt") for part in options["train_ids"].split("+")]
    for file in lists:
        check_disjoint(file, tree.path("exp/test_id.txt"))
    trained = _images(tree, range(1, 7), sorted({pid for file in lists for pid in read_ids(file)}), names)
    tested = read_ids(tree.path("exp/test_id.txt"))
    probes = _images(tree, IR_CAMERAS, tested, names)
    pool = _images(tree, GALLERY_CAMERAS[options["mode"]], tested, names)
    if options["trials"] == "official":
        next(sysu_mm01_protocol(root, options, query).trials(probes, pool))  # fails now rather than after training
    counts = {
        **modality_counts("train", trained, (Modality.RGB, Modality.IR)),
        "test ids": len(pids([*probes, *pool])),
        "query images": len(probes),
        "gallery pool": len(pool),
    }
    published = {**PUBLISHED_TRAIN[options["train_ids"]], **PUBLISHED_TEST[options["mode"]]}
    notes = names.notes() + _gaps(pool) + compare(NAME, counts, published)
    notes.append(f"{NAME}: trained on {options['train_ids']} identities")
    return Splits(relabel(trained), probes, pool, notes, counts, published)


def sysu_mm01_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Ten trials, scored per identity.

    Raises:
        DatasetError: the file of the official trials is needed and missing or malformed.
    """
    permutations = None
    if options["trials"] == "official":
        tree = _tree(root, options)
        file = next((file for file in PERMUTATION_FILES if tree.has(file)), None)
        if file is None:
            raise DatasetError(
                f"{NAME}: the official trials need {' or '.join(PERMUTATION_FILES)} below {tree.base} (it is in the "
                f"repository wuancong/SYSU-MM01). Put it there, or set aio.datasets.{NAME}.trials: agw, whose numbers "
                f"differ."
            )
        permutations = read_permutations(tree.path(file))
    return SysuMM01(options["mode"], options["shots"], options["trials"], permutations)


def _tree(root: str, options: Options) -> Tree:
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require(*(["exp/val_id.txt"] if options["train_ids"] == "train+val" else []))
    return tree


def _images(tree: Tree, cameras: Iterable[int], persons: Sequence[int], names: Names) -> list[Item]:
    return [
        Item(Media(tree.path(path), Modality.IR if camera in IR_CAMERAS else Modality.RGB), pid, camera - 1)
        for camera in cameras
        for pid in persons
        for path, _ in names.in_folder(tree, f"cam{camera}/{pid:04d}")
    ]


def _gaps(pool: Iterable[Item]) -> list[str]:
    """A note if image k is not named k: code that takes the numbers of trials for names differs there."""
    names: dict[str, list[str]] = {}
    for item in pool:
        folder, name = item.media.rsplit("/", 1)
        names.setdefault(folder, []).append(name)
    off = [folder for folder, some in names.items() if some != [f"{k:04d}.jpg" for k in range(1, len(some) + 1)]]
    if not off:
        return []
    return [
        f"{NAME}: file names have gaps in {len(off)} gallery folders, the first {'/'.join(off[0].split('/')[-2:])}; "
        f"trials count images by position"
    ]


def unlisted_persons(root: str) -> list[str]:
    """Patterns of the images of the persons that no list of identities names; none if they are more than published."""
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    lists = [tree.path(file) for part in ("train", "val", "test") if tree.has(file := f"exp/{part}_id.txt")]
    listed = {pid for file in lists for pid in read_ids(file)}
    folders = [(f"cam{camera}", name) for camera in range(1, 7) for name in tree.folders(f"cam{camera}")]
    unlisted = [(camera, name) for camera, name in folders if re.fullmatch(r"\d{4}", name) and int(name) not in listed]
    if len({name for _, name in unlisted}) > UNLISTED:
        return []
    return [f"{camera}/{name}/[0-9][0-9][0-9][0-9].jpg" for camera, name in unlisted]


ADAPTER = Adapter(NAME, FOLDER, read_sysu_mm01, sysu_mm01_protocol, QUERIES, OPTIONS, find_spare=unlisted_persons)
