"""Every dataset in its published size: counts, galleries and lists are the published ones, and doctor finds nothing."""

import json

import pytest
from scipy.io import loadmat

from aio_plugin.modality import format_combination
from aio_plugin.tools.data_root import check_data_root

from . import full_size
from .miniatures import names_of, pids_of, protocol, read

pytestmark = pytest.mark.slow

COUNTS = {
    "market1501": {
        "train ids": 751, "train images": 12_936, "query ids": 750, "query images": 3_368, "gallery images": 15_913,
        "junk images": 3_819,
    },
    "msmt17_v1": {
        "train ids": 1_041, "train images": 32_621, "query images": 11_659, "gallery images": 82_161,
        "gallery ids": 3_060,
    },
    "cuhk03_np": {
        "train ids": 767, "train images": 7_365, "query images": 1_400, "gallery images": 5_332, "gallery ids": 700,
    },
    "sysu_mm01": {
        "train ids": 395, "train rgb images": 22_258, "train ir images": 11_909, "query images": 3_803,
        "gallery pool": 6_775,
    },
    "regdb": {"train ids": 206, "train rgb images": 2_060, "test ids": 206, "test ir images": 2_060},
    "llcm": {
        "train ids": 713, "train rgb images": 16_946, "train ir images": 13_975, "test ids": 351,
        "test rgb images": 8_680, "test ir images": 7_166,
    },
    "pku_sketch": {"sketches": 200, "photos": 400},
    "mask1k": {"train ids": 498, "test ids": 498, "sketches": 4_763},
    "cuhk_pedes": {
        "train ids": 11_003, "train images": 34_054, "train captions": 68_126, "val captions": 6_158,
        "test images": 3_074, "test captions": 6_156,
    },
    "icfg_pedes": {"train ids": 3_102, "train captions": 34_674, "test images": 19_848, "test captions": 19_848},
    "rstpreid": {"train ids": 3_701, "train images": 18_505, "val captions": 2_000, "test captions": 2_000},
}  # fmt: skip
"""Of the folder's first dataset, as the authors publish them."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder for each dataset, made when it is first asked for."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            getattr(full_size, name)(made[name])
        return made[name]

    return make


@pytest.mark.parametrize("name", COUNTS)
def test_doctor_finds_the_published_counts_and_no_problem(name, root):
    sections = list(check_data_root(str(root(name)), fast=True))
    assert [problem for section in sections for problem in section.problems] == []
    lines = [line.split() for line in str(sections[1]).splitlines()]
    for what, count in COUNTS[name].items():
        assert [*what.split(), f"{count:,}", f"{count:,}"] in lines
    if name == "sysu_mm01":
        assert "images that the dataset's own lists leave out: 1,118; " in str(sections[1])


@pytest.mark.parametrize(
    ("mode", "shots", "size", "valid"),
    [("all", 1, 301, 3_803), ("all", 10, 3_010, 3_803), ("indoor", 1, 112, 2_208), ("indoor", 10, 1_120, 2_208)],
)
def test_sysu_mm01_galleries_are_those_of_the_permutations(mode, shots, size, valid, root):
    """As the authors' MATLAB draws them: by camera, then by person, the first of a row, counted from 1."""
    base = root("sysu_mm01") / "SYSU-MM01"
    splits = read("sysu_mm01", base.parent, mode=mode, shots=shots)
    trials = list(protocol("sysu_mm01", base.parent, mode=mode, shots=shots).trials(splits.query, splits.gallery))
    cells = loadmat(base / "exp/rand_perm_cam.mat")["rand_perm_cam"]
    tested = sorted(map(int, (base / "exp/test_id.txt").read_text().split(",")))
    assert len(trials) == 10
    for number, trial in enumerate(trials):
        wanted = [
            f"cam{camera}/{person:04d}/{image:04d}.jpg"
            for camera in ((1, 2, 4, 5) if mode == "all" else (1, 2))
            for person in tested
            if (rows := cells[camera - 1, 0][person - 1, 0]).size
            for image in rows[number, :shots]
        ]
        gallery = [splits.gallery[at] for at in trial.gallery]
        assert [str(item.media).split("SYSU-MM01/")[1] for item in gallery] == wanted
        assert len(gallery) == size
        places = {(item.pid, key) for item, key in zip(gallery, trial.gallery_key, strict=True)}
        queries = zip((splits.query[at] for at in trial.query), trial.query_key, strict=True)
        assert sum(any((q.pid, key) in places for key in range(7) if key != removed) for q, removed in queries) == valid


