"""Damaged datasets: every kind of damage is a DatasetError that names the place."""

import contextlib
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from aio_plugin.datasets.reading.annotations import read_photos
from aio_plugin.errors import DatasetError, MediaError
from aio_plugin.training.images import read_image

from .miniatures import EVERY, read
from .miniatures import infrared as infrared_sets
from .miniatures import text as text_sets
from .miniatures.files import image, write


def damaged(records, number, **changes):
    out = [dict(record) for record in records]
    for key, value in changes.items():
        if value is None:
            del out[number][key]
        else:
            out[number][key] = value
    return json.dumps(out)


ANNOTATED = [
    ("synth_pedes", "synthpedes_dataset.json", text_sets.SYNTH_RECORDS),
    ("cuhk_pedes", "reid_raw.json", text_sets.CUHK_RECORDS),
]
RECORD_DAMAGE = [
    ({"id": None}, "record 2 has no 'id'"),
    ({"id": "7"}, "record 2: 'id' must be a whole number"),
    ({"id": True}, "'id' must be a whole number"),
    ({"id": -1}, "'id' must be a whole number"),
    ({"id": 1.5}, "'id' must be a whole number"),
    ({"id": 2**62}, "'id' must be a whole number"),
    ({"file_path": None}, "record 2 has no 'file_path'"),
    ({"file_path": 3}, "record 2: 'file_path' must be a string"),
    ({"file_path": ""}, "record 2: 'file_path'"),
    ({"captions": "one"}, "record 2: 'captions' must be a list"),
    ({"captions": ["a", 5]}, r"record 2: 'captions'\[1\] must be a string, got int 5"),
    ({"captions": None}, "record 2 has no 'captions'"),
    ({"file_path": "../../etc/passwd"}, "record 2, 'file_path': the path .* does not stay inside"),
    ({"file_path": "/etc/passwd"}, "does not stay inside"),
    ({"file_path": "..\\x.jpg"}, "does not stay inside"),
    ({"file_path": "C:\\x.jpg"}, "does not stay inside"),
    ({"file_path": "a\0b.jpg"}, "does not stay inside"),
    ({"file_path": "nobody/x.jpg"}, "the first: .*nobody/x.jpg"),
]


@pytest.mark.parametrize(("name", "file", "records"), ANNOTATED)
@pytest.mark.parametrize(("changes", "says"), RECORD_DAMAGE)
def test_damaged_records(tmp_path, name, file, records, changes, says):
    base = EVERY[name](tmp_path)
    write(base / file, damaged(records, 2, **changes))
    with pytest.raises(DatasetError, match=says) as error:
        read(name, tmp_path)
    assert file in str(error.value)


@pytest.mark.parametrize(("name", "file", "records"), ANNOTATED)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a JSON list of records"),
        (b"[", "not a JSON list of records"),
        (b"not json", "not a JSON list of records, before the first record"),
        (b'[{"id": 1}, ', "record 0|not a JSON list"),
        (b"[]", "no records"),
        (b"{}", r"not a JSON list of records, before the first record: expected '\[', got '{'"),
        (b'\xef\xbb\xbf {"a": []}', r"not a JSON list of records, before the first record: expected '\[', got '{'"),
        (b"[1]", "record 0 is not an object but int 1"),
        (b"[[]]", "record 0 is not an object"),
        (b'[{"id": "\xff"}]', "not a JSON list of records"),
        (b'[{"id": 99999999999999999999999}]', "not a JSON list|whole number"),
    ],
)
def test_files_that_are_no_annotations(tmp_path, name, file, records, content, says):
    base = EVERY[name](tmp_path)
    (base / file).write_bytes(content)
    with pytest.raises(DatasetError, match=says) as error:
        read(name, tmp_path)
    assert file in str(error.value)


def test_a_cut_file_names_the_last_good_record(tmp_path):
    base = text_sets.synth_pedes(tmp_path)
    text = json.dumps(text_sets.SYNTH_RECORDS)
    write(base / "synthpedes_dataset.json", text[: text.index("Part1/12/1")])
    with pytest.raises(DatasetError, match="not a JSON list of records, after record 5"):
        read("synth_pedes", tmp_path)


