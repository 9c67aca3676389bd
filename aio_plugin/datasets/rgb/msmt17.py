"""MSMT17: fifteen cameras, four days (Wei et al., CVPR 2018); V2 is V1 with blurred faces.

Training and test persons are both numbered from 0: equal numbers are different people. Published
code differs in whether the validation list is trained on too.
"""

from __future__ import annotations

import os
import re
from functools import partial

from ...config import Option
from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading import checks
from ..reading.checks import Absences, Fault, pids
from ..reading.folders import folder_of, photo_splits
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, read_labelled

FOLDERS = {"v1": ("MSMT17_V1", "msmt17/MSMT17_V1", "MSMT17"), "v2": ("MSMT17_V2", "msmt17/MSMT17_V2", "MSMT17")}
IMAGES = {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}
QUERIES: tuple[Combination, ...] = ((Modality.RGB,),)
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
    """Train, query and gallery as listed; repeated paths count once.

    Raises:
        DatasetError: missing or malformed lists, absent images, or a copy repacked in Market-1501's form.
    """
    name = f"msmt17_{version}"
    trained = options["train"]
    lists = _Lists(name, root, version, val=trained == "train+val")
    train = lists.read(*trained.split("+"))
    probes, gallery = lists.read("query"), lists.read("gallery")
    published = {**PUBLISHED_TRAIN[trained], **PUBLISHED_TEST}
    splits = photo_splits(name, train, probes, gallery, lists.notes(), published)
    splits.notes.append(f"{name}: trained on {trained}: {len(train):,} images of {len(pids(train)):,} persons")
    return splits


def read_msmt17_all(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: every image of all four lists. Test persons are numbered after the training persons.

    Raises:
        DatasetError: as :func:`read_msmt17`.
    """
    name = "msmt17_all"
    version = options["version"]
    lists = _Lists(name, root, version, val=True)
    train = lists.read("train", "val")
    test = [item._replace(pid=item.pid + TEST_PIDS) for item in lists.read("query", "gallery")]
    everything = relabel([*train, *test])
    counts = {"train ids": len(pids(everything)), "train images": len(everything)}
    notes = lists.notes() + checks.compare(name, counts, PUBLISHED_ALL)
    notes.append(f"{name}: trained on MSMT17 {version.upper()}'s test persons too; results on MSMT17 would mislead")
    return Splits(everything, notes=notes, found=counts, published=PUBLISHED_ALL)


def msmt17_protocol(version: str, root: str, options: Options, query: Combination | None) -> Protocol:
    """Market-1501's rule."""
    return WholeGallery(f"msmt17_{version}", "same_camera")


class _Lists:
    """The lists of one copy of the dataset, read into items."""

    def __init__(self, name: str, root: str, version: str, val: bool) -> None:
        self.name = name
        self.train_folder, self.test_folder = IMAGES[version]
        self.tree = self._find(root, version)
        self.tree.require(*(["list_val.txt"] if val else []))
        self.names = Names(PATTERN, f"{name} listed images", "0000/0000_000_01_0303morning_0008_0.jpg")
        self.repeated = self.disagreeing = 0
        self.first_disagreeing = ""

    def read(self, *parts: str) -> list[Item]:
        """The items of one or more lists, sorted by path, raw pids."""
        items: dict[str, Item] = {}
        for part in parts:
            self._add(f"list_{part}.txt", self.train_folder if part in ("train", "val") else self.test_folder, items)
        if not items:
            raise DatasetError(f"{self.name}: {' and '.join(f'list_{p}.txt' for p in parts)} name no images; restore.")
        return [items[path] for path in sorted(items)]

    def notes(self) -> list[str]:
        """What was left out or is doubtful."""
        notes = self.names.notes()
        if self.repeated:
            notes.append(f"{self.name}: {self.repeated} repeated lines of the lists count once")
        if self.disagreeing:
            notes.append(
                Fault(
                    f"{self.name}: {self.disagreeing} lines whose label differs from their folder, which is used; "
                    f"the first: {self.first_disagreeing}"
                )
            )
        return notes

    def _add(self, file: str, folder: str, items: dict[str, Item]) -> None:
        path = self.tree.path(file)
        absences = Absences(self.tree, self.tree.relative(path), folder)
        for number, listed, label in read_labelled(path):
            if REPACKED.fullmatch(listed):
                raise self._repacked(f"line {number} of {file} names {listed}")
            image = self.tree.listed(listed, f"{path}, line {number}", folder)
            absences.see(image)
            match = self.names.match(listed.replace("\\", "/"), f"{file}: {listed}")
            if match is None:
                continue
            if int(match["pid"]) != label:
                self.disagreeing += 1
                self.first_disagreeing = self.first_disagreeing or f"{file}, line {number}"
            self.repeated += image in items
            items[image] = Item(Media(image), int(match["pid"]), int(match["camera"]) - 1)
        absences.raise_if_any(tolerable=True)

    def _find(self, root: str, version: str) -> Tree:
        layout = (
            *(Part(f"{folder}/{IMAGE}") for folder in IMAGES[version]),
            Part("list_train.txt", "lines 'path pid'"),
            Part("list_val.txt", "for train: train+val, and for msmt17_all", optional=True),
            Part("list_query.txt"),
            Part("list_gallery.txt"),
        )
        tree = Tree(self.name, root, folder_of(root, FOLDERS[version]), layout)
        if tree.has("bounding_box_train") and not tree.has(self.train_folder):
            raise self._repacked(f"{tree.base} has bounding_box_train/")
        return tree

    def _repacked(self, evidence: str) -> DatasetError:
        return DatasetError(
            f"{self.name}: {evidence}, so this copy was repacked in Market-1501's form, which loses the validation "
            f"split and renames cameras. Get the published release, with {self.train_folder}{os.sep} and "
            f"list_train.txt."
        )


def _adapter(version: str) -> Adapter:
    options = (TRAIN,)
    return Adapter(
        f"msmt17_{version}",
        FOLDERS[version][0],
        partial(read_msmt17, version),
        partial(msmt17_protocol, version),
        QUERIES,
        options,
        FOLDERS[version],
        ({"train": "train+val"},),
    )


ADAPTERS = {
    "msmt17_v1": _adapter("v1"),
    "msmt17_v2": _adapter("v2"),
    "msmt17_all": Adapter(
        "msmt17_all",
        FOLDERS["v1"][0],
        read_msmt17_all,
        options=(VERSION,),
        folders=FOLDERS["v1"],
    ),
}
