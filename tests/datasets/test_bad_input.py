"""Damaged datasets: every kind of damage is a DatasetError that names the place, or a note and the rest is read."""

import contextlib
import json
import os
import shutil
import signal
import sys
from collections import deque
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aio_plugin.datasets.reading.annotations import read_photos
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import ConfigError, DatasetError, MediaError
from aio_plugin.training.images import read_image

from .miniatures import ADAPTERS, EVERY, assert_noted, infrared, read, rgb, sketch, text
from .miniatures.damage import (
    added,
    column,
    content,
    cut,
    emptied,
    gone,
    lines,
    matlab,
    more_records,
    parsed,
    record,
    renamed,
    together,
)

# -- annotations in JSON ----------------------------------------------------------------------------------------------

TRAIN_VAL_TEST, TRAIN_TEST = "one of train, val, test", "one of train, test"
ANNOTATIONS = {
    "synth_pedes": ("synthpedes_dataset.json", "file_path", "captions", None),
    "cuhk_pedes": ("reid_raw.json", "file_path", "captions", TRAIN_VAL_TEST),
    "icfg_pedes": ("ICFG-PEDES.json", "file_path", "captions", TRAIN_TEST),
    "tri_icfg_pedes": ("ICFG-PEDES.json", "file_path", "captions", TRAIN_TEST),
    "rstpreid": ("data_captions.json", "img_path", "captions", TRAIN_VAL_TEST),
    "tri_rstpreid": ("data_captions.json", "img_path", "captions", TRAIN_VAL_TEST),
    "ufine6926": ("UFine6926_Annotations_1024.json", "file_path", "captions", TRAIN_TEST),
    "ufine3c": ("anno.json", "file_path", "captions", TRAIN_TEST),
    "luperson_t": ("LuPerson_caption_all_some_2v.json", "file_path", "captions", None),
    "mals": ("data/gene_attrs/g_4x_attrs.json", "image", "caption", None),
    "orbench": ("train_annos.json", "file_path", "caption", None),
}
"""Dataset -> its file, the keys of path and captions, the splits that records may name."""


def wrong_values(name):
    """(key, value, message) of a record; None for a key that is absent."""
    _, path, caption, splits = ANNOTATIONS[name]
    yield from (
        (path, None, f"record 1 has no '{path}'"),
        (path, 3, f"record 1: '{path}' must be a string"),
        (path, "", f"record 1: '{path}'"),
        (path, "../../etc/passwd", f"record 1, '{path}': the path .* does not stay inside"),
        *((path, bad, "does not stay inside") for bad in ("/etc/passwd", "..\\x.jpg", "C:\\x.jpg", "a\0b.jpg")),
        (caption, None, f"record 1 has no '{caption}'"),
        (caption, 7, f"record 1: '{caption}' must be a {'string' if caption == 'caption' else 'list'}"),
        (caption, ["a"] if caption == "caption" else "one", f"record 1: '{caption}' must be a "),
    )
    if caption == "captions":
        yield caption, ["a", 5], r"record 1: 'captions'\[1\] must be a string, got int 5"
    if name != "orbench":
        yield path, "nobody/x.jpg", "(?s)1 of .* images .* the first: .*nobody/x.jpg"
    if name not in ("mals", "luperson_t"):
        yield "id", None, "record 1 has no 'id'"
        yield from (("id", bad, "record 1: 'id' must be a whole number") for bad in ("7", True, -1, 1.5, 2**62))
    if splits:
        yield "split", "valid", f"record 1: 'split' must be {splits}, got 'valid'"
        yield "split", 3, "record 1: 'split' must be a string"
        yield "split", None, "record 1 has no 'split'"


@pytest.mark.parametrize(
    ("name", "key", "value", "says"), [(name, *wrong) for name in ANNOTATIONS for wrong in wrong_values(name)]
)
def test_damaged_records(tmp_path, name, key, value, says):
    base, file = EVERY[name](tmp_path), ANNOTATIONS[name][0]
    record(file, 1, **{key: value})(base)
    with pytest.raises(DatasetError, match=says) as error:
        read(name, tmp_path)
    assert file in str(error.value)


NO_LIST = "not a JSON list of records"


@pytest.mark.parametrize("name", ANNOTATIONS)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"not json", f"{NO_LIST}, before the first record"),
        (b'[{"id": 1}, ', f"record 0|{NO_LIST}"),
        (b"[]", "no records"),
        (b"{}", rf"{NO_LIST}, before the first record: expected '\[', got '{{'"),
        (b'\xef\xbb\xbf {"a": []}', rf"{NO_LIST}, before the first record: expected '\[', got '{{'"),
        (b"[1]", "record 0 is not an object but int 1"),
        (b'[{"id": "\xff"}]', NO_LIST),
        (b'[{"id": 99999999999999999999999}]', f"{NO_LIST}|whole number"),
    ],
)
def test_files_that_are_no_annotations(tmp_path, name, data, says):
    base, file = EVERY[name](tmp_path), ANNOTATIONS[name][0]
    (base / file).write_bytes(data)
    with pytest.raises(DatasetError, match=says) as error:
        read(name, tmp_path)
    assert file in str(error.value)


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
    file, tree = tmp_path / "x.json", Tree("any", str(tmp_path), ".", ())
    file.write_text(json.dumps(records))
    with contextlib.suppress(DatasetError):
        assert len(list(read_photos(tree, str(file), splits=("train", "test")))) == len(records)


