"""UnrealPerson: synthetic persons in four environments (Zhang et al., CVPR 2021). Training only.

A folder ``unreal_v<environment>.<models>`` has the persons of one set of models; the same number in
two environments is the same person, and under other models another. Cameras belong to environments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...errors import DatasetError
from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading.folders import folder_of, require_images, training_splits
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..storage.stored_photos import PhotoStore

NAME, FOLDERS = "unrealperson", ("UnrealPerson", "unrealperson", "unreal")
PACKAGES = tuple(f"unreal_v{environment}.{models}" for models in (1, 2, 3) for environment in (1, 2, 3, 4))
"""The folders that the authors train on."""
IMAGES = "unreal_v<environment>.<models>/images/<pid>_c<camera>_<frame>"
LAYOUT = (Part(f"{IMAGES}.jpg"), Part(f"{IMAGES}.png", "one or the other"))
PUBLISHED = {"cameras": 34}


def read_unrealperson(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: all images of all packages. The authors' random choice of persons and cameras, which
    cannot be repeated, is not made.
    """
    tree = Tree(NAME, root, folder_of(root, FOLDERS), LAYOUT)
    tree.require()
    packages = [name for name in tree.folders() if re.fullmatch(r"unreal_v\d{1,2}\.\d{1,2}", name)]
    if not packages:
        raise DatasetError(f"{NAME}: {tree.base} has no folder like {PACKAGES[0]}/. Unpack the downloads there.")
    names = Names(r"(?P<pid>\d{1,9})_c(?P<camera>\d{1,3})_\d+\.(?:jpg|png)", f"{NAME} images", "0001_c001_000001.jpg")
    photos = PhotoStore(f"{tree.base}/", _images(tree, packages, names)).photos()
    notes = names.notes()
    require_images(tree, f"{packages[0]}/images", photos, "Unpack the downloads")
    absent = [name for name in PACKAGES if not tree.files(f"{name}/images")]
    if absent:
        notes.append(f"{NAME}: {len(absent)} of {len(PACKAGES)} packages are absent or empty: {', '.join(absent)}")
    return training_splits(NAME, photos, notes, PUBLISHED)


def _images(tree: Tree, packages: list[str], names: Names) -> Iterator[tuple[str, int, int]]:
    for package in packages:
        environment, models = map(int, package.removeprefix("unreal_v").split("."))
        for path, match in names.in_folder(tree, f"{package}/images"):
            yield path, 10**9 * models + int(match["pid"]), 1000 * environment + int(match["camera"])


ADAPTER = Adapter(NAME, FOLDERS[0], read_unrealperson, folders=FOLDERS)
