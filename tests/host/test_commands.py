"""The ways in, with stock models: the launcher, our own main, and the command line's errors."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aio_plugin.__main__ import main
from aio_plugin.config import describe
from aio_plugin.host import main as host_main
from aio_plugin.host.default_config import default_config
from aio_plugin.host.run_config import dataset_options

from .helpers import same

SMALL = (
    "model:\n  name: osnet_x0_25\n  pretrained: False\n"
    "data:\n  height: 64\n  width: 32\n  workers: 0\n"
    "train:\n  max_epoch: 1\n  batch_size: 8\n  print_freq: 1\n"
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def _untimed(log):
    """What a run printed, without times, places and what the machine says of itself."""
    log = re.sub(r"\*\* System info \*\*.*?(?=\n=> Loading train)", "", log, flags=re.DOTALL)
    log = re.sub(r"(time|data) [\d.]+ \([\d.]+\)|eta [\d:]+|Elapsed .*|Speed: .*", "", log)
    return [line for line in log.splitlines() if "save_dir" not in line and "Checkpoint saved" not in line]


def test_run_executes_a_script_as_python_would(python, tmp_path):
    (tmp_path / "neighbour.py").write_text("value = 3\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom neighbour import value\nfrom torchreid.utils import Logger\nimport torchreid\n"
        "def helper():\n    return value\n"
        "if __name__ == '__main__':\n"
        "    import torchreid.models\n"
        "    names = vars(torchreid.models)['__model_factory']\n"
        "    print(sys.argv[1:], helper(), 'aio_tiny' in names, __file__ == sys.argv[0])\n"
        "    sys.exit(3)\n"
    )
    done = python("-m", "aio_plugin", "run", str(script), "--flag", "x", "-t")
    assert done.stdout == "['--flag', 'x', '-t'] 3 True True\n", done.stderr
    assert done.returncode == 3


def test_main_trains_resumes_and_tests_a_stock_model(torchreid, capfd, market, config, tmp_path):
    log, where = tmp_path / "log", ("--root", str(market), "--config-file", config)
    command = ("main", "--transforms", "random_flip", "-t", "market1501", *where)
    assert main((*command, "data.save_dir", str(log))) == 0
    printed = capfd.readouterr().out
    building = "Building model: osnet_x0_25", "Model complexity: params="
    for line in ("Show configuration\n", "** System info **", *building, "epoch: [1/1][4/4]"):
        assert line in printed
    assert re.search(r"Rank-1 +: [\d.]+%", printed)
    (written,) = log.glob("train.log-*")
    assert written.read_text() == printed
    checkpoint = log / "model" / "model.pth.tar-1"
    evaluate = ("model.resume", str(checkpoint), "test.evaluate", "True", "data.save_dir", str(log))
    assert main((*command, *evaluate)) == 0
    again = capfd.readouterr().out
    assert "Last epoch = 1" in again
    (first,), (second,) = (re.findall(r"mAP: [\d.]+%", text) for text in (printed, again))
    assert first == second


def test_runs_of_the_same_second_have_a_log_each(torchreid, tmp_path, monkeypatch):
    monkeypatch.setattr(host_main.time, "strftime", lambda form: "-now")
    cfg = default_config()
    cfg.data.save_dir = str(tmp_path)
    for run in ("first", "second", "third"):
        with host_main._logged(torchreid, cfg):
            print(run)
    assert [(tmp_path / f"train.log-now{end}").read_text() for end in ("", "+", "++")] == [
        "first\n", "second\n", "third\n"
    ]  # fmt: skip


def test_upstreams_script_does_the_same_by_every_way_in(python, upstream, market, config, tmp_path):
    """Upstream's main.py plain, after unregister(), launched on both distributions; and our own main."""
    script = str(upstream / "scripts" / "main.py")
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(
        "import runpy, sys\nfrom aio_plugin.torchvision_import import repair_torchvision\nrepair_torchvision()\n"
        "if sys.argv.pop(1) == 'unregistered':\n"
        "    import aio_plugin\n    aio_plugin.register()\n    aio_plugin.unregister()\n"
        f"sys.argv[0] = {script!r}\nsys.path.insert(0, {str(upstream / 'scripts')!r})\n"
        f"runpy.run_path({script!r}, run_name='__main__')\n"
    )
    ways = {
        "plain": (str(wrapper), "plain"),
        "unregistered": (str(wrapper), "unregistered"),
        "run": ("-m", "aio_plugin", "run", script),
        "main": ("-m", "aio_plugin", "main"),
        "run on the installed torchreid": ("-m", "aio_plugin", "run", script),
    }
    found = {}
    for name, way in ways.items():
        out = tmp_path / name.replace(" ", "-")
        arguments = ("-t", "market1501", "--root", str(market), "--config-file", config, "data.save_dir", str(out))
        done = python(*way, *arguments, path=() if "installed" in name else (upstream,))
        assert done.returncode == 0, done.stderr
        assert "epoch: [1/1][4/4]" in done.stdout
        state = torch.load(out / "model" / "model.pth.tar-1", weights_only=False)
        found[name] = _untimed(done.stdout), state
    log, state = found.pop("plain")
    for name, (other_log, other_state) in found.items():
        assert other_log == log, name
        assert same(other_state, state), name


def test_everything_here_holds_for_upstream(python, upstream):
    """The tests of the host that run in process, once more with upstream's torchreid first on the path."""
    names = "test_registration", "patches/test_dispatch", "patches/test_datasets", "patches/test_optim"
    tests = [str(Path(__file__).parent / f"{name}.py") for name in names]
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, path=(upstream,))
    assert done.returncode == 0, done.stdout
    code = "from aio_plugin.host.torchreid_import import distribution; print(distribution())"
    where = python("-c", code, path=(upstream,))
    assert where.stdout.startswith("upstream 1.4")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("main", "--config-file", "no.yaml"), "no config file 'no.yaml'; `aio-reid config --yaml"),
        (("run", "no.py"), "no script 'no.py'"),
        (("main", "loss.name", "triplet", "train.fixbase_epoch", "1"), "fixbase_epoch"),
        (("main", "aio.loss.tua", "1"), "aio.loss.tau"),
    ],
)
def test_a_users_mistake_is_a_message_and_code_2(torchreid, capsys, arguments, says):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err


def test_debugging_shows_the_traceback(torchreid, monkeypatch):
    monkeypatch.setenv("AIO_DEBUG", "1")
    with pytest.raises(Exception, match=r"no\.py"):
        main(("run", "no.py"))


def test_config_lists_every_key(capsys):
    assert main(("config",)) == 0
    printed = capsys.readouterr().out
    for option in describe(dataset_options()):
        assert f"aio.{option.name}: {option.default!r}\n    {option.about}\n" in printed
    assert "aio.datasets.sysu_mm01." in printed


def test_no_command_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(())
    assert "COMMAND" in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "aio_plugin", "config"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
