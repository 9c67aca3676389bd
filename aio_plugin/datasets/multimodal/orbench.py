"""ORBench: RGB, near infrared, colour pencil, sketch and text of 1,000 people (ReID5o, NeurIPS 2025).

https://arxiv.org/abs/2506.09385. The query lists are fixed in a file. The first modality of a list's name is
the anchor, one query for each of its media, and the others are partners of the same person: ``orbench@cp+text``
and ``orbench@text+cp`` are two lists. ``orbench_one`` to ``orbench_four`` test all lists of one to
four modalities, one trial each; the mean over trials is the authors' ONE_AVER to FOUR_AVER.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from ...modality import Combination, Item, format_combination
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits
from ..reading.checks import compare, pids, unmatched_queries
from ..reading.layouts import Part, Tree
from ..reading.orbench_lists import COLUMNS, FILE, NAMES, SIZES, list_name, read_tests
from ..reading.orbench_train import TRAIN, read_train

NAME, FOLDER = "orbench", "ORBench"
GROUPS = {"orbench_one": 1, "orbench_two": 2, "orbench_three": 3, "orbench_four": 4}
LAYOUT = (
    Part("vis/<person>/<...>.jpg", "RGB"),
    Part("nir/<person>/<...>.jpg", "near infrared"),
    Part("cp/<person>/<...>.jpg", "colour pencil"),
    Part("sk/<person>/<...>.jpg", "sketches"),
    Part(TRAIN, "for training: id, file_path, caption"),
    Part(FILE, "gallery and 32 lists of queries"),
)
PUBLISHED_QUERIES = dict(zip(NAMES, (10_425, 7_200, 7_200, 18_050), strict=True))
"""Queries of every list by its anchor: near infrared, colour pencil, sketch and text."""


def read_orbench(name: str, root: str, options: Options, query: Combination | None) -> Splits:
    """Train: the annotated RGB photos with their captions, and every other picture of the same people.
    Query: the list of the combination; by default near infrared alone or, for a group, all of its lists.
    Gallery: the RGB gallery.

    Groups are for testing and have no training split.
    """
    lists = _chosen(name, query)
    tree = Tree(name, root, FOLDER, LAYOUT)
    tree.require()
    queries, gallery, notes = read_tests(tree, lists)
    queries_of = Counter(item.media.combination for item in queries)
    counts = {"test ids": len(pids(gallery)), "gallery images": len(gallery)}
    counts.update({f"{format_combination(each)} queries": queries_of[each] for each in lists})
    published = {f"{format_combination(each)} queries": PUBLISHED_QUERIES[each[0]] for each in lists}
    published["test ids"] = 400
    train: list[Item] = []
    if name == NAME:
        train, more = read_train(tree, gallery)
        notes += more
        counts["train ids"], published["train ids"] = len(pids(train)), 600
    notes += [*unmatched_queries(name, queries, gallery), *compare(name, counts, published)]
    return Splits(train, queries, gallery, notes, counts, published)


def orbench_protocol(name: str, root: str, options: Options, query: Combination | None) -> Protocol:
    """All queries of a list against the whole gallery, no camera rule."""
    lists = _chosen(name, query)
    if len(lists) == 1:
        return WholeGallery(NAME, part=f"list {list_name(lists[0])}")
    return WholeGallery(NAME, part=f"all {len(lists)} lists of {name.removeprefix('orbench_')}", grouping="combination")


def _queries(name: str) -> tuple[Combination, ...]:
    return SIZES[GROUPS[name]] if name in GROUPS else tuple(COLUMNS)


def _chosen(name: str, query: Combination | None) -> tuple[Combination, ...]:
    """The lists to read."""
    if query is None:
        return _queries(name) if name in GROUPS else _queries(name)[:1]
    return (query,)


def _adapter(name: str) -> Adapter:
    read, protocol = partial(read_orbench, name), partial(orbench_protocol, name)
    return Adapter(name, FOLDER, read, protocol, _queries(name), survey=() if name in GROUPS else ({},))


ADAPTERS = {name: _adapter(name) for name in (NAME, *GROUPS)}
