"""LLCM: nine RGB and nine near-infrared cameras in low light (Zhang and Wang, CVPR 2023).

RGB camera k and infrared camera k share their number, and the removal rule compares the numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from ...config import Option
from ...modality import Combination, Item, Media, Modality
from ...protocols.base import Protocol
from ...protocols.llcm import LLCM
from ..base import Adapter, Options, Splits
from ..reading.checks import Absences, Fault
from ..reading.folders import cross_modal_splits
from ..reading.layouts import Part, Tree
from ..reading.lists import Names, read_ids, read_labelled

NAME, FOLDER = "llcm", "LLCM"
QUERIES: tuple[Combination, ...] = ((Modality.IR,), (Modality.RGB,))
CODE = {Modality.RGB: "vis", Modality.IR: "nir"}
IMAGE = "<pid, 4 digits>/<pid>_c<camera>_s<second>_f<frame>"
LAYOUT = (
    Part(f"vis/{IMAGE}_vis.jpg"),
    Part(f"nir/{IMAGE}_nir.jpg"),
    Part(f"test_vis/<cam1 ... cam9>/{IMAGE}_vis.jpg"),
    Part(f"test_nir/<cam1 ... cam9>/{IMAGE}_nir.jpg"),
    Part("idx/train_vis.txt", "lines 'path label'"),
    Part("idx/train_nir.txt", "lines 'path label'"),
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
PUBLISHED = {
    "train ids": 713,
    "train rgb images": 16_946,
    "train ir images": 13_975,
    "test ids": 351,
    "test rgb images": 8_680,
    "test ir images": 7_166,
}


def read_llcm(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the listed images. Query: all test images of the query's modality. Gallery: all those of
    the other. The protocol draws from the gallery.

    For RGB queries with ``vis_to_ir: deen_release`` the sides are swapped: infrared images, from which
    the protocol draws, are the query, and all RGB images the gallery.

    Raises:
        DatasetError: missing or malformed files, or listed images that are absent.
    """
    (modality,) = query or QUERIES[0]
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require()
    names = {kind: _names(kind) for kind in CODE}
    mismatches: list[str] = []
    train = {kind: _listed(tree, kind, names[kind], mismatches) for kind in CODE}
    listed = read_ids(tree.path("idx/test_id.txt"))
    test = {kind: list(_tested(tree, kind, listed, names[kind], mismatches)) for kind in CODE}
    notes = [note for kind in CODE for note in names[kind].notes()]
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
    return Names(
        rf"(?P<pid>\d{{4}})_c(?P<camera>\d{{2}})_s\d+_f\d+_{code}\.jpg",
        f"{NAME} {code} images",
        f"0001_c01_s185535_f7010_{code}.jpg",
    )


def _listed(tree: Tree, modality: Modality, names: Names, mismatches: list[str]) -> list[Item]:
    file = tree.path(f"idx/train_{CODE[modality]}.txt")
    absences = Absences(tree, tree.relative(file))
    items: dict[str, Item] = {}
    for number, listed, _ in read_labelled(file):
        path = tree.listed(listed, f"{file}, line {number}")
        absences.see(path)
        folder, name = path.split(os.sep)[-2:]
        match = names.match(name, listed)
        if match:
            if folder != match["pid"]:
                mismatches.append(listed)
            items[path] = Item(Media(path, modality), int(match["pid"]), int(match["camera"]) - 1)
    absences.raise_if_any(tolerable=True)
    return [items[path] for path in sorted(items)]


def _tested(tree: Tree, modality: Modality, pids: Iterable[int], names: Names, mismatches: list[str]) -> Iterable[Item]:
    top = f"test_{CODE[modality]}"
    cameras = sorted(int(name[3:]) for name in tree.folders(top) if re.fullmatch(r"cam[1-9]\d?", name))
    for camera in cameras:
        for pid in pids:
            folder = f"{top}/cam{camera}/{pid:04d}"
            for path, match in names.in_folder(tree, folder):
                if (int(match["pid"]), int(match["camera"])) != (pid, camera):
                    mismatches.append(path)
                yield Item(Media(tree.path(path), modality), pid, int(match["camera"]) - 1)


ADAPTER = Adapter(NAME, FOLDER, read_llcm, llcm_protocol, QUERIES, OPTIONS, spare=(EMPTY_FOLDER,))
