import os
import pickle
import random
import sys
import warnings
from operator import attrgetter
from types import ModuleType

import numpy as np
import pytest
import torch
from yacs.config import CfgNode

import aio_plugin
from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import ConfigError, HostError
from aio_plugin.host.run_config import session
from aio_plugin.host.torchreid_import import distribution, import_torchreid
from aio_plugin.models.specs import NAMES


def _snapshot(torchreid):
    """Every object that any seam touches, and the namespaces around them."""
    names = "data", "engine", "engine.image", "optim", "optim.optimizer", "optim.lr_scheduler", "models", "utils"
    spaces = {"torchreid": torchreid, "yacs": CfgNode, **{name: attrgetter(name)(torchreid) for name in names}}
    found = {f"{space}.{name}": value for space, owner in spaces.items() for name, value in vars(owner).items()}
    datasets = vars(sys.modules[torchreid.data.register_image_dataset.__module__])["__image_datasets"]
    found.update({f"dataset {name}": value for name, value in datasets.items()})
    found.update({f"model {name}": value for name, value in vars(torchreid.models)["__model_factory"].items()})
    found.update({f"module {name}": module for name, module in sys.modules.items() if name.startswith("torchreid")})
    found["safe globals"] = {str(entry) for entry in torch.serialization.get_safe_globals()}
    return found


def _same(before, after):
    return before.keys() == after.keys() and all(
        before[key] is after[key] or (key == "safe globals" and before[key] == after[key]) for key in before
    )


def test_unregister_gives_back_the_very_objects_and_both_are_idempotent(torchreid):
    before = _snapshot(torchreid)
    aio_plugin.unregister()
    assert _same(before, _snapshot(torchreid))
    aio_plugin.register()
    once = _snapshot(torchreid)
    assert not _same(before, once)
    aio_plugin.register()
    assert _same(once, _snapshot(torchreid))
    for _ in range(2):
        aio_plugin.unregister()
        assert _same(before, _snapshot(torchreid))


def test_register_draws_no_random_number(torchreid):
    states = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    aio_plugin.register()
    assert states[:2] == (random.getstate(), str(np.random.get_state()))
    assert torch.equal(states[2], torch.get_rng_state())


def test_all_names_are_known_while_registered(registered):
    datasets = vars(sys.modules[registered.data.register_image_dataset.__module__])["__image_datasets"]
    assert set(ADAPTERS) <= set(datasets)
    assert set(NAMES) <= set(vars(registered.models)["__model_factory"])


def test_upstreams_module_names_can_be_imported(registered):
    from torchreid.data.datasets import init_image_dataset
    from torchreid.utils import Logger, set_random_seed

    assert Logger is registered.utils.Logger
    assert set_random_seed is registered.utils.set_random_seed
    assert init_image_dataset.__module__.endswith("data.datasets")


def test_a_taken_name_is_an_error_and_leaves_nothing_behind(torchreid):
    factory = vars(torchreid.models)["__model_factory"]
    factory["aio_tiny"] = mine = lambda **kwargs: None
    before = _snapshot(torchreid)
    try:
        with pytest.raises(HostError, match="aio_tiny"):
            aio_plugin.register()
        assert _same(before, _snapshot(torchreid))
        assert factory["aio_tiny"] is mine
    finally:
        del factory["aio_tiny"]


def test_distribution_names_what_is_installed(torchreid):
    kind = "PyPI" if "reid" in vars(torchreid) else "upstream"
    assert distribution() == f"{kind} {torchreid.__version__}"


def test_another_package_of_the_name_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchreid", ModuleType("torchreid"))
    with pytest.raises(HostError, match=r"not the person re-identification framework.*pip install torchreid==0\.2\.5"):
        import_torchreid()


@pytest.mark.parametrize(("lacking", "says"), [("torchreid", "not installed"), ("gdown", "'gdown'")])
def test_an_absent_package_is_named(monkeypatch, lacking, says):
    def fail(name):
        raise ModuleNotFoundError(f"No module named {lacking!r}", name=lacking)

    import_torchreid()
    monkeypatch.setattr("aio_plugin.host.torchreid_import.importlib.import_module", fail)
    with pytest.raises(HostError, match=says):
        import_torchreid()


def test_register_takes_the_node_as_a_mapping(torchreid):
    aio_plugin.register({"loss": {"va": 0}})
    assert session.latest().asks_for_aio
    assert session.latest().options().loss.va == 0.0
    assert isinstance(session.latest().options().loss.va, float)
    assert session.latest().options().loss.tau == 0.05
    aio_plugin.register()
    assert session.latest().options().loss.va == 0.0, "register() without a config keeps the one given"
    aio_plugin.unregister()
    assert not session.latest()


