"""A user's own data of four modalities, described by a manifest, trains and tests with no code written."""

import csv
import json

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.modality import MODALITIES

from .runs import command, losses, run

pytestmark = pytest.mark.slow
COLUMNS = ("path", "caption", "pid", "camid", "modality", "split", "source", "group")
RGB, IR, SKETCH, TEXT, _ = MODALITIES
TARGETS = ("manifest", "manifest@sketch+text", "manifest@text")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A toy world with a manifest of what people would gather: photos, captions, infrared, sketches."""
    from aio_plugin.toy.layouts import make

    root = make(tmp_path_factory.mktemp("own") / "data", ids=8, progress=False)
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(str(root)))
    return root


def rows(root):
    for name in ("llcm", "mask1k", "tri_cuhk_pedes"):
        for item in ADAPTERS[name].read(root, {}, None).train:
            photo = describe(root, item.media, f"{name} {item.pid}", item.camid, "train")
            yield photo
            for caption in item.media.partners:
                yield {**describe(root, caption, photo["pid"], "", "train"), "source": photo["path"]}
    for name in ("llcm", "tri_cuhk_pedes"):
        splits = ADAPTERS[name].read(root, {}, None)
        for item in splits.gallery:
            yield describe(root, item.media, f"{name} test {item.pid}", item.camid, "gallery")
        for number, item in enumerate(splits.query):
            for part in item.media.parts:
                made = {} if item.source < 0 else {"source": below(root, splits.gallery[item.source].media)}
                group = {"group": f"{name} {number}"} if item.media.partners else {}
                yield {**describe(root, part, f"{name} test {item.pid}", item.camid, "query"), **made, **group}


def below(root, media):
    return str(media)[len(root) + 1 :]


def describe(root, media, pid, camid, split):
    where = {"caption": media.caption} if media.caption else {"path": below(root, media)}
    return {"pid": pid, "camid": camid, "modality": media.modality, "split": split, **where}


def test_four_modalities_train_and_test(data, tmp_path):
    printed = run(
        command(
            root=data,
            out=tmp_path,
            overrides=[
                "data.sources", "['manifest']", "data.targets", str(list(TARGETS)), "aio.stages", "[]",
                "aio.datasets.manifest.folder", ".", "aio.datasets.manifest.removal", "source",
            ],
        )
    )  # fmt: skip
    steps = losses(printed)
    assert len(steps) == 8
    assert all(term in steps[-1][1] for term in ("loss_ce", "loss_fb", "loss_va"))
    results = json.loads((tmp_path / "results.json").read_text())
    found = {target["target"]: target for target in results["targets"]}
    assert set(found) == set(TARGETS)
    whole = found["manifest"]["results"]["after"]
    assert [trial["trial"] for trial in whole["trials"]] == ["ir", "sketch+text"]
    assert "source photo removed" in whole["protocol"]
    assert found["manifest@text"]["direction"] == "text -> rgb"
    for target in TARGETS:
        (result,) = found[target]["results"].values()
        assert 0 < result["mean"]["mAP"] <= 1
        assert result["num_valid"] > 0
