"""Whole runs through the command line: stages, resuming after a kill, the frozen encoder, the log."""

import json
import os
import random
import shutil
import sys

import pytest
import torch

from aio_plugin.encoders.toy import load_toy

from ..host.helpers import same
from .runs import LAST, QUICK, REPO, STAGES, command, killed, losses, run, scalars, weights

pytestmark = pytest.mark.slow
FINAL = "model/model.pth.tar-2"


@pytest.fixture(scope="module")
def undisturbed(toy_world, tmp_path_factory):
    """A finished run: its folder and output."""
    out = tmp_path_factory.mktemp("undisturbed")
    return out, run(command(root=toy_world, out=out))


def test_the_log_reads_like_torchreids(undisturbed):
    out, printed = undisturbed
    for line in ("=> Start training", "=> Final test", "** Results **", "mAP: ", "mINP: ", "Rank-1  : ", "Elapsed "):
        assert line in printed
    assert len(losses(printed)) == 8
    assert all(term in losses(printed)[0][1] for term in ("loss_ce", "loss_fb", "loss_va"))
    assert list(out.glob("train.log-*"))


def test_tensorboard_tags(undisturbed):
    tags = set(scalars(undisturbed[0]))
    assert {"Train/loss", "Train/lr", "Train/time", "Train/data", "Test/market1501/rank1"} <= tags
    assert "Test/tri_cuhk_pedes@sketch+text/mAP" in tags


def test_results_are_left(undisturbed):
    results = json.loads((undisturbed[0] / "results.json").read_text())
    assert {t["target"] for t in results["targets"]} == {"market1501", "tri_cuhk_pedes@sketch+text"}
    assert results["config"]["train"]["seed"] == 1
    assert results["encoder"]["sha256"] == load_toy().encoder.sha256
    assert {"loss_va", "acc_va", "margin"} <= set(results["training"])


def test_checkpoint_holds_no_encoder_but_its_name_and_hash(undisturbed):
    state = weights(undisturbed[0] / FINAL)
    assert [name for name in state if name.startswith("encoder.")] == ["encoder.identity"]
    assert torch.equal(state["encoder.identity"], load_toy().encoder.identity)


def test_the_same_seed_gives_the_same_run(undisturbed, toy_world, tmp_path):
    again = run(command(root=toy_world, out=tmp_path, overrides=["data.workers", 2]))
    assert losses(again) == losses(undisturbed[1])
    assert same(weights(tmp_path / FINAL), weights(undisturbed[0] / FINAL))


