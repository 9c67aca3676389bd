"""An AIO config through torchreid's workflow, by every way in and with every kind of worker."""

import re

import pytest
import torch

from aio_plugin.toy.layouts import make

from .conftest import REPOSITORY
from .helpers import same

pytestmark = pytest.mark.slow
CONFIG = REPOSITORY / "configs" / "toy" / "aio_tiny_toy.yaml"
SMALL = (
    "aio.stages", "[]",
    "aio.train.steps_per_epoch", "2", "aio.train.warmup_epochs", "1", "aio.test.before", "False",
    "aio.test.pixels", "False", "aio.test.report", "False", "train.max_epoch", "2", "train.batch_size", "6",
    "train.print_freq", "1",
    "data.workers", "0",
)  # fmt: skip
FIRST_LINE = "from aio_plugin import register; register()\n"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make(tmp_path_factory.mktemp("toy") / "world", ids=8, seed=0, workers=1, progress=False)


@pytest.fixture(scope="module")
def train(python, toy, tmp_path_factory):
    """Runs the command line that starts with ``way``; returns what it printed, its last checkpoint and its folder."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(
        "import multiprocessing, os\nmultiprocessing.set_start_method(os.environ['START_METHOD'], force=True)\n"
        "if 'REPAIR' in os.environ:\n    from aio_plugin.torchvision_import import repair_torchvision\n"
        "    repair_torchvision()\n"
    )

    def run(*way, start="fork", path=(), config=CONFIG, repair=False, **more):
        out = tmp_path_factory.mktemp("log")
        overrides = [word for key, value in more.items() for word in (key.replace("__", "."), value)]
        done = python(
            *way, "-s", "synth_pedes", "market1501", "-t", "market1501", "cuhk_pedes", "--root", str(toy),
            "--config-file", str(config), *SMALL, "data.save_dir", str(out), *overrides,
            path=(site, *path), START_METHOD=start, **({"REPAIR": "1"} if repair else {}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        checkpoint = out / "model" / "model.pth.tar-2"
        state = torch.load(checkpoint, weights_only=True) if checkpoint.exists() else {}
        state.pop("aio", None)  # the record of the run, whose folder and workers differ
        return done.stdout, state, out

    return run


@pytest.fixture(scope="module")
def plain(train):
    """The checkpoint and folder of a run without workers."""
    printed, state, out = train("-m", "aio_plugin", "main")
    assert "epoch: [2/2][2/2]" in printed
    assert len(re.findall(r"mAP: [\d.]+%", printed)) == 2
    return state, out


@pytest.mark.parametrize(("start", "workers"), [("spawn", "2"), ("forkserver", "1")])
def test_workers_of_every_kind_change_nothing(train, plain, start, workers):
    _, state, _ = train("-m", "aio_plugin", "main", start=start, data__workers=workers)
    assert same(state, plain[0])


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "upstream"])
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_run_takes_upstreams_script(train, plain, upstream, start, installed):
    path = () if installed else (upstream,)
    script = str(upstream / "scripts" / "main.py")
    _, state, _ = train("-m", "aio_plugin", "run", script, start=start, data__workers="1", path=path)
    assert same(state, plain[0])


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "upstream"])
def test_register_as_the_first_line_of_a_script(train, plain, upstream, tmp_path, installed):
    script = tmp_path / "main.py"
    script.write_text(FIRST_LINE + (upstream / "scripts" / "main.py").read_text())
    path = (upstream / "scripts", *(() if installed else (upstream,)))
    _, state, _ = train(str(script), start="spawn", data__workers="1", path=path)
    assert same(state, plain[0])


def test_a_config_in_python_registers(train, plain, upstream, tmp_path):
    """Upstream only: its unmodified script, started plainly; torchvision must import on its own there."""
    config = tmp_path / "aio.py"
    config.write_text(FIRST_LINE + f"import yaml\ncfg = yaml.safe_load(open({str(CONFIG)!r}))\n")
    _, state, _ = train(str(upstream / "scripts" / "main.py"), path=(upstream,), config=config, repair=True)
    assert same(state, plain[0])


def test_resume_test_and_draw_ranked_lists(train, plain):
    printed, _, out = train(
        "-m", "aio_plugin", "main", model__resume=str(plain[1] / "model" / "model.pth.tar-2"),
        test__evaluate="True", test__visrank="True", test__rerank="True",
    )  # fmt: skip
    assert "Last epoch = 2" in printed
    assert "Applying person re-ranking" in printed
    for target in ("market1501", "cuhk_pedes"):
        assert list((out / f"visrank_{target}").rglob("*.jpg"))
