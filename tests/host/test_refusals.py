"""What a user can get wrong is one line that names the cure and exit code 2, by every way in."""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error

import pytest
import torch

from aio_plugin.__main__ import INTERRUPTED, TERMINATED, main
from aio_plugin.host import main as host_main

from ..workflows.runs import LAST, command, weights
from .conftest import REPOSITORY

AIO = "aio: {encoder: {weights: random}}\nmodel: {name: aio_tiny}\n"
STOCK = "model: {name: osnet_x0_25, pretrained: False}\n"
SMALL = "data: {height: 64, width: 32, workers: 0}\ntrain: {batch_size: 4}\n"


def _download(*_):
    raise urllib.error.HTTPError("http://x", 404, "Not Found", {}, None)


def load(*words):
    """The config of the arguments of `main`."""
    parser = argparse.ArgumentParser()
    host_main.add_arguments(parser)
    return host_main.load_config(parser.parse_args(words))


@pytest.fixture
def refused(torchreid, market, tmp_path, monkeypatch, capsys):
    """The line that `main` prints for a config and arguments."""
    dataset = sys.modules[torchreid.data.ImageDataset.__module__]
    monkeypatch.setattr(dataset, "download_url", _download)
    monkeypatch.setattr(torchreid.utils, "collect_env_info", str)
    monkeypatch.chdir(tmp_path)

    def run(config, *arguments, root=market):
        (tmp_path / "x.yaml").write_text(config)
        given = ("--config-file", "x.yaml", "--root", str(root), *arguments) if config else arguments
        assert main(("main", *given)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


BOTH = [AIO, STOCK]


@pytest.mark.parametrize(
    ("config", "arguments", "says"),
    [
        ("", (), "Nothing says what to train: give --config-file FILE"),
        ("model: {name: [\n", (), "x.yaml cannot be read: line 2, column 1: "),
        ("a: b: c\n", (), "x.yaml cannot be read: line 1, column 5: "),
        ("data: {save_dir: 2024-13-45}\n", (), "x.yaml cannot be read: month must be in 1..12"),
        ("[" * 20_000, (), "x.yaml cannot be read: "),
        (AIO + "data: {save_dir: 2024-01-01}\n", (), "x.yaml: data.save_dir is datetime.date(2024, 1, 1). It must be"),
        (
            AIO + "data: {sources: [2024-01-01]}\n",
            (),
            "x.yaml: data.sources is [datetime.date(2024, 1, 1)]. It must be",
        ),
        (AIO + "data: {root: }\n", (), "x.yaml: data.root is None. It must be of type str"),
        (AIO + f"data: {{height: {10**30}}}\n", (), "It must be of type int, at most 2,147,483,647"),
        (AIO + "data: {height: 64}\n", ("aio.tokenizer.width", str(10**30)), "It must be at most 2,147,483,647"),
        (AIO + "sgd: {momentum: .nan}\n", (), "sgd.momentum is nan. It must be of type float, finite"),
        (AIO, ("aio.loss.tau", "1e999"), "aio.loss.tau is inf. It must be finite"),
        (AIO + "data: 3\n", (), "x.yaml: Config key 'data' is a group of keys, got 3"),
        (AIO + "train: {lr: fast}\n", (), "x.yaml: train.lr is 'fast'. It must be of type float"),
        (AIO + "train: {max_epoch: 2.5}\n", (), "x.yaml: train.max_epoch is 2.5. It must be of type int"),
        (AIO + "train: {lr: 1}\ntrain: {lr: 2}\n", (), "x.yaml cannot be read: line 4: the key 'train' stands twice"),
        ("aio: {stages: {epochs: 1}}\n", (), "x.yaml: aio.stages is {'epochs': 1}. It must be of type list"),
        ("model: {name: aio_tiny}\ndta: {root: x}\n", (), "x.yaml: Unknown config key 'dta'. Did you mean 'data'?"),
        (AIO, ("train.lr", "fast"), "train.lr is 'fast'. It must be of type float"),
        (STOCK, ("train.lr", "fast"), "The config is wrong: Type mismatch"),
        (STOCK + "dta: {root: x}\n", (), "The config is wrong: Non-existent config key: dta"),
        (STOCK + "data: {save_dir: 2024-01-01}\n", (), "The config is wrong: Key data.save_dir with value"),
        (STOCK + "data: {1: 2}\n", (), "The config is wrong: "),
        *(
            (config, ("model.name", "osnet_x1_00"), "model.name: there is no 'osnet_x1_00'. Did you mean")
            for config in BOTH
        ),
        *(
            (config, ("train.optim", "adamx"), "train.optim: there is no 'adamx'. Did you mean 'adam")
            for config in BOTH
        ),
        *((config, ("train.lr_scheduler", "cos"), "train.lr_scheduler: there is no 'cos'.") for config in BOTH),
        *((config, ("-s", "market1502"), "there is no 'market1502'. Did you mean 'market1501'") for config in BOTH),
        *((config, ("use_gpu", "True"), "use_gpu is True, but torch finds no CUDA device") for config in BOTH),
        *((config, ("data.save_dir", "x.yaml/log"), "set data.save_dir to a folder that can") for config in BOTH),
    ],
)
def test_a_wrong_config_is_one_line(refused, monkeypatch, config, arguments, says):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert says in refused(SMALL * bool(config in BOTH) + config, *arguments)


@pytest.mark.parametrize("config", BOTH)
def test_an_absent_dataset_that_cannot_be_downloaded_is_one_line(refused, tmp_path, config):
    says = "torchreid cannot read its dataset 'market1501' below"
    line = refused(SMALL + config, "data.save_dir", "log", root=tmp_path / "none")
    assert says in line
    assert "HTTP Error 404" in line
    assert "--root" in line


def test_one_thing_stands_for_a_list_of_it(registered, tmp_path):
    (tmp_path / "x.yaml").write_text(AIO + "data: {sources: market1501}\ntrain: {lr: 1, stepsize: 20}\n")
    cfg = load("--config-file", str(tmp_path / "x.yaml"), "data.targets", "market1501")
    assert (cfg.data.sources, cfg.data.targets, cfg.train.stepsize) == (["market1501"], ["market1501"], [20])
    assert isinstance(cfg.train.lr, float)


@pytest.mark.parametrize("config", BOTH)
@pytest.mark.parametrize("flag", ["-s", "-t", "--transforms"])
def test_overrides_may_follow_a_list(registered, tmp_path, config, flag):
    (tmp_path / "x.yaml").write_text(config)
    overrides = "train.max_epoch", "3", "use_gpu", "False", "data.save_dir", "x"
    cfg = load("--config-file", str(tmp_path / "x.yaml"), flag, "a", "b", *overrides)
    key = {"-s": "sources", "-t": "targets", "--transforms": "transforms"}[flag]
    assert (cfg.data[key], cfg.train.max_epoch, cfg.data.save_dir) == (["a", "b"], 3, "x")


def test_a_system_error_is_one_line(torchreid, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device", "/full/file")

    monkeypatch.setattr("aio_plugin.host.main.load_config", fail)
    assert main(("main", "model.name", "aio_tiny")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("aio-reid: /full/file: No space left on device (Free disk space")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["run", "first line"])
def test_upstreams_script_raises_our_errors(python, upstream, market, tmp_path, way):
    script, config = upstream / "scripts" / "main.py", tmp_path / "x.yaml"
    config.write_text(SMALL + AIO + "loss: {name: triplet}\n")
    first = tmp_path / "main.py"
    first.write_text("from aio_plugin import register; register()\n" + script.read_text())
    start = ("-m", "aio_plugin", "run", str(script)) if way == "run" else (str(first),)
    path = (upstream / "scripts", upstream)
    for arguments, says in (
        ((), "loss.name is 'triplet', which AIO models do not support. For a triplet loss set aio.loss.triplet"),
        (("loss.name", "softmax", "data.sources", "market1502"), "there is no 'market1502'. Did you mean 'market1501'"),
        (("loss.name", "softmax", "model.name", "aio_tinny"), "there is no 'aio_tinny'. Did you mean 'aio_tiny'"),
        (("loss.name", "softmax", "use_gpu", "True"), "use_gpu is True, but torch finds no CUDA device"),
    )[: 4 if way == "run" else 1]:
        where = ("--config-file", str(config), "--root", str(market), "data.save_dir", str(tmp_path / "log"))
        done = python(*start, *where, *arguments, path=path, CUDA_VISIBLE_DEVICES="")
        assert says in done.stderr.splitlines()[-1]
        assert done.returncode == (2 if way == "run" else 1)
        assert ("Traceback" in done.stderr) == (way != "run")


def _training(toy_world, out):
    """A training with two workers, from its first checkpoint on."""
    overrides = [
        "data.workers",
        2,
        "train.max_epoch",
        2,
        "aio.train.checkpoint_every",
        1,
        "aio.train.steps_per_epoch",
        200,
    ]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command(root=toy_world, out=out, overrides=overrides),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    while not (out / LAST).exists():
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.05)
    return running


def _children(pid):
    return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGINT, INTERRUPTED, "aio-reid: interrupted"),
        (signal.SIGTERM, TERMINATED, "aio-reid: terminated"),
        (signal.SIGKILL, 2, "aio-reid: A process that loads images died"),
    ],
)
def test_signals_end_a_training_in_one_line(toy_world, tmp_path, number, code, says):
    running = _training(toy_world, tmp_path)
    workers = _children(running.pid)
    assert workers
    os.kill(running.pid if number != signal.SIGKILL else workers[0], number)
    lines = [
        line for line in running.communicate(timeout=60)[1].splitlines() if "Warning" not in line and line[:1] != " "
    ]
    assert lines[-1].startswith(says)
    assert not any("Traceback" in line for line in lines)
    assert running.returncode == code
    assert weights(tmp_path / LAST)
    assert not list((tmp_path / "model").glob("*.tmp"))
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
