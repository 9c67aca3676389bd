"""DMF through the command line: stage one on captions, stage two on images, tests on an unseen domain."""

import json

import pytest

from .runs import losses, run, weights

pytestmark = pytest.mark.slow
LAST = "model/last.pth.tar"
CONFIG = """
model: {name: dmf_tiny}
data:
  sources: [synth_pedes]
  targets: [market1501]
  height: 128
  width: 64
  transforms: [random_flip, pad_crop]
  workers: 0
loss: {softmax: {label_smooth: False}}
sampler: {train_sampler: RandomIdentitySampler, num_instances: 2}
train: {optim: sgd, lr: 0.008, lr_scheduler: cosine_warmup, max_epoch: 1, batch_size: 16, print_freq: 1}
test: {dist_metric: cosine}
aio:
  train: {warmup_epochs: 0, steps_per_epoch: 3}
"""
IMAGES = ["data.sources", "['market1501']", "aio.modalities", "['rgb']", "train.optim", "adamw", "train.lr", "0.0003"]


@pytest.fixture(scope="module")
def line(toy_world, tmp_path_factory):
    """Command lines of DMF runs: an output folder and overrides."""
    import sys

    config = tmp_path_factory.mktemp("config") / "dmf.yaml"
    config.write_text(CONFIG)
    start = [sys.executable, "-m", "aio_plugin", "main", "--config-file", str(config), "--root", str(toy_world)]
    return lambda out, *overrides: [*start, "data.save_dir", str(out), *map(str, overrides)]


@pytest.fixture(scope="module")
def stage_one(line, tmp_path_factory):
    """A finished stage one: its folder and output."""
    out = tmp_path_factory.mktemp("one")
    return out, run(line(out))


def test_stage_one_trains_on_phrases(stage_one):
    out, printed = stage_one
    assert "# phrases" in printed
    assert len(losses(printed)) == 3
    assert all(term in losses(printed)[0][1] for term in ("loss_ce", "loss_t", "acc"))
    names = weights(out / LAST)
    assert {"text.packed", "text.projection.weight", "image.projection.weight"} <= names.keys()
    assert json.loads((out / "results.json").read_text())["encoder"]["name"] == "toy"


def test_stage_two_starts_from_it_and_has_no_text(stage_one, line, tmp_path):
    run(line(tmp_path, *IMAGES, "aio.dmf.start", stage_one[0] / LAST))
    assert not [name for name in weights(tmp_path / LAST) if name.startswith("text.")]
    assert (tmp_path / "results.json").exists()


def test_a_stage_one_that_is_none_is_refused(stage_one, line, tmp_path):
    code, printed = run(line(tmp_path, *IMAGES, "aio.dmf.start", tmp_path / "absent"), check=False)
    assert code
    assert "aio.dmf.start" in printed
    code, printed = run(
        line(tmp_path, *IMAGES, "aio.dmf.start", stage_one[0] / LAST, "aio.dmf.image_depth", 2), check=False
    )
    assert code
    assert "another DMF model" in printed


def test_images_alone_need_rgb_alone(line, tmp_path):
    code, printed = run(line(tmp_path, "data.sources", "['market1501']"), check=False)
    assert code
    assert "not one training image has a caption" in printed


def test_text_targets_are_refused(line, tmp_path):
    code, printed = run(line(tmp_path, "data.targets", "['cuhk_pedes']"), check=False)
    assert code
    assert "the model finds people by rgb alone" in printed