def test_register_takes_a_whole_config_file(torchreid, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("data: {height: 384, width: 192}\naio:\n  multimodal: {min: 3}\n")
    aio_plugin.register(path)
    assert session.latest().options().multimodal.min == 3
    assert session.latest().image_size == (384, 192)
    assert session.latest().setting("data.height", 0) == 384
    assert session.latest().setting("train.seed", 7) == 7


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"lss": {"va": 0}}, "aio.loss"),
        ({"loss": {"vaa": 0}}, "aio.loss.va"),
        ({"loss": {"va": "much"}}, "loss.va"),
        ({"loss": 3}, "group of keys"),
        ({"aio": 3}, "group of keys"),
        ({"bnneck": "shard"}, "shared"),
        ({"aio": {}, "data": {"hieght": 3}}, "data.height"),
        ("no/such/file.yaml", "cannot be read"),
        ("list.yaml", "list"),
    ],
)
def test_a_wrong_config_is_refused(torchreid, tmp_path, monkeypatch, config, says):
    (tmp_path / "list.yaml").write_text("- 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        aio_plugin.register(config)
    assert not session.latest()


def test_a_stock_checkpoint_loads_while_registered(torchreid, tmp_path):
    state = {"state_dict": {}, "epoch": 3, "rank1": np.float32(0.5), "optimizer": {}, "scheduler": {}}
    torch.save(state, tmp_path / "x.tar")
    aio_plugin.register()
    loaded = torchreid.utils.load_checkpoint(str(tmp_path / "x.tar"))
    assert loaded["rank1"] == 0.5
    aio_plugin.unregister()
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "x.tar")


class Trap:
    """Unpickled by a loader that runs code, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def old_checkpoint(path, more):
    """A checkpoint with a text that Python 2 wrote, in no UTF-8, and ``more`` behind it."""
    torch.save({"author": "abcd", "more": more}, path, _use_new_zipfile_serialization=False)
    text = b"X\x04\x00\x00\x00abcd"
    assert text in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(text, b"U\x04\xe9bcd"))


def test_what_python_2_wrote_is_loaded_without_running_code(registered, tmp_path):
    pickle_load, unpickler = pickle.load, pickle.Unpickler
    path, trap = tmp_path / "old.tar", tmp_path / "trap"
    old_checkpoint(path, 3)
    assert registered.utils.load_checkpoint(str(path)) == {"author": "\xe9bcd", "more": 3}
    old_checkpoint(path, Trap(str(trap)))
    model = torch.nn.Linear(1, 1)
    for load in (
        lambda: registered.utils.load_checkpoint(str(path)),
        lambda: registered.utils.load_pretrained_weights(model, str(path)),
        lambda: registered.utils.resume_from_checkpoint(str(path), model),
    ):
        with pytest.raises(pickle.UnpicklingError, match="mkdir"):
            load()
    assert not trap.exists()
    assert (pickle.load, pickle.Unpickler) == (pickle_load, unpickler)


@pytest.mark.parametrize("name", ["load_checkpoint", "load_pretrained_weights", "resume_from_checkpoint"])
def test_stock_models_are_loaded_as_torchreid_does(torchreid, tmp_path, capsys, name):
    """Messages, errors, weights and what a function returns, with and without us."""
    model, utils = torch.nn.Linear(2, 2), torchreid.utils
    state = {f"module.{key}": value + 1 for key, value in model.state_dict().items()}
    torch.save({"state_dict": {**state, "more": torch.ones(1)}, "epoch": 3, "rank1": 0.5}, tmp_path / "x")
    torch.save({"state_dict": {"fc.weight": torch.ones(1)}, "epoch": 3}, tmp_path / "y")

    def outcome(path):
        fresh = torch.nn.Linear(2, 2)
        fresh.load_state_dict({key: torch.zeros_like(value) for key, value in fresh.state_dict().items()})
        arguments = {
            "load_checkpoint": (path,),
            "load_pretrained_weights": (fresh, path),
            "resume_from_checkpoint": (path, fresh),
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = str(getattr(utils, name)(*arguments[name]))
            except Exception as error:
                result = repr(error)
        return result, str(fresh.state_dict()), capsys.readouterr().out, [str(each.message) for each in caught]

    paths = [None, *(str(tmp_path / each) for each in ("x", "y", "absent"))]
    stock = [outcome(path) for path in paths]
    aio_plugin.register()
    assert [outcome(path) for path in paths] == stock