# -- dataset -> rows of damages, message, options ---------------------------------------------------------------------

PERMUTATIONS = "exp/rand_perm_cam.mat"
REGDB_TRAINED, REGDB_TESTED = infrared.regdb_split(1)
CONFIG, RELEASE = "cuhk03_new_protocol_config_labeled.mat", "cuhk03_release/cuhk-03.mat"
CUHK03_IMAGE = "images_labeled/1_001_1_01.png"
KEYS, ORBENCH_TESTS = rgb.LUPERSON_KEYS, "test_gallery_and_queries.json"


def thermal(change):
    return lines("idx/train_thermal_1.txt", change)


def also_tested(base):
    line = infrared.regdb_name(REGDB_TRAINED[0], "Thermal", 0) + " 7"
    lines("idx/test_thermal_1.txt", lambda rows: [*rows, line])(base)


def pku_lists(*tests):
    return lambda base: sketch.pku_lists(base, tests)


def cuhk03_config(**changes):
    return matlab(CONFIG, **rgb.cuhk03_config(**changes))


def cuhk03_testsets(*sets):
    return lambda base: rgb.cuhk03_testsets(base / RELEASE, *sets)


def another_hdf5(base):
    with h5py.File(base / RELEASE, "w") as other:
        other["testsets"] = np.arange(20)


def hdf5(change):
    """The release after ``change`` worked on it, and a whole one beside it that it may point to."""

    def damage(base):
        shutil.copy(base / RELEASE, base.parent / "outside.mat")
        with h5py.File(base / RELEASE, "r+") as file:
            change(file, str(base.parent / "outside.mat"))

    return damage


def linked_out(file, outside):
    del file["testsets"]
    file["testsets"] = h5py.ExternalLink(outside, "/testsets")


def virtual_sets(file, outside):
    kept = file["testsets"]
    layout = h5py.VirtualLayout(kept.shape, kept.dtype)
    layout[:] = h5py.VirtualSource(outside, "testsets", shape=kept.shape)
    del file["testsets"]
    file.create_virtual_dataset("testsets", layout)


def pairs_elsewhere(file, outside):
    pairs = file.create_dataset("elsewhere", (2, 2), "f8", external=[(outside, 0, h5py.h5f.UNLIMITED)])
    sets = file["testsets"]
    sets[...] = np.full(sets.shape, pairs.ref, h5py.ref_dtype)


def endless_pairs(file, outside):
    pairs = file.create_dataset("endless", (2, 2**50), "f8", chunks=(2, 1024))
    sets = file["testsets"]
    sets[...] = np.full(sets.shape, pairs.ref, h5py.ref_dtype)


def luperson(*keys, **stored):
    return lambda base: (gone("lmdb")(base), rgb.luperson_nl(base.parent, *keys, **stored))


def orbench_rows(key, change):
    return parsed(ORBENCH_TESTS, lambda lists: {**lists, key: change(lists[key])})


def gallery(change):
    return orbench_rows("RGB_GALLERY", change)


def cp_text(change):
    return orbench_rows("CP+TEXT", change)


CP_TEXT = {"query": "cp+text"}


def cut_in_record_6(base):
    cut("synthpedes_dataset.json", (base / "synthpedes_dataset.json").read_bytes().index(b"Part1/12/1"))(base)


def without_splits(base):
    parsed("reid_raw.json", lambda records: [{k: v for k, v in r.items() if k != "split"} for r in records])(base)
    (base / "reid_raw.json").rename(base / "caption_all.json")


