"""Doctor on every dataset in miniature: nothing but real damage is a problem, and an image that is gone is named."""

import re
from pathlib import Path

import lmdb
import pytest

from aio_plugin.datasets.reading import captioned
from aio_plugin.datasets.storage import lmdb_images as packed
from aio_plugin.tools import doctor, installation
from aio_plugin.tools.report import Section

from ..datasets.miniatures import ADAPTERS, EVERY
from ..datasets.miniatures import rgb as rgb_sets
from ..datasets.miniatures.files import image
from .damage import assert_named


def both_forms(first, second):
    return lambda root: (first(root), second(root))


OTHER_FORMS = {
    "randperson, full": rgb_sets.randperson_full,
    "randperson, both": both_forms(rgb_sets.randperson, rgb_sets.randperson_full),
    "randperson, other name": lambda root: rgb_sets.randperson(root).rename(root / "randperson"),
    "luperson_nl, files": rgb_sets.luperson_files,
    "luperson_nl, both": both_forms(rgb_sets.luperson_nl, rgb_sets.luperson_files),
    "market1501, old structure": lambda root: rgb_sets.market1501(root, release=""),
    "cuhk03_np, packaged": rgb_sets.cuhk03_packaged,
    "cuhk03_np, packaged inside": lambda root: rgb_sets.cuhk03_packaged(root, folder="cuhk03/CUHK03-NP"),
    "cuhk03_np, packaged beside classic": both_forms(rgb_sets.cuhk03_classic("detected"), rgb_sets.cuhk03_packaged),
    "msmt17, both": both_forms(rgb_sets.msmt17, lambda root: rgb_sets.msmt17(root, "v2")),
    "msmt17_v2, unversioned folder": lambda root: rgb_sets.msmt17(root, "v2", "MSMT17"),
}
EMPTY = r"empty files: \d; the first: \S+/9999_empty.jpg"
UNUSED = r"images that no split uses: {}; the first: .+/{}$"
RANDPERSON = [EMPTY, UNUSED.format(1, "000123_s04_c01_f000009.jpg")]
LUPERSON = [EMPTY, UNUSED.format(1, "usa/new york/abc/000009_0000100_00.jpg")]
ODD = {
    "mask1k": [EMPTY, UNUSED.format(2, "0013_c1s1_000001_00.jpg")],
    "randperson": RANDPERSON,
    "randperson, both": RANDPERSON,
    "randperson, other name": RANDPERSON,
    "luperson_nl, files": LUPERSON,
    "luperson_nl, both": LUPERSON,
    "cuhk03_np, packaged beside classic": [EMPTY, EMPTY],
    "msmt17, both": [EMPTY, EMPTY],
    "unrealperson": [EMPTY, r"empty folders: 1; the first: \S+/unreal_v4.3/images"],
    "rgbnt201": [EMPTY, "1 of 8 training pictures are not in NI and count as without ir"],
    "orbench": [
        EMPTY,
        r"empty folders: 1; the first: \S+/cp/0900",
        r"1 of 3 training identities have no cp; the first is that of \S+/vis/0900/0.jpg",
        UNUSED.format(9, "cp/0005/2.jpg"),
    ],
    "finegpr": [EMPTY, r"empty folders: 1; the first: \S+/FineGPR/0004"],
    "mals": [EMPTY, r"1 of 6 training identities have no text; the first is that of \S+/i_g_a_43/2.jpg"],
}
ODD["finegpr_c"] = [*ODD["finegpr"], "of 16 images in .+/FineGPR, 16 are of .+ and none with a caption is left"]
ORBENCH_GROUPS = ("orbench_one", "orbench_two", "orbench_three", "orbench_four")
ODD |= dict.fromkeys(ORBENCH_GROUPS, ODD["orbench"])
CLEAN = ("synth_pedes", "cuhk_pedes", "tri_cuhk_pedes", "luperson_nl", "manifest")
"""Fixtures without an empty file."""


