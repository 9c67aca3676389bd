"""A user's own data, described by one file: a row for every image and every caption.

The file lies in ``<data.root>/<folder>/`` and is called ``manifest.csv`` unless ``aio.datasets.manifest`` says
otherwise. A name that ends in ``.csv`` is a CSV file: UTF-8, commas, the first line names the columns, text with commas
or line breaks in double quotes. A name that ends in ``.jsonl`` is JSON Lines: one object a line, the columns as keys;
absent keys and null count as empty. Columns, in any order:

==========  =========================================================================================================
path        the image, relative to the folder; empty for text
caption     the sentence; for text only
pid         the person: any number or name. If all pids of the file are whole numbers they are compared as numbers
            (7 is 007), else as written
camid       the camera: any number or name; may be empty. Cameras of two modalities are different cameras, even with
            the same name
modality    rgb, ir, sketch, text, cp (colour pencil), or another that is registered
split       train, query or gallery
source      optional: the ``path`` of the rgb image that this caption, sketch, ... was made from. In train it is
            then a partner of that image alone (else of any image of the person); in query it names the gallery
            image that ``removal: source`` removes
group       optional, in query and gallery: rows with the same value are the parts of one multimodal query or gallery
            entry, one per modality, all of one person
==========  =========================================================================================================

A person in four modalities; queries by a caption with a sketch, and by infrared::

    path,caption,pid,camid,modality,split,source,group
    a/1.jpg,,anna,hall,rgb,train,,
    a/1.png,,anna,night,ir,train,,
    a/1s.png,,anna,,sketch,train,,
    ,A woman in a red coat.,anna,,text,train,a/1.jpg,
    b/7.jpg,,ben,hall,rgb,gallery,,
    b/7s.png,,ben,,sketch,query,b/7.jpg,q1
    ,"A tall man, grey bag.",ben,,text,query,b/7.jpg,q1
    b/9.png,,ben,night,ir,query,,

``manifest`` as a target uses every query, one trial for every combination of modalities; ``manifest@sketch+text`` uses
those of that combination. Where there are none, as for ``manifest@text`` above, the parts are taken from the queries
with the fewest other parts, here the captions of sketch+text.

Training persons need an rgb image; test persons should not be trained on. Every row is checked, alone and then against
the others, and the first errors are reported together, each with its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ...errors import DatasetError
from ...modality import Combination, Item, Modality
from ...options import Option
from ...protocols.base import Protocol, RemovalRule
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, check_query
from ..reading.checks import Fault, pids
from ..reading.layouts import Part, Tree
from .items import combinations, counts, link_problems, of_split, test_items, train_items
from .rows import READERS, ManifestRow, raise_problems, read_rows, suffix_of

NAME, FOLDER, FILE = "manifest", "manifest", "manifest.csv"
RULES: tuple[RemovalRule, ...] = ("same_camera", "none", "source")


def _inside(value: str) -> str | None:
    parts = PurePosixPath(value).parts
    inside = value and not value.startswith("/") and ".." not in parts and "\\" not in value
    return None if inside else " It must be a path below data.root, without '..', or '.'."


def _readable(value: str) -> str | None:
    return _inside(value) if suffix_of(value) in READERS else f" It must end in {' or '.join(READERS)}."


OPTIONS = (
    Option("folder", FOLDER, "folder of the data below data.root; '.' is data.root itself", _inside),
    Option("file", FILE, "the manifest, relative to that folder: .csv or .jsonl", _readable),
    Option(
        "removal",
        "same_camera",
        "what is removed from a query's gallery: 'same_camera' (images of the same person by the same camera, compared "
        "within a modality), 'source' (the image that the query was made from), 'none'",
        RULES,
    ),
)


def read_manifest(root: str, options: Options, query: Combination | None) -> Splits:
    """The items that the manifest lists; queries of the combination asked for, None for all.

    Raises:
        DatasetError: the file or an image is missing, or rows are wrong; lists the first with their lines.
        ModalityError: there are no queries of that combination.
    """
    file, rows = _rows(root, options)
    if query is not None:
        check_query(NAME, combinations(rows), query)
    train = train_items(file, rows)
    probes, gallery = test_items(file, rows, query)
    made = sum(item.source >= 0 for item in probes)
    if options["removal"] == "source" and probes and not made:
        raise DatasetError(
            f"{NAME}: aio.datasets.{NAME}.removal is 'source', but no query row of {file} names its 'source'. Fill "
            f"that column in, or set the option to {' or '.join(rule for rule in RULES if rule != 'source')}."
        )
    notes = list(_people(rows))
    if options["removal"] == "same_camera" and probes and not any(row.camid for row in rows if row.split != "train"):
        notes.append(
            f"{NAME}: removal is 'same_camera', but no row of query or gallery has a 'camid': nothing is removed"
        )
    if options["removal"] != "source" and made:
        notes.append(
            f"{NAME}: {made} queries were made from an image that stays in the gallery; aio.datasets.{NAME}.removal "
            f"'source' takes it out"
        )
    return Splits(train, probes, gallery, [*notes, *_unmatched(probes, gallery)], counts(rows))


def find_queries(root: str, options: Options) -> tuple[Combination, ...]:
    """The combinations that queries come in, in the order of the file.

    Raises:
        DatasetError: as :func:`read_manifest`.
    """
    return combinations(_rows(root, options)[1])


def manifest_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """One trial a combination, or one of the combination asked for, with the removal rule of the options."""
    name = f"{NAME} {options['folder']}/{options['file']}"
    return WholeGallery(name, options["removal"], grouping="combination" if query is None else "none")


def _rows(root: str, options: Options) -> tuple[str, list[ManifestRow]]:
    """The manifest and its checked rows."""
    name = options["file"]
    layout = (Part(name, "a row for every image and caption"), Part("<images with the paths in it>"))
    tree = Tree(NAME, root, options["folder"], layout)
    tree.require()
    file = tree.path(name)
    rows = read_rows(tree, name)
    raise_problems(NAME, file, list(link_problems(rows)))
    if of_split(rows, "query") and not of_split(rows, "gallery"):
        raise DatasetError(f"{NAME}: {file} has queries and no gallery. Add rows of split gallery to search in.")
    return file, rows


def _people(rows: Sequence[ManifestRow]) -> Iterator[str]:
    trained = of_split(rows, "train")
    unseen = {row.pid for row in trained} - {row.pid for row in trained if row.modality is Modality.RGB}
    if unseen:
        yield f"{NAME}: {len(unseen)} training persons have no rgb image and are left out, the first {min(unseen)!r}"
    shared = {row.pid for row in trained} & {row.pid for row in rows if row.split != "train"}
    if shared:
        yield Fault(
            f"{NAME}: {len(shared)} identities are in train and in query or gallery, the first {min(shared)!r}: "
            f"results mislead"
        )


def _unmatched(probes: Sequence[Item], gallery: Sequence[Item]) -> Iterator[str]:
    searched = pids(gallery)
    lost = [item for item in probes if item.pid not in searched]
    if lost:
        yield Fault(
            f"{NAME}: {len(lost)} of {len(probes)} queries show people who are not in the gallery, the first "
            f"{str(lost[0].media)!r}; they are not scored"
        )


ADAPTER = Adapter(NAME, FOLDER, read_manifest, manifest_protocol, options=OPTIONS, find_queries=find_queries)
