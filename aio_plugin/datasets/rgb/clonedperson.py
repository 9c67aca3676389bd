"""ClonedPerson: 5,621 synthetic persons dressed like real ones (Wang et al., CVPR 2022).

It has a test split, unlike other synthetic sets, but its authors name no removal rule: Market-1501's is used, and each
camera of a scene is a camera of its own.
"""

from __future__ import annotations

from ...modality import Combination, Item, Media, Modality
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import check_apart, compare, pids, search_counts, unmatched_queries
from ..reading.folders import folder_of, require_images, scene_images
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..storage.stored_photos import PhotoStore

NAME, FOLDERS = "clonedperson", ("clonedperson", "ClonedPerson")
TOPS = ("train", "test/query", "test/gallery")
LAYOUT = tuple(Part(f"{top}/<pid, 6 digits>_s<scene>_c<camera>_f<frame>.jpg") for top in TOPS)
PUBLISHED = {"ids": 5_621, "images": 887_766}


def read_clonedperson(root: str, options: Options, query: Combination | None) -> Splits:
    """The three folders."""
    tree = Tree(NAME, root, folder_of(root, FOLDERS), LAYOUT)
    tree.require()
    pattern = r"(?P<pid>\d{6})_s(?P<scene>\d\d)_c(?P<camera>\d\d)_f\d{6}\.jpg"
    names = Names(pattern, f"{NAME} images", "700000_s02_c00_f023389.jpg")
    train = PhotoStore(f"{tree.base}/", scene_images(tree, TOPS[0], names, _camera)).photos()
    probes, gallery = (
        [Item(Media(tree.path(path)), pid, camid) for path, pid, camid in scene_images(tree, top, names, _camera)]
        for top in TOPS[1:]
    )
    notes = names.notes()
    for top, items in zip(TOPS, (train, probes, gallery), strict=True):
        require_images(tree, top, items)
    trained, tested = set(train.arrays["identities"].tolist()), pids(probes) | pids(gallery)
    check_apart(NAME, trained, tested)
    counts = {
        "ids": len(trained | tested),
        "images": len(train) + len(probes) + len(gallery),
        "train ids": len(trained),
        "train images": len(train),
        **search_counts(probes, gallery),
    }
    notes += unmatched_queries(NAME, probes, gallery) + compare(NAME, counts, PUBLISHED)
    notes.append(f"{NAME}: scored by Market-1501's rule, as its authors name no rule")
    return Splits(train, probes, gallery, notes, counts, PUBLISHED)


def _camera(scene: int, camera: int) -> int:
    return 100 * scene + camera


PROTOCOL = WholeGallery(NAME, "same_camera")
ADAPTER = Adapter(NAME, FOLDERS[0], read_clonedperson, PROTOCOL, ((Modality.RGB,),), folders=FOLDERS)
