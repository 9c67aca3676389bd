"""MSMT17: fifteen cameras, four days (Wei et al., CVPR 2018); V2 is V1 with blurred faces.

Training and test persons are both numbered from 0: equal numbers are different people. Published
code differs in whether the validation list is trained on too.
"""

from __future__ import annotations

import os
import re
from functools import partial

from ...errors import DatasetError
from ...modality import Combination, Item, Modality
from ...options import Option
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import Fault, compare, pids
from ..reading.folders import folder_of, photo_splits
from ..reading.image_items import image_item, listed_items
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, read_labelled

FOLDERS = {"v1": ("MSMT17_V1", "msmt17/MSMT17_V1", "MSMT17"), "v2": ("MSMT17_V2", "msmt17/MSMT17_V2", "MSMT17")}
IMAGES = {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}
LISTS = (
    Part("list_train.txt", "lines 'path pid'"),
    Part("list_val.txt", "for train: train+val, and for msmt17_all", optional=True),
    Part("list_query.txt"),
    Part("list_gallery.txt"),
)
IMAGE = "<pid, 4 digits>/<pid>_<n>_<camera>_<date><slot>_<frame>_<k>.jpg"
PATTERN = (
    r"(?P<pid>\d{4})/(?P=pid)_\d{3}_(?P<camera>0[1-9]|1[0-5])_\d{4}(?:morning|noon|afternoon)_\d{4}_\d+(?:_ex)?\.jpg"
)
REPACKED = re.compile(r"(?:.*/)?-?\d+_c\d+[^/]*")
TEST_PIDS = 10_000
"""Added to the numbers of test persons where they are trained on too."""
TRAIN = Option(
    "train",
    "train",
    "'train' (list_train.txt alone, as torchreid and fastreid train) or 'train+val' (as TransReID does)",
    ("train", "train+val"),
)
VERSION = Option("version", "v1", "'v1' (faces visible) or 'v2' (faces blurred)", ("v1", "v2"))
PUBLISHED_TRAIN = {
    "train": {"train ids": 1_041, "train images": 30_248},
    "train+val": {"train ids": 1_041, "train images": 32_621},
}
PUBLISHED_TEST = {"query images": 11_659, "gallery images": 82_161, "gallery ids": 3_060}
PUBLISHED_ALL = {"train ids": 4_101, "train images": 126_441}


def read_msmt17(version: str, root: str, options: Options, query: Combination | None) -> Splits:
    """Train, query and gallery as listed; repeated paths count once."""
    name = f"msmt17_{version}"
    trained = options["train"]
    lists = _Lists(name, root, version, val=trained == "train+val")
    train = lists.items(*trained.split("+"))
    probes, gallery = lists.items("query"), lists.items("gallery")
    published = {**PUBLISHED_TRAIN[trained], **PUBLISHED_TEST}
    splits = photo_splits(name, train, probes, gallery, lists.all_notes(), published)
    splits.notes.append(f"{name}: trained on {trained}: {len(train):,} images of {len(pids(train)):,} persons")
    return splits


def read_msmt17_all(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: every image of all four lists. Test persons are numbered after the training persons."""
    name = "msmt17_all"
    version = options["version"]
    lists = _Lists(name, root, version, val=True)
    test = [item._replace(pid=item.pid + TEST_PIDS) for item in lists.items("query", "gallery")]
    everything = relabel([*lists.items("train", "val"), *test])
    counts = {"train ids": len(pids(everything)), "train images": len(everything)}
    notes = lists.all_notes() + compare(name, counts, PUBLISHED_ALL)
    notes.append(f"{name}: trained on MSMT17 {version.upper()}'s test persons too; results on MSMT17 would mislead")
    return Splits(everything, notes=notes, found=counts, published=PUBLISHED_ALL)


class _Lists:
    """The lists of one copy of the dataset, read into items."""

    def __init__(self, name: str, root: str, version: str, val: bool) -> None:
        self.train_folder, self.test_folder = IMAGES[version]
        layout = (*(Part(f"{folder}/{IMAGE}") for folder in IMAGES[version]), *LISTS)
        self.tree = Tree(name, root, folder_of(root, FOLDERS[version]), layout)
        if self.tree.has("bounding_box_train") and not self.tree.has(self.train_folder):
            raise self._repacked(f"{self.tree.base} has bounding_box_train/")
        self.tree.require(*(["list_val.txt"] if val else []))
        self.names = Names(PATTERN, f"{name} listed images", "0000/0000_000_01_0303morning_0008_0.jpg")
        self.notes: list[str] = []
        self.mislabelled: list[str] = []

    def items(self, *parts: str) -> list[Item]:
        """The items of lists of training or of test images, sorted by path, raw pids."""
        files = [f"list_{part}.txt" for part in parts]
        for file in files:
            for number, listed, _ in read_labelled(self.tree.path(file)):
                if REPACKED.fullmatch(listed):
                    raise self._repacked(f"line {number} of {file} names {listed}")
        folder = self.train_folder if "train" in parts else self.test_folder
        return listed_items(self.tree, files, self.names, self._item, self.notes, folder)

    def all_notes(self) -> list[str]:
        """What was left out or is doubtful."""
        notes = [*self.names.notes(), *self.notes]
        if self.mislabelled:
            notes.append(
                Fault(
                    f"{self.tree.dataset}: {len(self.mislabelled)} lines whose label differs from their folder, which "
                    f"is used; the first: {self.mislabelled[0]}"
                )
            )
        return notes

    def _item(self, path: str, match: re.Match[str], label: int, where: str) -> Item:
        if int(match["pid"]) != label:
            self.mislabelled.append(where)
        return image_item(path, match)

    def _repacked(self, evidence: str) -> DatasetError:
        return DatasetError(
            f"{self.tree.dataset}: {evidence}, so this copy was repacked in Market-1501's form, which loses the "
            f"validation split and renames cameras. Get the published release, with {self.train_folder}{os.sep} and "
            f"list_train.txt."
        )


def _adapter(version: str) -> Adapter:
    name, folders = f"msmt17_{version}", FOLDERS[version]
    protocol = WholeGallery(name, "same_camera")
    survey = ({"train": "train+val"},)
    read = partial(read_msmt17, version)
    return Adapter(name, folders[0], read, protocol, ((Modality.RGB,),), (TRAIN,), folders, survey)


ALL = Adapter("msmt17_all", FOLDERS["v1"][0], read_msmt17_all, options=(VERSION,), folders=FOLDERS["v1"])
ADAPTERS = {adapter.name: adapter for adapter in (_adapter("v1"), _adapter("v2"), ALL)}
