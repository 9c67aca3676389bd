"""AIO's engine: torchreid's training and testing loop over batches of persons."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ..encoders.frozen import FrozenEncoder
from ..errors import ConfigError, HostError
from ..evaluation.attributes import MaskedWords
from ..evaluation.features import retrieval_features
from ..evaluation.score import score
from ..metrics.distance import Metric
from ..modality import Batch
from ..training import distributed
from ..training.checkpoint import has_progress, restore_scaler, steps_done
from ..training.loader import worker_death_explained
from ..training.optimisation import WarmupCosine, autocast, autocast_dtype, open_only
from ..training.stages import starts_from_rgb
from ..training.step import Step, StepOptions
from .checkpoint_record import checkpoint_record, image_settings, weights_entry
from .checkpoint_writer import CheckpointWriter
from .default_config import ARGUMENTS
from .record import RunResults
from .run_config import RunConfig, config_of, session, unwrap
from .run_folder import run_folder
from .settings import check_settings
from .testing import features_of, masked_words, print_result, reranking
from .torchreid_import import import_torchreid
from .weights import check_use

torchreid = import_torchreid()
AverageMeter = torchreid.utils.AverageMeter

UNBOUND = (
    "=> Feature binding (aio.loss.fb, Eq. 6) on fresh tokenizers, as in the paper: on the toy world it did not bind "
    "the modalities to RGB, while InfoNCE (aio.loss.infonce) did; nobody has measured it on real data. Watch cos_rgb "
    "and margin in the log: the mean cosine of different persons near 1, or near 0 the margin by which a person's "
    "modalities are more alike, means that nothing is bound. configs/aio/aio_vit_b16_recommended.yaml has what worked "
    "better."
)
"""Printed before such a training, which takes days."""

TOP_KEPT = 10
"""Gallery items kept of every ranking, for `aio-reid explain`."""


class AIOEngine(torchreid.engine.Engine):  # type: ignore[name-defined]
    """See :class:`torchreid.engine.Engine`.

    Args:
        label_smooth: smooth the labels of every identity loss by 0.1.

    Raises:
        HostError: the data manager is torchreid's, or torchrun's processes are not connected.
        ConfigError: the model was built with another config than the data manager, or a setting is wrong.
    """

    def __init__(
        self,
        datamanager: Any,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: Any = None,
        use_gpu: bool = True,
        label_smooth: bool = True,
    ) -> None:
        if not hasattr(datamanager, "loader_at"):
            raise HostError(
                f"An AIO model needs AIO's data manager, and this one is torchreid's: {_why_stock(datamanager)}"
            )
        self.config: RunConfig = datamanager.config
        _check_config(model, self.config)
        distributed.require_group()
        super().__init__(datamanager, use_gpu)
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.register_model("model", model, optimizer, scheduler)
        self.options = self.config.options()
        self.precision = autocast_dtype(self.options.train.precision, self.use_gpu)
        if isinstance(self.bare_model.encoder, FrozenEncoder):
            self.bare_model.encoder.hold(self.precision)
        self.scaler = torch.amp.GradScaler(enabled=self.precision is torch.float16 and self.use_gpu)
        self.step = Step(self.bare_model, model, optimizer, self.scaler, self._step_options(label_smooth))
        record = checkpoint_record(self.bare_model, datamanager)
        self.checkpoints = CheckpointWriter(model, optimizer, scheduler, self.scaler, record)
        self.results = RunResults(datamanager, self.bare_model.encoder, weights_entry(self.bare_model))
        self.save_dir = "log"
        if not distributed.is_main():  # replaces TensorBoard's writer
            self.writer = SimpleNamespace(add_scalar=lambda *_: None, close=lambda: None)

    def _step_options(self, label_smooth: bool) -> StepOptions:
        weights, train = self.bare_model.loss_weights(self.options), self.options.train
        if not weights.active:
            raise ConfigError("aio.loss: every weight is 0, there is nothing to train on; set one above 0.")
        if train.accumulate > 1 and len(getattr(self.model, "device_ids", ())) > 1:
            raise ConfigError(
                "aio.train.accumulate needs one process for each GPU. Start them by `torchrun --nproc_per_node N -m "
                "aio_plugin ...`, or set CUDA_VISIBLE_DEVICES to one GPU."
            )
        smoothing, seed = 0.1 if label_smooth else 0.0, self.config.setting("train.seed", 1)
        counts = self.datamanager.copies, train.accumulate
        return StepOptions(weights, smoothing, seed, self.precision, *counts, train.clip_norm, train.batch_norm)

    @property
    def bare_model(self) -> Any:
        """The model without DataParallel around it."""
        return unwrap(self.model)

    def run(self, save_dir: str = "log", max_epoch: int = 0, start_epoch: int = 0, **options: Any) -> None:
        """See :meth:`torchreid.engine.Engine.run`; tests before training if configured, and writes the results."""
        test_only = bool(options.get("test_only"))
        self._check_run({"max_epoch": max_epoch, "start_epoch": start_epoch, "test_only": test_only, **options})
        check_use(self.model, image_settings(self.datamanager), test_only)
        resumes = not test_only and self._continues(save_dir, start_epoch)
        with worker_death_explained(), run_folder(save_dir, test_only, resumes) as folder:
            self._run(folder, max_epoch, start_epoch, **options)

    def _check_run(self, options: Mapping[str, Any]) -> None:
        """Raise ConfigError for an option of a run that does not apply, or if there is nothing to train or test on."""
        check_settings({key: options[name] for name, key in ARGUMENTS["run"].items() if name in options})
        if not self.test_loader:
            raise ConfigError("data.targets is empty, there is nothing to test on; name a target.")
        if not (options["test_only"] or self.datamanager.stages):
            raise ConfigError("sampler.train_sampler SequentialSampler is for statistics; train with RandomSampler.")

    def _continues(self, save_dir: str, start_epoch: int) -> bool:
        """Whether this run resumes the one whose files are in ``save_dir``."""
        resumed = self.config.setting("model.resume", "")
        if resumed:
            return Path(save_dir).resolve() in Path(resumed).resolve().parents
        return bool(start_epoch or has_progress(self.optimizer) or distributed.restart_count())

    def _run(self, folder: Path, max_epoch: int, start_epoch: int, **options: Any) -> None:
        save_dir, started = str(folder), start_epoch
        self.save_dir = save_dir
        if not options.get("test_only"):
            resumed = bool(self.config.setting("model.resume", ""))
            start_epoch = self.checkpoints.first_epoch(folder, start_epoch, resumed)
        restore_scaler(self.optimizer, self.scaler)
        if self.options.test.pixels and distributed.is_main():
            self.results.pixels(options.get("ranks", [1, 5, 10, 20]))
        if self.options.test.before and started == start_epoch == 0 and not options.get("test_only"):
            names = ("dist_metric", "normalize_feature", "use_metric_cuhk03", "ranks")
            print("=> Test before training")
            self.results.column = "before"
            self.test(save_dir=save_dir, **{name: options[name] for name in names if name in options})
        if start_epoch == 0 and not options.get("test_only") and distributed.is_main() and self._may_not_bind():
            print(UNBOUND)
        self.results.column = "after"
        self.epoch = max(start_epoch - 1, 0)  # names the last checkpoint if no epoch is left to train
        super().run(save_dir=save_dir, max_epoch=max_epoch, start_epoch=start_epoch, **options)
        if distributed.is_main():
            self.results.write(folder, self.options.test.report)

    def _may_not_bind(self) -> bool:
        """Whether Eq. 6 alone has to bind modalities whose tokenizers start fresh."""
        weights, fresh = self.step.options.weights.weights, self.options.tokenizer.start == "fresh"
        alone = bool(weights.get("fb")) and not weights.get("infonce")
        return alone and fresh and not self.options.train.fine_tune

    def train(self, print_freq: int = 10, fixbase_epoch: int = 0, open_layers: Sequence[str] | None = None) -> None:
        """One epoch, or the rest of one that a checkpoint resumes."""
        losses, batch_time, data_time = torchreid.utils.MetricMeter(), AverageMeter(), AverageMeter()
        self.set_model_mode("train")
        self.two_stepped_transfer_learning(self.epoch, fixbase_epoch, open_layers)
        first = steps_done(self.optimizer, self.epoch)
        for modality in () if first else starts_from_rgb(self.datamanager.stages, self.epoch):
            self.bare_model.start_from_rgb(modality)
        self.train_loader = self.datamanager.loader_at(self.epoch, first)
        self.num_batches = first + len(self.train_loader)
        end = time.time()
        for self.batch_idx, data in enumerate(self.train_loader, first):  # noqa: B020 -- as torchreid
            data_time.update(time.time() - end)
            summary = self.forward_backward(data)
            batch_time.update(time.time() - end)
            losses.update(summary)
            self._show_progress(print_freq, losses, batch_time, data_time)
            self._after_step()
            end = time.time()
        if not isinstance(self.scheduler, WarmupCosine):
            self.update_lr()
        self.results.training = {"epoch": self.epoch + 1, **{name: meter.avg for name, meter in losses.meters.items()}}
        self.checkpoints.save_last(self.epoch + 1, 0, Path(self.save_dir))

    def two_stepped_transfer_learning(
        self, epoch: int, fixbase_epoch: int, open_layers: str | Sequence[str] | None, model: nn.Module | None = None
    ) -> None:
        """Open all layers for training, or ``open_layers`` alone in the first ``fixbase_epoch`` epochs."""
        if epoch >= fixbase_epoch or open_layers is None:
            super().two_stepped_transfer_learning(epoch, fixbase_epoch, open_layers, model)
            return
        names = [open_layers] if isinstance(open_layers, str) else list(open_layers)
        print(f"* Only train {names} (epoch: {epoch + 1}/{fixbase_epoch})")
        open_only(self.bare_model, names)

    def _show_progress(self, print_freq: int, losses: Any, batch_time: Any, data_time: Any) -> None:
        done = self.batch_idx + 1
        if done % print_freq == 0:
            left = self.num_batches - done + (self.max_epoch - (self.epoch + 1)) * self.num_batches
            eta = datetime.timedelta(seconds=int(batch_time.avg * left))
            print(
                f"epoch: [{self.epoch + 1}/{self.max_epoch}][{done}/{self.num_batches}]\t"
                f"time {batch_time.val:.3f} ({batch_time.avg:.3f})\t"
                f"data {data_time.val:.3f} ({data_time.avg:.3f})\t"
                f"eta {eta}\t{losses}\tlr {self.get_current_lr():.6f}"
            )
        if self.writer is not None:
            averages = {name: meter.avg for name, meter in losses.meters.items()}
            averages |= {"time": batch_time.avg, "data": data_time.avg, "lr": self.get_current_lr()}
            for name, value in averages.items():
                self.writer.add_scalar(f"Train/{name}", value, self.epoch * self.num_batches + self.batch_idx)

    def _after_step(self) -> None:
        done = self.batch_idx + 1
        if isinstance(self.scheduler, WarmupCosine):
            self.scheduler.step(self.epoch + done / self.num_batches)
        every = self.options.train.checkpoint_every
        if every and done % every == 0 and done < self.num_batches:
            self.checkpoints.save_last(self.epoch, done, Path(self.save_dir))

    def forward_backward(self, data: Batch) -> dict[str, float]:
        """One optimisation step on a batch; returns every loss term and the state of the heads."""
        decoder, done = getattr(self.bare_model, "attributes", None), self.epoch + self.batch_idx / self.num_batches
        if decoder is not None:
            decoder.warm_up(done, self.options.attributes.warmup_epochs)
        return self.step(data.cuda() if self.use_gpu else data, self.epoch, self.batch_idx)

    def extract_features(self, input: Batch) -> Tensor:
        """Retrieval features (B, D) of a batch, float32 and of unit length."""
        batch = input.cuda() if self.use_gpu else input
        model = self.model if distributed.world_size() == 1 else self.bare_model
        return retrieval_features(model, batch, self.precision)

    def _evaluate(
        self,
        dataset_name: str = "",
        query_loader: Any = None,
        gallery_loader: Any = None,
        dist_metric: Metric = "euclidean",
        normalize_feature: bool = False,
        visrank: bool = False,
        visrank_topk: int = 10,
        save_dir: str = "",
        use_metric_cuhk03: bool = False,
        ranks: Sequence[int] = (1, 5, 10, 20),
        rerank: bool = False,
    ) -> tuple[float, float]:
        check_settings({"cuhk03.use_metric_cuhk03": use_metric_cuhk03, "test.dist_metric": dist_metric})
        started, timer = time.time(), AverageMeter()
        query = features_of(query_loader, "query", self.extract_features, timer)
        gallery = features_of(gallery_loader, "gallery", self.extract_features, timer)
        words = self._masked_words(dataset_name)
        if query is None or gallery is None:
            return distributed.broadcast(None)  # type: ignore[no-any-return]
        print(f"Speed: {timer.avg:.4f} sec/batch")
        reranker = reranking(torchreid.engine.engine, dist_metric) if rerank else None
        if normalize_feature:
            print("Normalzing features with L2 norm ...")  # features are of unit length already
        print(f"Computing distance matrix with metric={dist_metric} ...")
        print("Computing CMC and mAP ...")
        target, pictures = self.datamanager.test_targets[dataset_name], visrank_topk if visrank else 0
        result = score(
            query,
            gallery,
            target.query,
            target.gallery,
            target.protocol,
            metric=dist_metric,
            ranks=tuple(ranks),
            rerank=reranker,
            topk=max(TOP_KEPT, pictures),
            open_set=self.options.test.open_set,
        )
        print_result(result, ranks)
        self.results.add(target, result, Path(save_dir or self.save_dir), pictures, time.time() - started, words)
        return distributed.broadcast((result.rank(1), result.mAP))  # type: ignore[no-any-return]

    def _masked_words(self, dataset_name: str) -> MaskedWords | None:
        """The attribute decoder on a target's captions, where that is asked for; collective."""
        loader = self.datamanager.caption_loaders.get(dataset_name)
        weights = weights_entry(self.bare_model) or {}
        if loader is None or self.results.column != "after":  # it starts from nothing, whatever the model starts from
            return None
        if not has_progress(self.optimizer) and "attributes" in weights.get("fresh", ()):
            print(f"aio.test.attributes: not measured, as {weights['file']} holds no attribute decoder")
            return None

        def outputs(batch: Batch) -> dict[str, Tensor]:
            with autocast("cuda" if self.use_gpu else "cpu", self.precision):
                found: dict[str, Tensor] = self.bare_model.attribute_outputs(batch.cuda() if self.use_gpu else batch)
            return found

        words = masked_words(loader, outputs)
        if words is None:
            print(f"aio.test.attributes: the captions of {dataset_name} have no word of aio.attributes.lexicon")
        return words

    def save_model(self, epoch: int, rank1: float, save_dir: str, is_best: bool = False) -> None:
        """Write torchreid's checkpoint after a test, and the best one if ``aio.train.select_target`` is set."""
        train = self.options.train
        result = self.results.results.get(train.select_target, {}).get("after")
        best = self.checkpoints.is_best(train.select_target, train.select_metric, result)
        self.checkpoints.save(epoch + 1, rank1, Path(save_dir), is_best or best)