REPACKED = (
    *(gone("train"), added("bounding_box_train/0000_c1_0000.jpg")),
    "bounding_box_train/.*repacked in Market-1501's form.*published",
)
MSMT17_QUERY, MSMT17_LOST = "0000/0000_000_01_0303morning_0008_0.jpg", "0002/0002_000_01_0303morning_0008_0.jpg"
BAD_LINES = ("sketch/17.jpg\n", "sketch/17.jpg 17 0 3 9\n")
NO_PATTERN = (renamed("**/*.*g", "person"), "names are not of the form .*Restore")
ERRORS = {
    "sysu_mm01": [
        (content("exp/test_id.txt", ""), "test_id.txt.*separated by commas"),
        (content("exp/test_id.txt", "6;10"), "test_id.txt.*'6;10'"),
        (content("exp/test_id.txt", "6,-1"), "test_id.txt"),
        (content("exp/test_id.txt", "2,6"), "share 1 identities, the first 2"),
        (content("exp/test_id.txt", b"\xff\xfe6"), "UTF-8"),
        (gone("exp/train_id.txt"), r"exp/train_id.txt +MISSING"),
        (gone("exp/val_id.txt"), r"exp/val_id.txt +MISSING"),
        (gone(PERMUTATIONS), "trials: agw"),
        (renamed("cam*/*/0*.jpg", "person"), "names are not of the form 0001.jpg.*Restore"),
        (content(PERMUTATIONS, "x" * 200), "is not SYSU-MM01's permutation file"),
        (content(PERMUTATIONS, ""), "is not SYSU-MM01's permutation file"),
        (matlab(PERMUTATIONS, a=1), "no variable rand_perm_cam"),
        (matlab(PERMUTATIONS, rand_perm_cam=[1, 2]), "2 cells"),
        (matlab(PERMUTATIONS, rand_perm_cam=[[1] * 6]), "no table of trials"),
    ],
    "llcm": [
        (content("idx/train_vis.txt", "vis/0001/0001_c01_s1_f1_vis.jpg\n"), "train_vis.txt, line 1.*path label"),
        (content("idx/train_vis.txt", "\r\n\r\n../x.jpg 3\r\n"), "train_vis.txt, line 3.*stay inside"),
        (content("idx/train_vis.txt", "x.jpg 3\n"), "1 of 1 names are not of the form .*train_vis.txt: x.jpg"),
        (content("idx/train_vis.txt", "vis/0009/0009_c01_s1_f1_vis.jpg 3"), "1 of 1 images .*LLCM/idx/train_vis.txt"),
        (content("idx/test_id.txt", "all"), "test_id.txt"),
        (gone("vis/0042/0042_c05_s101112_f57_vis.jpg"), "the first: LLCM/vis/0042/0042_c05"),
        (added("test_vis/cam2/0004/0004_c02_s1_f1_vis.jpg"), content("idx/test_id.txt", "3,4,5,8"), "the first 4"),
        (lambda base: base.rename(base.with_name("llcm")), "there is llcm/; rename it"),
    ],
    "regdb": [
        (thermal(lambda rows: [rows[0].split()[0], *rows]), "train_thermal_1.txt, line 1: must be 'path label'"),
        (thermal(lambda rows: ["../../secret/1/a.bmp 3", *rows]), "line 1: the path .* does not stay inside RegDB"),
        (thermal(lambda rows: ["Thermal/9/male_front_t_1_9.bmp 3", *rows]), "1 of 7 .*absent or empty; .*: .*t_1_9"),
        (thermal(lambda rows: [row.replace("_t_", "_q_") for row in rows]), "6 of 6 names are not .* Thermal/168"),
        (thermal(lambda rows: []), "train_thermal_1.txt lists no images"),
        (content("idx/train_thermal_1.txt", b"\xff"), "Cannot read the list"),
        (also_tested, f"1 persons are in train and test, the first {REGDB_TRAINED[0]}.*lists of trial 1"),
        (gone("idx/test_visible_7.txt"), r"idx/test_visible_7.txt +MISSING", {"trial": 7}),
    ],
    "mask1k": [
        (renamed("sketch/*/*/*.jpg", "x"), "mask1k sketches: .*the first: sketch/"),
        (renamed("photo/*/*.jpg", "x"), "mask1k photos: .*the first: photo/"),
        (gone("sketch/D"), r"sketch/D/train +MISSING"),
    ],
    "pku_sketch": [
        (renamed("sketch/*.jpg", "person"), "pku_sketch sketches.*17.jpg"),
        (renamed("photo/*.jpg", "person"), "pku_sketch photos.*17_05_120.jpg"),
        (content("styleAnnotation/a_5.txt", "one\n"), "a_5.txt, line 1"),
        (content("styleAnnotation/d_1.txt", "3\n"), "3 also has artist a"),
        ("lists: seeded", {"lists": "files"}),
        (gone("styleAnnotation"), "styleAnnotation.*MISSING"),
        (pku_lists((1, 12), (2, 9, 17)), "test_sketch_3"),
        (pku_lists((1, 12)), content("idx/test_visible_1.txt", "photo/1_05_3.jpg 1"), "the first 12", {"splits": 1}),
        *((content("idx/test_sketch_1.txt", line), "path pid", {"splits": 1}) for line in BAD_LINES),
        (content("idx/test_sketch_1.txt", "sketch/17.jpg x"), "identity", {"splits": 1}),
        (content("idx/test_sketch_1.txt", "sketch/17.jpg 16"), "not an image of person 16", {"splits": 1}),
        (content("idx/test_sketch_1.txt", "../sketch/17.jpg 17"), "stay inside", {"splits": 1}),
        (content("idx/test_sketch_1.txt", "\n"), "empty", {"splits": 1}),
    ],
    "cuhk_pedes": [
        (gone("reid_raw.json"), r"reid_raw.json +MISSING"),
        (without_splits, r"Put reid_raw\.json"),
        (more_records("reid_raw.json", lambda records: {**records[0], "id": 77}), "records 0 and 8"),
        (
            *(gone("imgs/CUHK01/0001.png"), content("imgs/cam_b/7.bmp", "")),
            "2 of 8 images listed in CUHK-PEDES/reid_raw.json .*the first: CUHK-PEDES/imgs/CUHK01/0001.png.*"
            "CUHK01 1 of 2, cam_b 1 of 1",
        ),
    ],
    "synth_pedes": [
        (gone("Part1/7/2.jpg"), "By folder: Part1 1 of 6"),
        (cut_in_record_6, f"{NO_LIST}, after record 5"),
    ],
    "icfg_pedes": [(gone("ICFG-PEDES.json"), r"ICFG-PEDES\.json +MISSING  or ICFG_PEDES\.json")],
    "tri_cuhk_pedes": [
        (gone("imgs-sketch2/CUHK01/0001.png"), r"the first: CUHK-PEDES/imgs-sketch2/CUHK01/0001\.png"),
        (gone("imgs-sketch2"), r"imgs-sketch2/<as imgs> +MISSING  or imgs-sketch,"),
        (r"theirs.*MISSING", {"sketches": "theirs"}),
        ("stay inside", {"sketches": "../drawn"}),
    ],
    "tri_rstpreid": [(gone("imgs-sketch/3905_c9_0001.jpg"), "the first: RSTPReid/imgs-sketch/3905_c9_0001.jpg")],
    "ufine6926": [(content("images/10.jpg", ""), "the first: UFine6926/images/10.jpg")],
    "ufine3c": [(content("images/2.jpg", ""), "the first: UFine3C/images/2.jpg")],
    "luperson_t": [
        (content("images/000001_0004.jpg", ""), "the first: LUPerson-T/images/000001_0004.jpg"),
        (content("other.json", "[]"), "each of LuPerson_caption_all_some_2v.json, other.json"),
    ],
    "mals": [
        (content("images/MALS/gene_crop/4x/0.jpg", ""), "the first: MALS/images/MALS/gene_crop/4x/0.jpg"),
        (emptied("data/gene_attrs"), "there are no annotations"),
        (
            emptied("data/gene_attrs"),
            content("data/gene_attrs/cuhk.json", "[]"),
            "not of the form g_c_g_a_0_attrs.json",
        ),
    ],
    "finegpr": [
        (emptied("FineGPR_subset"), "is left to train on"),
        (r"of 12 images .*, 0 are of the chosen views", {"weathers": "1"}),
        (gone("FineGPR"), r"has the form subset .*, not full.*images: subset", {"images": "full"}),
    ],
    "finegpr_c": [
        (emptied("FineGPR_subset"), "is left to train on"),
        ("is left to train on", {"views": "1"}),
        (content("captions.txt", b"\xff\xfea\x00"), "as UTF-8 text"),
        (content("licence.txt", "All."), "each of captions.txt, licence.txt .* aio.datasets.finegpr_c.captions"),
        (gone("captions.txt"), "no file of the captions .*Put it there"),
        ("texts/none.json, which .* names, is absent", {"captions": "texts/none.json"}),
        ("does not stay inside", {"captions": "../captions.txt"}),
    ],
    "msmt17_v1": [
        (gone("list_val.txt"), r"list_val.txt +MISSING", {"train": "train+val"}),
        (content("list_train.txt", b"\xff\xfe"), "UTF-8"),
        REPACKED,
        (content("list_query.txt", ""), "list_query.txt lists no images"),
        (content("list_query.txt", f"{MSMT17_QUERY}\n"), "list_query.txt, line 1: must be 'path label'"),
        (content("list_query.txt", "\r\nx.jpg one\r\n"), "line 2: must be 'path label'"),
        (content("list_query.txt", "../../etc/passwd 0\n"), "does not stay inside"),
        (content("list_query.txt", f"{MSMT17_LOST} 2\n"), "1 of 1 images listed in MSMT17_V1/list_query.txt"),
        (content("list_query.txt", "0000_c1_0000.jpg 0\n"), "repacked in Market-1501's form"),
    ],
    "msmt17_all": [REPACKED],
    "cuhk03_np_labeled": [
        (cuhk03_config(labels=None), "no variable 'labels'"),
        (cuhk03_config(labels=column(1, 2)), "14 names, labels 2 numbers"),
        (cuhk03_config(labels=np.ones((14, 1))), "disagree on who is the same person, first at"),
        (cuhk03_config(labels=np.full((14, 1), 0.5)), "whole numbers expected"),
        (cuhk03_config(labels=np.full((14, 1), np.nan)), "whole numbers expected"),
        (cuhk03_config(labels="fourteen"), "numbers expected"),
        (cuhk03_config(query_idx=column(0, 1)), "query_idx does not count from 1 to 14"),
        (cuhk03_config(query_idx=column(15)), "query_idx does not count from 1 to 14"),
        (cuhk03_config(gallery_idx=np.zeros((0, 0))), "gallery_idx does not count"),
        (cuhk03_config(filelist=np.arange(14)), "not a file name"),
        (cuhk03_config(train_idx=column(*range(1, 15))), "persons are in train and test, the first 1001"),
        *((cut(CONFIG, length), CONFIG) for length in (0, 1, 127, 128, 140, 300, 700, -1)),
        (gone("images_labeled"), r"images_labeled.*MISSING"),
        (gone(CUHK03_IMAGE), cuhk03_testsets(), "1 of 14 images.*1_001_1_01.png.*extracted from cuhk-03.mat"),
    ],
    "cuhk03_classic_labeled": [
        (emptied("images_labeled"), "0 images.*extracted from cuhk-03.mat"),
        (cuhk03_testsets([((1, 1),)] * 19), "testsets has 19 cells, not 20"),
        (cuhk03_testsets([((1, 1, 1),)] * 20), "test set 1 is not a list"),
        (cuhk03_testsets([(1, 1)] * 20), "test set 1 is not a list"),
        (cuhk03_testsets([((1, 1.5),)] * 20), "whole numbers"),
        *((content(RELEASE, data), "cuhk-03.mat is not CUHK03's") for data in ("", "x" * 600)),
        *((cut(RELEASE, length), "cuhk-03.mat is not CUHK03's") for length in (200, 4000)),
        (another_hdf5, "testsets has 20 cells, not 20 references"),
        (hdf5(linked_out), "it has no testsets"),
        *((hdf5(change), "something else than data of its own") for change in (virtual_sets, pairs_elsewhere)),
        (hdf5(endless_pairs), "test set 1 is not a list"),
    ],
    "randperson": [NO_PATTERN, ("images: subset", {"images": "full"})],
    "clonedperson": [
        NO_PATTERN,
        (added("train/700002_s02_c00_f000001.jpg"), "1 persons are in train and test, the first 700002"),
        (emptied("train"), "no images in .*train"),
    ],
    "unrealperson": [
        NO_PATTERN,
        (gone("unreal_v1.1", "unreal_v1.2", "unreal_v2.1"), "no images in .*unreal_v4.3/images"),
        (gone("unreal_v1.1", "unreal_v1.2", "unreal_v2.1", "unreal_v4.3"), "no folder like unreal_v1.1/"),
    ],
    "luperson_nl": [
        (luperson(stored=KEYS[:1]), f"2 of 3 keys.*the first: {KEYS[1]}"),
        (content("lmdb/data.mdb", "x" * 9000), "cannot be opened as an LMDB"),
        (cut("lmdb/data.mdb", 8192), "truncated"),
        (content("lmdb/data.mdb", ""), "is empty"),
    ],
    "rgbnt201": [
        (added("test/RGB/000003_cam1_0_00.jpg"), "1 persons .* in train and test, the first 3.*train_171 and test"),
        (gone("test/TI"), r"test/TI.* MISSING", {"infrared": "TI"}),
    ],
    "orbench": [
        (cp_text(lambda rows: {}), "CP.TEXT must be a list that is not empty", CP_TEXT),
        (cp_text(lambda rows: []), "CP.TEXT must be a list that is not empty", CP_TEXT),
        (cp_text(lambda rows: [*rows, 5]), "CP.TEXT, row 3: must be an identity and 2 strings", CP_TEXT),
        (cp_text(lambda rows: [["731", *rows[0][1:]]]), "row 0: must be an identity", CP_TEXT),
        (cp_text(lambda rows: [[True, *rows[0][1:]]]), "row 0: must be an identity", CP_TEXT),
        (cp_text(lambda rows: [[-1, *rows[0][1:]]]), "row 0: must be an identity", CP_TEXT),
        (cp_text(lambda rows: [rows[0][:2]]), "row 0: must be an identity and 2 strings", CP_TEXT),
        (cp_text(lambda rows: [[*rows[0], "x"]]), "row 0: must be an identity and 2 strings", CP_TEXT),
        (
            cp_text(lambda rows: [[731, "cp/0731/0.jpg", None]]),
            "row 0: must be .* got .731, 'cp/0731/0.jpg', None",
            CP_TEXT,
        ),
        (cp_text(lambda rows: [[731, "cp/0731/0.jpg", "  "]]), "strings that are not blank", CP_TEXT),
        (cp_text(lambda rows: [[731, "A caption.", "cp/0731/0.jpg"]]), "row 0: 'A caption.' is not below cp/", CP_TEXT),
        (cp_text(lambda rows: [[731, "sk/0731/0.jpg", "A."]]), "row 0: 'sk/0731/0.jpg' is not below cp/", CP_TEXT),
        (cp_text(lambda rows: [[731, "../cp/0731/0.jpg", "A."]]), "row 0: the path .* does not stay inside", CP_TEXT),
        (
            cp_text(lambda rows: [[731, "cp/0731/99.jpg", "A."]]),
            "absent or empty; the first: ORBench/cp/0731/99.jpg",
            CP_TEXT,
        ),
        (
            gallery(lambda rows: [*rows, [5, rows[0][1]]]),
            "RGB_GALLERY, row 6: 'vis/0731/0.jpg' .* 5, but of 731 before",
        ),
        (content(ORBENCH_TESTS, ""), "not a JSON object of lists", {"query": "cp"}),
        (content(ORBENCH_TESTS, "[]"), "no list RGB_GALLERY, CP", {"query": "cp"}),
        (content(ORBENCH_TESTS, "[[1]]"), "no list RGB_GALLERY, CP", {"query": "cp"}),
        (content(ORBENCH_TESTS, '{"RGB_GALLERY": [[1, "vis/0731/0.jpg"]]}'), "no list CP[.]", {"query": "cp"}),
        (content(ORBENCH_TESTS, '{"CP": ['), "not a JSON object of lists", {"query": "cp"}),
        (content(ORBENCH_TESTS, '{"CP": "'), "not a JSON object of lists", {"query": "cp"}),
        (record("train_annos.json", 1, file_path="vis/0031/77.jpg"), "the first: ORBench/vis/0031/77.jpg"),
        (record("train_annos.json", 1, id=9), "record 1: folder vis/0031 is of person 9, but of 1 before"),
    ],
}
DEFAULTS = {"regdb": {"trial": 1}}


