"""LUPerson-NL: 10.7 million photos from street videos with noisy identities (Fu et al., CVPR 2022). Training only."""

from __future__ import annotations

from collections.abc import Iterator

from ...config import Option
from ...errors import DatasetError
from ...modality import Combination
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.checks import Fault
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
    """Train: all photos; a video is a camera. Identities are not matched across videos.

    Raises:
        DatasetError: missing or malformed files, or images that are absent.
    """
    form = options["images"]
    tree = Tree(NAME, root, folder_of(root, FOLDERS), LAYOUT[form])
    form_of(tree, "images", form, PLACES)
    tree.require()
    source: _LMDB | _Files = _LMDB(tree) if form == "lmdb" else _Files(tree)
    photos = PhotoStore(source.before, source.photos()).photos()
    notes = source.notes()
    require_images(tree, PLACES[form][0], photos)
    return training_splits(NAME, photos, notes, PUBLISHED)


class _LMDB:
    """The images of an LMDB, in the order of keys.pkl."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.folder, self.file = tree, tree.path("lmdb"), tree.path("keys.pkl")
        for path in (self.file, tree.path(f"lmdb/{lmdb_images.FILE}")):
            if not tree.exists(path):
                raise DatasetError(f"{NAME}: {path} is empty. Get the file from its source again.")
        self.before = lmdb_images.prefix(self.folder)
        self.names = Names(r"(?P<video>\d{5,9})_(?P<pid>\d+)_.+", f"{NAME} keys", "00001_000001_0000000_00")
        self.relabelled = self.absent = 0
        self.first_absent = ""
        self.repeats: frozenset[int] = frozenset()

    def photos(self) -> Iterator[tuple[str, int, int]]:
        """(key, raw pid, video) of every image.

        Raises:
            DatasetError: keys are malformed, or images absent.
        """
        keys, pids = read_keys(self.file)
        self.repeats = repeated_keys(self.file, keys, pids)
        for at, here in enumerate(lmdb_images.held(self.folder, keys)):
            match = self.names.match(keys[at], keys[at]) if at not in self.repeats else None
            if not here:
                self.absent += 1
                self.first_absent = self.first_absent or keys[at]
            if match:
                self.relabelled += int(match["pid"]) != pids[at]
                yield keys[at], pids[at], int(match["video"])
        if self.absent:
            checks.raise_unless_tolerated(
                f"{NAME}: {self.absent} of {len(keys)} keys of {self.file} have no image in {self.folder}; the first: "
                f"{self.first_absent}. Complete the download."
            )

    def notes(self) -> list[str]:
        """What was left out or is doubtful."""
        notes = self.names.notes()
        if self.repeats:
            notes.append(f"{NAME}: {len(self.repeats)} repeated keys of keys.pkl are left out")
        if self.relabelled:
            notes.append(
                Fault(f"{NAME}: the identities of {self.relabelled} images are not those in their keys; pids are used")
            )
        return notes


class _Files:
    """The images in folders by country, city and video, in sorted order."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.before = tree, f"{tree.base}/"
        self.names = Names(r"(?P<pid>\d{1,9})_\d+_\d+\.jpg", f"{NAME} images", "000001_0000000_00.jpg")
        self.videos: dict[str, str] = {}
        self.repeated: set[str] = set()

    def photos(self) -> Iterator[tuple[str, int, int]]:
        """(path, raw pid, video) of every image; videos count from 1 as convert_lmdb.py counts them."""
        for folder, name in walk(self.tree, FILES):
            video = folder.rsplit("/", 1)[-1]
            if self.videos.setdefault(video, folder) != folder:
                self.repeated.add(folder)  # one video under two cities: convert_lmdb.py takes the first
                continue
            match = self.names.match(name, f"{folder}/{name}")
            if match:
                yield f"{folder}/{name}", int(match["pid"]), len(self.videos)

    def notes(self) -> list[str]:
        """What was left out."""
        notes = self.names.notes()
        if self.repeated:
            notes.append(
                f"{NAME}: {len(self.repeated)} folders of repeated videos are left out, the first {min(self.repeated)}"
            )
        return notes


ADAPTER = Adapter(
    NAME,
    FOLDERS[0],
    read_luperson_nl,
    options=OPTIONS,
    folders=FOLDERS,
    survey=[{"images": form} for form in PLACES],
)
