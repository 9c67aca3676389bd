"""Weights to safetensors and back, bit for bit, with a card that says what they are."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import aio_plugin
from aio_plugin.encoders.files import read_file
from aio_plugin.errors import CheckpointError
from aio_plugin.heads.vocabulary import Vocabulary
from aio_plugin.host.run_config import RunConfig, TrainingIdentities
from aio_plugin.host.torchreid_import import import_torchreid
from aio_plugin.tools.export import CARD

from . import trained


def export(*arguments):
    try:
        return trained.main(["export", *map(str, arguments)])
    finally:
        aio_plugin.unregister()


@pytest.fixture(scope="module")
def exported(small_world, weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "model.safetensors"
    assert trained.command("export", small_world, "--weights", weights, "--out", out) == 0
    return out


def same(first, second):
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name]) for name in first
    )


def test_there_and_back_bit_for_bit(weights, exported, tmp_path):
    expected = read_file(weights)
    assert same(read_file(exported), expected)
    assert export("--weights", exported, "--out", tmp_path / "model.pth.tar", "--back") == 0
    found = torch.load(tmp_path / "model.pth.tar", weights_only=True)
    assert same(found["state_dict"], expected)
    assert len(list(exported.parent.iterdir())) == 2  # nothing half-written is left


def test_the_card(exported, small_world):
    card = json.loads(exported.with_suffix(".json").read_text())
    trained.config(small_world)
    model = import_torchreid().models.build_model("aio_tiny", num_classes=7)
    aio_plugin.unregister()
    assert card["model"] == "aio_tiny"
    assert card["encoder"] == {"name": model.encoder.name, "sha256": model.encoder.sha256}
    assert card["modalities"] == ["rgb", "ir", "sketch", "text"]
    assert card["image_size"] == [128, 64]
    assert card["feature_dim"] == model.feature_dim
    assert card["training"] == {"sources": ["synth_pedes", "llcm", "mask1k"], "identities": 7}
    assert card["normalisation"]["mean"][0] == 0.48145466
    assert card["aio"]["features"]["aio.bnneck"] == "per_modality"
    assert card["aio"]["run"]["config"]["aio"]["bnneck"] == "per_modality"
    assert card["packages"]["torch"] == torch.__version__
    with safe_open(exported, "pt") as file:
        assert json.loads(file.metadata()[CARD]) == card


def test_torchreid_loads_it(exported, weights, small_world, tmp_path, capsys):
    trained.config(small_world)
    utils = import_torchreid().utils
    images = torch.rand(2, 3, 128, 64)
    found = []
    for file in (weights, exported):
        model = import_torchreid().models.build_model("aio_tiny", num_classes=7).eval()
        utils.load_pretrained_weights(model, str(file))
        found.append(model(images))
        shutil.copy(next((small_world / "market1501").rglob("*.jpg")), tmp_path / "a.jpg")
        extractor = utils.FeatureExtractor("aio_tiny", str(file), image_size=(128, 64), device="cpu", verbose=False)
        found.append(extractor(str(tmp_path / "a.jpg")))
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])
    assert "Successfully loaded pretrained weights" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r"model\.load_weights"):
        utils.resume_from_checkpoint(str(exported), model)
    aio_plugin.unregister()
    assert not hasattr(utils.load_checkpoint, "__wrapped__")


def test_the_record_of_the_checkpoint_is_kept(weights, exported, small_world, tmp_path, capsys):
    """There and back; the results of another run in the folder do not count."""
    run = tmp_path / "run"
    shutil.copytree(weights.parent, run / "model")
    file = run / "model" / weights.name
    (run / "results.json").write_text(json.dumps({"config": {"model": {}, "data": {}, "aio": {}}}))
    assert export("--weights", file, "--out", tmp_path / "a.safetensors") == 2
    assert "does not record the config that it was trained with. Give --config-file" in capsys.readouterr().err
    record = json.loads(exported.with_suffix(".json").read_text())["aio"]
    content = torch.load(file, weights_only=True)
    torch.save({**content, "aio": record}, file)
    assert export("--weights", file, "--out", tmp_path / "a.safetensors") == 0
    assert json.loads((tmp_path / "a.json").read_text())["aio"] == record
    assert export("--weights", tmp_path / "a.safetensors", "--out", tmp_path / "a.pth", "--back") == 0
    assert torch.load(tmp_path / "a.pth", weights_only=True)["aio"] == record
    for name in ("a.safetensors", "a.pth"):
        arguments = ("--weights", tmp_path / name, "--out", tmp_path / "b.safetensors", "aio.bnneck", "shared")
        assert trained.command("export", small_world, *arguments) == 2
        assert "aio.bnneck is 'shared', the weights were trained with 'per_modality'" in capsys.readouterr().err
    content["state_dict"]["module.norm.weight"][0] = float("nan")
    torch.save({**content, "aio": record}, file)
    assert export("--weights", file, "--out", tmp_path / "c.safetensors") == 2
    assert "NaN or infinite values in 'norm.weight'" in capsys.readouterr().err
    assert not (tmp_path / "c.safetensors").exists()


def test_what_does_not_fit(weights, small_world, tmp_path, capsys):
    out = tmp_path / "a.safetensors"
    for arguments, says in (
        (("--weights", weights, "--out", tmp_path / "a.pth"), ".safetensors"),
        (("--weights", weights, "--out", out, "--back"), "--back"),
        (("--weights", tmp_path / "absent", "--out", out), "--weights"),
        (("--weights", weights, "--out", out, "aio.modalities", "['rgb', 'text']"), "aio.modalities"),
    ):
        assert trained.command("export", small_world, *arguments) == 2
        assert says in capsys.readouterr().err
    torch.save({"state_dict": {"fc.weight": torch.ones(2)}}, tmp_path / "stock.pth")
    assert trained.command("export", small_world, "--weights", tmp_path / "stock.pth", "--out", out) == 2
    assert "holds no 'aio_tiny'" in capsys.readouterr().err
    assert not out.exists()


def test_a_model_that_trains_its_encoder(small_world, tmp_path):
    config = Path(trained.CONFIG).with_name("dmf_tiny_toy.yaml")
    override = ("aio.dmf.start", "")
    cfg = trained.config(small_world, config_file=config, overrides=override)
    torch.manual_seed(0)
    identities = TrainingIdentities([5], RunConfig(cfg), Vocabulary(("red hat",)))
    model = import_torchreid().models.build_model("dmf_tiny", num_classes=identities, loss=cfg.loss.name)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "model.pth.tar")
    out = tmp_path / "dmf.safetensors"
    assert export("--config-file", config, "--weights", tmp_path / "model.pth.tar", "--out", out, *override) == 0
    assert same(read_file(out), model.state_dict())
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["encoder"] == {"name": "toy", "sha256": None}
    assert card["training"]["identities"] == 5
