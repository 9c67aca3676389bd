"""Weights that do not fit are refused by every way in, and the model stays as it was."""

import argparse
import os
import re

import pytest
import torch
import yaml

import aio_plugin
from aio_plugin.errors import AIOError, CheckpointError
from aio_plugin.host.default_config import arguments, default_config
from aio_plugin.host.inference import trained_model
from aio_plugin.host.main import run_main

from .helpers import build_engine, config

NAME = "model.pth.tar-1"


class Trap:
    """Unpickled by a loader that runs code, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def trained(market, tmp_path_factory):
    """A folder with a checkpoint of a run on made-up data."""
    folder = tmp_path_factory.mktemp("trained")
    aio_plugin.unregister()
    aio_plugin.register()
    torchreid = __import__("torchreid")
    build_engine(torchreid, config(market)).checkpoints.save(1, 0.5, folder, best=False)
    aio_plugin.unregister()
    return folder / "model" / NAME


def load(torchreid, cfg, path, tmp_path):
    model = torchreid.models.build_model(num_classes=1, **arguments(cfg, "model"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        torchreid.utils.load_pretrained_weights(model, str(path))
    except AIOError:
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        raise


def resume(torchreid, cfg, path, tmp_path):
    engine = build_engine(torchreid, cfg)
    torchreid.utils.resume_from_checkpoint(str(path), engine.model, engine.optimizer, engine.scheduler)


def extract(torchreid, cfg, path, tmp_path):
    cfg.merge_from_other_cfg(cfg.clone())  # states every key
    trained_model(cfg, str(path))


def feature_extractor(torchreid, cfg, path, tmp_path):
    aio_plugin.register({key: value for key, value in cfg.items() if key != "use_gpu"})
    torchreid.utils.FeatureExtractor("aio_tiny", str(path), device="cpu", verbose=False)


def main(torchreid, cfg, path, tmp_path, **model):
    model = {"load_weights": str(path), **model}
    pairs = [part for key, value in model.items() for part in (f"model.{key}", value)]
    (tmp_path / "config.yaml").write_text(cfg.dump())
    opts = ["data.save_dir", str(tmp_path / "log"), "test.evaluate", "True", *pairs]
    given = argparse.Namespace(config_file=str(tmp_path / "config.yaml"), opts=opts)
    given.root = given.sources = given.targets = given.transforms = None
    try:
        run_main(given)
    finally:
        written = [path.name for path in tmp_path.rglob("*.json")]
    assert "results.json" in written


def main_resume(torchreid, cfg, path, tmp_path):
    main(torchreid, cfg, path, tmp_path, load_weights="", resume=str(path))


WAYS = {each.__name__: each for each in (load, resume, extract, feature_extractor, main, main_resume)}


def edited(edit):
    """A damage that changes the content of a checkpoint."""

    def damage(path):
        content = torch.load(path, weights_only=True)
        edit(content)
        torch.save(content, path)

    return damage


def cut(path):
    path.write_bytes(path.read_bytes()[:-5000])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def folder(path):
    path.unlink()
    path.mkdir()


def other_names(content):
    content["state_dict"] = {f"backbone.{name}": value for name, value in content["state_dict"].items()}


def with_code(path):
    torch.save({"state_dict": {"x": torch.ones(1)}, "rank1": Trap(str(path.parent / "trap"))}, path)


def setting(key, value):
    return edited(lambda content: content["aio"]["features"].update({key: value}))


def tensor(name, make):
    return edited(lambda content: content["state_dict"].update({name: make(content["state_dict"][name])}))


CONTRADICTED = "the record of its settings contradicts its tensors in"
"""Of FeatureExtractor, which has no config but the record."""
WRONG = {
    "absent": (lambda path: path.unlink(), "no (weights )?file .*model.pth"),
    "folder": (folder, "is not a file|no file"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read safely.*empty"),
    "page": (lambda path: path.write_text("<!DOCTYPE html><html>"), "is a web page"),
    "garbage": (lambda path: path.write_bytes(bytes(range(256)) * 9), "cannot be read safely.*damaged"),
    "flipped": (flip, "cannot be read safely.*damaged"),
    "truncated": (cut, "cannot be read safely.*incomplete"),
    "code": (with_code, r"has an object of type posix\.mkdir"),
    "long string": (edited(lambda content: content.update({"x" * 200_000: 1})), "cannot be read safely.*damaged"),
    "strangers": (edited(other_names), f"has none of its tensors|{CONTRADICTED}"),
    "anonymous": (edited(lambda c: c["state_dict"].pop("encoder.identity")), "lacks 'encoder.identity'"),
    "short identity": (tensor("encoder.identity", lambda value: value[:-1]), "of an unknown kind"),
    "other encoder": (tensor("encoder.identity", lambda value: value + 1), "trained on encoder"),
    "nan": (tensor("norm.weight", lambda value: value * float("nan")), "NaN or infinite values in 'norm.weight'"),
    "infinite": (tensor("bnneck.necks.0.weight", lambda value: value / 0), "NaN or infinite values"),
    "shape": (tensor("norm.weight", lambda value: value[:-1]), "'norm.weight' of shape .191. where .192. is needed"),
    "complex": (tensor("norm.weight", lambda value: value + 1j), "'norm.weight' of type torch.complex64"),
    "sparse": (tensor("norm.weight", lambda value: value.to_sparse()), "not a tensor with all its values"),
    "empty tensor": (tensor("norm.weight", lambda value: value.to("meta")), "not a tensor with all its values"),
    "endless": (tensor("norm.weight", lambda value: value[:1].expand(1 << 40)), "not a tensor with all its values"),
    "endless state": (
        edited(lambda content: content.update(optimizer={"state": {0: {"x": torch.zeros(1).expand(1 << 40)}}})),
        "'optimizer.state.0.x', which is not a tensor",
    ),
    "missing": (edited(lambda content: content["state_dict"].pop("norm.weight")), "lacks 'norm.weight'"),
    "unknown": (edited(lambda c: c["state_dict"].update(more=torch.ones(1))), "unexpected tensor 'more'"),
    "height": (setting("data.height", 128), "data.height is 64, the weights were trained with 128"),
    "mean": (
        setting("data.norm_mean", [0.5] * 3),
        "data.norm_mean is .* trained with .0.5, 0.5, 0.5.",
    ),
    "bottleneck": (
        setting("aio.bnneck", "per_modality"),
        f"aio.bnneck is 'shared', .* with 'per_modality'|{CONTRADICTED} aio.bnneck",
    ),
    "length": (setting("aio.text.length", 40), f"aio.text.length is 77|{CONTRADICTED} aio.text.length"),
    "future": (edited(lambda content: content["aio"].update(schema=9)), "schema '9'"),
    "record": (edited(lambda content: content["aio"].update(features=[])), "record of its settings is damaged"),
    "size": (setting("data.height", "64"), r"settings is damaged \(features\['data.height'\]: '64' is not of type"),
    "run": (edited(lambda content: content["aio"]["run"].update(sources=3)), r"damaged \(run.sources"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_refused(way, wrong, registered, market, trained, tmp_path):
    path, (damage, says) = tmp_path / "model.pth", WRONG[wrong]
    path.write_bytes(trained.read_bytes())
    damage(path)
    with pytest.raises(AIOError) as error:
        WAYS[way](registered, config(market), path, tmp_path)
    message = str(error.value)
    assert re.search(says, message), message
    assert "weights_only" not in message
    assert not (tmp_path / "trap").exists()
    assert not list(tmp_path.rglob("results*"))


@pytest.mark.parametrize("way", WAYS)
def test_what_fits_is_loaded(way, registered, market, trained, tmp_path):
    WAYS[way](registered, config(market), trained, tmp_path)


def open_config(tmp_path, *pairs, **data):
    """A config that states its data alone, merged as main.py merges it."""
    cfg = default_config()
    (tmp_path / "open.yaml").write_text(yaml.safe_dump({"aio": {}, "data": data}))
    cfg.merge_from_file(str(tmp_path / "open.yaml"))
    cfg.use_gpu = False
    cfg.merge_from_list(list(pairs))
    return cfg


def test_what_the_config_leaves_open_is_taken_from_the_weights(registered, market, tmp_path, capsys):
    full = config(
        market, bnneck="per_modality", modalities=["rgb", "text"], text={"length": 40}, tokenizer={"width": 8}
    )
    build_engine(registered, full).checkpoints.save(1, 0.5, tmp_path, best=False)
    path = str(tmp_path / "model" / NAME)
    capsys.readouterr()
    cfg = open_config(tmp_path, "model.load_weights", path, "train.seed", "5", root=str(market))
    said = capsys.readouterr().out
    assert "which the config leaves open: model.name 'aio_tiny'" in said
    assert "aio.text.length 40" in said
    assert (cfg.model.name, cfg.data.height, cfg.aio.bnneck, cfg.train.seed) == ("aio_tiny", 64, "per_modality", 5)
    assert (cfg.aio.text.length, cfg.aio.encoder.weights, cfg.train.max_epoch) == (40, "random", 60)
    trained_model(cfg, path)
    other = open_config(tmp_path, "model.load_weights", path, "data.height", "64", "aio.bnneck", "shared")
    assert other.aio.bnneck == "shared"
    with pytest.raises(CheckpointError, match="aio.bnneck is 'shared', the weights were trained with 'per_modality'"):
        trained_model(other, path)
    cfg.merge_from_list(["model.load_weights", ""])
    assert cfg == open_config(tmp_path, "train.seed", "5", root=str(market))
    stock = default_config()
    stock.merge_from_list(["model.load_weights", path])
    assert stock.data.height == 256


def test_a_config_that_was_edited_by_hand_states_what_it_says(registered, market, trained):
    cfg = default_config()
    cfg.data.height = 128
    cfg.merge_from_list(["aio.bnneck", "shared", "model.load_weights", str(trained)])
    assert (cfg.data.height, cfg.data.width) == (128, 32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, ""),
        ({"model.load_weights": "nope.pth"}, "There is no file 'nope.pth', which model.load_weights"),
        (
            {"model.load_weights": "", "model.resume": "nope.pth"},
            "There is no file 'nope.pth', which model.resume",
        ),
        ({"data.height": "128"}, "data.height is 128, the weights were trained with 64"),
        ({"aio.bnneck": "per_modality"}, "aio.bnneck is 'per_modality', the weights were trained with 'shared'"),
    ],
)
def test_upstreams_script_takes_or_refuses_them(python, upstream, market, trained, tmp_path, more, says):
    """Unmodified, with a config that states nothing of the model."""
    log = tmp_path / "log"
    values = {"aio": {}, "data": {"root": str(market), "workers": 0, "save_dir": str(log)}, "train": {"batch_size": 4}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(values))
    pairs = {"model.load_weights": str(trained), "test.evaluate": "True", **more}
    command = ["-m", "aio_plugin", "run", str(upstream / "scripts" / "main.py"), "--config-file", tmp_path / "x.yaml"]
    done = python(*map(str, command), *(word for pair in pairs.items() for word in pair))
    assert (done.returncode == 0) == (not says), done.stderr
    assert says in done.stderr
    assert (log / "results.json").exists() == (not says)