@pytest.mark.parametrize("attempt", range(int(os.environ.get("AIO_KILLS", "2"))))
def test_a_killed_run_resumes_to_the_same_weights(undisturbed, toy_world, tmp_path, attempt):
    line = command(root=toy_world, out=tmp_path, overrides=["aio.train.checkpoint_every", 1])
    after = random.uniform(0, 4)
    step = killed(line, tmp_path, after)
    print(f"killed {after:.2f} s after the first checkpoint, after step {step}")
    for path in (tmp_path / "model").glob("[!.]*.pth.tar*"):  # a hidden one was being written
        assert weights(path)
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text())
    run([*line, "model.resume", str(tmp_path / LAST)])
    assert same(weights(tmp_path / FINAL), weights(undisturbed[0] / FINAL))
    assert not list((tmp_path / "model").glob(".*"))


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.fixbase_epoch", 1, "train.open_layers", "['classifier', 'tokenizers.ir']"],
        ["train.staged_lr", "True", "train.new_layers", "['classifier']", "train.lr_scheduler", "single_step"],
        ["aio.loss.triplet", "0.5"],
        ["train.optim", "sgd", "train.lr_scheduler", "multi_step", "train.stepsize", "[1]"],
        ["aio.train.precision", "bf16", "sampler.train_sampler", "RandomIdentitySampler", "sampler.num_instances", 2,
         "aio.stages", "[]", "data.sources", "['llcm', 'market1501']"],
    ],
    ids=["fixbase", "staged", "triplet", "sgd", "bf16-instances-stock-source"],
)  # fmt: skip
def test_every_kind_of_training_leaves_the_encoder_alone(toy_world, tmp_path, overrides):
    code = (
        "import sys, torch, hashlib; sys.argv[0] = 'main'\n"
        "from aio_plugin.host.engine import AIOEngine\n"
        "from aio_plugin.encoders.frozen import fingerprint\n"
        "run = AIOEngine.run\n"
        "def checked(self, *args, **kwargs):\n"
        "    encoder = self.bare_model.encoder\n"
        "    before = {n: b.clone() for n, b in encoder.named_buffers()}\n"
        "    run(self, *args, **kwargs)\n"
        "    same = all(torch.equal(before[n], b) for n, b in encoder.named_buffers())\n"
        "    print('ENCODER SAME' if same and len(before) > 10 else 'ENCODER CHANGED', len(before))\n"
        "AIOEngine.run = checked\n"
        "from aio_plugin.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    line = command(root=toy_world, out=tmp_path, overrides=overrides)
    printed = run([sys.executable, "-c", code, *line[3:]])
    assert "ENCODER SAME" in printed
    if "staged" in " ".join(map(str, overrides)):
        resumed = run([sys.executable, "-c", code, *line[3:], "model.resume", str(tmp_path / "model/model.pth.tar-2"),
                       "train.max_epoch", "4", "aio.stages", f"{STAGES[:-1]}, {STAGES[1:]}"])  # fmt: skip
        assert "ENCODER SAME" in resumed
        assert "epoch: [3/4][1/4]" in resumed


def test_another_encoders_checkpoint_is_refused(undisturbed, toy_world, tmp_path):
    line = command(root=toy_world, out=tmp_path, overrides=["aio.encoder.weights", "random"])
    code, printed = run([*line, "model.resume", str(undisturbed[0] / FINAL)], check=False)
    assert code == 2
    assert "encoder" in printed
    assert "aio.encoder.weights" in printed
    assert "Traceback" not in printed


def test_evaluation_ranked_lists_and_reranking(undisturbed, toy_world, tmp_path):
    overrides = ["model.load_weights", undisturbed[0] / FINAL, "test.evaluate", "True", "test.visrank", "True",
                 "test.visrank_topk", "5"]  # fmt: skip
    printed = run(command(root=toy_world, out=tmp_path, overrides=overrides))
    after = undisturbed[1][undisturbed[1].index("=> Final test") :]
    assert [line for line in printed.splitlines() if line.startswith("Rank-1")] == [
        line for line in after.splitlines() if line.startswith("Rank-1")
    ]
    for target in ("market1501", "tri_cuhk_pedes@sketch+text"):
        assert len(list((tmp_path / f"visrank_{target}").iterdir())) > 5
    reranked = run(command(root=toy_world, out=tmp_path, overrides=[*overrides[:4], "test.rerank", "True"]))
    assert "Applying person re-ranking" in reranked


def test_a_test_in_the_folder_of_a_training_leaves_its_results_alone(undisturbed, toy_world, tmp_path):
    shutil.copytree(undisturbed[0], tmp_path, dirs_exist_ok=True)
    given = ["model.load_weights", tmp_path / FINAL, "test.evaluate", "True", "data.targets", "['market1501']"]
    printed = run(command(root=toy_world, out=tmp_path, overrides=given))
    assert f'Results saved to "{tmp_path}/test/results.json"' in printed
    assert [path.name for path in (tmp_path / "test" / "results").glob("*.json")] == ["market1501.json"]
    for path in ("results.json", "results/market1501.json", "results/tri_cuhk_pedes@sketch+text.json"):
        assert (tmp_path / path).read_bytes() == (undisturbed[0] / path).read_bytes()


def test_stage_one_has_no_real_infrared_or_sketch_and_stage_two_does(toy_world, tmp_path):
    script = tmp_path / "stages.py"
    script.write_text(
        "import sys\n"
        "from aio_plugin import register; register()\n"
        "from aio_plugin.host.default_config import arguments, default_config\n"
        "import torchreid\n"
        "cfg = default_config(); cfg.use_gpu = False\n"
        "cfg.merge_from_file(sys.argv[1]); cfg.data.root = sys.argv[2]\n"
        "cfg.merge_from_list(sys.argv[3:])\n"
        "manager = torchreid.data.ImageDataManager(**arguments(cfg, 'image_data'))\n"
        "for epoch in range(2):\n"
        "    seen = set()\n"
        "    for batch in manager.loader_at(epoch):\n"
        "        seen |= {(c, int(v)) for row in batch['present'] for c, v in enumerate(row)}\n"
        "    print('SEEN', sorted(seen))\n"
    )
    config = str(REPO / "configs" / "toy" / "aio_tiny_toy.yaml")
    printed = run([sys.executable, str(script), config, str(toy_world), *QUICK])
    first, second = (set(eval(line[5:])) for line in printed.splitlines() if line.startswith("SEEN"))
    assert first == {(0, 1), (1, 2), (2, 2), (3, 1), (4, 0)}
    assert {(1, 1), (2, 1), (1, 2), (2, 2)} <= second


def test_a_run_killed_in_its_last_test_resumes(undisturbed, toy_world, tmp_path):
    """Nothing is left to train; the last checkpoint has its name all the same."""
    out, printed = undisturbed
    shutil.copytree(out / "model", tmp_path / "model")
    (tmp_path / FINAL).unlink()
    again = run([*command(root=toy_world, out=tmp_path), "model.resume", str(tmp_path / LAST)])
    assert not losses(again)
    assert [path.name for path in (tmp_path / "model").glob("model.pth.tar-*")] == ["model.pth.tar-2"]
    assert same(weights(tmp_path / FINAL), weights(out / FINAL))
    assert (tmp_path / "results.json").exists()
