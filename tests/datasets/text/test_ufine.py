"""UFine6926 and UFine3C: splits, long captions, protocols."""

import numpy as np
import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.text import ufine6926
from aio_plugin.modality import parse_combination

from ..miniatures import EVERY, read
from ..miniatures import text as made


def captions_of(item):
    return [media.caption for media in item.media.partners]


def names_of(items):
    return [str(item.media).rsplit("/", 1)[-1] for item in items]


def test_ufine6926(tmp_path):
    base = made.ufine6926(tmp_path)
    splits = read("ufine6926", tmp_path)
    assert [item.pid for item in splits.train] == [0, 1, 0]
    assert [str(item.media) for item in splits.train] == [str(base / f"images/{n}.jpg") for n in (1, 2, 3)]
    assert captions_of(splits.train[0]) == [made.LONG, "A woman."]
    assert [(item.pid, item.source) for item in splits.query] == [(4927, 0)] * 2 + [(5000, 1)] * 2 + [(4927, 2)] * 2
    assert splits.query[0].media.caption == "A man in black."
    assert str(splits.query[0].media) == f"{base}/UFine6926_Annotations_1024.json#1.0"
    assert names_of(splits.gallery) == ["9.jpg", "10.jpg", "11.jpg"]
    assert splits.found["train captions"] == 6
    assert splits.published["test captions"] == 15_258
    assert any("2 of 12 captions have more than 75 words" in note and "77 tokens" in note for note in splits.notes)


def test_ufine_published_counts_add_up():
    published = ufine6926.SET.published["train"] | ufine6926.SET.published["test"]
    for what, number in (("ids", 6_926), ("images", 26_206), ("captions", 52_412)):
        assert published[f"train {what}"] + published[f"test {what}"] == number


def test_ufine3c(tmp_path):
    made.ufine3c(tmp_path)
    splits = read("ufine3c", tmp_path)
    assert not len(splits.train)
    assert [item.media.caption for item in splits.query] == [
        "One.",
        "Two.",
        "Three.",
        made.LONG,
        "Four.",
        "Five.",
        "Six.",
    ]
    assert [item.pid for item in splits.gallery] == [1, 2, 2]
    assert splits.found == {"test ids": 2, "test images": 3, "test captions": 7}
    assert any("from MSMT17 (2), UFine6926 (1)" in note for note in splits.notes)
    assert any("77 tokens" in note for note in splits.notes)


def test_ufine3c_has_nothing_to_train_on(tmp_path):
    made.ufine3c(tmp_path, [*made.UFINE3C_RECORDS, made.ufine_record("train", 9, 9, ["No."])])
    splits = read("ufine3c", tmp_path)
    assert not len(splits.train)
    assert any("1 photos of split train are left out" in note for note in splits.notes)


def test_ufine_short_captions_are_no_matter(tmp_path):
    records = [record | {"captions": ["Short."]} for record in made.UFINE6926_RECORDS]
    made.ufine6926(tmp_path, records)
    assert not any("77 tokens" in note for note in read("ufine6926", tmp_path).notes)


@pytest.mark.parametrize("name", ["ufine6926", "ufine3c"])
def test_ufine_protocols(tmp_path, name):
    EVERY[name](tmp_path)
    adapter = ADAPTERS[name]
    for query, removal in ((None, "none"), ("text", "none"), ("rgb+text", "source"), ("rgb", "source")):
        combination = parse_combination(query) if query else None
        protocol = adapter.protocol(str(tmp_path), {}, combination)
        assert protocol.removal == removal
        assert protocol.similarity_distribution is (removal == "none")
        assert protocol.name.startswith(f"{name}, test, all captions")
        splits = adapter.read(str(tmp_path), {}, combination)
        assert not {item.camid for item in splits.query} & {item.camid for item in splits.gallery}
        (trial,) = protocol.trials(splits.query, splits.gallery)
        removed = (trial.query_key[:, None] == trial.gallery_key) & (trial.gallery_key >= 0)
        sources = np.array([item.source for item in splits.query])
        own = sources[:, None] == np.arange(len(splits.gallery))
        assert (removed == (own if removal == "source" else np.zeros_like(own))).all()
