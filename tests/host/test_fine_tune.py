"""Starting from other weights on purpose, and what of them a test or a training accepts without it."""

import copy
import json

import pytest
import torch

import aio_plugin
from aio_plugin.errors import CheckpointError, ConfigError
from aio_plugin.evaluation.results import validate
from aio_plugin.host.default_config import arguments

from .helpers import build_engine, config

NAME = "model.pth.tar-1"
TUNED = {"warmup_epochs": 0, "fine_tune": True}


@pytest.fixture(scope="module")
def content(market, tmp_path_factory):
    """The content of a checkpoint of RGB and text at 64 x 32 pixels."""
    aio_plugin.register()
    folder = tmp_path_factory.mktemp("trained")
    cfg = config(market, modalities=["rgb", "text"])
    build_engine(__import__("torchreid"), cfg).checkpoints.save(1, 0.5, folder, best=False)
    aio_plugin.unregister()
    return torch.load(folder / "model" / NAME, weights_only=True)


@pytest.fixture
def saved(content, tmp_path):
    """Writes the checkpoint, after ``edit`` of a copy of its content."""

    def write(edit=lambda content: None):
        changed = copy.deepcopy(content)
        edit(changed)
        torch.save(changed, tmp_path / "start.pth")
        return str(tmp_path / "start.pth")

    return write


def other_people(state):
    state["aio"]["run"]["sources"] = [{"name": "msmt17", "identities": 8}]


def more_people(state):
    other_people(state)
    state["state_dict"]["classifier.weight"] = torch.zeros(20, 192)


def unrecorded(state):
    del state["aio"]


def started(torchreid, cfg, path, tmp_path):
    """The engine of main.py after model.load_weights."""
    cfg.model.load_weights, cfg.data.save_dir = path, str(tmp_path / "log")
    manager = torchreid.data.ImageDataManager(**arguments(cfg, "image_data"))
    model = torchreid.models.build_model(num_classes=manager.num_train_pids, **arguments(cfg, "model"))
    torchreid.utils.load_pretrained_weights(model, path)
    optimizer = torchreid.optim.build_optimizer(model, **arguments(cfg, "optimizer"))
    return torchreid.engine.ImageSoftmaxEngine(manager, model, optimizer, **arguments(cfg, "engine"))


def run(engine, cfg):
    engine.run(**{**arguments(cfg, "run"), "max_epoch": 1})
    results = json.loads(
        (engine.results and __import__("pathlib").Path(cfg.data.save_dir) / "results.json").read_text()
    )
    validate(results)
    return results["weights"]


def test_more_modalities_another_size_and_other_people(registered, market, saved, tmp_path, capsys):
    cfg = config(market, modalities=["rgb", "ir", "text"], train={**TUNED, "steps_per_epoch": 1})
    cfg.data.height, cfg.train.max_epoch = 96, 1
    engine = started(registered, cfg, path := saved(more_people), tmp_path)
    printed = capsys.readouterr().out
    assert "** Resized, of " in printed
    assert "** Fresh, of " in printed
    weights = run(engine, cfg)
    assert weights["file"] == path
    assert weights["resized"] == ["positions.rgb.table"]
    assert {"classifier", "class_tokens.single[ir]", "positions.ir.table"} <= set(weights["fresh"])
    assert weights["kept"] > 20
    assert len(weights["sha256"]) == 64
    last = torch.load(tmp_path / "log" / "model" / "last.pth.tar", weights_only=True)
    assert last["aio"]["run"]["weights"] == weights
    resumed = build_engine(registered, cfg)
    registered.utils.resume_from_checkpoint(str(tmp_path / "log" / "model" / "last.pth.tar"), resumed.model)
    assert resumed.model.loaded_weights.entry == weights


def test_fresh_parts_are_not_tested(registered, market, saved, tmp_path):
    cfg = config(market, modalities=["rgb", "ir", "text"], train=TUNED)
    cfg.test.evaluate = True
    with pytest.raises(CheckpointError, match="lacks parts of the model that features depend on.*positions.ir"):
        run(started(registered, cfg, saved(), tmp_path), cfg)
    assert not (tmp_path / "log").exists()


def test_another_size_may_be_tested_on_purpose(registered, market, saved, tmp_path):
    cfg = config(market, modalities=["rgb", "text"], train=TUNED)
    cfg.data.height, cfg.test.evaluate = 96, True
    assert run(started(registered, cfg, saved(), tmp_path), cfg)["resized"] == ["positions.rgb.table"]


@pytest.mark.parametrize(
    ("edit", "left_out"),
    [(other_people, []), (more_people, ["classifier"]), (unrecorded, [])],
    ids=lambda e: str(e)[:20],
)
def test_a_test_needs_no_classifier(registered, market, saved, tmp_path, capsys, edit, left_out):
    cfg = config(market, modalities=["rgb", "text"])
    cfg.test.evaluate = True
    weights = run(started(registered, cfg, saved(edit), tmp_path), cfg)
    assert (weights["fresh"], weights["recorded"]) == (left_out, edit is not unrecorded)
    assert ("does not record its settings" in capsys.readouterr().out) == (edit is unrecorded)


@pytest.mark.parametrize(
    ("edit", "more", "says"),
    [
        (other_people, {}, r"its classifier cannot be trained on \(its persons are those of other data.sources\)"),
        (more_people, {}, "its classifier cannot be trained on"),
        (lambda state: None, {"loss": {"va": 0.0}}, "its attributes cannot be trained on"),
    ],
)
def test_a_training_does_not_leave_parts_out_silently(registered, market, saved, tmp_path, edit, more, says):
    cfg = config(market, modalities=["rgb", "text"], **more)
    with pytest.raises(CheckpointError, match=says + ".*aio.train.fine_tune"):
        started(registered, cfg, saved(edit), tmp_path)