def flat(table):
    """(dataset, damages, patterns, options, numbers of items) of every row of a table."""
    for name, rows in table.items():
        for row in rows:
            options = {key: value for part in row if type(part) is dict for key, value in part.items()}
            left = {key: value for part in row if isinstance(part, Left) for key, value in part.items()}
            patterns = [part for part in row if isinstance(part, str)]
            yield name, list(filter(callable, row)), patterns, {**DEFAULTS.get(name, {}), **options}, left


class Left(dict):
    """Part of the splits -> number of items that are left."""


@pytest.mark.parametrize(("name", "damages", "says", "options"), [row[:4] for row in flat(ERRORS)])
def test_damage_that_is_an_error(tmp_path, name, damages, says, options):
    together(*damages)(EVERY[name](tmp_path / "root"))
    with pytest.raises(DatasetError, match=f"(?s){says[0]}"):
        read(name, tmp_path / "root", **options)


# -- dataset -> rows of damages, notes, options, numbers of items that are left ---------------------------------------

MSMT17_ODD = ["0000/0000_000_16_0303morning_0008_0.jpg", "0000/0001_000_01_0303morning_0008_0.jpg"]
REGDB_ODD = "Visible/57/female_front_v_00001_58.bmp"  # the folder and the name disagree
FINEGPR_ODD = ("0001_c37_w03_l05_p03.jpg", "0001_c01_w08_l05_p03.jpg", "0001_c01_w03_l05_p03 (1).jpg")
FINEGPR_ASTRAY = ("FineGPR_subset/more/0011_c01_w03_l05_p03.jpg", "FineGPR/0003/0001_c01_w01_l01_p01.jpg")
ODD_CAPTION = ("0001_c77_w03_l05_p03.jpg", "A.")


