"""What ``aio.modalities`` means for data: fewer are left out of training, and a target that needs more is refused."""

import warnings

import pytest

import aio_plugin
from aio_plugin.errors import ConfigError

from ..datasets.miniatures import infrared as infrared_sets
from ..datasets.miniatures import multimodal as multimodal_sets
from .helpers import data_manager

FIVE = ["rgb", "ir", "sketch", "text", "cp"]


@pytest.fixture
def manager(torchreid, tmp_path):
    multimodal_sets.orbench(tmp_path)
    infrared_sets.regdb(tmp_path)

    def build(targets, sources="orbench", **aio):
        aio_plugin.register(aio)
        return data_manager(torchreid, tmp_path, sources, targets=targets, height=32, width=16, batch_size_train=2)

    return build


def test_five_modalities_train_and_every_list_is_a_target(manager):
    found = manager(["orbench@cp+text", "orbench@text+cp", "orbench@text+ir+cp", "orbench_two"], modalities=FIVE)
    directions = {name: target.direction for name, target in found.test_targets.items()}
    assert directions == {
        "orbench@cp+text": "cp+text -> rgb",
        "orbench@text+cp": "text+cp -> rgb",
        "orbench@text+ir+cp": "text+ir+cp -> rgb",
        "orbench_two": "12 combinations -> rgb",
    }
    queries = [found.test_targets[f"orbench@{name}"].query for name in ("cp+text", "text+cp")]
    assert [str(items[0].media.modality) for items in queries] == ["cp", "text"]
    batch = next(iter(found.loader_at(0)))
    assert batch["present"].shape == (2, 5)
    assert {"rgb", "ir", "sketch", "text"} <= set(batch)


def test_the_default_trains_on_four_and_says_what_it_leaves(manager):
    with pytest.warns(UserWarning, match="orbench: cp of 6 items left out, as aio.modalities does not name them"):
        found = manager("orbench@sketch+text")
    for batch in found.loader_at(0):
        assert "cp" not in batch
        assert not batch["present"][:, 4].any()


def test_a_target_of_other_modalities_is_refused(manager):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigError, match=r"orbench@cp has cp, but aio.modalities is rgb\+ir\+sketch\+text. Add"):
            manager("orbench@cp")
        with pytest.raises(ConfigError, match=r"regdb@rgb has ir, but aio.modalities is rgb\+text"):
            manager("regdb@rgb", modalities=["rgb", "text"])


def test_a_modality_the_model_has_not_got_cannot_be_synthetic(manager):
    stages = [{"epochs": 1, "sources": {"regdb": {"synthetic": ["sketch"]}}}]
    with pytest.raises(ConfigError, match="aio.stages: sketch is to be synthetic, but aio.modalities does not name it"):
        manager("regdb", "regdb", modalities=["rgb", "ir"], stages=stages)


def test_the_summary_escapes_what_files_are_called(manager, capsys):
    found = manager("regdb", "regdb")
    found.test_targets["regdb"].notes.append("the first: a\x1b[31m\nb.bmp")
    capsys.readouterr()
    found._show_summary()
    assert "\n    note: the first: a\\x1b[31m\\nb.bmp\n" in capsys.readouterr().out


def test_directions_of_regdb(manager):
    found = manager(["regdb", "regdb@ir", "regdb@rgb"], "regdb").test_targets
    assert [found[name].direction for name in found] == ["ir -> rgb", "ir -> rgb", "rgb -> ir"]
    assert all("split 1 of 10" in target.protocol.name for target in found.values())
    assert all(any("ten models" in note for note in target.notes) for target in found.values())
