"""RandPerson: 8,000 synthetic persons in 11 scenes (Wang et al., ACM MM 2020). Training only."""

from __future__ import annotations

from ...modality import Combination
from ...options import Option
from ..base import Adapter, Options, Splits
from ..reading.folders import folder_of, form_of, require_images, scene_images, training_splits
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..storage.stored_photos import PhotoStore

NAME, FOLDERS = "randperson", ("RandPerson", "randperson", "randperson_subset")
CAMERAS = (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)
"""How many cameras each scene has: 19 in all."""
SUBSETS = ("randperson_subset", "subset")
TOPS = {"subset": SUBSETS, "full": ("images",)}
IMAGE = "<pid, 6 digits>_s<scene>_c<camera>_f<frame>.jpg"
LAYOUT = (
    Part(f"{SUBSETS[0]}/{IMAGE}", f"or {SUBSETS[1]}/; for images: subset"),
    Part(f"images/<scene00 ... scene10>/{IMAGE}", "unpacked; for images: full"),
)
FORM = "'subset' (132,145 images, what papers train on) or 'full' (1.8 million)"
OPTIONS = (Option("images", "subset", FORM, tuple(TOPS)),)
PUBLISHED = {
    "subset": {"train ids": 8_000, "train images": 132_145},
    "full": {"train ids": 8_000, "train images": 1_801_816},
}


def read_randperson(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: all images of the subset or of the full set. A camera is one of a scene."""
    form = options["images"]
    tree = Tree(NAME, root, folder_of(root, FOLDERS, (*SUBSETS, "images")), LAYOUT)
    top = form_of(tree, "images", form, TOPS)
    scenes = "|".join(f"s{scene:02d}_c{at:02d}" for scene, count in enumerate(CAMERAS) for at in range(count))
    pattern = rf"(?P<pid>\d{{6}})_(?=(?:{scenes})_)s(?P<scene>\d\d)_c(?P<camera>\d\d)_f\d{{6}}\.jpg"
    names = Names(pattern, f"{NAME} images", "000000_s00_c00_f000000.jpg")
    images = scene_images(tree, top, names, lambda scene, camera: sum(CAMERAS[:scene]) + camera)
    photos = PhotoStore(f"{tree.base}/", images).photos()
    notes = names.notes()
    if not photos:
        folders = [top, *(f"{top}/{name}" for name in tree.folders(top))]
        packed = [f"{folder}/{name}" for folder in folders for name in tree.files(folder, (".tar.gz",))]
        require_images(tree, top, photos, f"Unpack {packed[0]} and the others" if packed else "Complete the download")
    splits = training_splits(NAME, photos, notes, PUBLISHED[form])
    splits.notes.append(f"{NAME}: images are of the {form} set")
    return splits


SURVEY = [{"images": form} for form in TOPS]
ADAPTER = Adapter(NAME, FOLDERS[0], read_randperson, options=OPTIONS, folders=FOLDERS, survey=SURVEY)
