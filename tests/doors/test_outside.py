"""Datasets, losses and encoders of outsiders, each one file and one call of register_..., chosen in the config."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.config import parse_config
from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.base import Adapter
from aio_plugin.encoders.pretrained import load_encoder
from aio_plugin.errors import ConfigError, DatasetError, EncoderError
from aio_plugin.host.run_config import session
from aio_plugin.host.torchreid_import import import_torchreid
from aio_plugin.losses.criterion import LossInputs, LossWeights, aio_weights, dmf_weights, total_loss
from aio_plugin.registry import PLUGINS, RegistryError, import_plugins
from aio_plugin.tools import installation
from aio_plugin.tools.report import Section

from .conftest import OUTSIDE, install

REPOSITORY = Path(__file__).parents[2]


def losses(printed):
    """The loss terms of every printed step."""
    return [dict(re.findall(r"(loss\w*) ([-\d.]+)", line)) for line in re.findall(r"epoch: \[.*", printed)]


def test_a_dataset_trains_and_is_scored_by_its_own_protocol(train):
    printed, log = train("corridor", datasets={"corridor": {"first_person": 1}})
    assert len(losses(printed)) == 2
    assert all(float(step["loss_fb"]) for step in losses(printed))  # infrared stood beside RGB
    assert re.search(r"# source ids +: 4\n", printed)
    (target,) = json.loads((log / "results.json").read_text())["targets"]
    assert target["direction"] == "ir -> rgb"
    assert "corridor is made up" in target["notes"]
    result = target["results"]["after"]
    assert result["protocol"] == "corridor, infrared against the other camera, rank-k counts identities"
    assert [trial["trial"] for trial in result["trials"]] == ["camera 1", "camera 2"]


def test_a_loss_is_chosen_in_the_config_and_logged(train):
    printed, _ = train("corridor", "pull", loss={"fb": 0, "others": {"pull": 0.5}})
    for step in losses(printed):
        assert set(step) >= {"loss", "loss_ce", "loss_pull"}
        assert "loss_fb" not in step
        assert float(step["loss_pull"]) > 0


def test_an_encoder_source_is_chosen_in_the_config_and_recorded(train):
    _, log = train("corridor", "mine", encoder={"name": "mine:small", "weights": "random"})
    encoder = json.loads((log / "results.json").read_text())["encoder"]
    assert encoder["name"] == "mine:small"
    checkpoint = torch.load(log / "model" / "model.pth.tar-1", weights_only=True)["state_dict"]
    identity = bytes(checkpoint["encoder.identity"].tolist())
    assert identity.startswith(b"mine:small\0")
    assert identity.endswith(bytes.fromhex(encoder["sha256"]))
    assert checkpoint["norm.weight"].shape == (48,)


@pytest.mark.parametrize("late", [False, True])
def test_a_dataset_reaches_torchreid_before_and_after_register(train, late):
    torchreid = import_torchreid()
    table = vars(sys.modules[torchreid.data.register_image_dataset.__module__])["__image_datasets"]
    before = dict(table)
    if late:
        aio_plugin.register({"test": {"report": True}})
    aio_plugin.register_dataset(adapter("hall"))
    aio_plugin.register()
    assert "hall" in table
    assert session.latest().options().datasets["hall"] == {}
    aio_plugin.unregister()
    assert table == before
    aio_plugin.register()
    ADAPTERS.unregister("hall")
    assert "hall" not in table


def adapter(name, **fields):
    return Adapter(name, name, lambda *_: None, lambda *_: None, (), **fields)


def test_a_name_of_torchreids_is_refused(train):
    aio_plugin.register()
    with pytest.raises(Exception, match="torchreid has a dataset 'market1501' already"):
        aio_plugin.register_dataset(adapter("market1501"))
    assert "market1501" not in ADAPTERS


def test_what_cannot_be_a_dataset_is_refused():
    with pytest.raises(RegistryError, match=r"dataset 'llcm' already \(built in\)"):
        aio_plugin.register_dataset(adapter("llcm"))
    with pytest.raises(DatasetError, match=r"Dataset 'hall' is <.*not an aio_plugin\.datasets\.Adapter"):
        ADAPTERS.register("hall", object())
    with pytest.raises(DatasetError, match="adapter whose name is 'hall'"):
        ADAPTERS.register("stairs", adapter("hall"))


def test_the_command_line_shows_what_is_registered(capsys, monkeypatch):
    for part in ("packages", "encoders"):
        monkeypatch.setattr(installation, part, lambda part=part: Section(part))
    plugins = [argument for name in ("corridor", "pull", "mine") for argument in ("--plugin", f"{OUTSIDE}/{name}.py")]
    assert main([*plugins, "config"]) == 0
    assert "aio.datasets.corridor.first_person: 0\n    number of the first person" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    where = "registered by {0} (" + str(OUTSIDE) + "/{0}.py)"
    assert f"  dataset corridor: {where.format('corridor')}" in lines
    assert f"  encoder source mine: {where.format('mine')}" in lines
    assert f"  loss pull: {where.format('pull')}" in lines


def test_plugins_of_the_environment_reach_other_processes(tmp_path):
    code = (
        "from aio_plugin.registry import import_plugins; import_plugins(); from aio_plugin.losses import LOSSES;"
        "assert 'pull' in LOSSES"
    )
    import_plugins([f"{OUTSIDE}/pull.py"])
    assert os.environ[PLUGINS] == str(OUTSIDE / "pull.py")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("absent.py", None, "There is no plugin .*absent.py"),
        ("wrong.py", "x = 1\n1 / 0", r"wrong.py cannot be imported: ZeroDivisionError.*wrong.py, line 2\)"),
        ("json.py", "", "has the name of another module, 'json'"),
        ("twice.py", "import aio_plugin; aio_plugin.register_loss('ce', len)", "loss 'ce' already"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named(name, code, message, tmp_path):
    if code is not None:
        (tmp_path / name).write_text(code)
    with pytest.raises(RegistryError, match=message):
        import_plugins([str(tmp_path / name)])


def test_wrong_losses_are_refused():
    import_plugins([f"{OUTSIDE}/pull.py"])
    with pytest.raises(ConfigError, match=r"Unknown loss 'pul' in aio.loss.others. Did you mean 'pull'\?"):
        aio_weights(parse_config({"loss": {"others": {"pul": 1}}}))
    with pytest.raises(ConfigError, match="aio.loss.others names 'fb'"):
        aio_weights(parse_config({"loss": {"others": {"fb": 1}}}))
    with pytest.raises(ConfigError, match=r"aio\.loss\.others is .*at least 0"):
        parse_config({"loss": {"others": {"pull": -1}}})
    weights = dmf_weights(parse_config({"loss": {"ce": 0, "others": {"pull": 1}}, "dmf": {"triplet": 0}}))
    with pytest.raises(ConfigError, match=r"'z', which the model does not have \(it has features, labels\)"):
        total_loss({"features": torch.ones(2, 3), "labels": torch.arange(2)}, weights)


def test_a_loss_without_anything_to_do_is_left_out():
    aio_plugin.register_loss("nothing", lambda inputs: None)
    outputs = {"features": torch.ones(2, 3, requires_grad=True), "labels": torch.arange(2)}
    total, summary = total_loss(outputs, LossWeights({"nothing": 1.0, "soft_triplet": 1.0}))
    assert set(summary) == {"loss", "loss_t"}
    assert total.item() == summary["loss"]
    assert LossInputs(outputs).features is outputs["features"]


def test_an_encoder_source_must_give_what_it_promises():
    aio_plugin.register_encoder("odd", lambda model, weights: torch.nn.Identity())
    with pytest.raises(EncoderError, match=r"'odd' \(registered by .*\) gave Identity for 'odd:x'"):
        load_encoder("odd:x")
    with pytest.raises(EncoderError, match="Did you mean 'odd'"):
        load_encoder("ood")


def test_an_installed_package_brings_a_dataset_and_a_broken_one_harms_nobody(tmp_path):
    """A distribution that pip would install: its entry points are found by `aio-reid` itself."""
    code = (
        "from aio_plugin.config import Option\n"
        "from aio_plugin.datasets.base import Adapter\n"
        "options = (Option('floor', 3, 'which floor'),)\n"
        "ADAPTERS = {'hall': Adapter('hall', 'hall', None, None, (), options)}\n"
        "def push(inputs): return inputs.z.sum()\n"
    )
    groups = {"aio_plugin.datasets": {"hall": "ADAPTERS"}, "aio_plugin.losses": {"push": "push"}}
    install(tmp_path, "hallway", "1.0", code, **groups)
    install(tmp_path, "broken", "1.0", "1 / 0", **{"aio_plugin.datasets": {"ruin": "ADAPTER"}})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)])}
    done = [
        subprocess.run([sys.executable, "-m", "aio_plugin", command], capture_output=True, text=True, env=environment)
        for command in ("config", "doctor")
    ]
    config, doctor = (each.stdout for each in done)
    assert "aio.datasets.hall.floor: 3" in config, done[0].stderr
    assert "aio.datasets.llcm" in config
    assert "'ruin' (entry point of broken 1.0, group aio_plugin.datasets) cannot be loaded" in done[0].stderr
    assert "  dataset hall: entry point of hallway 1.0" in doctor, done[1].stderr
    assert "  loss push: entry point of hallway 1.0" in doctor
    assert "  ! The dataset 'ruin' (entry point of broken 1.0" in doctor
    assert done[1].returncode == 1
