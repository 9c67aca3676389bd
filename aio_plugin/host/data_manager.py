"""AIO's data manager: torchreid's ImageDataManager over persons, stages and protocols."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from ..datasets import ADAPTERS
from ..datasets.overlaps import LeakWarning
from ..errors import CheckpointError, ConfigError, printable
from ..evaluation.attributes import captioned_photos
from ..modality import Item, Modality, format_combination
from ..models.specs import DMF_NAMES, readable
from ..synthesis.sketch import Sketcher
from ..training import distributed
from ..training.loader import BatchLoader
from ..training.media import MediaReader, QueryDataset
from ..training.person_dataset import PersonDataset, Source
from ..training.sampler import PersonSampler, batches_of, check_division
from ..training.stages import Stage, parse_stages, stage_at
from ..training.transforms import OWN_TRANSFORMS, STOCK_TRANSFORMS
from .checkpoint_record import describe_sources
from .default_config import ARGUMENTS
from .patches.base import bind_arguments
from .run_config import RunConfig, TrainingIdentities, session
from .settings import DATASET_ARGUMENTS, check_dataset_arguments, check_name, check_names, check_settings
from .targets import Target, all_targets, items_of, read_target, split_target
from .torchreid_import import image_datasets, import_torchreid, unreadable_explained
from .training_reader import describe, training_reader

COPIES = {"RandomSampler": False, "RandomIdentitySampler": True}
"""torchreid's samplers that apply to AIO models: whether there are ``sampler.num_instances`` of a person, or one."""

IN_ORDER = "SequentialSampler"
"""Gives every image once, as torchreid's tools ask for; for statistics, not for training."""
_DATASET_ARGUMENTS = ("combineall", *DATASET_ARGUMENTS.values())

stock = import_torchreid().data.datamanager
PARENT_ARGUMENTS = tuple(inspect.signature(stock.DataManager).parameters)


