"""Datasets with the same photos: a model trained on one of them has seen test persons of the others.

CUHK-PEDES contains CUHK01, CUHK03, Market-1501, VIPeR and CUHK-SYSU; MaSk1K's photos are Market-1501's;
ICFG-PEDES and RSTPReid are cut from MSMT17; ORBench's cameras are those of SYSU-MM01 and LLCM; UFine3C holds
photos of UFine6926. Nothing is known of the photos of a user's manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

ORIGINS = {
    "market1501": {"Market-1501"},
    "mask1k": {"Market-1501"},
    "msmt17*": {"MSMT17"},
    "icfg_pedes": {"MSMT17"},
    "rstpreid": {"MSMT17"},
    "cuhk_pedes": {"CUHK01", "CUHK03", "CUHK-SYSU", "Market-1501", "VIPeR"},
    "cuhk01": {"CUHK01"},
    "cuhk03*": {"CUHK03"},
    "cuhksysu": {"CUHK-SYSU"},
    "viper": {"VIPeR"},
    "sysu_mm01": {"SYSU-MM01"},
    "llcm": {"LLCM"},
    "orbench*": {"SYSU-MM01", "LLCM"},
    "ufine6926": {"UFine6926"},
    "ufine3c": {"UFine6926"},
}
"""Pattern of dataset names -> the origins of the photos. ``tri_x`` has the photos of ``x``."""

ONE_SPLIT = (
    {"msmt17", "msmt17_v1", "msmt17_v2"},
    {"cuhk03_np_*"},
    {"cuhk03_classic_*"},
    {"orbench*"},
)
"""Patterns of names of one dataset, always with the same persons for training and testing.

``msmt17_all`` trains on the persons that the others test; torchreid's ``cuhk03`` has the persons of either protocol."""


class LeakWarning(UserWarning):
    """A training source shares photos with a target."""


def origins(name: str) -> set[str]:
    """The origins of a dataset's photos; none for one that shares no photos with others."""
    return {origin for pattern, names in ORIGINS.items() if fnmatchcase(_base(name), pattern) for origin in names}


def leaks(sources: Iterable[str], target: str) -> list[str]:
    """One warning for every source that shares photos with a target whose training split it is not.

    Args:
        sources: names of the datasets trained on.
        target: name of the dataset tested on, without a combination of modalities.
    """
    return [
        f"{source} and {target} both contain photos of {' and '.join(shared)}: test persons may have been trained "
        f"on. Leave {source} out of data.sources, or do not compare the results on {target}."
        for source in dict.fromkeys(sources)
        if not _one_dataset(source, target) and (shared := sorted(origins(source) & origins(target)))
    ]


def _base(name: str) -> str:
    return name.removeprefix("tri_")


def _one_dataset(source: str, target: str) -> bool:
    names = {_base(source), _base(target)}
    return len(names) == 1 or any(
        all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in names) for patterns in ONE_SPLIT
    )
