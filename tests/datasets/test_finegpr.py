"""FineGPR and FineGPR-C: names, choices, and captions in every form."""

import contextlib
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading.finegpr import PATTERN, Conditions
from aio_plugin.datasets.reading.finegpr_captions import read_finegpr_captions
from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality

from .miniatures import assert_noted, camids_of, captions_of, names_of, pids_of, read
from .miniatures import text as made
from .miniatures.text import FINEGPR_SUBSET


def test_finegpr_subset(tmp_path):
    base = made.finegpr(tmp_path)
    splits = read("finegpr", tmp_path)
    assert [str(item.media) for item in splits.train] == [str(base / "FineGPR_subset" / n) for n in FINEGPR_SUBSET]
    assert pids_of(splits.train) == [0] * 4 + [1] * 4 + [2] * 4
    assert camids_of(splits.train) == [0, 9, 18, 27] * 3
    assert not any(item.media.partners for item in splits.train)
    assert splits.found == {"train ids": 3, "train images": 12}
    assert splits.published == {"train ids": 1150, "train images": 4600}


def test_finegpr_full(tmp_path):
    made.finegpr(tmp_path)
    splits = read("finegpr", tmp_path, images="full")
    assert names_of(splits.train) == sorted(made.FINEGPR_FULL)
    assert pids_of(splits.train) == [0] * 8 + [1] * 8
    assert set(camids_of(splits.train)) == {0, 35}
    assert splits.published["train images"] == 2_028_600


@pytest.mark.parametrize(
    ("options", "left", "published"),
    [
        ({"views": "1,28"}, 6, 2300),
        ({"views": " 10"}, 3, 1150),
        ({"weathers": "3", "lights": "5,1"}, 12, 4600),
        ({"images": "full", "views": "36"}, 8, 1150 * 49),
        ({"images": "full", "weathers": "1,2", "lights": "5"}, 4, 1150 * 36 * 2),
    ],
)
def test_finegpr_choices(tmp_path, options, left, published):
    made.finegpr(tmp_path)
    splits = read("finegpr", tmp_path, **options)
    assert len(splits.train) == left
    assert splits.published["train images"] == published


def conditions(name):
    match = re.fullmatch(PATTERN, name)
    return Conditions.of(match) if match else None


@pytest.mark.parametrize("view", [1, 2, 10, 19, 27, 28, 36])
def test_finegpr_conditions(view):
    assert conditions(f"0003_c{view:02d}_w07_l01_p06.jpg") == (3, view, 7, 1, 6)


def test_finegpr_keys_are_unique():
    names = [f"{p:04d}_c{v:02d}_w0{w}_l0{at}_p0{s}.jpg"
             for p in (0, 1, 9999) for v in (1, 9, 36) for w in (1, 7) for at in (1, 7) for s in (1, 9)]  # fmt: skip
    assert len({conditions(name).key for name in names}) == len(names)
    assert conditions("x.png") is None


IMAGE_1 = '{"images": [{"id": 1, "file_name": "a"}], '
COCO_KEYS = ["file", "caption", "images", "annotations", "id", "image_id", "file_name"]
FORMS = [
    ("captions.txt", made.as_dump()),
    ("captions.txt", made.as_pairs()),
    ("captions.tsv", made.as_pairs(gap=" ")),
    ("captions.json", made.as_coco()),
    ("captions.json", "\ufeff\n " + made.as_list()),
    ("captions.txt", made.as_list(key="image")),
]


@pytest.mark.parametrize(("file", "text"), FORMS)
def test_finegpr_c_reads_every_form(tmp_path, file, text):
    base = made.finegpr_c(tmp_path, text, file)
    splits = read("finegpr_c", tmp_path)
    assert names_of(splits.train) == [FINEGPR_SUBSET[3], FINEGPR_SUBSET[5], FINEGPR_SUBSET[10]]
    assert [captions_of(item) for item in splits.train] == [
        ["A woman: red, blue; äöü.", "A woman again."],
        ["A man with short hair, seen from the left."],
        ["A woman in a green dress on a sunny afternoon."],
    ]
    assert pids_of(splits.train) == [0, 1, 2]
    assert camids_of(splits.train) == [27, 9, 18]
    media = splits.train[0].media.partners[0]
    assert media.modality is Modality.TEXT
    assert str(media) == f"{base / file}#{2 if 'txt' in file and text[0] != '[' or 'tsv' in file else 1}"
    assert splits.found == {
        "images with or without caption": 12, "train ids": 3, "train images": 3, "train captions": 4,
    }  # fmt: skip
    assert_noted(splits, "9 of 12 images have no caption", "1 of 4 captioned images are absent")
    assert_noted(splits, "1 captions that are repeated", "1 blank captions")


