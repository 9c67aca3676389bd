"""Tri-CUHK-PEDES, Tri-ICFG-PEDES and Tri-RSTPReid: a text set with one synthetic sketch of every photo.

UNIReID (Chen et al., CVPR 2023). A sketch was made from one photo. That photo is removed from the gallery of
every query with the sketch, and, as UNIReID scores it, of text queries too; text alone is scored against the whole
gallery as well, which is the number comparable with text-only papers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial

from ...modality import Combination, Item, Media, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading.captioned import gallery_items, query_items, unused_camera
from ..reading.checks import Absences, read_once
from ..reading.layouts import Part, Tree
from ..reading.text_sets import CaptionedSet, queried_captions, read_captioned_set
from ..text import cuhk_pedes, icfg_pedes, rstpreid

_RGB, _SKETCH, _TEXT = Modality.RGB, Modality.SKETCH, Modality.TEXT
ARCHIVE = "sketch/aliyun"
QUERIES: tuple[Combination, ...] = (
    *((_SKETCH, _TEXT), (_SKETCH,), (_TEXT,)),
    *((_RGB, _SKETCH, _TEXT), (_RGB, _SKETCH), (_RGB, _TEXT), (_RGB,)),
)


@dataclass(frozen=True)
class TriSet:
    """A text set with sketches.

    Attributes:
        base: the text set.
        archive: names of its folder in the published archive, which is unpacked in the dataset's folder or beside it.
    """

    base: CaptionedSet
    archive: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a config calls it."""
        return f"tri_{self.base.name}"

    @property
    def sketch_folders(self) -> tuple[str, ...]:
        """Folders in which sketches are looked for, in order."""
        return ("imgs-sketch2", "imgs-sketch", *self.beside)

    @property
    def beside(self) -> tuple[str, ...]:
        """Folders below the data root in which sketches are looked for after those."""
        return tuple(f"{ARCHIVE}/{name}{end}" for name in self.archive for end in (f"/{self.base.images}", ""))

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the text set, and two more."""
        tried = f"{', '.join(self.sketch_folders)}, and the last of these below data.root"
        return (
            *self.base.all_options,
            Option("sketches", "", f"folder of the sketches below {self.base.folder}; '' tries {tried}"),
            Option(
                "text_gallery",
                "filtered",
                "which result of text-only queries comes first, the other is a variant: 'filtered' removes the "
                f"photo a caption was written for (UNIReID), 'original' nothing (comparable with {self.base.name})",
                ("filtered", "original"),
            ),
        )

    def tree(self, root: str) -> Tree:
        """The dataset's folder and its expected content."""
        first, *others = self.sketch_folders
        sketches = Part(f"{first}/<as {self.base.images}>", f"or {', '.join(others)}", optional=True)
        return Tree(self.name, root, self.base.folder, (*self.base.layout, sketches))


def read_tri(tri: TriSet, root: str, options: Options, query: Combination | None) -> Splits:
    """Train: photos with captions, and their sketches. Query: every caption of the searched split with the sketch
    of its own photo. Gallery: the photos.

    Without text there is one query for every photo. Queries with ``rgb`` take the source photo itself.
    """
    combination = query or QUERIES[0]
    tree = tri.tree(root)
    place, folder = _sketch_folder(tri, tree, options["sketches"])
    photos = read_captioned_set(tri.base, tree, options)
    start = len(tree.path(CaptionedSet.images)) + 1
    expected: dict[str, str] = read_once((tri.name, folder, "expected"), dict)
    sketches: dict[str, str] = read_once((tri.name, folder, "sketches"), dict)
    for photo in (*photos.train, *photos.gallery):
        if photo.media not in expected:
            expected[photo.media] = sketch = _expected_sketch(place, folder, photo.media[start:])
            if place.exists(sketch):
                sketches[photo.media] = sketch
    if _SKETCH in combination:
        absences = Absences(place, "the annotations", folder)
        for photo in photos.gallery:
            absences.see(expected[photo.media])
        absences.raise_if_any()
    with_sketch = [photo for photo in photos.train if photo.media in sketches]
    notes = list(photos.notes)
    if len(with_sketch) < len(photos.train):
        lacking = len(photos.train) - len(with_sketch)
        notes.append(f"{tri.name}: {lacking} of {len(photos.train)} training photos have no sketch in {folder}")
    camera = unused_camera(photos.train)
    drawn = [Item(Media(sketches[photo.media], _SKETCH), photo.pid, camera) for photo in with_sketch]
    return replace(
        photos,
        train=relabel([*photos.train, *drawn]),
        query=query_items(photos.gallery, combination, sketches, queried_captions(options)),
        gallery=gallery_items(photos.gallery),
        notes=notes,
    )


def tri_protocol(tri: TriSet, root: str, options: Options, query: Combination | None) -> Protocol:
    """Without the source photo; text alone also with the original gallery, in the order the options ask for."""
    part = tri.base.searched_part(options)
    filtered = WholeGallery(tri.name, "source", part)
    original = WholeGallery(tri.name, "none", f"{part}, original gallery")
    if query != (_TEXT,):
        return filtered
    first, other = (filtered, original) if options["text_gallery"] == "filtered" else (original, filtered)
    return replace(first, variants=(other,))


def _sketch_folder(tri: TriSet, tree: Tree, option: str) -> tuple[Tree, str]:
    """The folder of the sketches, that of the option, else the first that exists, and the tree that it is in."""
    if option:
        tree.listed(option, f"aio.datasets.{tree.dataset}.sketches")
    root = Tree(tri.name, tree.root, "", ())
    tried = [(tree, option)] if option else [(tree, f) for f in tri.sketch_folders] + [(root, f) for f in tri.beside]
    place, folder = next((found for found in tried if found[0].has(found[1])), tried[0])
    if place is tree:
        tree.require(folder)
    return place, folder


def _expected_sketch(tree: Tree, folder: str, photo: str) -> str:
    """Path of a photo's sketch: the same path below ``folder``, or with another image suffix if there is one."""
    return tree.reencoded(os.path.join(tree.path(folder), photo))


def _adapter(tri: TriSet) -> Adapter:
    read, protocol = partial(read_tri, tri), partial(tri_protocol, tri)
    survey, surveyed = tri.base.survey, ((_SKETCH,), (_TEXT,))
    adapter = Adapter(tri.name, tri.base.folder, read, protocol, QUERIES, tri.options)
    return replace(adapter, survey=survey, surveyed=surveyed, beside=tri.beside)


SETS = (
    TriSet(cuhk_pedes.SET, ("CUHK", "CUHK-PEDES")),
    TriSet(icfg_pedes.SET, ("ICFG", "ICFG-PEDES")),
    TriSet(rstpreid.SET, ("RSTPReid",)),
)
ADAPTERS = {tri.name: _adapter(tri) for tri in SETS}