@pytest.mark.parametrize(
    ("split", "says"), [("testing", "train, val, test"), (3, "must be a string"), (None, "no 'split'")]
)
def test_split_names(tmp_path, split, says):
    base = text_sets.cuhk_pedes(tmp_path)
    write(base / "reid_raw.json", damaged(text_sets.CUHK_RECORDS, 4, split=split))
    with pytest.raises(DatasetError, match=f"record 4.*{says}"):
        read("cuhk_pedes", tmp_path)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "file_path", "captions", "split"]),
            st.none()
            | st.booleans()
            | st.integers(-5, 5)
            | st.text(max_size=4)
            | st.lists(st.text(max_size=3), max_size=2),
        )
        | st.integers(),
        max_size=3,
    )
)
def test_any_json_list_reads_or_is_a_dataset_error(tmp_path, records):
    file = tmp_path / "x.json"
    file.write_text(json.dumps(records))
    with contextlib.suppress(DatasetError):
        assert len(list(read_photos(str(file), splits=("train", "test")))) == len(records)


def write_lists(relative, text):
    return lambda base: write(base / relative, text)


def rename_all(pattern, to):
    def damage(base):
        for number, path in enumerate(sorted(base.glob(pattern))):
            path.rename(path.with_name(f"{to}{number}.jpg"))

    return damage


def remove(relative):
    return lambda base: (base / relative).unlink()


PERMUTATIONS = "exp/rand_perm_cam.mat"
DAMAGE = [
    ("sysu_mm01", write_lists("exp/test_id.txt", ""), "test_id.txt.*separated by commas"),
    ("sysu_mm01", write_lists("exp/test_id.txt", "6;10"), "test_id.txt.*'6;10'"),
    ("sysu_mm01", write_lists("exp/test_id.txt", "6,-1"), "test_id.txt"),
    ("sysu_mm01", write_lists("exp/test_id.txt", "2,6"), "share 1 identities, the first 2"),
    ("sysu_mm01", lambda base: (base / "exp/test_id.txt").write_bytes(b"\xff\xfe6"), "UTF-8"),
    ("sysu_mm01", remove("exp/train_id.txt"), r"exp/train_id.txt +MISSING"),
    ("sysu_mm01", rename_all("cam*/*/0*.jpg", "person"), "names are not of the form 0001.jpg.*Restore"),
    ("sysu_mm01", write_lists(PERMUTATIONS, "x" * 200), "is not SYSU-MM01's permutation file"),
    ("sysu_mm01", write_lists(PERMUTATIONS, ""), "is not SYSU-MM01's permutation file"),
    ("sysu_mm01", lambda base: savemat(base / PERMUTATIONS, {"a": 1}), "no variable rand_perm_cam"),
    ("sysu_mm01", lambda base: savemat(base / PERMUTATIONS, {"rand_perm_cam": [1, 2]}), "2 cells"),
    ("sysu_mm01", lambda base: savemat(base / PERMUTATIONS, {"rand_perm_cam": [[1] * 6]}), "no table of trials"),
    (
        "llcm",
        write_lists("idx/train_vis.txt", "vis/0001/0001_c01_s1_f1_vis.jpg\n"),
        "train_vis.txt, line 1.*path label",
    ),
    ("llcm", write_lists("idx/train_vis.txt", "\r\n\r\n../x.jpg 3\r\n"), "train_vis.txt, line 3.*stay inside"),
    ("llcm", write_lists("idx/train_vis.txt", "x.jpg 3\n"), "1 of 1 names are not of the form .*train_vis.txt: x.jpg"),
    (
        "llcm",
        write_lists("idx/train_vis.txt", "vis/0009/0009_c01_s1_f1_vis.jpg 3\n"),
        "1 of 1 images listed in LLCM/idx/train_vis.txt",
    ),
    ("llcm", write_lists("idx/test_id.txt", "all"), "test_id.txt"),
    ("llcm", remove("vis/0042/0042_c05_s101112_f57_vis.jpg"), "the first: LLCM/vis/0042/0042_c05"),
    ("mask1k", rename_all("sketch/*/*/*.jpg", "x"), "mask1k sketches: .*the first: sketch/"),
    ("mask1k", rename_all("photo/*/*.jpg", "x"), "mask1k photos: .*the first: photo/"),
    ("pku_sketch", rename_all("sketch/*.jpg", "person"), "pku_sketch sketches.*17.jpg"),
    ("pku_sketch", rename_all("photo/*.jpg", "person"), "pku_sketch photos.*17_05_120.jpg"),
    ("pku_sketch", write_lists("styleAnnotation/a_5.txt", "one\n"), "a_5.txt, line 1"),
    ("cuhk_pedes", remove("reid_raw.json"), r"reid_raw.json +MISSING"),
    ("synth_pedes", remove("Part1/7/2.jpg"), "By folder: Part1 1 of 6"),
]


