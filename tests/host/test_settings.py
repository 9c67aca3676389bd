"""Every one of torchreid's keys, for AIO models: it acts, or it is refused with the cure."""

import functools
import operator
import re
import shutil
import sys
import urllib.error
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch

from aio_plugin.errors import AIOError, ConfigError
from aio_plugin.host import engine as engine_module
from aio_plugin.host import main as host_main
from aio_plugin.host.default_config import arguments
from aio_plugin.host.settings import DEFAULTS
from aio_plugin.host.torchreid_import import image_datasets
from aio_plugin.training.transforms import RandomGrayscale

from .helpers import build_engine, config


class Key(NamedTuple):
    """A claim: with ``value``, ``observe`` gives ``effect``, and something else without; or ``refused`` matches."""

    value: Any
    observe: Callable[["Built"], Any] | None = None
    effect: Any = None
    refused: str = ""
    given: tuple[Any, ...] = ()
    """Further keys and values, with and without the key."""


class Built:
    """What torchreid's main.py builds from a config, and the printed lines, rankings and folder of its run."""

    def __init__(self, torchreid, cfg, capsys, monkeypatch):
        self.torchreid, self.cfg, self.capsys, self.monkeypatch = torchreid, cfg, capsys, monkeypatch
        self._engine = None

    @property
    def engine(self):
        self._engine = self._engine or build_engine(self.torchreid, self.cfg)
        return self._engine

    @property
    def manager(self):
        return self.engine.datamanager

    @property
    def group(self):
        """The options of the optimiser's parameter groups, the one of the classifier's weight."""
        weight = self.engine.model.classifier.weight
        groups = self.engine.optimizer.param_groups
        return next(group for group in groups if any(each is weight for each in group["params"]))

    def rate(self, module):
        """Learning rate of a module's first matrix, relative to train.lr."""
        weight = next(p for p in self.engine.model.get_submodule(module).parameters() if p.ndim > 1)
        groups = self.engine.optimizer.param_groups
        (group,) = (group for group in groups if any(each is weight for each in group["params"]))
        return round(group["lr"] / self.cfg.train.lr, 6)

    @property
    def batch(self):
        return next(iter(self.manager.train_loader))

    def printed(self, pattern):
        self.capsys.readouterr()
        self.engine.run(**arguments(self.cfg, "run"))
        return re.findall(pattern, self.capsys.readouterr().out)

    def scored(self, option):
        """An argument of the ranking of the test."""
        seen, stock = {}, engine_module.score
        self.monkeypatch.setattr(engine_module, "score", lambda *a, **k: seen.update(k) or stock(*a, **k))
        self.printed("")
        return seen[option]

    def main(self):
        """The engine of `aio-reid main` after its run, and the epoch that it started at."""
        engines, stock = [], engine_module.AIOEngine.run

        def run(engine, **options):
            engines.append((engine, options["start_epoch"]))
            stock(engine, **options)

        self.monkeypatch.setattr(engine_module.AIOEngine, "run", run)
        self.monkeypatch.setattr(self.torchreid.utils, "collect_env_info", str)
        host_main._run(self.torchreid, self.cfg)
        return engines[0]

    def dataset(self, argument):
        """The argument that a dataset of torchreid's own was made with."""
        assert self.manager
        return Own.seen[argument]


class Own:
    """One of torchreid's own datasets, which takes every option."""

    seen: dict[str, Any] = {}

    def __new__(
        cls, root="", split_id=0, cuhk03_labeled=False, cuhk03_classic_split=False, market1501_500k=False, **more
    ):
        cls.seen = {name: value for name, value in locals().items() if name not in ("cls", "root", "more")}
        return image_datasets()["market1501"](root=root, **more)


