"""Checkpoints survive a kill while they are written and say where training stands."""

import pytest
import torch
from torch import nn

from aio_plugin.config import parse_config
from aio_plugin.errors import CheckpointError, ConfigError
from aio_plugin.models.build import build_model
from aio_plugin.training.checkpoint import (
    improved,
    keep_scaler,
    restore_scaler,
    save_atomically,
    set_progress,
    steps_done,
)
from aio_plugin.training.optimisation import param_groups


class Unsavable:
    def __reduce__(self):
        raise RuntimeError("disk full")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "model" / "last.pth.tar"
    save_atomically({"epoch": 1}, path)
    with pytest.raises(RuntimeError, match="disk full"):
        save_atomically({"epoch": Unsavable()}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [p.name for p in path.parent.iterdir()] == ["last.pth.tar"]


@pytest.mark.parametrize("buffer", [0, 500, 5000])
def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path, monkeypatch, buffer):
    path = tmp_path / "model" / "last.pth.tar"
    save_atomically({"epoch": 1}, path)
    monkeypatch.setattr("builtins.open", lambda *a, open=open, **k: open("/dev/full", "wb", buffer))
    with pytest.raises(CheckpointError, match=r"No space left on device. The earlier file is intact. Free disk space"):
        save_atomically({"weights": torch.zeros(10_000)}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 1}


def test_scale_best_value_and_progress_travel_with_the_optimiser(tmp_path):
    optimizer, fresh = (torch.optim.AdamW(nn.Linear(2, 2).parameters()) for _ in range(2))
    scaler, other = (torch.amp.GradScaler("cpu", init_scale=scale) for scale in (8.0, 2.0))
    scaler.scale(torch.zeros(()))
    keep_scaler(optimizer, scaler)
    restore_scaler(fresh, other)
    assert (other.get_scale(), steps_done(optimizer, 0)) == (2, 0)
    assert [improved(optimizer, "mAP on a", value) for value in (0.3, 0.2, 0.3, 0.4)] == [True, False, False, True]
    set_progress(optimizer, 3, 17)
    save_atomically({"optimizer": optimizer.state_dict()}, tmp_path / "x")
    fresh.load_state_dict(torch.load(tmp_path / "x", weights_only=True)["optimizer"])
    restore_scaler(fresh, other)
    restore_scaler(fresh, torch.amp.GradScaler(enabled=False))
    assert other.get_scale() == 8
    assert not improved(fresh, "mAP on a", 0.35)
    assert improved(fresh, "mAP on b", 0.1), "another choice starts over"
    assert (steps_done(fresh, 3), steps_done(fresh, 4)) == (17, 0)


def test_groups_of_the_paper():
    model = nn.ModuleDict({"words": nn.Embedding(5, 2), "classifier": nn.Linear(2, 3)})
    groups = param_groups(model, lr=1.0, weight_decay=0.5, text_lr_mult=0.1)
    rates = {(g["lr"], g["weight_decay"]): [p.ndim for p in g["params"]] for g in groups}
    assert rates == {(0.1, 0.5): [2], (1.0, 0.5): [2], (1.0, 0.0): [1]}
    assert groups[-1]["lr"] == 1.0
    staged = param_groups(model, 1.0, 0.5, 0.1, staged_lr=True, new_layers=["classifier"], base_lr_mult=0.01)
    assert sorted({round(g["lr"], 6) for g in staged}) == [0.001, 1.0]
    assert sum(len(g["params"]) for g in staged) == 3


@pytest.mark.parametrize("name", ["aio_tiny", "dmf_tiny"])
def test_weight_decay_is_for_matrices_and_kernels(name):
    model = build_model(name, 3, parse_config({}))
    groups = param_groups(model, 1.0, 0.5, 0.1)
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding)
    trained = (m.weight for m in model.modules() if isinstance(m, layers))
    expected = {id(weight) for weight in trained if isinstance(weight, nn.Parameter)}  # a frozen encoder has buffers
    assert {each for each, decay in decays.items() if decay} == expected
    assert len(decays) > len(expected)


def test_new_layers_may_lie_deeper_and_must_be_there():
    model = nn.ModuleDict({"tokenizers": nn.ModuleDict({"rgb": nn.Linear(2, 2), "ir": nn.Linear(2, 3)})})
    groups = param_groups(model, 1.0, 0.5, 0.1, staged_lr=True, new_layers=["tokenizers.ir"], base_lr_mult=0.01)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert rates[id(model.tokenizers.ir.weight)] == 1.0
    assert rates[id(model.tokenizers.rgb.weight)] == pytest.approx(0.01)
    groups = param_groups(model, 1.0, 0.5, 0.1, staged_lr=True, new_layers=["tokenizers.ir.bias"], base_lr_mult=0.01)
    assert [p for g in groups if g["lr"] == 1 for p in g["params"]] == [model.tokenizers.ir.bias]
    with pytest.raises(ConfigError, match=r"new_layers: the model has no 'tokenizers.i'.*tokenizers.ir"):
        param_groups(model, 1.0, 0.5, 0.1, staged_lr=True, new_layers=["tokenizers.i"])
