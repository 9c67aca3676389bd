"""MaSk1K (Market-Sketch-1K): sketches by six artists of people of Market-1501 (Lin et al., ACM MM 2023).

The folders called ``query`` hold the test split of photos and sketches alike. Of a file name only the
first four characters, the identity, are certain; photos keep Market-1501's names.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...modality import Combination, Item, Media, Modality
from ...options import Option, subset
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import compare, pids
from ..reading.image_items import folder_items
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

NAME, FOLDER = "mask1k", "MaSk1K"
STYLES = "ABCDEF"
PHOTO_CAMERAS = 6
LAYOUT = (
    Part("photo/train/<pid, 4 digits>_<...>.jpg"),
    Part("photo/query/<pid, 4 digits>_<...>.jpg", "the test photos"),
    Part("sketch/<A ... F>/train/<pid, 4 digits>_<...>.jpg", "one folder a style"),
    Part("sketch/<A ... F>/query/<pid, 4 digits>_<...>.jpg", "the test sketches"),
)
OPTIONS = (
    Option("train_styles", STYLES, "styles of sketches to train on, letters of ABCDEF", subset(STYLES)),
    Option("test_styles", STYLES, "styles of sketches to search with, letters of ABCDEF", subset(STYLES)),
    Option(
        "queries",
        "single",
        "'single': every sketch of the test styles is a query; 'multi': all sketches of a person are one query, their "
        "features averaged",
        ("single", "multi"),
    ),
)
PUBLISHED_IDS = {STYLES: (498, 498), "F": (497, 493)}
PUBLISHED_SKETCHES = 4_763
OVERLAP = f"{NAME}: its photos are Market-1501's, so Market-1501 is not an unseen dataset for a model trained on it"


def read_mask1k(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: sketches of the train styles, and the photos of the people they show. Query: every test
    sketch of the test styles. Gallery: all test photos.

    Cameras 0 to 5 are Market-1501's; style A counts as camera 6, and so on.
    """
    train_styles, test_styles = sorted(options["train_styles"]), sorted(options["test_styles"])
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    tree.require(*[f"sketch/{s}/train" for s in train_styles], *[f"sketch/{s}/query" for s in test_styles])
    pattern = r"(?P<pid>\d{4})(?:_c(?P<camera>[1-6])s)?.*"
    photos, sketches = (Names(pattern, f"{NAME} {what}", "0002_<...>.jpg") for what in ("photos", "sketches"))
    drawn = _sketches(tree, train_styles, "train", sketches)
    people = pids(drawn)
    train = [item for item in folder_items(tree, "photo/train", photos) if item.pid in people]
    queries = _sketches(tree, test_styles, "query", sketches)
    gallery = folder_items(tree, "photo/query", photos)
    counts = {"train ids": len(people), "test ids": len(pids(queries)), "sketches": len(drawn) + len(queries)}
    published = _published("".join(train_styles), "".join(test_styles))
    notes = [*photos.notes(), *sketches.notes(), *compare(NAME, counts, published), OVERLAP]
    return Splits(relabel([*train, *drawn]), queries, gallery, notes, counts, published)


def mask1k_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Every sketch, or every person by all sketches, against all test photos, no camera rule.

    The authors' model averages a person's sketches after its stem. Here the retrieval features are averaged, which any
    model has; the protocol's name says so.
    """
    part = f"styles {''.join(sorted(options['test_styles']))}, {options['queries']}"
    if options["queries"] == "single":
        return WholeGallery(NAME, part=f"{part} query")
    return WholeGallery(NAME, part=f"{part}-query", grouping="person")


def _sketches(tree: Tree, styles: Iterable[str], part: str, names: Names) -> list[Item]:
    return [
        Item(Media(tree.path(path), Modality.SKETCH), int(match["pid"]), PHOTO_CAMERAS + STYLES.index(style))
        for style in styles
        for path, match in names.in_folder(tree, f"sketch/{style}/{part}")
    ]


def _published(train_styles: str, test_styles: str) -> dict[str, int]:
    """The counts that are published for these styles."""
    published = {}
    if train_styles in PUBLISHED_IDS:
        published["train ids"] = PUBLISHED_IDS[train_styles][0]
    if test_styles in PUBLISHED_IDS:
        published["test ids"] = PUBLISHED_IDS[test_styles][1]
    if train_styles == test_styles == STYLES:
        published["sketches"] = PUBLISHED_SKETCHES
    return published


MARKET_JUNK = "photo/*/-1_*"
ADAPTER = Adapter(NAME, FOLDER, read_mask1k, mask1k_protocol, ((Modality.SKETCH,),), OPTIONS, spare=(MARKET_JUNK,))