DMF = ("aio.dmf.triplet", 0.0), ("aio.modalities", ["rgb"])
OWN = ("data.sources", ["own"])
OWN_ALONE = OWN, ("data.targets", ["own"])
SGD, STAGED = ("train.optim", "sgd"), ("train.staged_lr", True)
STEPS = ("train.lr_scheduler", "multi_step")
TEST = ("test.evaluate", True)
EPOCH = r"epoch: \[(\d)/\d\]"
EVERY = ("train.print_freq", 1)
VIDEO, TARGETS = "read single images", "not trained on targets"
TRIPLET = r"aio\.loss\.triplet"


def acts(value, observe, effect, *given):
    return Key(value, observe, effect, given=given)


def refused(value, match, *given):
    return Key(value, refused=match, given=given)


def _trained(built):
    """The parts of the model that one epoch trains."""
    before = {name: value.clone() for name, value in built.engine.model.named_parameters()}
    built.printed("")
    after = dict(built.engine.model.named_parameters())
    return sorted({name.split(".")[0] for name in after if not torch.equal(before[name], after[name])})


KEYS = {
    "use_gpu": refused(True, "no CUDA device"),
    "model.name": acts("dmf_tiny", lambda b: type(b.engine.model).__name__, "DMF", *DMF),
    "model.pretrained": refused(False, r"aio\.encoder\.weights", ("aio.encoder.weights", "")),
    "model.load_weights": acts("weights", lambda b: float(b.main()[0].model.norm.weight[0]), 7.0, TEST),
    "model.resume": acts("resume", lambda b: b.main()[1], 1),
    "data.type": refused("video", VIDEO),
    "data.root": acts("other", lambda b: b.manager.root.rsplit("/", 1)[-1], "other"),
    "data.sources": acts(["market1501", "own"], lambda b: int(b.manager.num_train_pids), 16),
    "data.targets": acts(["own"], lambda b: list(b.manager.test_targets), ["own"]),
    "data.workers": acts(1, lambda b: b.manager.train_loader.num_workers, 1),
    "data.split_id": acts(3, lambda b: b.dataset("split_id"), 3, OWN),
    "data.height": acts(96, lambda b: (b.batch["rgb"].shape[2], b.engine.model.shape.image_size[0]), (96, 96)),
    "data.width": acts(48, lambda b: (b.batch["rgb"].shape[3], b.engine.model.shape.image_size[1]), (48, 48)),
    "data.combineall": acts(True, lambda b: int(b.manager.num_train_pids), 14),
    "data.transforms": acts(
        ["random_erase"], lambda b: "RandomErasing" in str(b.manager.transform_tr.transforms), True
    ),
    "data.k_tfm": refused(2, "one view"),
    "data.norm_mean": acts([0.0, 0.0, 0.0], lambda b: float(b.batch["rgb"].min()) >= 0, True),
    "data.norm_std": acts([0.01, 0.01, 0.01], lambda b: float(b.batch["rgb"].abs().max()) > 10, True),
    "data.save_dir": acts("elsewhere", lambda b: b.main()[0].save_dir.rsplit("/", 1)[-1], "elsewhere", TEST),
    "data.load_train_targets": refused(True, TARGETS),
    "market1501.use_500k_distractors": acts(
        True, lambda b: b.dataset("market1501_500k"), True, OWN, ("data.targets", ["own"])
    ),
    "cuhk03.labeled_images": acts(True, lambda b: b.dataset("cuhk03_labeled"), True, OWN),
    "cuhk03.classic_split": acts(True, lambda b: b.dataset("cuhk03_classic_split"), True, OWN),
    "cuhk03.use_metric_cuhk03": refused(True, "cuhk03_classic_detected"),
    "sampler.train_sampler": acts("RandomIdentitySampler", lambda b: b.manager.copies, 4),
    "sampler.train_sampler_t": refused("RandomIdentitySampler", TARGETS),
    "sampler.num_instances": acts(2, lambda b: b.manager.copies, 2, ("sampler.train_sampler", "RandomIdentitySampler")),
    "sampler.num_cams": refused(2, "RandomSampler or RandomIdentitySampler"),
    "sampler.num_datasets": refused(2, "RandomSampler or RandomIdentitySampler"),
    "video.seq_len": refused(8, VIDEO),
    "video.sample_method": refused("random", VIDEO),
    "video.pooling_method": refused("max", VIDEO),
    "train.optim": acts("sgd", lambda b: type(b.engine.optimizer).__name__, "SGD"),
    "train.lr": acts(0.5, lambda b: b.group["initial_lr"], 0.5),
    "train.weight_decay": acts(0.5, lambda b: b.group["weight_decay"], 0.5),
    "train.max_epoch": acts(1, lambda b: b.printed(EPOCH), ["1", "1"], EVERY),
    "train.start_epoch": acts(1, lambda b: b.printed(EPOCH), ["2", "2"], EVERY),
    "train.batch_size": acts(2, lambda b: len(b.batch["pid"]), 2),
    "train.fixbase_epoch": acts(2, _trained, ["classifier"]),
    "train.open_layers": acts(
        ["classifier", "tokenizers.rgb"], _trained, ["classifier", "tokenizers"], ("train.fixbase_epoch", 2)
    ),
    "train.staged_lr": acts(True, lambda b: (b.rate("tokenizers"), b.rate("classifier")), (0.1, 1.0)),
    "train.new_layers": acts(
        ["tokenizers.rgb"], lambda b: (b.rate("tokenizers.rgb"), b.rate("classifier")), (1.0, 0.1), STAGED
    ),
    "train.base_lr_mult": acts(0.5, lambda b: b.rate("tokenizers"), 0.5, STAGED),
    "train.lr_scheduler": acts("cosine", lambda b: type(b.engine.scheduler).__name__, "CosineAnnealingLR"),
    "train.stepsize": acts([1, 3], lambda b: sorted(b.engine.scheduler.milestones), [1, 3], STEPS),
    "train.gamma": acts(0.5, lambda b: b.engine.scheduler.gamma, 0.5, STEPS),
    "train.print_freq": acts(1, lambda b: len(b.printed(EPOCH)), 4),
    "train.seed": acts(7, lambda b: b.engine.step.options.seed, 7),
    "sgd.momentum": acts(0.5, lambda b: b.group["momentum"], 0.5, SGD),
    "sgd.dampening": acts(0.5, lambda b: b.group["dampening"], 0.5, SGD),
    "sgd.nesterov": acts(True, lambda b: b.group["nesterov"], True, SGD),
    "rmsprop.alpha": acts(0.5, lambda b: b.group["alpha"], 0.5, ("train.optim", "rmsprop")),
    "adam.beta1": acts(0.5, lambda b: b.group["betas"][0], 0.5),
    "adam.beta2": acts(0.5, lambda b: b.group["betas"][1], 0.5),
    "loss.name": refused("triplet", TRIPLET),
    "loss.softmax.label_smooth": acts(False, lambda b: b.engine.step.options.smoothing, 0.0),
    "loss.triplet.margin": refused(0.5, TRIPLET),
    "loss.triplet.weight_t": refused(0.5, TRIPLET),
    "loss.triplet.weight_x": refused(1.0, TRIPLET),
    "test.batch_size": acts(5, lambda b: len(next(iter(b.manager.test_loader["market1501"]["gallery"]))["pid"]), 5),
    "test.dist_metric": acts("cosine", lambda b: b.scored("metric"), "cosine", TEST),
    "test.normalize_feature": acts(True, lambda b: len(b.printed("with L2 norm")), 1, TEST),
    "test.ranks": acts([1, 2], lambda b: b.printed(r"Rank-(\d+)"), ["1", "2"], TEST),
    "test.evaluate": acts(True, lambda b: b.printed(EPOCH), [], EVERY),
    "test.eval_freq": acts(1, lambda b: len(b.printed("# Evaluating")), 2),
    "test.start_eval": acts(2, lambda b: len(b.printed("# Evaluating")), 1, ("test.eval_freq", 1)),
    "test.rerank": acts(True, lambda b: b.scored("rerank") is not None, True, TEST),
    "test.visrank": acts(True, lambda b: len(b.printed("Images have been saved")), 1, TEST),
    "test.visrank_topk": acts(12, lambda b: b.scored("topk"), 12, TEST, ("test.visrank", True)),
}


