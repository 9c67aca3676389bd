"""LLCM: nine RGB and nine near-infrared cameras in low light (Zhang and Wang, CVPR 2023).

RGB camera k and infrared camera k share their number, and the removal rule compares the numbers.
"""

from __future__ import annotations

import re

from ...modality import Combination, Item, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.llcm import LLCM
from ..base import Adapter, Options, Splits
from ..reading.checks import Fault
from ..reading.folders import cross_modal_splits
from ..reading.image_items import image_item, listed_items
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, read_ids

NAME, FOLDER = "llcm", "LLCM"
QUERIES = ((Modality.IR,), (Modality.RGB,))
CODE = {Modality.RGB: "vis", Modality.IR: "nir"}
IMAGE = "<pid, 4 digits>/<pid>_c<camera>_s<second>_f<frame>"
LAYOUT = (
    *(Part(f"{code}/{IMAGE}_{code}.jpg") for code in CODE.values()),
    *(Part(f"test_{code}/<cam1 ... cam9>/{IMAGE}_{code}.jpg") for code in CODE.values()),
    *(Part(f"idx/train_{code}.txt", "lines 'path label'") for code in CODE.values()),
    Part("idx/test_id.txt", "identities separated by commas, on one line"),
)
EMPTY_FOLDER = "test_nir/cam3"
"""No infrared images of that place are published."""
OPTIONS = (
    Option(
        "vis_to_ir",
        "paper",
        "RGB queries, 'paper': all RGB images are queries, one infrared image per person and camera is the gallery; "
        "'deen_release': the reverse, which the released script does under that name",
        ("paper", "deen_release"),
    ),
)
TRAIN_PUBLISHED = {"train ids": 713, "train rgb images": 16_946, "train ir images": 13_975}
PUBLISHED = {**TRAIN_PUBLISHED, "test ids": 351, "test rgb images": 8_680, "test ir images": 7_166}


def read_llcm(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the listed images. Query: all test images of the query's modality. Gallery: all those of
    the other. The protocol draws from the gallery.

    For RGB queries with ``vis_to_ir: deen_release`` the sides are swapped: infrared images, from which
    the protocol draws, are the query, and all RGB images the gallery.
    """
    (modality,) = query or QUERIES[0]
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require()
    names = {kind: _names(kind) for kind in CODE}
    notes: list[str] = []
    mismatches: list[str] = []
    train = {kind: _listed(tree, kind, names[kind], mismatches, notes) for kind in CODE}
    test = {kind: _tested(tree, kind, names[kind], mismatches) for kind in CODE}
    notes += [note for each in names.values() for note in each.notes()]
    if mismatches:
        notes.append(
            Fault(f"{NAME}: {len(mismatches)} images whose name contradicts their folder, the first {mismatches[0]}")
        )
    if modality is Modality.RGB and options["vis_to_ir"] == "deen_release":
        modality = Modality.IR
        notes.append(f"{NAME}: VIS to IR as in DEEN's release: sampled infrared queries, all RGB images searched")
    return cross_modal_splits(NAME, train, test, modality, notes, PUBLISHED, f"lists in {FOLDER}/idx")


def llcm_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Ten trials that draw one gallery image per person and camera; the same person and camera is removed."""
    if query == (Modality.RGB,):
        return LLCM("vis_to_ir" if options["vis_to_ir"] == "paper" else "deen_release")
    return LLCM("ir_to_vis")


def _names(modality: Modality) -> Names:
    code = CODE[modality]
    pattern = rf"(?:(?:.*/)?(?P<folder>[^/]+)/)?(?P<pid>\d{{4}})_c(?P<camera>\d{{2}})_s\d+_f\d+_{code}\.jpg"
    return Names(pattern, f"{NAME} {code} images", f"0001_c01_s185535_f7010_{code}.jpg")


def _listed(tree: Tree, modality: Modality, names: Names, mismatches: list[str], notes: list[str]) -> list[Item]:
    def item(path: str, match: re.Match[str], label: int, where: str) -> Item:
        if match["folder"] != match["pid"]:
            mismatches.append(f"{where}: {match[0]}")
        return image_item(path, match, modality)

    return listed_items(tree, [f"idx/train_{CODE[modality]}.txt"], names, item, notes)


def _tested(tree: Tree, modality: Modality, names: Names, mismatches: list[str]) -> list[Item]:
    """The test images by camera, person and name."""
    top, items = f"test_{CODE[modality]}", []
    pids = read_ids(tree.path("idx/test_id.txt"))
    for camera in sorted(int(name[3:]) for name in tree.folders(top) if re.fullmatch(r"cam[1-9]\d?", name)):
        for pid in pids:
            for path, match in names.in_folder(tree, f"{top}/cam{camera}/{pid:04d}"):
                if (int(match["pid"]), int(match["camera"])) != (pid, camera):
                    mismatches.append(path)
                items.append(image_item(tree.path(path), match, modality)._replace(pid=pid))
    return items


ADAPTER = Adapter(NAME, FOLDER, read_llcm, llcm_protocol, QUERIES, OPTIONS, spare=(EMPTY_FOLDER,))