def test_a_model_for_a_plain_number_of_people_does_not_either(registered, market, saved, tmp_path):
    cfg = config(market, modalities=["rgb", "text"])
    manager = registered.data.ImageDataManager(**arguments(cfg, "image_data"))
    model = registered.models.build_model(num_classes=8, **arguments(cfg, "model"))
    registered.utils.load_pretrained_weights(model, saved(more_people))
    optimizer = registered.optim.build_optimizer(model, **arguments(cfg, "optimizer"))
    engine = registered.engine.ImageSoftmaxEngine(manager, model, optimizer, **arguments(cfg, "engine"))
    with pytest.raises(CheckpointError, match="does not fit the training: its classifier could not be loaded"):
        engine.run(save_dir=str(tmp_path / "log"), max_epoch=1)


def test_the_same_sources_go_on_from_weights(registered, market, saved, tmp_path):
    cfg = config(market, modalities=["rgb", "text"], train={"warmup_epochs": 0, "steps_per_epoch": 1})
    cfg.train.max_epoch = 1
    weights = run(started(registered, cfg, saved(), tmp_path), cfg)
    assert (weights["resized"], weights["fresh"]) == ([], [])


@pytest.mark.parametrize("key", ["data.norm_mean", "aio.bnneck", "aio.tokenizer.width"])
def test_everything_else_has_to_fit(registered, market, saved, tmp_path, key):
    cfg = config(market, modalities=["rgb", "text"], train=TUNED)
    other = {"data.norm_mean": [0.1] * 3, "aio.bnneck": "per_modality", "aio.tokenizer.width": 8}[key]
    path = saved(lambda state: state["aio"]["features"].update({key: other}))
    with pytest.raises(CheckpointError, match=f"{key} is .*the weights were trained with"):
        started(registered, cfg, path, tmp_path)


def test_a_data_manager_built_by_hand_is_compared(registered, market, saved, tmp_path):
    cfg = config(market, modalities=["rgb", "text"])
    path = saved()
    manager = registered.data.ImageDataManager(**{**arguments(cfg, "image_data"), "height": 96})
    model = registered.models.build_model(num_classes=manager.num_train_pids, **arguments(cfg, "model"))
    registered.utils.load_pretrained_weights(model, path)
    optimizer = registered.optim.build_optimizer(model, **arguments(cfg, "optimizer"))
    engine = registered.engine.ImageSoftmaxEngine(manager, model, optimizer, **arguments(cfg, "engine"))
    with pytest.raises(CheckpointError, match="does not fit the data manager: data.height is 96, .* with 64"):
        engine.run(save_dir=str(tmp_path / "log"), test_only=True)


@pytest.mark.parametrize("wrapped", [True, False])
def test_checkpoints_of_wrapped_models_resume_and_the_reverse(registered, market, saved, tmp_path, wrapped):
    def edit(state):
        if not wrapped:
            state["state_dict"] = {f"module.{name}": value for name, value in state["state_dict"].items()}

    engine = build_engine(registered, config(market, modalities=["rgb", "text"]))
    model = torch.nn.DataParallel(engine.model) if wrapped else engine.model
    path = saved(edit)
    assert registered.utils.resume_from_checkpoint(path, model, engine.optimizer, engine.scheduler) == 1
    start = torch.load(path, weights_only=True)["state_dict"]
    found = engine.model.state_dict()
    assert all(torch.equal(value, found[name.removeprefix("module.")]) for name, value in start.items())


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda state: state.pop("epoch"), "has weights but no state of training"),
        (lambda state: state.update(epoch="one"), "no state of training"),
        (lambda state: state["optimizer"]["param_groups"][0].pop("betas"), "another train.optim"),
        (lambda state: state["optimizer"]["param_groups"][0].update(amsgrad=torch.ones(2)), "'amsgrad' is of another"),
        (lambda state: state["optimizer"]["param_groups"][0].update(lr="fast"), "'lr' is of another kind"),
        (lambda state: state.update(optimizer=3), "state of its optimizer is damaged"),
        (lambda state: state["optimizer"].update(state=7), "state of the optimizer does not fit"),
        (lambda state: state["scheduler"].update(last_epoch="one"), "'last_epoch' is of another kind"),
        (lambda state: state.update(scheduler=[1]), "state of the scheduler does not fit"),
    ],
)
def test_damaged_states_of_training_are_refused(registered, market, saved, edit, says):
    engine = build_engine(registered, config(market, modalities=["rgb", "text"]))
    with pytest.raises(CheckpointError, match=says):
        registered.utils.resume_from_checkpoint(saved(edit), engine.model, engine.optimizer, engine.scheduler)


def test_a_gpus_checkpoint_resumes_on_the_cpu(registered, market, saved, monkeypatch):
    """Whatever device its tensors were on, and whether there is one here."""
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
    path = saved()
    monkeypatch.undo()
    engine = build_engine(registered, config(market, modalities=["rgb", "text"]))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert registered.utils.resume_from_checkpoint(path, engine.model, engine.optimizer) == 1


def test_fine_tuning_needs_weights(registered, market, tmp_path):
    engine = build_engine(registered, config(market, train=TUNED))
    with pytest.raises(ConfigError, match="fine_tune is True, but no weights were loaded"):
        engine.run(save_dir=str(tmp_path / "log"), max_epoch=1)