def permutations_elsewhere(base):
    (base / "data_split").mkdir()
    (base / PERMUTATIONS).rename(base / "data_split/rand_perm_cam.mat")


def unlisted(path, part):
    return lines(path, lambda rows: [row for row in rows if part not in row])


def repeated(file, number):
    return more_records(file, lambda records: records[number]), "1 repeated records in"


NOTES = {
    "sysu_mm01": [
        (added("cam1/0006/copy of 0001.jpg"), "1 of .*cam1/0006/copy of 0001.jpg", Left(gallery=130)),
        (gone("cam4/0017/0005.jpg"), "gaps in 1 gallery", {"trials": "agw"}),
        (gone("exp/val_id.txt"), {"train_ids": "train"}),
        (gone(PERMUTATIONS), {"trials": "agw"}),
        (permutations_elsewhere,),
    ],
    "llcm": [(unlisted("idx/train_nir.txt", "/0042/"), "1 of 3 training persons have no ir, the first 42")],
    "regdb": [
        (
            unlisted("idx/test_thermal_1.txt", f"/{REGDB_TESTED[0]}/"),
            f"1 of 3 test persons have no ir, the first {REGDB_TESTED[0]}",
        ),
        (
            lines("idx/test_visible_1.txt", lambda rows: [rows[0], f"{REGDB_ODD} 2", *rows]),
            "1 repeated lines of idx/test_visible_1.txt count once",
            "1 of 14 names are not of the form Visible/168/male_front_v_04111_168.bmp",
            f"idx/test_visible_1.txt: {REGDB_ODD}",
            Left(gallery=6),
        ),
        (gone("idx/test_visible_7.txt"), {"trial": 6}),
    ],
    "mask1k": [(gone("sketch/D"), {"train_styles": "BC", "test_styles": "F"})],
    "cuhk_pedes": [
        (*repeated("reid_raw.json", 0), "in reid_raw.json", Left(gallery=4)),
        (record("reid_raw.json", 1, id=12001), "1 identities are in train and in test"),
    ],
    "tri_cuhk_pedes": [
        (gone("imgs-sketch2/CUHK01/0363004.png"), "1 of 3 training photos have no sketch"),
        (gone("imgs-sketch2/CUHK01/0001.png"), {"query": "text"}, Left(query=8)),
    ],
    "icfg_pedes": [(*repeated("ICFG-PEDES.json", 3), Left(gallery=3))],
    "tri_icfg_pedes": [(*repeated("ICFG-PEDES.json", 3), Left(gallery=3))],
    "rstpreid": [
        (*repeated("data_captions.json", 3), Left(gallery=3)),
        (record("data_captions.json", 5, id=7), "1 identities are in train and in test"),
    ],
    "tri_rstpreid": [
        (*repeated("data_captions.json", 3), Left(gallery=3)),
        (gone("imgs-sketch/3905_c9_0001.jpg"), {"query": "text"}, Left(query=6)),
    ],
    "ufine3c": [
        (
            *(more_records("anno.json", text.ufine_record("train", 9, 9, ["No."])), added("images/9.jpg")),
            "1 photos of split train are left out",
            Left(train=0),
        )
    ],
    "mals": [(content("data/gene_attrs/cuhk_train.json", "[]"), "data/gene_attrs/cuhk_train.json")],
    "finegpr": [
        (
            added(*(f"FineGPR_subset/{name}" for name in FINEGPR_ODD), *FINEGPR_ASTRAY),
            r"3 of 16 names are not of the form .*\(1\).jpg",
            "1 images are left out.*FineGPR_subset/more/0011",
        ),
        (added(*FINEGPR_ASTRAY), "FineGPR/0003/0001_c01", {"images": "full"}, Left(train=16)),
    ],
    "finegpr_c": [
        (
            content("captions.txt", text.as_pairs([*text.FINEGPR_CAPTIONS, ODD_CAPTION])),
            "images in captions.txt: 1 of 8 names.*0001_c77",
        ),
        (content("texts/fine.json", text.as_list()), {"captions": "texts/fine.json"}, Left(train=3)),
        (content("licence.txt", "All."), {"captions": "captions.txt"}, Left(train=3)),
    ],
    "msmt17_v1": [
        (gone("list_val.txt"),),
        (
            *(content("list_query.txt", f"{MSMT17_LOST} 2"), added(f"test/{MSMT17_LOST}")),
            "1 query persons are not in the gallery, the first 2",
        ),
        (
            lines("list_gallery.txt", lambda rows: [*rows, *(f"{path} 0" for path in MSMT17_ODD)]),
            *(added(f"test/{path}") for path in MSMT17_ODD),
            f"2 of 13 names.*{MSMT17_ODD[0]}",
            Left(gallery=4),
        ),
    ],
    "cuhk03_classic_labeled": [(cuhk03_testsets([((1, 1), (4, 9))] * 20), "1 test persons of split 1")],
    "luperson_nl": [
        (luperson([*KEYS, KEYS[0]], (9, 4, 900, 9)), "1 repeated keys of keys.pkl", Left(train=3)),
        (luperson(pids=(9, 4, 901)), "identities of 1 images"),
    ],
    "rgbnt201": [(added("test/RGB/7_cam1.jpg"), "the first: test/RGB/7_cam1.jpg"), (gone("test/TI"),)],
    "orbench": [
        (emptied("sk/0900"), "1 of 3 training persons have no sketch, the first 3"),
        (cp_text(lambda rows: []), {"query": "text+cp"}),
        (
            *(orbench_rows("CP", lambda rows: [*rows, rows[0]]), gallery(lambda rows: [*rows[:3], rows[0]])),
            "1 repeated rows of RGB_GALLERY count once",
            "1 repeated rows of CP are all scored",
            "1 query persons are not in the gallery, the first 5",
            *({"query": "cp"}, Left(query=4, gallery=3)),
        ),
    ],
    "orbench_one": [(content("train_annos.json", "[{}]"),)],
}


