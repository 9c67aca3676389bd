import json
import runpy
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from yacs.config import CfgNode

import aio_plugin
from aio_plugin.config import parse_config
from aio_plugin.errors import ConfigError
from aio_plugin.host.default_config import arguments, default_config
from aio_plugin.host.run_config import dataset_options, session
from aio_plugin.models.specs import NAMES

from ...test_shipped_configs import FILES

STAGES = [
    {"epochs": 2, "sources": {"synth_pedes": {"quota": 4, "synthetic": ["ir"]}}},
    {"epochs": 1, "sources": {"llcm": None}},
]


def _merge(tmp_path, *sources, into=None):
    """A config with texts of files and lists of overrides merged in their order."""
    cfg = default_config() if into is None else into
    for source in sources:
        if isinstance(source, list):
            cfg.merge_from_list(source)
        else:
            (tmp_path / "x.yaml").write_text(source)
            cfg.merge_from_file(str(tmp_path / "x.yaml"))
    return cfg


def test_a_config_without_the_node_is_left_as_it_is(registered, tmp_path):
    cfg = _merge(tmp_path, "model:\n  name: osnet_x0_25\n", ["train.max_epoch", "3"])
    plain = default_config()
    plain.model.name, plain.train.max_epoch = "osnet_x0_25", 3
    assert cfg == plain
    assert str(cfg) == str(plain)
    assert repr(cfg) == repr(plain)
    assert not session.latest().asks_for_aio
    assert session.latest().setting("train.max_epoch", 0) == 3


def test_errors_of_a_config_without_the_node_are_yacss(registered, tmp_path):
    with pytest.raises(KeyError, match="Non-existent config key: modle"):
        _merge(tmp_path, "modle:\n  name: x\n")
    with pytest.raises(AssertionError, match=r"Non-existent key: train\.epochs"):
        _merge(tmp_path, ["train.epochs", "3"])


def test_other_peoples_configs_are_not_torchreids(registered):
    with pytest.raises(KeyError, match="Non-existent config key: aio"):
        CfgNode({"a": 1}).merge_from_other_cfg(CfgNode({"aio": {}}))
    assert not session.latest()


def test_the_node_comes_with_its_defaults(registered, tmp_path):
    cfg = _merge(tmp_path, "aio:\n")
    assert cfg.aio == asdict(parse_config({}, dataset_options()))
    assert session.latest().options() == parse_config({}, dataset_options())
    cfg = _merge(tmp_path, f"aio:\n  loss: {{va: 0}}\n  stages: {json.dumps(STAGES)}\n")
    assert cfg.aio.loss.va == 0.0
    assert isinstance(cfg.aio.loss.va, float)
    assert cfg.aio.loss.fb == 1.0
    assert cfg.aio.stages == STAGES


def test_options_of_datasets_are_keys(registered, tmp_path):
    cfg = _merge(tmp_path, "aio:\n  datasets:\n    sysu_mm01: {}\n")
    assert "sysu_mm01" in cfg.aio.datasets
    with pytest.raises(ConfigError, match="Did you mean"):
        _merge(tmp_path, "aio:\n  datasets:\n    sysu_mm02: {}\n")


def test_a_second_file_adds_to_the_first(registered, tmp_path):
    cfg = _merge(tmp_path, "aio:\n  loss: {tau: 0.1}\n", "aio:\n  loss: {fb: 2}\n")
    assert (cfg.aio.loss.tau, cfg.aio.loss.fb) == (0.1, 2.0)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("aio:\n  los: {va: 1}\n", "'aio.los'.*'aio.loss'"),
        ("aio:\n  loss: {alpha: 1}\n", "'aio.loss.alpha'"),
        ("aio:\n  tau: 1\n", "'aio.tau'.*'aio.loss.tau'"),
        ("aio:\n  loss: {va: [1]}\n", "loss.va"),
        ("aio:\n  train: {precision: fp64}\n", "aio.train.precision"),
        ("aio:\n  multimodal: {min: 5}\n", "aio.multimodal"),
        ("aio: 3\n", "group of keys"),
        ("aio:\n  encoder: {name: }\n", "aio.encoder.name is None. It must be of type str"),
        ("aio:\n  stages: {epochs: 1}\n", "aio.stages is .* must be of type list"),
        ("aio:\n  tokenizer: {image_size: [384]}\n", "aio.tokenizer.image_size is .384.. It must be .height, width."),
        ("aio:\n  datasets: {sysu_mm01: {mode: outdoor}}\n", "aio.datasets.sysu_mm01.mode is 'outdoor'"),
        ("aio: {}\ntrain: {epochs: 3}\n", "'train.epochs'"),
        ("aio: {}\ndta: {root: x}\n", "'dta'.*'data'"),
        (["aio.loss.tua", "1"], "'aio.loss.tau'"),
        (["aio.loss", "1"], "group of keys"),
        (["aio.loss.tau", "big"], "loss.tau"),
        (["aio.bnneck", "own"], "aio.bnneck"),
        (["train.epochs", "1", "aio.loss.tau", "1"], "'train.epochs'"),
        (["aio.loss.tau"], "has no value"),
    ],
)
def test_wrong_files_and_overrides_are_refused_and_leave_no_node(registered, tmp_path, source, says):
    cfg = default_config()
    with pytest.raises(ConfigError, match=says) as error:
        _merge(tmp_path, source, into=cfg)
    assert "aio" not in cfg
    assert isinstance(error.value, KeyError)


