"""Several configs in one process: every run is built, trained and recorded by its own."""

import copy
import json
import pickle
from pathlib import Path

import pytest
import torch

import aio_plugin
from aio_plugin.errors import ConfigError
from aio_plugin.heads.vocabulary import Vocabulary
from aio_plugin.host.default_config import arguments, default_config
from aio_plugin.host.run_config import RunConfig, TrainingIdentities, session

from .helpers import build_engine, config


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_encoder_is_held_in_the_precision_of_training(registered, market, precision, dtype):
    model = build_engine(registered, config(market, train={"precision": precision, "warmup_epochs": 0})).model
    assert {each.weight.dtype for each in model.encoder.modules() if isinstance(each, torch.nn.Linear)} == {dtype}
    assert model.classifier.weight.dtype == torch.float32


@pytest.fixture
def two(registered, market):
    """Configs that differ in the ``aio`` node and ``train.seed`` alone, both merged before anything is built."""
    first = config(market, bnneck="per_modality", loss={"va": 0.0}, text={"lr_mult": 0.5}, train={"warmup_epochs": 0})
    first.train.seed = 5
    second = config(market, bnneck="shared", loss={"va": 1.0}, text={"lr_mult": 0.1}, train={"warmup_epochs": 1})
    return first, second


def test_two_configs_that_are_merged_before_either_is_built(two, torchreid, tmp_path):
    engines = [build_engine(torchreid, cfg) for cfg in two]
    for place, (cfg, engine) in enumerate(zip(two, engines, strict=True)):
        shape = engine.model.shape
        assert (shape.bnneck, bool(shape.attributes)) == (cfg.aio.bnneck, bool(cfg.aio.loss.va))
        settings = engine.step.options
        assert (settings.seed, settings.weights.weights["va"]) == (cfg.train.seed, cfg.aio.loss.va)
        assert engine.scheduler.warmup_epochs == cfg.aio.train.warmup_epochs
        rates = sorted({group["initial_lr"] / cfg.train.lr for group in engine.optimizer.param_groups})
        assert rates == pytest.approx([cfg.aio.text.lr_mult, 1.0])
        engine.run(save_dir=str(tmp_path / str(place)), max_epoch=1)
        written = json.loads((tmp_path / str(place) / "results.json").read_text())
        assert written["seed"] == cfg.train.seed
        assert written["training"]["epoch"] == 1
        assert {"loss_ce", "acc", "cos_rgb", "margin"} <= set(written["training"])
        assert written["config"] == json.loads(json.dumps(cfg))


def test_a_config_that_is_edited_for_a_second_run_stays_the_first_one_s(registered, market, tmp_path):
    cfg = config(market, bnneck="per_modality")
    before = json.loads(json.dumps(cfg))
    engine = build_engine(registered, cfg)
    cfg.merge_from_list(["aio.bnneck", "shared", "train.lr", "0.5", "aio.loss.va", "0"])
    other = build_engine(registered, cfg)
    default_config().merge_from_list(["model.name", "osnet_x0_25"])
    engine.run(save_dir=str(tmp_path), max_epoch=1)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["config"] == before == engine.checkpoints.record["run"]["config"]
    assert written["sources"] == engine.checkpoints.record["run"]["sources"]
    assert other.checkpoints.record["run"]["config"] == json.loads(json.dumps(cfg))


def test_a_stage_starts_modalities_from_rgb_at_its_first_step(registered, market, tmp_path, monkeypatch):
    stages = [{"epochs": 1, "sources": {"market1501": None}} for _ in range(2)]
    cfg = config(market, stages=[stages[0], {**stages[1], "from_rgb": ["ir"]}])
    engine, copied = build_engine(registered, cfg), []
    monkeypatch.setattr(engine.model, "start_from_rgb", lambda m: copied.append((engine.epoch, str(m))))
    engine.run(save_dir=str(tmp_path), max_epoch=2)
    assert copied == [(1, "ir")]


def test_a_stock_config_that_is_merged_later_changes_nothing(two, torchreid):
    default_config().merge_from_list(["model.name", "osnet_x0_25"])
    first, _ = two
    manager = torchreid.data.ImageDataManager(**arguments(first, "image_data"))
    assert manager.config.document() == first


def test_a_model_of_another_config_is_refused(two, torchreid):
    managers = [torchreid.data.ImageDataManager(**arguments(cfg, "image_data")) for cfg in two]
    model = torchreid.models.build_model("aio_tiny", managers[1].num_train_pids, use_gpu=False)
    with pytest.raises(ConfigError, match=r"another config.*num_classes=datamanager\.num_train_pids"):
        torchreid.engine.ImageSoftmaxEngine(managers[0], model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_values_tell_which_config_is_meant_where_no_list_does(two, market):
    first, second = two
    first.data.height = 96
    values = {"root": str(market), "sources": ["market1501"], "width": 32}
    for arguments_, cfg, why in (
        ({**values, "height": 96}, first, "it alone agrees"),
        ({**values, "height": 64}, second, "it alone agrees"),
        (values, second, "the latest of several that agree"),
        ({**values, "height": 1}, second, "the latest where none agrees"),
        ({**arguments(first, "image_data"), "height": 64}, first, "its own lists outweigh values"),
    ):
        assert session.config_of(arguments_).options().loss.va == cfg.aio.loss.va, why


def test_what_register_is_given_last_is_in_force(two):
    aio_plugin.register({"loss": {"tau": 0.25}})
    assert session.latest().options().loss.tau == 0.25
    config(Path("elsewhere"), loss={"tau": 0.5})
    assert session.latest().options().loss.tau == 0.5


def test_training_identities_are_a_number():
    config = RunConfig({"model": {"name": "dmf_tiny"}})
    identities = TrainingIdentities([3, 4], config, Vocabulary(("red hat",)))
    assert (identities, f"{identities}", str(identities), json.dumps(identities)) == (7, "7", "7", "7")
    assert {type(each) for each in (identities + 1, identities * 2, -identities, int(identities))} == {int}
    assert torch.nn.Linear(2, identities).weight.shape == (7, 2)
    for same in (copy.copy(identities), copy.deepcopy(identities), pickle.loads(pickle.dumps(identities))):
        assert type(same) is TrainingIdentities
        assert (same, same.sizes, same.vocabulary) == (7, (3, 4), identities.vocabulary)
        assert same.config.document() == config.document()
