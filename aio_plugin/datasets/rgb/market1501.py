"""Market-1501: six cameras on a campus (Zheng et al., ICCV 2015).

torchreid has a dataset of this name, and models train and are tested on that one: it lists the images in the order of
the file system, this adapter by name. The adapter serves the doctor and the tables of counts.
"""

from __future__ import annotations

from ...modality import Combination, Modality
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import check_apart, pids
from ..reading.folders import photo_splits, require_images
from ..reading.image_items import folder_items
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

NAME, RELEASE = "market1501", "Market-1501-v15.09.15"
FOLDERS = ("bounding_box_train", "query", "bounding_box_test")
LAYOUT = tuple(Part(f"{folder}/<pid, 4 digits>_c<camera>s<sequence>_<frame>_<box>.jpg") for folder in FOLDERS)
JUNK, DISTRACTOR = -1, 0
PUBLISHED_TEST = {"query ids": 750, "query images": 3_368, "gallery images": 15_913, "junk images": 3_819}
PUBLISHED = {"train ids": 751, "train images": 12_936, **PUBLISHED_TEST}


def read_market1501(root: str, options: Options, query: Combination | None) -> Splits:
    """The three folders. Junk boxes are left out; distractors stay in the gallery with identity 0."""
    tree = Tree(NAME, root, NAME, LAYOUT)
    if tree.has(RELEASE):
        tree = Tree(NAME, root, f"{NAME}/{RELEASE}", LAYOUT)
    tree.require()
    names = Names(
        r"(?P<pid>-1|\d{4})_c(?P<camera>[1-6])s\d+_\d+_\d+\.jpg(?:\.jpg)?", f"{NAME} images", "0002_c1s1_000451_03.jpg"
    )
    everything = [folder_items(tree, folder, names) for folder in FOLDERS]
    notes = names.notes()
    train, probes, gallery = ([item for item in items if item.pid != JUNK] for items in everything)
    for folder, items in zip(FOLDERS, (train, probes, gallery), strict=True):
        require_images(tree, folder, items)
    trained, tested = pids(train), (pids(probes) | pids(gallery)) - {DISTRACTOR}
    check_apart(NAME, trained, tested)
    counts = {
        "ids": len(trained | tested),
        "images": len(everything[0]) + len(everything[2]),
        "junk images": len(everything[2]) - len(gallery),
    }
    return photo_splits(NAME, train, probes, gallery, notes, PUBLISHED, **counts)


PROTOCOL = WholeGallery(NAME, "same_camera")
ADAPTER = Adapter(NAME, NAME, read_market1501, PROTOCOL, ((Modality.RGB,),), spare=("*/-1_*",))
