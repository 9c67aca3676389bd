"""CUHK03 in the classic protocol: 20 splits of 1,367 training and 100 test persons (Li et al., CVPR 2014)."""

from __future__ import annotations

from functools import partial

from ...config import Option
from ...errors import DatasetError
from ...modality import Combination
from ...protocols.base import Protocol
from ...protocols.cuhk03 import CUHK03Classic
from ..base import Adapter, Options, Splits, relabel
from ..reading import checks
from ..reading.checks import Fault, pids
from ..reading.cuhk03 import (
    BOXES,
    EXTRACT,
    FOLDER,
    QUERIES,
    SPLITS,
    image_item,
    images_of,
    names_of,
    read_test_set,
    tree_of,
)

MATLAB = "cuhk03_release/cuhk-03.mat"
OPTIONS = (
    Option(
        "split",
        1,
        "which of the 20 classic splits, 1 to 20; papers print the mean over all",
        lambda split: None if 1 <= split <= SPLITS else f" It must be 1 to {SPLITS}.",
    ),
)
PUBLISHED = {
    "detected": {"images": 14_097, "train ids": 1_367, "query ids": 100},
    "labeled": {"images": 14_096, "train ids": 1_367, "query ids": 100},
}


def read_cuhk03_classic(boxes: str, root: str, options: Options, query: Combination | None) -> Splits:
    """Query and gallery: all images of the split's test persons. Train: those of all others.

    Raises:
        DatasetError: missing or malformed files, or none of the test persons has images.
    """
    name = f"cuhk03_classic_{boxes}"
    split = options["split"]
    tree = tree_of(name, root, boxes, MATLAB, "MATLAB 7.3, which names the splits")
    tree.require()
    tested = read_test_set(tree.path(MATLAB), split)
    folder = images_of(boxes)
    names = names_of(name)
    matches = [(file, match) for file in tree.files(folder) if (match := names.match(file, f"{folder}/{file}"))]
    items = [image_item(tree.path(f"{folder}/{file}"), match) for file, match in matches]
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
    notes += checks.compare(name, counts, PUBLISHED[boxes])
    notes.append(f"{name}: split {split} of {SPLITS}; papers train {SPLITS} models and print their mean")
    return Splits(relabel(train), test, list(test), notes, counts, PUBLISHED[boxes])


def cuhk03_classic_protocol(boxes: str, root: str, options: Options, query: Combination | None) -> Protocol:
    """One gallery image drawn per person, ten repeats."""
    return CUHK03Classic(f"cuhk03_classic_{boxes}", f"split {options['split']} of {SPLITS}")


def _adapter(boxes: str) -> Adapter:
    name = f"cuhk03_classic_{boxes}"
    return Adapter(
        name,
        FOLDER,
        partial(read_cuhk03_classic, boxes),
        partial(cuhk03_classic_protocol, boxes),
        QUERIES,
        OPTIONS,
        survey=[{"split": split} for split in range(1, SPLITS + 1)],
    )


ADAPTERS = {adapter.name: adapter for adapter in map(_adapter, BOXES)}
