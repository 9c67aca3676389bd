"""A run goes on from a checkpoint of its own, whatever else was changed; from another run's it does not."""

import json
import shutil

import pytest
import torch

import aio_plugin
from aio_plugin.errors import AIOError, CheckpointError
from aio_plugin.host import checkpoint_record
from aio_plugin.host.checkpoint_writer import LAST
from aio_plugin.losses import LOSSES
from aio_plugin.training.checkpoint import set_progress

from ..datasets.miniatures import sketch as sketch_sets
from .helpers import build_engine, config

TWO = [{"epochs": 1, "sources": {"market1501": {}}}, {"epochs": 1, "sources": {"market1501": {}, "mask1k": {}}}]
STEPS = {"lr_scheduler": "multi_step", "stepsize": [1]}


@pytest.fixture(scope="module")
def root(market, tmp_path_factory):
    """A data root with two sources."""
    root = tmp_path_factory.mktemp("sources")
    sketch_sets.mask1k(root)
    shutil.copytree(market / "market1501", root / "market1501")
    return root


def run(root, train=(), sources=("market1501", "mask1k"), **aio):
    cfg = config(root, **aio)
    cfg.data.sources = list(sources)
    cfg.data.targets = ["market1501"]
    for key, value in dict(train).items():
        cfg.train[key] = value
    return cfg


@pytest.fixture(scope="module")
def checkpoints(root, tmp_path_factory):
    """Scheduler -> checkpoint of a run that has done one epoch and two steps."""
    aio_plugin.unregister()
    aio_plugin.register()
    torchreid, files = __import__("torchreid"), {}
    for name, train in (("cosine_warmup", {}), ("multi_step", STEPS)):
        folder = tmp_path_factory.mktemp(name)
        build_engine(torchreid, run(root, train)).checkpoints.save_last(1, 2, folder)
        files[name] = folder / "model" / LAST
    aio_plugin.unregister()
    return files


def resume(torchreid, cfg, file):
    engine = build_engine(torchreid, cfg)
    epoch = torchreid.utils.resume_from_checkpoint(str(file), engine.model, engine.optimizer, engine.scheduler)
    return engine, epoch


def key(name, value):
    def change(cfg):
        *groups, last = name.split(".")
        node = cfg
        for group in groups:
            node = node[group]
        node[last] = value

    return change


OTHER = {
    "train.lr": key("train.lr", 0.1),
    "train.seed": key("train.seed", 7),
    "train.batch_size": key("train.batch_size", 2),
    "train.optim": key("train.optim", "sgd"),
    "train.lr_scheduler": key("train.lr_scheduler", "single_step"),
    "train.weight_decay": key("train.weight_decay", 0.1),
    "train.max_epoch": key("train.max_epoch", 3),
    "data.sources": key("data.sources", ["mask1k", "market1501"]),
    "data.transforms": key("data.transforms", []),
    "aio.bnneck": key("aio.bnneck", "per_modality"),
    "aio.loss.tau": key("aio.loss.tau", 0.5),
    "aio.loss.others.mine": key("aio.loss.others", {"mine": 1.0}),
    "aio.stages": key("aio.stages", TWO),
    "aio.train.steps_per_epoch": key("aio.train.steps_per_epoch", 1),
    "aio.train.warmup_epochs": key("aio.train.warmup_epochs", 1.0),
    "aio.synthesis.photo": key("aio.synthesis.photo", "other"),
}


@pytest.fixture
def mine():
    """A loss of that name, registered during the test."""
    aio_plugin.register_loss("mine")(lambda inputs: inputs.features.sum())
    yield
    LOSSES.unregister("mine")


@pytest.mark.parametrize("name", OTHER)
def test_another_config_is_refused_by_its_key_and_both_values(registered, mine, root, checkpoints, name):
    cfg = run(root)
    OTHER[name](cfg)
    with pytest.raises(CheckpointError, match=rf"is of another run: .*{name} is .*trained with .*model\.load_weights"):
        resume(registered, cfg, checkpoints["cosine_warmup"])


FREE = {
    "data.workers": key("data.workers", 1),
    "data.targets": key("data.targets", ["mask1k"]),
    "data.save_dir": key("data.save_dir", "elsewhere"),
    "train.print_freq": key("train.print_freq", 1),
    "test.eval_freq": key("test.eval_freq", 1),
    "aio.test.before": key("aio.test.before", True),
    "aio.train.checkpoint_every": key("aio.train.checkpoint_every", 1),
}


@pytest.mark.parametrize("name", FREE)
def test_what_does_not_change_the_training_may_differ(registered, root, checkpoints, name):
    cfg = run(root)
    FREE[name](cfg)
    assert resume(registered, cfg, checkpoints["cosine_warmup"])[1] == 1


def test_a_test_takes_a_checkpoint_of_any_training(registered, root, checkpoints):
    cfg = run(root, {"lr": 0.1, "seed": 9}, loss={"tau": 0.5})
    cfg.test.evaluate = True
    assert resume(registered, cfg, checkpoints["cosine_warmup"])[1] == 1


