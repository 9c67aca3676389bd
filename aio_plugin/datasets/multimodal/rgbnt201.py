"""RGBNT201: aligned RGB, near-infrared and thermal pictures of 201 people (Zheng et al., AAAI 2021).

The three pictures of one moment have one name in three folders. A missing picture is absent,
never black. A model has one infrared modality, so one of the two infrared folders is read at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...modality import Combination, Item, Media, Modality, format_combination
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from ..reading.checks import Fault, check_apart, compare
from ..reading.layouts import Part, Tree
from ..reading.lists import Names

NAME, FOLDER = "rgbnt201", "RGBNT201"
QUERIES = ((Modality.RGB,), (Modality.IR,), (Modality.RGB, Modality.IR))
TRAIN, TEST = "train_171", "test"
IMAGE = "<pid, 6 digits>_cam<camera>_<n>_<n>.jpg"
LAYOUT = tuple(
    Part(f"{split}/{folder}/{IMAGE}", about, optional=bool(about))
    for split in (TRAIN, TEST)
    for folder, about in (("RGB", ""), ("NI", "for infrared: NI"), ("TI", "for infrared: TI, thermal"))
)
OPTIONS = (
    Option("infrared", "NI", "the folder that counts as ir: 'NI' (near infrared) or 'TI' (thermal)", ("NI", "TI")),
    Option(
        "gallery",
        "query",
        "the gallery: 'query' (pictures of the query's modalities, as in papers) or 'rgb' (RGB alone)",
        ("query", "rgb"),
    ),
)
PUBLISHED = {"train ids": 171, "test ids": 30, "aligned pictures": 4_787}


class Moment(NamedTuple):
    """The aligned pictures of a person at one moment, as far as they exist."""

    pid: int
    camid: int
    media: dict[Modality, Media]


def read_rgbnt201(root: str, options: Options, query: Combination | None) -> Splits:
    """Train: all pictures of ``train_171``; an RGB picture has its aligned infrared one as a partner.
    Query and gallery: the whole test folder.

    A query or gallery item has the pictures of its combination that exist; one without any is left out.
    """
    combination = query or QUERIES[0]
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    folders = {Modality.RGB: "RGB", Modality.IR: options["infrared"]}
    tree.require(*(f"{split}/{options['infrared']}" for split in (TRAIN, TEST)))
    names = Names(r"(?P<pid>\d{6})_cam(?P<camera>[1-9])_\d+_\d+\.jpg", f"{NAME} pictures", "000258_cam1_0_00.jpg")
    training, test = (_moments(tree, split, folders, names) for split in (TRAIN, TEST))
    notes = names.notes()
    trained, tested = ({moment.pid for moment in moments} for moments in (training, test))
    check_apart(NAME, trained, tested, f"folders {TRAIN} and {TEST}")
    aligned = sum(len(moment.media) == len(folders) for moment in (*training, *test))
    counts = {"train ids": len(trained), "test ids": len(tested), "aligned pictures": aligned}
    notes += [*_gaps(training, "training", folders), *_gaps(test, "test", folders), *compare(NAME, counts, PUBLISHED)]
    queries = _items(test, combination)
    gallery = queries if options["gallery"] == "query" else _items(test, (Modality.RGB,))
    train = [
        Item(Media.joined([*moment.media.values()] if modality is Modality.RGB else [media]), moment.pid, moment.camid)
        for moment in training
        for modality, media in moment.media.items()
    ]
    return Splits(relabel(train), queries, gallery, notes, counts, PUBLISHED)


def rgbnt201_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Market-1501's rule, which also removes the query's own picture."""
    combination = query or QUERIES[0]
    searched = format_combination(combination) if options["gallery"] == "query" else "rgb"
    infrared = f" (ir: {options['infrared']})" if Modality.IR in combination else ""
    part = f"{format_combination(combination)} searches {searched}{infrared}"
    return WholeGallery(NAME, "same_camera", part)


def _moments(tree: Tree, split: str, folders: dict[Modality, str], names: Names) -> list[Moment]:
    """The moments of a split in the order of their names."""
    moments: dict[str, Moment] = {}
    for modality, folder in folders.items():
        for path, match in names.in_folder(tree, f"{split}/{folder}"):
            moment = moments.setdefault(match[0], Moment(int(match["pid"]), int(match["camera"]) - 1, {}))
            moment.media[modality] = Media(tree.path(path), modality)
    return [moments[name] for name in sorted(moments)]


def _items(moments: Sequence[Moment], combination: Combination) -> list[Item]:
    items = []
    for moment in moments:
        parts = [moment.media[modality] for modality in combination if modality in moment.media]
        if parts:
            items.append(Item(Media.joined(parts), moment.pid, moment.camid))
    return items


def _gaps(moments: Sequence[Moment], split: str, folders: dict[Modality, str]) -> Iterator[str]:
    for modality, folder in folders.items():
        lacking = [moment for moment in moments if modality not in moment.media]
        if lacking:
            (first, *_) = lacking[0].media.values()
            yield Fault(
                f"{NAME}: {len(lacking)} of {len(moments)} {split} pictures are not in {folder} and count as "
                f"without {modality}; the first: {first.rsplit('/', 1)[-1]}"
            )


SURVEY = ({"infrared": "NI"}, {"infrared": "TI"})
ADAPTER = Adapter(NAME, FOLDER, read_rgbnt201, rgbnt201_protocol, QUERIES, OPTIONS, survey=SURVEY)