@pytest.mark.parametrize(("name", "damage", "says"), DAMAGE)
def test_damaged_folders(tmp_path, name, damage, says):
    base = EVERY[name](tmp_path / "root")
    damage(base)
    with pytest.raises(DatasetError, match=f"(?s){says}"):
        read(name, tmp_path / "root")


LINKS = {
    "sysu_mm01": ("cam1", "exp/test_id.txt"),
    "llcm": ("test_vis/cam1/0003/0003_c01_s185734_f0_vis.jpg",),
    "mask1k": ("photo/query",),
    "cuhk_pedes": ("imgs/CUHK01", "reid_raw.json"),
    "tri_cuhk_pedes": ("imgs-sketch2",),
    "synth_pedes": ("Part1", "synthpedes_dataset.json"),
    "msmt17_v1": ("test/0001",),
    "cuhk03_np_detected": ("images_detected",),
    "cuhk03_classic_detected": ("images_detected/1_001_1_01.png",),
    "randperson": ("randperson_subset",),
    "clonedperson": ("test/query",),
    "unrealperson": ("unreal_v2.1/images",),
    "luperson_nl": ("lmdb", "keys.pkl"),
    "finegpr": ("FineGPR_subset",),
    "finegpr_c": ("FineGPR_subset", "captions.txt"),
    "mals": ("images", "data/gene_attrs"),
    "luperson_t": ("images", "LuPerson_caption_all_some_2v.json"),
    "ufine6926": ("images",),
    "ufine3c": ("images", "anno.json"),
    "regdb": ("Visible/57",),
    "rgbnt201": ("test/RGB",),
    "orbench": ("nir/0031",),
    "icfg_pedes": ("imgs",),
    "rstpreid": ("imgs",),
    "tri_icfg_pedes": ("imgs",),
    "tri_rstpreid": ("imgs",),
    "market1501": ("Market-1501-v15.09.15/query",),
    "pku_sketch": ("photo",),
}


@pytest.mark.parametrize(("name", "linked"), [(name, path) for name, paths in LINKS.items() for path in paths])
def test_a_link_out_of_the_data_root_is_refused(tmp_path, name, linked):
    base = EVERY[name](tmp_path / "root")
    (base / linked).rename(tmp_path / "outside")
    os.symlink(tmp_path / "outside", base / linked)
    with pytest.raises(DatasetError, match="link out of the data root"):
        read(name, tmp_path / "root")


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_dataset_s_own_folder_may_be_a_link(tmp_path, name):
    base = EVERY[name](tmp_path / "elsewhere")
    (tmp_path / "root").mkdir()
    os.symlink(base, tmp_path / "root" / base.name)
    splits = read(name, tmp_path / "root")
    assert splits.train or splits.query


def test_links_inside_the_data_root_are_followed(tmp_path):
    base = text_sets.cuhk_pedes(tmp_path)
    (base / "imgs/Market").rename(tmp_path / "Market-images")
    os.symlink(tmp_path / "Market-images", base / "imgs/Market")
    assert len(read("cuhk_pedes", tmp_path).train) == 3


def test_a_folder_of_another_case_is_named(tmp_path):
    infrared_sets.llcm(tmp_path).rename(tmp_path / "llcm")
    with pytest.raises(DatasetError, match="there is llcm/; rename it"):
        read("llcm", tmp_path)


def test_names_off_the_pattern_are_counted_and_left_out(tmp_path):
    base = infrared_sets.sysu_mm01(tmp_path)
    image(base / "cam1/0006/copy of 0001.jpg")
    splits = read("sysu_mm01", tmp_path)
    assert any("1 of" in note and "cam1/0006/copy of 0001.jpg" in note for note in splits.notes)
    assert not any("copy" in item.media for item in splits.gallery)


@pytest.mark.parametrize("name", ["regdb", "rgbnt201", "orbench"])
def test_a_truncated_image_is_named_when_it_is_opened(name, tmp_path):
    EVERY[name](tmp_path)
    path = read(name, tmp_path).train[0].media
    Image.effect_noise((80, 160), 60).convert("RGB").save(path)
    with open(path, "rb+") as file:
        file.truncate(900)
    assert read(name, tmp_path).train[0].media == path
    with pytest.raises(MediaError, match=path.split("/")[-1]):
        read_image(path)