@pytest.fixture
def problems(tmp_path, monkeypatch):
    """What doctor finds wrong below ``tmp_path``, where counts may differ; and all it says."""
    for part in ("packages", "encoders"):
        monkeypatch.setattr(installation, part, lambda part=part: Section(part))
    (tmp_path / "toy.json").write_text('{"ids": 8, "seed": 0, "sets": "all", "version": 3}')

    def run(fast=True):
        blocks = list(doctor.examine(str(tmp_path), fast))
        return [text for block in blocks for text in block.problems], "\n".join(map(str, blocks))

    return run


def test_every_dataset_is_here():
    assert set(EVERY) == set(ADAPTERS)
    assert set(ODD) | set(CLEAN) <= {*EVERY, *OTHER_FORMS}
    assert {*GONE, *UNLISTED, "luperson_nl"} == {name for name in ADAPTERS if ADAPTERS[name].survey}


@pytest.mark.parametrize("name", [*EVERY, *OTHER_FORMS])
def test_only_damage_is_a_problem(name, tmp_path, problems):
    (EVERY | OTHER_FORMS)[name](tmp_path)
    wanted = [] if name in CLEAN else ODD.get(name, [EMPTY])
    found, said = problems(fast=False)
    assert_named(wanted, found)
    assert len(found) == len(wanted), said
    assert problems(fast=True)[0] == found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("randperson", "randperson (images: full): not present, not required"),
        ("randperson, full", "randperson (images: subset): not present, not required"),
        ("luperson_nl", "luperson_nl (images: files): not present, not required"),
        ("luperson_nl, files", "luperson_nl (images: lmdb): not present, not required"),
        ("cuhk03_np, packaged", "cuhk03_np_detected: not present (parts are missing)"),
        ("msmt17_v2, unversioned folder", "msmt17_v1: not present (parts are missing)"),
        ("finegpr", "finegpr_c: not present (parts are missing)"),
    ],
)
def test_forms_that_are_not_here_are_told(name, told, tmp_path, problems):
    (EVERY | OTHER_FORMS)[name](tmp_path)
    assert told in problems()[1]


def test_counts_of_two_forms_are_told_apart(tmp_path, problems):
    OTHER_FORMS["randperson, both"](tmp_path)
    said = problems()[1]
    assert re.search(r"train images +4 +132,145", said)
    assert re.search(r"train images \(images: full\) +2 +1,801,816", said)


def test_a_stray_image_counts_where_another_dataset_of_the_folder_is_absent(tmp_path, problems):
    EVERY["cuhk03_np_detected"](tmp_path)
    before, said = problems()
    assert "cuhk03_classic_detected: not present" in said
    image(tmp_path / "cuhk03/images_detected/stray.png")
    image(tmp_path / "cuhk03/images_labeled/1_001_1_01.png")
    found, said = problems()
    (stray,) = [text for text in found if text not in before]
    assert stray.endswith("images_detected/stray.png")
    assert re.search(r"images that no split uses: 1; \S+ \S+ \S+images_labeled/1_001_1_01.png .they may belong", said)


@pytest.mark.parametrize(
    ("name", "archive"), [("cuhk_pedes", "CUHK"), ("icfg_pedes", "ICFG"), ("rstpreid", "RSTPReid/imgs")]
)
def test_sketches_beside_the_photos_are_read(name, archive, tmp_path, problems):
    EVERY[f"tri_{name}"](tmp_path)
    wanted = problems()[0]
    base = tmp_path / ADAPTERS[name].folder
    (inside,) = base.glob("imgs-sketch*")
    (tmp_path / "sketch/aliyun" / archive).parent.mkdir(parents=True)
    inside.rename(tmp_path / "sketch/aliyun" / archive)
    found, said = problems()
    assert f"tri_{name}:\n" in said
    assert "not known" not in said
    assert [text.replace(f"sketch/aliyun/{archive}", f"{base.name}/{inside.name}") for text in found] == wanted
    image(tmp_path / "sketch/aliyun" / archive / "stray.png")
    assert_named(["images that no split uses: .*"], problems()[0])