@pytest.fixture
def built(registered, market, tmp_path, capsys, monkeypatch):
    """Builds from the config with these keys and values."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    registered.data.register_image_dataset("own", Own)
    files = {"other": tmp_path / "other", "elsewhere": tmp_path / "elsewhere"}
    files |= dict.fromkeys(("weights", "resume"), tmp_path / "model" / "last.pth.tar")

    def build(*given):
        cfg = config(market, train={"steps_per_epoch": 2, "warmup_epochs": 0})
        fixed = [("data.save_dir", str(tmp_path / "log")), ("train.optim", "adam"), ("train.lr", 0.1)]
        for key, value in (*fixed, *given):
            if value == "other":
                shutil.copytree(market, files[value])
            if value in ("weights", "resume"):
                engine = build_engine(registered, cfg)
                torch.nn.init.constant_(engine.model.norm.weight, 7.0)
                engine.checkpoints.save_last(1, 0, tmp_path)
            *groups, name = key.split(".")
            node = functools.reduce(operator.getitem, groups, cfg)
            node[name] = str(files[value]) if isinstance(value, str) and value in files else value
        return Built(registered, cfg, capsys, monkeypatch)

    yield build
    del image_datasets()["own"]


def test_every_key_is_spoken_of():
    assert set(KEYS) == {*DEFAULTS, "use_gpu"}


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.observe])
def test_keys_that_act(built, name):
    key = KEYS[name]
    assert key.observe(built(*key.given, (name, key.value))) == pytest.approx(key.effect)
    assert key.observe(built(*key.given)) != key.effect


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.refused])
def test_keys_that_are_refused(built, name):
    key = KEYS[name]
    build = host_main.build_data_manager
    with pytest.raises(ConfigError, match=f"^{re.escape(name)}.*{key.refused}"):
        build(built(*key.given, (name, key.value)).cfg)
    build(built(("model.pretrained", False)).cfg)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("data.split_id", 1, r"which none of the datasets takes \(market1501\)\. Leave it at 0"),
        ("cuhk03.labeled_images", True, "none of the datasets takes"),
        ("data.height", 0, "at least 1"),
        ("data.workers", -1, "at least 0"),
        ("train.stepsize", [], "each at least 1"),
        ("train.batch_size", 0, "at least 1"),
        ("train.print_freq", 0, "at least 1"),
        ("test.ranks", [0], "each at least 1"),
        ("test.ranks", [], "each at least 1"),
        ("test.dist_metric", "euclid", "'euclidean' or 'cosine'"),
        ("data.norm_std", [0.0, 1.0, 1.0], "three numbers above 0"),
        ("data.norm_mean", [0.5], "three numbers"),
        ("test.rerank", True, "to a test without training: set test.evaluate to True"),
        ("test.visrank", True, "to a test without training: set test.evaluate to True"),
        ("sampler.train_sampler", "RandomDomainSampler", "Did you mean 'RandomSampler'"),
        ("data.transforms", ["random_flop"], "Did you mean 'random_flip'"),
        ("data.sources", ["market1502"], "there is no 'market1502'. Did you mean 'market1501'"),
        ("data.targets", ["market1501", "train.max_epoch"], "KEY VALUE pairs stand behind a flag of one value"),
        ("model.name", "aio_tinny", "there is no 'aio_tinny'. Did you mean 'aio_tiny'"),
        ("data.root", "/no/such/folder", "torchreid cannot read its dataset 'market1501' below"),
    ],
)
def test_values_that_no_run_can_have_are_refused_before_it(built, monkeypatch, key, value, says):
    dataset = sys.modules[engine_module.torchreid.data.ImageDataset.__module__]
    monkeypatch.setattr(dataset, "download_url", _unreachable)
    with pytest.raises(AIOError, match=says) as error:
        host_main.build_data_manager(built((key, value)).cfg)
    assert key in str(error.value)


def _unreachable(*_):
    raise urllib.error.HTTPError("http://x", 404, "Not Found", {}, None)


@pytest.mark.parametrize("argument", ["margin", "weight_t", "weight_x"])
def test_the_triplet_engine_is_refused_from_python_too(built, argument):
    engine = built().engine
    parts = engine.datamanager, engine.model, engine.optimizer
    with pytest.raises(ConfigError, match=TRIPLET):
        engine_module.torchreid.engine.ImageTripletEngine(*parts, **{argument: 0.5})


def test_arguments_of_python_are_refused_as_the_keys_are(built):
    engine, data = built().engine, engine_module.torchreid.data
    with pytest.raises(ConfigError, match=r"sampler\.num_cams is 3"):
        data.ImageDataManager(**{**arguments(built().cfg, "image_data"), "num_cams": 3})
    with pytest.raises(ConfigError, match=r"data\.type is 'video'"):
        data.VideoDataManager(**arguments(built().cfg, "video_data"))
    with pytest.raises(ConfigError, match=r"data\.type is 'video'"):
        engine_module.torchreid.engine.VideoSoftmaxEngine(engine.datamanager, engine.model, engine.optimizer)
    with pytest.raises(ConfigError, match=r"cuhk03\.use_metric_cuhk03"):
        engine.run(max_epoch=1, use_metric_cuhk03=True)
    with pytest.raises(ConfigError, match=r"test\.rerank applies to a test without training"):
        engine.run(max_epoch=1, rerank=True)
    with pytest.raises(ConfigError, match=r"model\.pretrained False .*aio\.encoder\.weights"):
        engine_module.torchreid.models.build_model(
            "aio_tiny", built(("aio.encoder.weights", "")).manager.num_train_pids, pretrained=False
        )


def test_what_an_optimiser_refuses_is_a_config_error(built):
    for given, says in (
        ([("adam.beta1", 2.0)], "train.optim 'adam' refuses a setting: Invalid beta"),
        ([SGD, ("sgd.nesterov", True), ("sgd.momentum", 0.0)], "train.optim 'sgd' refuses a setting: Nesterov"),
    ):
        with pytest.raises(ConfigError, match=says):
            _ = built(*given).engine


@pytest.mark.parametrize(("given", "share"), [((), 0.5), ((("aio.train.random_grey", 0.3),), 0.3)])
def test_the_share_of_grey_training_images_is_a_key(built, given, share):
    manager = built(("data.transforms", ["random_flip", "random_grey"]), *given).manager
    assert [step.p for step in manager.transform_tr.transforms if type(step) is RandomGrayscale] == [share]


STAGES = ("aio.stages", [{"epochs": 30, "sources": {"market1501": None}}])
WARMUP = ("aio.train.warmup_epochs", 5.0)


def test_stages_that_do_not_fit_matter_to_training_alone(built):
    with pytest.raises(
        ConfigError, match=r"last 30 epochs together, train\.max_epoch is 2; .* set train.max_epoch to 30"
    ):
        host_main.build_data_manager(built(STAGES).cfg)
    assert len(built(STAGES, WARMUP, TEST, ("train.max_epoch", 2)).printed("# Evaluating")) == 1


@pytest.mark.parametrize(
    ("key", "layers", "says"),
    [
        ("train.open_layers", ["tokenizer.rgb"], "the model has no 'tokenizer.rgb'. Did you mean 'tokenizers.rgb'"),
        ("train.open_layers", ["classifer"], "Did you mean 'classifier'"),
        ("train.open_layers", ["encoder"], "'encoder' has nothing to train"),
        ("train.new_layers", ["tokenizers.rbg"], "Did you mean 'tokenizers.rgb'"),
    ],
)
def test_unknown_layers_are_told_the_nearest(built, key, layers, says):
    with pytest.raises(ConfigError, match=f"^{re.escape(key)}: .*{re.escape(says)}"):
        built((key, layers), ("train.fixbase_epoch", 1), STAGED).printed("")
