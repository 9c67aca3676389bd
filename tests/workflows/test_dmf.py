"""DMF through the command line: stage one on captions, stage two on images, tests on an unseen domain."""

import json
import random
import sys

import pytest

from ..host.helpers import same
from .runs import LAST, killed, losses, run, weights

pytestmark = pytest.mark.slow
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
    config = tmp_path_factory.mktemp("config") / "dmf.yaml"
    config.write_text(CONFIG)
    where = ["--config-file", str(config), "--root", str(toy_world)]

    def compose(out, *overrides, way=("main",)):
        return [sys.executable, "-m", "aio_plugin", *way, *where, "data.save_dir", str(out), *map(str, overrides)]

    return compose


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


def test_both_stages_through_upstreams_unmodified_script(stage_one, line, upstream, tmp_path):
    way = ("run", str(upstream / "scripts" / "main.py"))
    run(line(tmp_path / "one", way=way))
    assert same(weights(tmp_path / "one" / LAST), weights(stage_one[0] / LAST))
    stage_two = [*IMAGES, "aio.dmf.start", stage_one[0] / LAST]
    for out, how in ((tmp_path / "ours", ("main",)), (tmp_path / "theirs", way)):
        run(line(out, *stage_two, way=how))
    assert same(weights(tmp_path / "ours" / LAST), weights(tmp_path / "theirs" / LAST))


def test_a_killed_stage_one_resumes_to_the_same_weights(stage_one, line, tmp_path):
    once_more = line(tmp_path, "aio.train.checkpoint_every", 1)
    killed(once_more, tmp_path, random.uniform(0, 1.5))
    run([*once_more, "model.resume", str(tmp_path / LAST)])
    assert same(weights(tmp_path / LAST), weights(stage_one[0] / LAST))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([*IMAGES, "aio.dmf.start", "/absent"], "aio.dmf.start"),
        ([*IMAGES, "aio.dmf.start", LAST, "aio.dmf.image_depth", 2], "another DMF model"),
        (["data.sources", "['market1501']"], "no training image has a caption"),
        (["data.targets", "['cuhk_pedes']"], "the model searches by rgb only"),
    ],
)
def test_what_does_not_fit_is_refused(stage_one, line, tmp_path, overrides, message):
    overrides = [stage_one[0] / LAST if each == LAST else each for each in overrides]
    code, printed = run(line(tmp_path, *overrides), check=False)
    assert code
    assert message in printed