@pytest.mark.parametrize(
    ("train", "stages", "wrong"),
    [
        ({"max_epoch": 4}, [], ""),
        ({"max_epoch": 1}, [], ""),
        ({"max_epoch": 2}, TWO, "aio.stages"),
        ({"max_epoch": 4, "gamma": 0.5}, [], "train.gamma"),
    ],
)
def test_a_run_whose_rates_do_not_depend_on_it_may_be_longer(registered, root, checkpoints, train, stages, wrong):
    cfg = run(root, {**STEPS, **train}, stages=stages)
    if wrong:
        with pytest.raises(CheckpointError, match=wrong):
            resume(registered, cfg, checkpoints["multi_step"])
    else:
        assert resume(registered, cfg, checkpoints["multi_step"])[1] == 1


@pytest.mark.parametrize(("stages", "fits"), [(TWO[:1], True), ([*TWO, TWO[0]], True), (TWO[1:], False)])
def test_stages_are_compared_epoch_by_epoch(stages, fits):
    def values(stages):
        return {"aio.stages": stages, "train.max_epoch": sum(stage["epochs"] for stage in stages)}

    assert checkpoint_record._is_longer_or_shorter(values(stages), values(TWO)) == fits


def test_other_data_of_the_same_names_and_numbers_are_refused(registered, root, checkpoints, tmp_path):
    other = tmp_path / "data"
    shutil.copytree(root, other)
    assert resume(registered, run(other), checkpoints["cosine_warmup"])[1] == 1, "the same data elsewhere"
    photo = next(other.glob("market1501/**/bounding_box_train/0003_*.jpg"))
    photo.rename(photo.with_name(photo.name.replace("_00.jpg", "_01.jpg")))
    with pytest.raises(CheckpointError, match=r"the data of market1501 are 32 items of 8 persons \(sha256 .*trained"):
        resume(registered, run(other), checkpoints["cosine_warmup"])


def test_another_toy_world_is_named(registered, root, checkpoints, tmp_path):
    other = tmp_path / "data"
    shutil.copytree(root, other)
    facts = {"ids": 8, "seed": 5, "sets": "aio", "version": 3}
    (other / "toy.json").write_text(json.dumps(facts))
    build_engine(registered, run(other)).checkpoints.save_last(1, 0, tmp_path)
    (other / "toy.json").write_text(json.dumps({**facts, "seed": 6}))
    with pytest.raises(CheckpointError, match=r"toy world with ids 8, seed 6.*trained with .*ids 8, seed 5"):
        resume(registered, run(other), tmp_path / "model" / LAST)


def test_a_file_that_the_config_names_is_compared_by_content(registered, root, tmp_path):
    words = [tmp_path / name for name in ("first.json", "same.json", "other.json")]
    for file, last in zip(words, ("blue", "blue", "green"), strict=True):
        file.write_text(json.dumps(["red", last]))
    build_engine(registered, run(root, attributes={"lexicon": str(words[0])})).checkpoints.save_last(1, 0, tmp_path)
    assert resume(registered, run(root, attributes={"lexicon": str(words[1])}), tmp_path / "model" / LAST)[1] == 1
    with pytest.raises(CheckpointError, match=r"aio\.attributes\.lexicon is '[0-9a-f]{64}', it was trained with '"):
        resume(registered, run(root, attributes={"lexicon": str(words[2])}), tmp_path / "model" / LAST)


def edit(file, target, change):
    content = torch.load(file, weights_only=True)
    change(content)
    torch.save(content, target)
    return target


def test_other_code_and_absent_records_are_said(registered, root, checkpoints, tmp_path, capsys):
    file, edited = checkpoints["cosine_warmup"], tmp_path / "edited"
    resume(registered, run(root), file)
    assert "**" not in capsys.readouterr().out
    for change, says in (
        (lambda content: content["aio"]["run"]["code"].update(version="0.0.9"), "aio_plugin 0.0.9 (sha256"),
        (lambda content: content["aio"]["run"]["code"].update(sha256="0" * 64), "(sha256 000000000000), this is"),
        (lambda content: content.pop("aio"), "It records no run"),
    ):
        resume(registered, run(root), edit(file, edited, change))
        assert says in capsys.readouterr().out
    older = edit(file, edited, lambda content: content["aio"]["run"]["code"].update(version="0.0.9"))
    older = edit(older, edited, lambda content: content["aio"]["run"]["config"]["aio"]["loss"].pop("tau"))
    resume(registered, run(root), older)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("config", "aio", "stages"), [{"epochs": 10**15, "sources": {}}]),
        (("config", "aio", "stages"), [3]),
        (("config", "train", "max_epoch"), "all"),
        (("files",), [1]),
        (("code",), 7),
        (("sources",), [{"name": "market1501", "toy": 3}]),
    ],
)
def test_a_record_of_another_form_is_refused(registered, root, checkpoints, tmp_path, place, value):
    def change(content):
        node = content["aio"]["run"]
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = value

    with pytest.raises(CheckpointError, match="the record of its settings is damaged"):
        resume(registered, run(root, STEPS), edit(checkpoints["multi_step"], tmp_path / "edited", change))


def test_a_checkpoint_without_record_in_mid_epoch_of_a_longer_one(registered, root, tmp_path):
    engine = build_engine(registered, run(root))
    set_progress(engine.optimizer, 0, 999)
    with pytest.raises(AIOError, match="more than 4 steps an epoch: it has done 999"):
        engine.run(save_dir=str(tmp_path), max_epoch=2)