def test_overrides_reach_the_node(registered, tmp_path):
    overrides = ["aio.loss.va", "0", "train.max_epoch", "3", "aio.stages", str(STAGES)]
    cfg = _merge(tmp_path, "aio: {}\n", [*overrides, "aio.encoder.name", "timm:vit_tiny"])
    assert cfg.aio.loss.va == 0.0
    assert isinstance(cfg.aio.loss.va, float)
    assert cfg.train.max_epoch == 3
    assert cfg.aio.stages == STAGES
    assert session.latest().options().encoder.name == "timm:vit_tiny"


def test_overrides_need_no_node_in_the_file(registered, tmp_path):
    cfg = _merge(tmp_path, ["aio.loss.tau", "0.1"])
    assert (cfg.aio.loss.tau, cfg.aio.loss.fb) == (0.1, 1.0)


def test_a_config_without_the_node_falls_back_to_what_register_was_given(registered, tmp_path):
    aio_plugin.register({"loss": {"tau": 0.2}})
    _merge(tmp_path, "aio:\n  loss: {fb: 3}\n")
    assert (session.latest().options().loss.tau, session.latest().options().loss.fb) == (0.05, 3.0)
    _merge(tmp_path, "model: {name: aio_tiny}\n")
    assert session.latest().options().loss.tau == 0.2


def test_changes_of_the_node_are_seen_and_checked(registered, tmp_path):
    cfg = _merge(tmp_path, "aio: {}\n")
    cfg.aio.loss.tau = 1
    assert session.latest().options().loss.tau == 1.0
    cfg.aio.train.precision = "fp64"
    with pytest.raises(ConfigError, match=r"aio\.train\.precision is 'fp64'"):
        session.latest().options()


def test_weights_of_registered_losses_are_keys_of_the_users(registered, tmp_path):
    overrides = ["aio.loss.others.soft_triplet", "0.5", "aio.loss.fb", "0"]
    cfg = _merge(tmp_path, "aio:\n  loss: {others: {mine: 1}}\n", overrides)
    assert cfg.aio.loss.others == {"mine": 1.0, "soft_triplet": 0.5}


def test_text_that_looks_like_a_literal_stays_text(registered, tmp_path):
    overrides = ["aio.datasets.finegpr.views", "1,10", "aio.encoder.name", "'toy'", "aio.loss.tau", "1e-1"]
    cfg = _merge(tmp_path, overrides)
    assert (cfg.aio.datasets.finegpr.views, cfg.aio.encoder.name, cfg.aio.loss.tau) == ("1,10", "toy", 0.1)


def test_shipped_configs_merge(registered):
    assert FILES
    for path in FILES:
        cfg = default_config()
        cfg.merge_from_file(str(path))
        assert cfg.model.name in NAMES
        assert session.latest().image_size == (cfg.data.height, cfg.data.width)


def test_defaults_and_arguments_are_upstreams(upstream):
    theirs = SimpleNamespace(**runpy.run_path(str(upstream / "scripts" / "default_config.py")))
    assert default_config() == theirs.get_default_config()
    cfg = default_config()
    cfg.use_gpu = False
    for group, function in (
        ("image_data", "imagedata_kwargs"),
        ("video_data", "videodata_kwargs"),
        ("optimizer", "optimizer_kwargs"),
        ("scheduler", "lr_scheduler_kwargs"),
        ("run", "engine_run_kwargs"),
    ):
        assert arguments(cfg, group) == getattr(theirs, function)(cfg)