@pytest.mark.parametrize(("name", "damages", "says", "options", "left"), flat(NOTES))
def test_damage_that_is_noted_or_no_matter(tmp_path, name, damages, says, options, left):
    together(*damages)(EVERY[name](tmp_path))
    splits = read(name, tmp_path, **options)
    assert_noted(splits, *says)
    assert {part: len(getattr(splits, part)) for part in left} == left


# -- links, folders, images -------------------------------------------------------------------------------------------
LISTS = {
    "sysu_mm01": "exp/test_id.txt",
    "llcm": "idx/train_vis.txt",
    "regdb": "idx/train_visible_1.txt",
    "pku_sketch": "styleAnnotation/a_5.txt",
    "msmt17_v1": "list_gallery.txt",
    "luperson_nl": "keys.pkl",
    "orbench": "train_annos.json",
}


@pytest.mark.parametrize("parent", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("name", sorted(EVERY))
def test_links_out_of_the_data_root_are_refused(tmp_path, name, parent):
    base, outside = EVERY[name](tmp_path / "root"), tmp_path / "outside"
    splits = read(name, tmp_path / "root", **DEFAULTS.get(name, {}))
    first = [items[0].media for items in (splits.train, splits.query, splits.gallery) if items]
    files = {Path(part.split("#")[0]) for media in first for part in media.parts}
    files |= {base / file for key, file in LISTS.items() if key == name}
    for linked in {file.parent for file in files} - {base} if parent else files:
        linked.rename(outside)
        linked.symlink_to(outside)
        with pytest.raises(DatasetError, match="link out of the data root"):
            read(name, tmp_path / "root", **DEFAULTS.get(name, {}))
        linked.unlink()
        outside.rename(linked)


OPENED = deque(maxlen=10_000)
sys.addaudithook(lambda event, args: OPENED.append(args[0]) if event == "open" and type(args[0]) is str else None)


def in_time(call, *args, **options):
    """What ``call`` returns; TimeoutError after 20 seconds, as where a pipe is waited for."""

    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        return call(*args, **options)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


OTHERS = {
    "fifo": os.mkfifo,
    "folder": os.mkdir,
    "link to itself": lambda path: os.symlink(path, path),
    "link out": None,
    "device": lambda path: os.symlink("/dev/zero", path),
}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_lists_and_annotations_are_regular_files_below_the_root(tmp_path, name):
    root, options = tmp_path / "root", DEFAULTS.get(name, {})
    EVERY[name](root)
    OPENED.clear()
    read(name, root, **options)
    files = {Path(path).resolve() for path in OPENED if path.startswith(str(root))}
    for file in sorted(path for path in files if path.is_file()):
        kept = file.rename(root.parent / "kept")
        for kind, make in OTHERS.items():
            make(file) if make else os.symlink(kept, file)
            OPENED.clear()
            try:
                in_time(read, name, root, **options)
            except DatasetError:
                assert str(kept) not in OPENED
            else:
                assert name == "mals", f"{file} as {kind} was read"  # which reads the files that there are
                assert not {str(file), str(kept)} & set(OPENED)
            (os.rmdir if kind == "folder" else os.unlink)(file)
        kept.rename(file)


@pytest.mark.parametrize("option", ["folder", "file"])
@pytest.mark.parametrize("value", ["../outside/manifest.csv", "/etc/manifest.csv", "..\\manifest.csv"])
def test_a_manifest_lies_below_the_root(option, value):
    checks = {each.name: each.check for each in ADAPTERS["manifest"].options}
    with pytest.raises(ConfigError, match="below data.root"):
        checks[option](value, "")


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_dataset_s_own_folder_may_be_a_link(tmp_path, name):
    base = EVERY[name](tmp_path / "elsewhere")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / base.name).symlink_to(base)
    splits = read(name, tmp_path / "root")
    assert splits.train or splits.query


def test_links_inside_the_data_root_are_followed(tmp_path):
    base = text.cuhk_pedes(tmp_path)
    (base / "imgs/Market").rename(tmp_path / "Market-images")
    (base / "imgs/Market").symlink_to(tmp_path / "Market-images")
    assert len(read("cuhk_pedes", tmp_path).train) == 3


@pytest.mark.parametrize("name", sorted({*EVERY} - {"luperson_nl"}))
def test_a_truncated_image_is_named_when_it_is_opened(name, tmp_path):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path)
    path = str((splits.train or splits.gallery)[0].media)
    Image.effect_noise((80, 160), 60).convert("RGB").save(path)
    with open(path, "rb+") as file:
        file.truncate(900)
    splits = read(name, tmp_path)
    assert (splits.train or splits.gallery)[0].media == path
    with pytest.raises(MediaError, match=f"{path.rsplit('/')[-1]}.*Replace or remove"):
        read_image(path)
