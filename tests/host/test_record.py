"""What a test leaves: one file a target, leak warnings in it and in the log."""

import json
from types import SimpleNamespace

import pytest

import aio_plugin
from aio_plugin.datasets.items_digest import items_digest
from aio_plugin.datasets.overlaps import LeakWarning
from aio_plugin.evaluation.results import validate
from aio_plugin.evaluation.score import score
from aio_plugin.host import record
from aio_plugin.host.record import RunResults
from aio_plugin.host.run_config import RunConfig, TrainingIdentities
from aio_plugin.host.targets import Target

from ..datasets.miniatures import sketch as sketch_sets
from ..evaluation import helpers
from .helpers import data_manager

ENCODER = SimpleNamespace(name="toy", sha256="00ff")


def test_a_leak_is_warned_of_once_and_lands_in_the_log_and_with_its_target(torchreid, market, tmp_path, capsys):
    sketch_sets.mask1k(tmp_path)
    (tmp_path / "market1501").symlink_to(market / "market1501")
    aio_plugin.register({})
    with pytest.warns(LeakWarning) as caught:
        manager = data_manager(torchreid, tmp_path, "mask1k", targets=["market1501", "mask1k"], batch_size_train=2)
    (leak,) = manager.test_targets["market1501"].leaks
    assert leak.startswith("mask1k and market1501 both contain photos of Market-1501")
    assert [str(each.message) for each in caught if each.category is LeakWarning] == [leak]
    assert manager.test_targets["mask1k"].leaks == []
    assert capsys.readouterr().out.count(f"    leak: {leak}") == 1


@pytest.mark.parametrize("name", ["toy@sketch+text", "my/own set"])
def test_every_target_has_a_file_of_its_own(torchreid, tmp_path, monkeypatch, name):
    digested = []
    monkeypatch.setattr(record, "items_digest", lambda *given: digested.append(given) or items_digest(*given))
    at = helpers.target()
    target = Target(name, at.protocol, at.query, at.gallery, ["a note"], ["a leak"])
    other = Target("other", at.protocol, at.query, at.gallery)
    sketcher, targets = SimpleNamespace(name="edges"), {name: target, "other": other}
    config = RunConfig({})
    manager = SimpleNamespace(
        test_targets=targets,
        root="/data",
        sketcher=sketcher,
        config=config,
        options=config.options(),
        height=64,
        width=32,
        num_train_pids=TrainingIdentities([], config),
    )
    features = helpers.features(at.query), helpers.features(at.gallery)
    results = RunResults(manager, ENCODER)
    for each in (target, other, other):  # tested twice, as in a training with test.eval_freq
        results.add(each, score(*features, at.query, at.gallery, at.protocol), tmp_path, 0, 1.5)
    assert len(digested) == 2
    files = sorted(tmp_path.rglob("*.json"))
    assert len(files) == 2
    assert all(file.parent == tmp_path / "results" for file in files)
    (found,) = (json.loads(file.read_text()) for file in files if file.name != "other.json")
    validate(found)
    (entry,) = found["targets"]
    assert (entry["target"], entry["notes"], entry["leaks"]) == (name, ["a note"], ["a leak"])
    assert (found["seconds"], found["encoder"]) == (1.5, {"name": "toy", "sha256": "00ff"})
    assert len(entry["items_sha256"]) == 64
    trials = entry["results"]["after"]["trials"]
    assert [(t["trial"], t["num_query"], t["num_gallery"]) for t in trials] == [("all", 6, 18)]