class AIODataManager(stock.ImageDataManager):  # type: ignore[name-defined]
    """See :class:`torchreid.data.ImageDataManager`; targets may be ``name@combination``.

    Args:
        config: of the run, None = the one that the arguments were taken from; ``num_train_pids`` takes it to the
            model builder.

    Attributes:
        stages: the training stages; :meth:`loader_at` gives the loader of an epoch.
        test_targets: every target by its name in ``data.targets``.
        caption_loaders: of targets with captioned photos, their words masked; with ``aio.test.attributes`` alone.

    Raises:
        ConfigError: a setting is wrong or does not apply to AIO models.
        DatasetError: a dataset is incomplete.
    """

    def __init__(self, *args: Any, config: RunConfig | None = None, **kwargs: Any) -> None:
        distributed.require_group()
        config = config or session.config_of(inspect.signature(stock.ImageDataManager).bind(*args, **kwargs).arguments)
        arguments = bind_arguments(stock.ImageDataManager, args, kwargs)
        transforms = arguments["transforms"] or ()
        names = [transforms] if isinstance(transforms, str) else list(transforms)
        for name in names:
            check_name("data.transforms", name, (*STOCK_TRANSFORMS, *OWN_TRANSFORMS))
        check_name("sampler.train_sampler", arguments["train_sampler"], (*COPIES, IN_ORDER))
        check_names(config.settings())
        given = {key: arguments[name] for name, key in ARGUMENTS["image_data"].items() if name != "use_gpu"}
        check_settings({**config.settings(), **given}, config.options().encoder.weights)
        own = [name for name in names if name in OWN_TRANSFORMS]
        arguments["transforms"] = [name for name in names if name not in own]
        stock.DataManager.__init__(self, **{name: arguments[name] for name in PARENT_ARGUMENTS})
        for place, name in enumerate(own, 1):
            print(f"+ {name}")
            made = OWN_TRANSFORMS[name](self.height, self.width, config.options().train.random_grey)
            self.transform_tr.transforms.insert(place, made)
        self.root = str(Path(arguments["root"]).expanduser().resolve())
        self._loading = {"device": "cuda" if self.use_gpu else None, "num_workers": arguments["workers"]}
        self._dataset_arguments = {name: arguments[name] for name in _DATASET_ARGUMENTS}
        self.config = config.snapshot()
        self.options = self.config.options()
        self.modalities = readable(config.model, self.options)
        synthesis = self.options.synthesis
        self.sketcher = Sketcher(synthesis.lineart, synthesis.cache or Path(self.root) / ".aio_cache")
        self.copies = arguments["num_instances"] if COPIES.get(arguments["train_sampler"]) else 1
        self.training_sources: list[Source] = []
        self.stages: tuple[Stage, ...] = ()
        if arguments["targets"] is None:
            self.targets = [name for name in self.sources if name not in ADAPTERS or self._has_queries(name)]
        named = {split_target(name)[0].partition("/")[0] for name in (*self.sources, *self.targets)}
        check_dataset_arguments(given, {name: each for name, each in image_datasets().items() if name in named})
        if arguments["train_sampler"] == IN_ORDER:
            self._load_images(arguments["batch_size_train"])
        else:
            self._load_sources(arguments["batch_size_train"])
        self._load_targets(arguments["batch_size_test"])
        self._show_summary()

    def _load_sources(self, batch_size: int) -> None:
        self._check_files()
        print("=> Loading train (source) dataset")
        options, cameras = self.options, 0
        sizes: list[int] = []
        for dsetid, name in enumerate(self.sources):
            source = Source(name, self._train_items(name), sum(sizes), cameras, dsetid, self.modalities)
            self.training_sources.append(source)
            sizes.append(source.identities)
            cameras += source.cameras
        if batch_size % self.copies:
            raise ConfigError(
                f"train.batch_size {batch_size} must be a multiple of sampler.num_instances {self.copies}."
            )
        persons = batch_size // self.copies
        check_division(persons, distributed.world_size(), options.train.accumulate)
        tests = self.config.setting("test.evaluate", False)
        epochs = None if tests else self.config.setting("train.max_epoch", None)
        self.stages = parse_stages(options.stages, self.sources, persons, epochs, self.modalities)
        for source in self.training_sources:
            shares = [share for stage in self.stages for share in stage.shares if share.source == source.name]
            source.warn_of_gaps([modality for share in shares for modality in share.synthetic])
        reader, self.coverage = training_reader(
            self.transform_tr, self.sketcher, self.training_sources, self.copies, self.config
        )
        vocabulary = reader.phrases.vocabulary if reader.phrases else None
        described = describe_sources(self.training_sources, self.root)
        self._num_train_pids = TrainingIdentities(sizes, self.config, vocabulary, described)
        self._num_train_cams = cameras
        dataset = PersonDataset(self.training_sources, reader, options.synthesis.photo == "other")
        self._loaders = [self._train_loader(dataset, stage) for stage in self.stages]
        self.train_loader: Any = self._loaders[0]
        self.train_loader_t = None

    def _check_files(self) -> None:
        """Raise CheckpointError for weights that are not there; torchreid would warn and train without them."""
        for key in ("model.load_weights", "model.resume"):
            path = self.config.setting(key, "")
            if path and not os.path.isfile(path):
                raise CheckpointError(f"There is no file {path!r}, which {key} of the config names.")

    def _load_images(self, batch_size: int) -> None:
        """Every image of the sources once, in order and not of persons, as torchreid's own data manager gives them."""
        print("=> Loading the images of the source dataset")
        sets = [self.torchreid_dataset(name, "train", transform=self.transform_tr) for name in self.sources]
        self._num_train_pids = TrainingIdentities([each.num_train_pids for each in sets], self.config)
        self._num_train_cams, self.coverage = sum(each.num_train_cams for each in sets), None
        workers = self._loading["num_workers"]
        self.train_loader = DataLoader(sum(sets), batch_size, num_workers=workers)
        self.train_loader_t = None

    def _has_queries(self, name: str) -> bool:
        return bool(ADAPTERS[name].queries_in(self.root, dict(self.options.datasets[name])))

    def _train_loader(self, dataset: PersonDataset, stage: Stage) -> BatchLoader:
        sampler = PersonSampler(
            [len(source.persons) for source in self.training_sources],
            [source.name for source in self.training_sources],
            stage,
            self.config.setting("train.seed", 1),
            self.copies,
            self.options.train.steps_per_epoch,
            distributed.rank(),
            distributed.world_size(),
        )
        return BatchLoader(dataset, batch_sampler=sampler, **self._loading)

    def loader_at(self, epoch: int, start: int = 0) -> BatchLoader:
        """The training loader of ``epoch``, without its first ``start`` batches."""
        loader = self._loaders[stage_at(self.stages, epoch)]
        assert isinstance(loader.batch_sampler, PersonSampler)
        loader.batch_sampler.at(epoch, start)
        return loader

    def _train_items(self, name: str) -> Sequence[Item]:
        if name in ADAPTERS:
            if self._dataset_arguments["combineall"]:
                raise ConfigError(f"data.combineall: {name} has no published combined split; set it to False.")
            splits = ADAPTERS[name].read(self.root, dict(self.options.datasets[name]), None)
            if not splits.train:
                raise ConfigError(f"data.sources: {name} has no training split; use it as a target.")
            return splits.train
        return items_of(self.torchreid_dataset(name, "train").train)

    def torchreid_dataset(self, name: str, mode: str, **options: Any) -> Any:
        """A dataset of torchreid's own, with the lists ``train``, ``query`` and ``gallery``."""
        check_name("data.sources and data.targets", name, image_datasets())
        with unreadable_explained(name, self.root):
            return stock.init_image_dataset(name, mode=mode, root=self.root, **self._dataset_arguments, **options)

    def _target(self, spec: str) -> Target:
        return read_target(self, spec)

    def _load_targets(self, batch_size: int) -> None:
        print("=> Loading test (target) dataset")
        self.test_targets = {spec: self._target(spec) for spec in all_targets(self.targets, self.options)}
        for leak in dict.fromkeys(leak for target in self.test_targets.values() for leak in target.leaks):
            warnings.warn(leak, LeakWarning, stacklevel=2)
        self.reader = MediaReader(self.transform_te, self.options.text.length, self.sketcher)
        self.test_loader, self.test_dataset = {}, {}
        self.caption_loaders = self._caption_loaders(batch_size) if self.options.test.attributes else {}
        for spec, target in self.test_targets.items():
            parts = {"query": target.query, "gallery": target.gallery}
            self.test_loader[spec] = {
                part: self._test_loader(items, self.reader, batch_size) for part, items in parts.items()
            }
            self.test_dataset[spec] = {
                part: [(item.media, item.pid, item.camid, 0) for item in items] for part, items in parts.items()
            }

    def _test_loader(self, items: Sequence[Item], reader: MediaReader, batch_size: int) -> BatchLoader:
        batches = batches_of(len(items), batch_size, distributed.rank(), distributed.world_size())
        return BatchLoader(QueryDataset(items, reader), batch_sampler=batches, **self._loading)

    def _caption_loaders(self, batch_size: int) -> dict[str, BatchLoader]:
        """For ``aio.test.attributes``: the targets that have captions with their photos, and the loaders of these."""
        if self.config.model in DMF_NAMES or not self.options.loss.va:
            raise ConfigError(
                "aio.test.attributes is True, but the model has no attribute decoder. Set it to False; or choose an "
                "AIO model and aio.loss.va above 0."
            )
        reader, _ = training_reader(self.transform_te, self.sketcher, (), 1, self.config)
        pairs = {spec: captioned_photos(each.query, each.gallery) for spec, each in self.test_targets.items()}
        loaders = {spec: self._test_loader(items, reader, batch_size) for spec, items in pairs.items() if items}
        if not loaders:
            warnings.warn(
                "aio.test.attributes: no target is searched by captions alone whose photos are in its gallery, so the "
                "attribute decoder is not measured. Add such a target, like cuhk_pedes.",
                stacklevel=2,
            )
        return loaders

    def _show_summary(self) -> None:
        images = sum(len(source.anchors.rows) for source in self.training_sources)
        if not self.stages:
            images = len(self.train_loader.dataset)
        print("\n\n  =============== Summary ===============")
        print(f"  source            : {self.sources}")
        print(f"  # source datasets : {len(self.sources)}")
        print(f"  # source ids      : {self.num_train_pids}")
        print(f"  # source images   : {images}")
        print(f"  # source cameras  : {self.num_train_cams}")
        if self.coverage is not None:
            print(f"  # phrases         : {describe(len(self._num_train_pids.vocabulary or ()), self.coverage)}")
        for index, stage in enumerate(self.stages, 1):
            shares = ", ".join(f"{each.quota} {each.source}{_synthetic(each.synthetic)}" for each in stage.shares)
            shares += ", every batch of one source" if stage.single_source else ""
            print(f"  stage {index}           : {stage.epochs} epochs, persons a batch: {shares}")
        print(f"  target            : {list(self.targets)}")
        for spec, target in self.test_targets.items():
            print(f"  {spec}: {target.direction}, {len(target.query)} x {len(target.gallery)}")
            for line in [f"note: {note}" for note in target.notes] + [f"leak: {leak}" for leak in target.leaks]:
                print("   ", printable(line, lines=False))
        print("  =======================================\n\n")


def _synthetic(modalities: Sequence[Modality]) -> str:
    return f" (+ synthetic {format_combination(modalities)})" if modalities else ""