def _why_stock(datamanager: Any) -> str:
    """Why ``datamanager`` is torchreid's, and what to do."""
    kind, latest = type(datamanager), session.latest()
    if kind.__module__ != torchreid.data.ImageDataManager.__module__:
        ours = "aio_plugin.host.data_manager.AIODataManager"
        return f"{kind.__name__} derives from torchreid's {kind.mro()[1].__name__}. Derive it from {ours}."
    if latest and not latest.asks_for_aio:
        return (
            f"the config merged last is of model {latest.model!r} and has no `aio:` node. Add that node (it may be "
            "empty: `aio: {}`) and name an AIO model, or merge or register() AIO's config again; then build the data "
            "manager anew."
        )
    return (
        "when it was built, no config asked for AIO. Call register() with a mapping (it may be empty: register({})) or "
        "merge a config with an `aio:` node, and then build the data manager anew."
    )


def _check_config(model: nn.Module, config: RunConfig) -> None:
    """Raise ConfigError if ``model`` was built with another config than the data manager's ``config``."""
    built = config_of(model)
    if (built.model, built.options()) != (config.model, config.options()):
        raise ConfigError(
            f"The model was built with another config (model.name {built.model!r}) than the data manager "
            f"({config.model!r}). Build both from one config, the model with num_classes=datamanager.num_train_pids."
        )
