"""SYNTH-PEDES: identities, captions, streaming."""

import json

import pytest

from ..miniatures import read
from ..miniatures import text as made
from ..miniatures.text import SYNTH_RECORDS


def test_synth_pedes(tmp_path):
    base = made.synth_pedes(tmp_path)
    splits = read("synth_pedes", tmp_path)
    assert not splits.query
    assert not splits.gallery
    assert [item.pid for item in splits.train] == [2] * 3 + [0] * 3 + [1] * 3
    for number, (item, record) in enumerate(zip(splits.train, SYNTH_RECORDS, strict=True)):
        assert str(item.media) == str(base / record["file_path"])
        assert [media.caption for media in item.media.partners] == record["captions"]
        assert str(item.media.partners[1]) == f"{base}/synthpedes_dataset.json#{number}.1"
    assert any("train ids 3 (312,321), train images 9 (4,791,711)" in note for note in splits.notes)


def test_synth_pedes_indexing(tmp_path):
    made.synth_pedes(tmp_path)
    train = read("synth_pedes", tmp_path).train
    items = list(train)
    assert len(items) == len(train) == 9
    assert train[-1] == items[-1]
    assert train[2:8:3] == items[2:8:3]
    assert train[::-1] == items[::-1]
    for outside in (9, -10):
        with pytest.raises(IndexError):
            train[outside]


def test_synth_pedes_is_streamed(tmp_path):
    """Reading 3,000 long records never holds more than a fraction of the file's objects."""
    import tracemalloc

    base = made.synth_pedes(tmp_path)
    filler = {"attributes": ["x" * 20_000]}
    records = [{**SYNTH_RECORDS[k % 9], **filler} for k in range(1000)]
    (base / "synthpedes_dataset.json").write_text(json.dumps(records))
    tracemalloc.start()
    train = read("synth_pedes", tmp_path).train
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(train) == 1000
    assert peak < 5_000_000 < (base / "synthpedes_dataset.json").stat().st_size
