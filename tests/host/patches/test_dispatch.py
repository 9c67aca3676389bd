import abc
import pickle

import pytest
from torch import nn

import aio_plugin
from aio_plugin.errors import HostError
from aio_plugin.host.default_config import default_config
from aio_plugin.training import distributed

from ..helpers import data_manager

ENGINES = ("ImageSoftmaxEngine", "ImageTripletEngine")


class _AIO(nn.Module):
    is_aio = True


class _Ours:
    """Stands for AIO's class: keeps what it was called with."""

    def __init__(self, **arguments):
        self.arguments = arguments


@pytest.fixture
def ours(monkeypatch, registered):
    monkeypatch.setattr("aio_plugin.host.data_manager.AIODataManager", _Ours)
    monkeypatch.setattr("aio_plugin.host.engine.AIOEngine", _Ours)
    return registered


class _Loaders:
    train_loader, test_loader, num_train_pids = (), (), 4


@pytest.mark.parametrize("name", ENGINES)
def test_a_stock_model_gets_the_stock_engine_itself(torchreid, name):
    stock = getattr(torchreid.engine, name)
    aio_plugin.register()
    engine = getattr(torchreid.engine, name)(_Loaders(), nn.Linear(1, 1), None)
    assert type(engine) is stock
    assert isinstance(engine, getattr(torchreid.engine, name))
    assert issubclass(stock, getattr(torchreid.engine, name))
    assert not isinstance(engine, getattr(torchreid.engine, ENGINES[1 - ENGINES.index(name)]))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("wrap", [False, True])
def test_an_aio_model_gets_ours_with_arguments_under_their_names(ours, name, wrap):
    model = nn.DataParallel(_AIO()) if wrap else _AIO()
    made = getattr(ours.engine, name)("dm", model, "opt", use_gpu=False)
    assert type(made) is _Ours
    assert made.arguments == {"datamanager": "dm", "model": model, "optimizer": "opt", "use_gpu": False}
    made = ours.engine.ImageTripletEngine("dm", model, "opt", 0.3, 1, 0, "sched")
    assert (made.arguments["margin"], made.arguments["weight_x"], made.arguments["scheduler"]) == (0.3, 0, "sched")


@pytest.mark.parametrize("name", ENGINES)
def test_users_subclasses_derive_from_the_stock_engine(registered, name):
    class Mine(getattr(registered.engine, name), abc.ABC):
        def forward_backward(self, data):
            return "mine"

    engine = Mine(_Loaders(), _AIO(), None)
    assert type(engine) is Mine
    assert engine.forward_backward(None) == "mine"
    assert isinstance(engine, getattr(registered.engine, name))
    assert not isinstance(registered.engine.ImageSoftmaxEngine(_Loaders(), nn.Linear(1, 1), None), Mine)


def test_a_wrong_call_fails_in_torchreids_words(registered):
    with pytest.raises(TypeError, match="batch_size"):
        registered.data.ImageDataManager(sources="market1501", batch_size=3)


def test_video_is_left_alone(torchreid):
    def video():
        engine = torchreid.engine
        return torchreid.data.VideoDataManager, engine.VideoSoftmaxEngine, engine.VideoTripletEngine

    before = video()
    aio_plugin.register()
    assert all(one is two for one, two in zip(before, video(), strict=True))


def test_stock_names_get_the_stock_data_manager(torchreid, market):
    stock = torchreid.data.ImageDataManager
    aio_plugin.register()
    manager = data_manager(torchreid, market)
    assert type(manager) is stock
    assert isinstance(manager, torchreid.data.ImageDataManager)
    assert manager.num_train_pids == 8
    assert type(pickle.loads(pickle.dumps(manager.train_loader.dataset))).__name__ == "Market1501"


@pytest.mark.parametrize(
    ("sources", "targets"),
    [
        ("llcm", None),
        (["market1501", "llcm"], None),
        ("market1501", "sysu_mm01"),
        ("market1501", ["tri_cuhk_pedes@sketch+text"]),
    ],
)
def test_our_datasets_get_ours(ours, sources, targets):
    assert type(data_manager(ours, "x", sources, targets=targets)) is _Ours


def test_a_mapping_given_to_register_gets_ours(ours):
    aio_plugin.register({})
    assert type(data_manager(ours, "x")) is _Ours


@pytest.mark.parametrize(
    ("model", "overrides", "is_ours"),
    [("osnet_x0_25", [], False), ("aio_tiny", [], True), ("my_own", ["aio.loss.va", "0"], True)],
)
def test_a_config_decides_by_model_and_node(ours, market, model, overrides, is_ours):
    aio_plugin.register({})  # a config is asked before what register() was given
    cfg = default_config()
    cfg.merge_from_list(["model.name", model, *overrides])
    assert (type(data_manager(ours, market)) is _Ours) == is_ours


def test_a_stock_model_on_our_data_manager_or_in_several_processes_is_refused(registered, monkeypatch):
    class Bundles(_Loaders):
        def loader_at(self): ...

    with pytest.raises(HostError, match="Linear is one of torchreid's models"):
        registered.engine.ImageSoftmaxEngine(Bundles(), nn.Linear(1, 1), None)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    for name in ENGINES:
        with pytest.raises(HostError, match="Linear is one of torchreid's models, whose engine trains in one process"):
            getattr(registered.engine, name)(_Loaders(), nn.Linear(1, 1), None)
