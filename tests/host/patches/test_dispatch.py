import abc
import pickle

import pytest
from torch import nn

import aio_plugin
from aio_plugin.errors import AIOError, ConfigError, HostError
from aio_plugin.host.default_config import default_config
from aio_plugin.host.run_config import session
from aio_plugin.training import distributed

from ..helpers import build_model, data_manager

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


@pytest.mark.parametrize("wrap", [False, True])
def test_an_aio_model_gets_ours_with_arguments_under_their_names(ours, wrap):
    model = nn.DataParallel(_AIO()) if wrap else _AIO()
    made = ours.engine.ImageSoftmaxEngine("dm", model, "opt", use_gpu=False)
    assert type(made) is _Ours
    assert made.arguments == {"datamanager": "dm", "model": model, "optimizer": "opt", "use_gpu": False}


def test_an_aio_model_in_the_triplet_engine_is_refused(registered):
    with pytest.raises(ConfigError, match=r"ImageTripletEngine .* aio\.loss\.triplet"):
        registered.engine.ImageTripletEngine(_Loaders(), _AIO(), None, margin=0.5)


@pytest.fixture(params=["before", "after"])
def imported(torchreid, request):
    """torchreid's classes as a script has them that imports them before or after register(), and an early subclass."""

    def import_():
        data, engine, optim = torchreid.data, torchreid.engine, torchreid.optim
        return data.ImageDataManager, engine.ImageSoftmaxEngine, optim.build_optimizer, optim.build_lr_scheduler

    if request.param == "before":
        names = import_()
        aio_plugin.register({"train": {"warmup_epochs": 1}, "encoder": {"weights": "random"}})
        return names
    aio_plugin.register({"train": {"warmup_epochs": 1}, "encoder": {"weights": "random"}})
    return import_()


def test_names_serve_aio_models_whenever_they_were_imported(torchreid, market, imported, tmp_path):
    from aio_plugin.host.data_manager import AIODataManager
    from aio_plugin.host.engine import AIOEngine

    data_manager_class, engine_class, build_optimizer, build_lr_scheduler = imported
    sizes = {"height": 64, "width": 32, "batch_size_train": 4, "workers": 0, "use_gpu": False}
    manager = data_manager_class(str(market), "market1501", **sizes)
    model = build_model(torchreid, classes=manager.num_train_pids)
    optimizer = build_optimizer(model, optim="adamw", lr=0.1)
    assert len(optimizer.param_groups) > 1
    scheduler = build_lr_scheduler(optimizer, "cosine_warmup", max_epoch=4)
    engine = engine_class(manager, model, optimizer, scheduler=scheduler)
    assert (type(manager), type(engine)) == (AIODataManager, AIOEngine)
    assert isinstance(manager, data_manager_class)
    aio_plugin.unregister()
    assert type(data_manager_class(str(market), "market1501", **sizes)) is data_manager_class
    assert type(engine_class(manager, nn.Linear(1, 1), None)) is engine_class
    with pytest.raises(ValueError, match="adamw"):
        build_optimizer(model, optim="adamw")


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("early", [True, False])
def test_users_subclasses_derive_from_the_stock_engine(torchreid, name, early):
    if not early:
        aio_plugin.register()

    class Mine(getattr(torchreid.engine, name), abc.ABC):
        def forward_backward(self, data):
            return "mine"

    aio_plugin.register()
    engine = Mine(_Loaders(), nn.Linear(1, 1), None)
    assert type(engine) is Mine
    assert engine.forward_backward(None) == "mine"
    assert isinstance(engine, getattr(torchreid.engine, name))
    assert not isinstance(torchreid.engine.ImageSoftmaxEngine(_Loaders(), nn.Linear(1, 1), None), Mine)
    says = r"Derive it from aio_plugin\.host\.engine\.AIOEngine\." if name == ENGINES[0] else r"aio\.loss\.triplet"
    with pytest.raises(AIOError, match=says):
        Mine(_Loaders(), _AIO(), None)


@pytest.mark.parametrize(
    ("config", "subclass", "says"),
    [
        ([], False, r"when it was built, no config asked for AIO\. Call register\(\) with a mapping"),
        (["model.name", "osnet_x0_25"], False, r"the config merged last is of model 'osnet_x0_25' and has no `aio:`"),
        ([], True, r"Mine derives from torchreid's ImageDataManager\. Derive it from aio_plugin"),
    ],
)
def test_an_aio_model_with_a_stock_data_manager_is_told_the_cause(registered, market, config, subclass, says):
    class Mine(registered.data.ImageDataManager):
        pass

    cfg = default_config()
    cfg.merge_from_list(config)
    if not config:
        session.clear()
    kind = Mine if subclass else registered.data.ImageDataManager
    manager = kind(str(market), "market1501", height=64, width=32, batch_size_train=4, workers=0, use_gpu=False)
    with pytest.raises(HostError, match=f"An AIO model needs AIO's data manager, and this one is torchreid's: {says}"):
        registered.engine.ImageSoftmaxEngine(manager, _AIO(), None)


def test_users_subclasses_are_told_what_to_derive_from(torchreid, market, tmp_path):
    class Mine(torchreid.data.ImageDataManager):
        pass

    aio_plugin.register({})
    sizes = {"height": 64, "width": 32, "batch_size_train": 4, "workers": 0, "use_gpu": False}
    with pytest.raises(HostError, match=r"Mine derives .* from aio_plugin\.host\.data_manager\.AIODataManager\."):
        Mine(str(market), "market1501", **sizes)

    from aio_plugin.host.data_manager import AIODataManager

    class Cured(AIODataManager):
        pass

    manager = Cured(str(market), "market1501", **sizes)
    assert manager.num_train_pids == 8

    from aio_plugin.host.engine import AIOEngine

    class Engine(AIOEngine):
        steps = 0

        def forward_backward(self, data):
            self.steps += 1
            return super().forward_backward(data)

    aio_plugin.register({"encoder": {"weights": "random"}, "train": {"steps_per_epoch": 2}})
    manager = Cured(str(market), "market1501", **sizes)
    model = build_model(torchreid, classes=manager.num_train_pids)
    engine = Engine(manager, model, torchreid.optim.build_optimizer(model), use_gpu=False)
    engine.run(str(tmp_path), max_epoch=1)
    assert engine.steps == 2


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