@pytest.mark.parametrize("name", ["tri_cuhk_pedes", "tri_icfg_pedes", "tri_rstpreid"])
def test_annotations_are_read_once(name, tmp_path, problems, monkeypatch):
    EVERY[name](tmp_path)
    read, stock = [], captioned.read_photos
    monkeypatch.setattr(captioned, "read_photos", lambda tree, file, *a: read.append(file) or stock(tree, file, *a))
    said = problems()[1]
    assert f"{name}:\n" in said
    assert f"{name.removeprefix('tri_')}:\n" in said
    assert len(read) == 1
    problems()
    assert len(read) == 2, "not kept for another inspection"


def test_notes_of_ten_trials_are_told_once(tmp_path, problems):
    EVERY["regdb"](tmp_path)
    assert problems()[1].count("published results are the mean over ten models") == 1


# -- one image that is gone -------------------------------------------------------------------------------------------

LISTED = "1 of {} images listed in {} are absent or empty; the first: {}"
GONE = {
    "synth_pedes": ("SYNTH-PEDES/Part1/7/2.jpg", LISTED),
    "llcm": ("LLCM/nir/0004/0004_c05_s101112_f57_nir.jpg", LISTED),
    "sysu_mm01": ("SYSU-MM01/cam1/0006/0004.jpg", "person 6 has 12 images under camera 1, but the permutations define"),
    "pku_sketch": ("PKU-Sketch/sketch/7.jpg", r"1 of \d+ test identities have no sketch; the first is that of \S+/7_"),
    "cuhk_pedes": ("CUHK-PEDES/imgs/cam_b/7.bmp", LISTED),
    "tri_cuhk_pedes": ("CUHK-PEDES/imgs-sketch2/cam_b/7.png", "the first: CUHK-PEDES/imgs-sketch2/cam_b/7.bmp"),
    "icfg_pedes": ("ICFG-PEDES/imgs/test/0003/renamed.jpg", LISTED),
    "rstpreid": ("RSTPReid/imgs/3800_c1_0001.jpg", LISTED),
    "tri_icfg_pedes": ("ICFG-PEDES/imgs-sketch/test/0003/renamed.png", "the first: ICFG-PEDES/imgs-sketch/test/0003/"),
    "tri_rstpreid": ("RSTPReid/imgs-sketch/3905_c9_0001.jpg", LISTED),
    "market1501": (
        "market1501/Market-1501-v15.09.15/bounding_box_test/0001_c1s1_001051_00.jpg",
        "that are not in the gallery: 1; the first: 1\\n",
    ),
    "msmt17_v1": ("MSMT17_V1/test/0009/0009_000_08_0303noon_0456_2.jpg", LISTED),
    "msmt17_v2": ("MSMT17_V2/mask_train_v2/0000/0000_003_02_0303morning_0010_1.jpg", LISTED),
    "msmt17_all": ("MSMT17_V1/train/0000/0000_003_02_0303morning_0010_1.jpg", LISTED),
    "cuhk03_np_detected": ("cuhk03/images_detected/1_017_2_06.png", LISTED),
    "cuhk03_np_labeled": ("cuhk03/images_labeled/5_004_2_06.png", LISTED),
    "cuhk03_classic_detected": ("cuhk03/images_detected/5_003_2_06.png", "1 test persons of split 1 have no images"),
    "cuhk03_classic_labeled": ("cuhk03/images_labeled/5_003_2_06.png", "1 test persons of split 1 have no images"),
    "clonedperson": ("clonedperson/test/gallery/700002_s02_c00_f000101.jpg", "not in the gallery: 1; .*700002"),
    "regdb": ("RegDB/Visible/73/female_front_v_02701_73.bmp", LISTED),
    "rgbnt201": ("RGBNT201/test/TI/000041_cam2_1_01.jpg", "1 of 8 test pictures are not in TI .*: 000041_cam2"),
    "orbench": ("ORBench/nir/0731/1.jpg", LISTED),
    "ufine6926": ("UFine6926/images/9.jpg", LISTED),
    "ufine3c": ("UFine3C/images/2.jpg", LISTED),
    "luperson_t": ("LUPerson-T/images/000012_0004.jpg", LISTED),
    "mals": ("MALS/images/MALS/gene_crop/4x/5.jpg", LISTED),
    "finegpr_c": ("FineGPR_Dataset/FineGPR_subset/0003_c10_w03_l05_p08.jpg", "2 of 4 captioned images are absent"),
    "manifest": ("manifest/b/9.png", "line 14: the image 'b/9.png' is absent or empty"),
}
"""Dataset -> the image, and what is then said."""


