"""What is measured of the attribute decoder: which captions, and the numbers of their masked words."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.attributes import MaskedWords, captioned_photos
from aio_plugin.evaluation.report import write_report
from aio_plugin.evaluation.results import target_entry, validate
from aio_plugin.evaluation.table import table
from aio_plugin.modality import MODALITIES, Item, Media, Modality

from .helpers import query, results, scored, target

RGB, IR, SKETCH, TEXT, _ = MODALITIES
WORDS = MaskedWords(548, 3620, 2.3456, 0.284, 4.03, 0.041)


def test_captions_come_with_the_photo_they_were_written_for():
    at = target(TEXT)
    at.query += [query(1, TEXT), query(2, SKETCH, TEXT, source=6), query(3, RGB, source=9), query(4, TEXT, source=99)]
    pairs = captioned_photos(at.query, at.gallery)
    assert [each.media.combination for each in pairs] == [(TEXT, RGB)] * 6  # no photo known, or not text alone
    assert [[str(part) for part in each.media.parts] for each in pairs] == [
        [f"/data/{pid}_0.jpg", f"/data/captions.json#{pid}.0"] for pid in range(6)
    ]
    assert [str(each.media) for each in captioned_photos(at.query, at.gallery, most=3)] == [
        f"/data/captions.json#{pid}.0" for pid in (0, 2, 5)
    ]
    infrared = [Item(Media(item.media, Modality.IR), item.pid, 0, item.source) for item in at.gallery]
    assert captioned_photos(at.query, infrared) == captioned_photos([], at.gallery) == []


def test_numbers_equal_a_slow_loop():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (50,), generator=generator) ** 2
    logits = torch.randn(50, 20, generator=generator)
    losses, hits = F.cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels
    loss = right = prior = 0.0
    counts = Counter(labels.tolist())
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        loss -= row[label] - math.log(sum(map(math.exp, row)))
        right += all(each <= row[label] for each in row)
        prior -= math.log(counts[label] / 50)
    found = MaskedWords.of(losses, hits, labels, 7)
    expected = [7, 50, loss / 50, right / 50, prior / 50, max(counts.values()) / 50]
    assert list(found.to_json().values()) == pytest.approx(expected, rel=1e-6)
    order = torch.randperm(50, generator=generator)
    assert MaskedWords.of(losses[order], hits[order], labels[order], 7) == found, "as of any number of processes"


def test_they_stand_in_document_table_and_report(tmp_path):
    result = scored(target(TEXT))[0]
    found = results(
        target_entry("cuhk_pedes", "text -> rgb", {"after": result}, words=WORDS),
        target_entry("pku_sketch", "sketch -> rgb", {"after": result}),
    )
    assert found["targets"][0]["attributes"] == WORDS.to_json()
    assert "attributes" not in found["targets"][1]
    line = "2.35 nats a word, 28.4% named right; by their frequencies alone 4.03 and 4.1% (3,620 words of 548 captions)"
    assert table(found).splitlines()[-1] == f"masked words, cuhk_pedes: {line}"
    assert write_report(tmp_path / "report.html", found, {}).read_text().count(line) == 1
    found["targets"][0]["attributes"]["accuracy"] = 28.4
    with pytest.raises(AIOError, match=r"targets\[0\].attributes.accuracy: 28.4 is greater"):
        validate(found)
