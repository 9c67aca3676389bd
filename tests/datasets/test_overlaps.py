import pytest

from aio_plugin.datasets import NAMES
from aio_plugin.datasets.overlaps import leaks, origins


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mask1k", "market1501"),
        ("cuhk_pedes", "market1501"),
        ("tri_cuhk_pedes", "mask1k"),
        ("cuhk_pedes", "cuhk03"),
        ("cuhk_pedes", "cuhk03_np_labeled"),
        ("icfg_pedes", "msmt17"),
        ("rstpreid", "msmt17_v2"),
        ("tri_icfg_pedes", "msmt17_all"),
        ("tri_rstpreid", "icfg_pedes"),
        ("msmt17_all", "msmt17_v1"),
        ("orbench", "llcm"),
        ("orbench_two", "sysu_mm01"),
        ("cuhk03_classic_labeled", "cuhk03_np_labeled"),
    ],
)
def test_overlapping_pairs_warn_both_ways(source, target):
    for first, second in ((source, target), (target, source)):
        (warning,) = leaks([first], second)
        assert warning.startswith(f"{first} and {second} both hold photos of ")


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
        ("unknown", "unknown2"),
    ],
)
def test_a_dataset_s_own_test_split_and_strangers_do_not(source, target):
    assert leaks([source], target) == []


def test_one_warning_a_pair_in_the_order_of_the_sources():
    found = leaks(["orbench", "mask1k", "cuhk_pedes", "mask1k"], "market1501")
    assert [warning.split()[0] for warning in found] == ["mask1k", "cuhk_pedes"]


def test_every_shared_origin_is_named():
    (warning,) = leaks(["cuhk_pedes"], "tri_cuhk_pedes") or leaks(["mask1k"], "cuhk_pedes")
    assert "Market-1501" in warning
    assert origins("orbench_one") == {"SYSU-MM01", "LLCM"}


def test_registered_names_are_covered():
    for part, origin in (("msmt17", "MSMT17"), ("cuhk03", "CUHK03"), ("cuhk_pedes", "Market-1501")):
        named = [name for name in NAMES if part in name]
        assert named
        assert all(origin in origins(name) for name in named)