@pytest.mark.parametrize("name", sorted(GONE))
def test_an_image_that_is_gone_is_named(name, tmp_path, problems):
    path, pattern = GONE[name]
    EVERY[name](tmp_path)
    wanted = pattern.format(r"\d+", r".+", re.escape(path))
    assert not re.search(wanted, problems()[1])
    (tmp_path / path).unlink()
    assert re.search(wanted, problems()[1])


UNLISTED = {
    "mask1k": "MaSk1K/sketch/B/train/0002_B.jpg",
    "randperson": "RandPerson/randperson_subset/000123_s01_c00_f000009.jpg",
    "clonedperson": "clonedperson/train/700000_s02_c00_f023389.jpg",
    "unrealperson": "UnrealPerson/unreal_v1.2/images/0001_c003_19.jpg",
    "finegpr": "FineGPR_Dataset/FineGPR/0003/0003_c01_w01_l02_p06.jpg",
    "cuhk03_classic_labeled": "cuhk03/images_labeled/1_002_1_01.png",
}


@pytest.mark.parametrize("name", sorted(UNLISTED))
def test_where_nothing_lists_the_images_a_strange_name_is_named(name, tmp_path, problems):
    EVERY[name](tmp_path)
    before = problems()[1]
    photo = tmp_path / UNLISTED[name]
    photo.rename(photo.with_name(f"copy of {photo.name}"))
    (found,) = re.findall(r"images that no split uses: \d; the first: .+", problems()[1])
    assert found not in before


def edit(base, change):
    packed._opened.cache_clear()
    with lmdb.open(str(base / "lmdb")) as environment, environment.begin(write=True) as transaction:
        change(transaction)


def test_a_packed_image_that_is_gone_or_broken_is_named(tmp_path, problems):
    base = EVERY["luperson_nl"](tmp_path)
    key = rgb_sets.LUPERSON_KEYS[1]
    edit(base, lambda transaction: transaction.put(key.encode(), b"<html>404</html>"))
    assert problems(fast=True)[0] == []
    assert_named([rf"images that cannot be read: 1; the first: .*{key}"], problems(fast=False)[0])
    edit(base, lambda transaction: transaction.delete(key.encode()))
    assert_named([rf"1 of 3 keys of \S+ have no image in \S+lmdb; the first: {key}"], problems()[0])


# -- parts that are gone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("regdb", "idx/test_thermal_7.txt"),
        ("luperson_nl", "keys.pkl"),
        ("msmt17_v1", "list_val.txt"),
        ("orbench", "train_annos.json"),
    ],
)
def test_a_missing_list_is_a_problem_even_if_something_can_be_read(name, path, tmp_path, problems):
    (EVERY[name](tmp_path) / path).unlink()
    assert_named([rf"(?s)is not complete.*{Path(path).name} +MISSING"], problems()[0])


def test_names_of_folders_that_are_accepted_are_not_misspelt(tmp_path, problems):
    image(tmp_path / "ClonedPerson/train/700000_s02_c00_f023389.jpg")
    (tmp_path / "regdb").mkdir()
    misspelt = [text for text in problems()[0] if "must be called" in text]
    assert misspelt == ["the folder regdb must be called RegDB; rename it"]


def test_a_user_s_own_data_promises_no_modality_of_anybody(tmp_path, problems):
    EVERY["manifest"](tmp_path)
    found, said = problems()
    assert found == []
    assert "note: 1 of 2 training identities have no sketch" in said


def test_groups_of_lists_are_left_to_the_dataset_that_reads_them_all():
    assert {name for name in ADAPTERS if not ADAPTERS[name].survey} == {*ORBENCH_GROUPS}