@pytest.mark.parametrize("boxes", ["detected", "labeled"])
def test_cuhk03_np_follows_the_lists(boxes, root):
    splits = read(f"cuhk03_np_{boxes}", root("cuhk03_np"))
    assert (len(splits.train), len(splits.query), len(splits.gallery)) == full_size.CUHK03_NP[boxes]
    config = loadmat(root("cuhk03_np") / f"cuhk03/cuhk03_new_protocol_config_{boxes}.mat")
    for items, part in ((splits.query, "query_idx"), (splits.gallery, "gallery_idx")):
        assert names_of(items) == [config["filelist"][at - 1, 0].item() for at in config[part].ravel()]


def test_msmt17_trains_with_and_without_validation(root):
    assert len(read("msmt17_v1", root("msmt17_v1")).train) == 30_248
    assert len(read("msmt17_v1", root("msmt17_v1"), train="train+val").train) == 32_621
    assert len(read("msmt17_all", root("msmt17_v1")).train) == 126_441


def test_regdb_has_ten_splits_of_as_many_in_both_directions(root):
    for trial in range(1, 11):
        for query in ("ir", "rgb"):
            splits = read("regdb", root("regdb"), query, trial=trial)
            assert (len(splits.query), len(splits.gallery), len(splits.train)) == (2_060, 2_060, 4_120)
            assert len({*pids_of(splits.query)}) == len({*pids_of(splits.query)} & {*pids_of(splits.gallery)}) == 206


@pytest.mark.parametrize(("query", "sizes"), [("ir", (7_166, 9 * 351)), ("rgb", (8_680, 8 * 351))])
def test_llcm_draws_an_image_of_every_person_and_camera(query, sizes, root):
    splits = read("llcm", root("llcm"), query)
    for trial in protocol("llcm", root("llcm"), query).trials(splits.query, splits.gallery):
        assert (len(trial.query), len(trial.gallery)) == sizes


def test_pku_sketch_has_ten_splits_of_fifty(root):
    splits = read("pku_sketch", root("pku_sketch"))
    trials = list(protocol("pku_sketch", root("pku_sketch")).trials(splits.query, splits.gallery))
    assert [(len(trial.query), len(trial.gallery)) for trial in trials] == [(50, 100)] * 10


def test_mask1k_style_f_has_its_own_numbers(root):
    splits = read("mask1k", root("mask1k"), train_styles="F", test_styles="F")
    assert (splits.found["train ids"], splits.found["test ids"], len(splits.gallery)) == (497, 493, 498 * 6)


@pytest.mark.parametrize(
    ("name", "options", "query", "sizes"),
    [
        ("cuhk_pedes", {}, "text", (6_156, 3_074)),
        ("cuhk_pedes", {"captions": "first2"}, "text", (6_148, 3_074)),
        ("cuhk_pedes", {"split": "val"}, "text", (6_158, 3_078)),
        ("icfg_pedes", {}, "text", (19_848, 19_848)),
        ("rstpreid", {}, "text", (2_000, 1_000)),
        ("tri_cuhk_pedes", {}, "sketch", (3_074, 3_074)),
        ("tri_cuhk_pedes", {}, "sketch+text", (6_156, 3_074)),
        ("tri_icfg_pedes", {}, "sketch+text", (19_848, 19_848)),
        ("tri_rstpreid", {}, "sketch", (1_000, 1_000)),
    ],
)
def test_queries_and_galleries_of_text_sets(name, options, query, sizes, root):
    splits = read(name, root(name.removeprefix("tri_")), query, **options)
    assert (len(splits.query), len(splits.gallery)) == sizes
    (base,) = root(name.removeprefix("tri_")).iterdir()
    (file,) = base.glob("*.json")
    split = options.get("split", "test")
    listed = [record for record in json.loads(file.read_text()) if record["split"] == split]
    path = "img_path" if "rstpreid" in name else "file_path"
    assert [str(item.media).split("/imgs/")[1] for item in splits.gallery] == [record[path] for record in listed]


def test_orbench_has_32_lists_in_four_groups(root):
    anchors = {"ir": 10_425, "cp": 7_200, "sketch": 7_200, "text": 18_050}
    lists = 0
    for group in ("one", "two", "three", "four"):
        splits = read(f"orbench_{group}", root("orbench"))
        assert len(splits.gallery) == 4_000
        (*trials,) = protocol(f"orbench_{group}", root("orbench")).trials(splits.query, splits.gallery)
        for trial in trials:
            combination = format_combination(splits.query[trial.query[0]].media.combination)
            assert len(trial.query) == anchors[combination.split("+")[0]], combination
        lists += len(trials)
    assert lists == 32