def test_finegpr_c_choices_apply_before_captions(tmp_path):
    made.finegpr_c(tmp_path)
    splits = read("finegpr_c", tmp_path, views="10,19")
    assert names_of(splits.train) == [FINEGPR_SUBSET[5], FINEGPR_SUBSET[10]]
    assert splits.found["images with or without caption"] == 6
    assert splits.found["train captions"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0001: A woman.\nmore", "first line is '0001: A woman.'"),
        ("file\tcaption\n", r"first line is 'file\\tcaption'"),
        (" \r\n\n", "first line is ''"),
        ('{"captions": []}', "first line is '{\"captions\": \\[\\]}'"),
        ('{"file": "a.jpg"}\n{"file": "b.jpg"}', "first line is"),
        (made.as_dump() + "0001_c01_w03_l05_p03.jpg A woman.", r"line 9: is not as the first line"),
        (made.as_pairs() + "\nImageName:a", "line 8: is not as the first line"),
        ("[1]", "record 0 is not an object"),
        ("[]", "holds no records"),
        ('[{"file": "a.jpg"}', "'caption' must be a string, got NoneType|not a JSON list"),
        ('[{"file": "a.jpg", "caption": 3}]', "record 0: 'caption' must be a string, got int"),
        ('[{"file": 3, "caption": "a"}]', "record 0: 'file' must be a string"),
        ('[{"name": "a.jpg", "caption": "a"}]', "record 0 names no image: it has none of image, file"),
        ('{"images": [3]}', r"images\[0\] is not an object"),
        ('{"images": [{"id": 1}]}', "image 0 has no 'file_name'"),
        ('{"images": [{"id": 1.5, "file_name": "a"}]}', "image 0: 'id' must be a whole number or a string, got float"),
        (IMAGE_1 + '"annotations": [{"image_id": 2}]}', "annotation 0: no image .* id 2"),
        (IMAGE_1 + '"annotations": [{"image_id": 1}]}', "annotation 0: 'caption' must be a string, got NoneType"),
        (IMAGE_1 + '"annotations": []}', "none with a caption is left"),
        (made.as_coco()[:-30], "not JSON after"),
        ("x.jpg\tA woman.", "1 of 1 names are not of the form 0001_c01"),
        ("0999_c01_w03_l05_p03.jpg\tA woman.", "is left to train on"),
    ],
)  # fmt: skip
def test_finegpr_c_damaged_captions(tmp_path, text, says):
    made.finegpr_c(tmp_path, text)
    with pytest.raises(DatasetError, match=says):
        read("finegpr_c", tmp_path)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(alphabet='{}[]":,a1 \n\t', max_size=40)
    | st.recursive(
        st.none() | st.integers(-2, 2) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(COCO_KEYS), inner),
        max_leaves=12,
    ).map(json.dumps)
)  # fmt: skip
def test_any_caption_file_reads_or_is_a_dataset_error(tmp_path, text):
    file = tmp_path / "x.txt"
    file.write_text(text)
    captions = None
    with contextlib.suppress(DatasetError):
        captions = list(read_finegpr_captions(str(file)))
    if captions is not None:
        assert captions or '"images"' in text, "no form but COCO's can be sound and say nothing"
        assert [caption.number for caption in captions] == sorted({caption.number for caption in captions})
        assert all(caption.image and caption.text == caption.text.strip() for caption in captions)


IMAGES = st.from_regex(r"[a-z0-9_/]{1,8}\.(jpg|png)", fullmatch=True)
SENTENCES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=20)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(IMAGES, SENTENCES), min_size=1, max_size=5))
@pytest.mark.parametrize("form", [made.as_dump, made.as_pairs, made.as_coco, made.as_list])
def test_what_was_written_in_a_form_is_read(tmp_path, form, captions):
    file = tmp_path / "x.txt"
    file.write_text(form(captions), newline="")
    prefix = "FineGPR_subset/" if form is made.as_pairs else ""
    read_back = [(caption.image, caption.text) for caption in read_finegpr_captions(str(file))]
    assert read_back == [(prefix + image, text.strip()) for image, text in captions]
