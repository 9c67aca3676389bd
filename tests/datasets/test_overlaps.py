"""Which datasets share photos, and are warned of when one is trained on and the other tested."""

import itertools
from fnmatch import fnmatchcase

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.overlaps import leaks, origins


def variants(*patterns):
    """Every registered name of these forms, and torchreid's own."""
    known = (*ADAPTERS, "market1501", "msmt17", "cuhk03")
    found = [name for pattern in patterns for name in known if fnmatchcase(name, pattern)]
    assert len(found) >= len(patterns)
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["mask1k", "*cuhk_pedes"], ["market1501"]),
        (["mask1k"], ["*cuhk_pedes"]),
        (["*icfg_pedes", "*rstpreid"], ["msmt17*"]),
        (["*icfg_pedes"], ["*rstpreid"]),
        (["orbench*"], ["sysu_mm01", "llcm"]),
        (["msmt17_all"], ["msmt17", "msmt17_v1", "msmt17_v2"]),
        (["ufine3c"], ["ufine6926"]),
        (["*cuhk_pedes"], ["cuhk03", "cuhk03_*"]),
        (["cuhk03_np_*"], ["cuhk03", "cuhk03_classic_*"]),
        (["cuhk03"], ["cuhk03_classic_*"]),
    ],
)
def test_known_overlaps_warn_under_every_name(first, second):
    for one, other in itertools.product(variants(*first), variants(*second)):
        for source, target in ((one, other), (other, one)):
            (warning,) = leaks([source], target)
            assert warning.startswith(f"{source} and {target} both contain photos of ")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("market1501", "market1501"),
        ("cuhk_pedes", "tri_cuhk_pedes"),
        ("tri_icfg_pedes", "icfg_pedes"),
        ("msmt17_v1", "msmt17_v2"),
        ("cuhk03_np_detected", "cuhk03_np_labeled"),
        ("orbench", "orbench_four"),
        ("synth_pedes", "market1501"),
        ("llcm", "sysu_mm01"),
        ("pku_sketch", "mask1k"),
        ("cuhk03_classic_detected", "cuhk03_classic_labeled"),
        ("ufine6926", "cuhk_pedes"),
        ("manifest", "manifest"),
        ("unknown", "unknown2"),
    ],
)
def test_a_dataset_s_own_test_split_and_strangers_do_not(source, target):
    assert leaks([source], target) == []


def test_one_warning_a_pair_in_the_order_of_the_sources():
    found = leaks(["orbench", "mask1k", "cuhk_pedes", "mask1k"], "market1501")
    assert [warning.split()[0] for warning in found] == ["mask1k", "cuhk_pedes"]


def test_every_shared_origin_is_named():
    (warning,) = leaks(["mask1k"], "cuhk_pedes")
    assert "Market-1501" in warning
    assert origins("orbench_one") == {"SYSU-MM01", "LLCM"}
