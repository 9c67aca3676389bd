"""LUPerson-NL: 10.7 million photos from street videos with noisy identities (Fu et al., CVPR 2022). Training only."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import DatasetError
from ...modality import Combination
from ...options import Option
from ..base import Adapter, Options, Splits
from ..reading.checks import Fault, raise_unless_tolerated
from ..reading.folders import folder_of, form_of, require_images, training_splits, walk
from ..reading.layouts import Part, Tree
from ..reading.lists import Names
from ..reading.luperson_keys import read_keys, repeated_keys
from ..storage import lmdb_images
from ..storage.stored_photos import PhotoStore

NAME, FOLDERS = "luperson_nl", ("LUPerson-NL", "LUP-NL", "lupnl_lmdb", "lup-nl")
OPTIONS = (
    Option(
        "images",
        "lmdb",
        "'lmdb' (lmdb/ and keys.pkl, as convert_lmdb.py writes them) or 'files' (as extract.py writes them)",
        ("lmdb", "files"),
    ),
)
FILES = "images"
LAYOUT = {
    "lmdb": (Part(f"lmdb/{lmdb_images.FILE}"), Part("keys.pkl", "a dictionary of the lists keys and pids")),
    "files": (Part(f"{FILES}/<country>/<city>/<video>/<pid, 6 digits>_<frame, 7>_<n, 2>.jpg"),),
}
PLACES = {"lmdb": ("lmdb", "keys.pkl"), "files": (FILES,)}
PUBLISHED = {"train ids": 433_997, "train images": 10_683_716, "cameras": 21_697}


def read_luperson_nl(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: all photos; a video is a camera. Identities are not matched across videos."""
    form = options["images"]
    tree = Tree(NAME, root, folder_of(root, FOLDERS), LAYOUT[form])
    form_of(tree, "images", form, PLACES)
    tree.require()
    notes: list[str] = []
    if form == "lmdb":
        store = PhotoStore(lmdb_images.prefix(tree.path("lmdb")), _packed_photos(tree, notes))
    else:
        store = PhotoStore(f"{tree.base}/", _photo_files(tree, notes))
    photos = store.photos()
    require_images(tree, PLACES[form][0], photos)
    return training_splits(NAME, photos, notes, PUBLISHED)


def _packed_photos(tree: Tree, notes: list[str]) -> Iterator[tuple[str, int, int]]:
    """(key, raw pid, video) of every image of the LMDB, in the order of keys.pkl; adds to ``notes`` at the end."""
    folder, file = tree.path("lmdb"), tree.path("keys.pkl")
    for path in (file, tree.path(f"lmdb/{lmdb_images.FILE}")):
        if not tree.exists(path):
            raise DatasetError(f"{NAME}: {path} is empty. Get the file from its source again.")
    names = Names(r"(?P<video>\d{5,9})_(?P<pid>\d{1,18})_.+", f"{NAME} keys", "00001_000001_0000000_00")
    keys, pids = read_keys(file)
    repeats = repeated_keys(file, keys, pids)
    absent, relabelled = [], 0
    for at, present in enumerate(lmdb_images.held(folder, keys)):
        if not present:
            absent.append(keys[at])
        match = names.match(keys[at], keys[at]) if at not in repeats else None
        if match:
            relabelled += int(match["pid"]) != pids[at]
            yield keys[at], pids[at], int(match["video"])
    if absent:
        raise_unless_tolerated(
            f"{NAME}: {len(absent)} of {len(keys)} keys of {file} have no image in {folder}; the first: {absent[0]}. "
            f"Complete the download."
        )
    notes += names.notes()
    if repeats:
        notes.append(f"{NAME}: {len(repeats)} repeated keys of keys.pkl are left out")
    if relabelled:
        notes.append(Fault(f"{NAME}: the identities of {relabelled} images are not those in their keys; pids are used"))


def _photo_files(tree: Tree, notes: list[str]) -> Iterator[tuple[str, int, int]]:
    """(path, raw pid, video) of every image in sorted order; adds to ``notes`` at the end.

    Videos count from 1 as convert_lmdb.py counts them; of a video under two cities it takes the first.
    """
    names = Names(r"(?P<pid>\d{1,9})_\d+_\d+\.jpg", f"{NAME} images", "000001_0000000_00.jpg")
    videos: dict[str, str] = {}
    repeated: set[str] = set()
    for folder, name in walk(tree, FILES):
        video = folder.rsplit("/", 1)[-1]
        if videos.setdefault(video, folder) != folder:
            repeated.add(folder)
            continue
        match = names.match(name, f"{folder}/{name}")
        if match:
            yield f"{folder}/{name}", int(match["pid"]), len(videos)
    notes += names.notes()
    if repeated:
        notes.append(f"{NAME}: {len(repeated)} folders of repeated videos are left out, the first {min(repeated)}")


SURVEY = [{"images": form} for form in PLACES]
ADAPTER = Adapter(NAME, FOLDERS[0], read_luperson_nl, options=OPTIONS, folders=FOLDERS, survey=SURVEY)
