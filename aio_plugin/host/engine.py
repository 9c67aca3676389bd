"""AIO's engine: torchreid's training and testing loop over batches of bundles."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ConfigError, HostError
from ..evaluation.pictures import write_ranked_lists
from ..evaluation.results import file_name
from ..evaluation.score import score
from ..modality import Batch
from ..models.criterion import total_loss, weights_of
from ..training.checkpoint import save_atomically, set_progress, steps_done
from ..training.precision import resolve
from ..training.randomness import mix
from ..training.schedule import WarmupCosine
from .models import bare
from .printing import print_result
from .record import Record
from .session import session

LAST = "last.pth.tar"


def engine_class(base: type) -> type:
    """The class to use in place of torchreid's image engines for AIO models.

    Args:
        base: torchreid's ``Engine``.
    """
    torchreid = sys.modules["torchreid"]

    class AIOEngine(base):
        """See :class:`torchreid.engine.Engine`.

        Args:
            label_smooth: torchreid's loss.softmax.label_smooth, on every identity loss (eps 0.1).
            triplet_options: taken so that configs with loss.name 'triplet' run; AIO has no such term
                unless aio.loss.triplet asks for one.
        """

        def __init__(
            self,
            datamanager: Any,
            model: nn.Module,
            optimizer: torch.optim.Optimizer,
            scheduler: Any = None,
            use_gpu: bool = True,
            label_smooth: bool = True,
            **triplet_options: Any,
        ) -> None:
            if not hasattr(datamanager, "loader_at"):
                raise HostError(
                    "An AIO model needs AIO's data manager, which a config gets by an `aio:` node; "
                    "add one (it may be empty: `aio: {}`), or pass a mapping to register()."
                )
            super().__init__(datamanager, use_gpu)
            self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
            self.register_model("model", model, optimizer, scheduler)
            self.options = session.options()
            self.weights = weights_of(self.bare_model, self.options)
            if not self.weights.active:
                raise ConfigError("aio.loss: every term is 0, there is nothing to train on.")
            self.smoothing = 0.1 if label_smooth else 0.0
            self.seed = session.setting("train.seed", 1)
            self.precision = resolve(self.options.train.precision, self.use_gpu)
            self.scaler = torch.amp.GradScaler(enabled=self.precision is torch.float16 and self.use_gpu)
            self.record = Record()
            self.save_dir = "log"

        @property
        def bare_model(self) -> Any:
            """The model without DataParallel around it."""
            return bare(self.model)

        def run(self, save_dir: str = "log", max_epoch: int = 0, start_epoch: int = 0, **options: Any) -> None:
            """See :meth:`torchreid.engine.Engine.run`; also tests beforehand where asked, and leaves results."""
            self.save_dir = save_dir
            testing = ("dist_metric", "normalize_feature", "use_metric_cuhk03", "ranks")
            kept = {key: options[key] for key in testing if key in options}
            if self.options.test.pixels:
                self.record.pixels(self.datamanager, kept.get("ranks", [1, 5, 10, 20]))
            if self.options.test.before and start_epoch == 0 and not options.get("test_only"):
                print("=> Test before training")
                self.record.column = "before"
                self.test(save_dir=save_dir, **kept)
            self.record.column = "after"
            super().run(save_dir=save_dir, max_epoch=max_epoch, start_epoch=start_epoch, **options)
            self.record.write(Path(save_dir), self.datamanager, self.bare_model.encoder, self.options.test.report)

        def train(self, print_freq: int = 10, fixbase_epoch: int = 0, open_layers: Any = None) -> None:
            """One epoch, or what a resumed checkpoint left of it."""
            tools = sys.modules[base.__module__]
            losses, batch_time, data_time = tools.MetricMeter(), tools.AverageMeter(), tools.AverageMeter()
            self.set_model_mode("train")
            self.two_stepped_transfer_learning(self.epoch, fixbase_epoch, open_layers)
            first = steps_done(self.optimizer, self.epoch)
            self.train_loader = self.datamanager.loader_at(self.epoch, first)
            self.num_batches = first + len(self.train_loader)
            end = time.time()
            for index, data in enumerate(self.train_loader, first):
                self.batch_idx = index
                data_time.update(time.time() - end)
                summary = self.forward_backward(data)
                batch_time.update(time.time() - end)
                losses.update(summary)
                if (self.batch_idx + 1) % print_freq == 0:
                    self._print_progress(losses, batch_time, data_time)
                self._write_scalars(losses, batch_time, data_time)
                self._after_step()
                end = time.time()
            if not isinstance(self.scheduler, WarmupCosine):
                self.update_lr()
            set_progress(self.optimizer, self.epoch + 1, 0)
            self._save_last(self.epoch + 1)

        def _print_progress(self, losses: Any, batch_time: Any, data_time: Any) -> None:
            left = self.num_batches - (self.batch_idx + 1) + (self.max_epoch - (self.epoch + 1)) * self.num_batches
            eta = datetime.timedelta(seconds=int(batch_time.avg * left))
            print(
                f"epoch: [{self.epoch + 1}/{self.max_epoch}][{self.batch_idx + 1}/{self.num_batches}]\t"
                f"time {batch_time.val:.3f} ({batch_time.avg:.3f})\t"
                f"data {data_time.val:.3f} ({data_time.avg:.3f})\t"
                f"eta {eta}\t{losses}\tlr {self.get_current_lr():.6f}"
            )

        def _write_scalars(self, losses: Any, batch_time: Any, data_time: Any) -> None:
            if self.writer is None:
                return
            step = self.epoch * self.num_batches + self.batch_idx
            scalars = {name: meter.avg for name, meter in losses.meters.items()}
            scalars.update(time=batch_time.avg, data=data_time.avg, lr=self.get_current_lr())
            for name, value in scalars.items():
                self.writer.add_scalar(f"Train/{name}", value, step)

        def _after_step(self) -> None:
            done = self.batch_idx + 1
            if isinstance(self.scheduler, WarmupCosine):
                self.scheduler.step(self.epoch + done / self.num_batches)
            every = self.options.train.checkpoint_every
            if every and done % every == 0 and done < self.num_batches:
                set_progress(self.optimizer, self.epoch, done)
                self._save_last(self.epoch)

        def forward_backward(self, data: Batch) -> dict[str, float]:
            """One optimisation step on a batch of bundles; returns every loss term."""
            torch.manual_seed(mix(self.seed, self.epoch, self.batch_idx))  # the draws of the model
            batch = data.cuda() if self.use_gpu else data
            with self._autocast():
                outputs = self.model(batch)
            loss, summary = total_loss(outputs, self.weights, self.smoothing)
            if not torch.isfinite(loss):
                raise HostError(
                    f"The loss is {summary} at epoch {self.epoch + 1}, step {self.batch_idx + 1}; lower train.lr, or "
                    f"set aio.train.precision to fp32. Files of the batch: {list(map(str, data['impath']))[:4]} ..."
                )
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            return summary

        def _autocast(self) -> Any:
            device = "cuda" if self.use_gpu else "cpu"
            return torch.autocast(device, self.precision, enabled=self.precision is not torch.float32)

        def extract_features(self, input: Batch) -> Tensor:
            """Retrieval features (B, D) of a batch, float32 and of unit length."""
            with self._autocast():
                features: Tensor = self.model(input)
            return features.float()

        @torch.no_grad()
        def _features(self, loader: Any, part: str, timer: Any) -> Tensor:
            print(f"Extracting features from {part} set ...")
            found = []
            for data in loader:
                batch = data.cuda() if self.use_gpu else data
                end = time.time()
                found.append(self.extract_features(batch).cpu())
                timer.update(time.time() - end)
            features = torch.cat(found)
            print(f"Done, obtained {features.size(0)}-by-{features.size(1)} matrix")
            return features

        def _evaluate(
            self,
            dataset_name: str = "",
            query_loader: Any = None,
            gallery_loader: Any = None,
            dist_metric: Any = "euclidean",
            normalize_feature: bool = False,
            visrank: bool = False,
            visrank_topk: int = 10,
            save_dir: str = "",
            use_metric_cuhk03: bool = False,
            ranks: Any = (1, 5, 10, 20),
            rerank: bool = False,
        ) -> tuple[float, float]:
            if use_metric_cuhk03:
                raise ConfigError(
                    "cuhk03.use_metric_cuhk03 samples galleries its own way; set it to False for AIO models."
                )
            started = time.time()
            tools = sys.modules[base.__module__]
            target = self.datamanager.test_targets[dataset_name]
            timer = tools.AverageMeter()
            query = self._features(query_loader, "query", timer)
            gallery = self._features(gallery_loader, "gallery", timer)
            print(f"Speed: {timer.avg:.4f} sec/batch")
            if normalize_feature:
                print("Normalzing features with L2 norm ...")  # features are of unit length already
            print(f"Computing distance matrix with metric={dist_metric} ...")
            reranking = self._rerank(dist_metric) if rerank else None
            print("Computing CMC and mAP ...")
            result = score(
                query,
                gallery,
                target.query,
                target.gallery,
                target.protocol,
                metric=dist_metric,
                ranks=tuple(ranks),
                rerank=reranking,
            )
            print_result(result, ranks)
            self.record.add(target, result)
            folder = Path(save_dir or self.save_dir)
            seconds = time.time() - started
            self.record.save(folder, target, self.datamanager, self.bare_model.encoder, seconds)
            if self.options.test.report and self.record.column == "after":
                self.record.draw(target, query, gallery, self.datamanager, dist_metric, reranking)
            if visrank:
                pictures = write_ranked_lists(
                    query,
                    gallery,
                    target,
                    folder / f"visrank_{file_name(dataset_name)}",
                    visrank_topk,
                    self.datamanager.reader.picture,
                    (self.datamanager.height, self.datamanager.width),
                    metric=dist_metric,
                    rerank=reranking,
                )
                print(f'Done. Images have been saved to "{pictures}" ...')
            return result.rank(1), result.mAP

        def _rerank(self, dist_metric: str) -> Any:
            print("Applying person re-ranking ...")
            tools = sys.modules[base.__module__]

            def rerank(query: Tensor, gallery: Tensor) -> np.ndarray[Any, Any]:
                pairs = ((query, gallery), (query, query), (gallery, gallery))
                distances = [torchreid.metrics.compute_distance_matrix(a, b, dist_metric).numpy() for a, b in pairs]
                matrix: np.ndarray[Any, Any] = tools.re_ranking(*distances)
                return matrix

            return rerank

        def save_model(self, epoch: int, rank1: float, save_dir: str, is_best: bool = False) -> None:
            """torchreid's checkpoint, without numpy scalars (torch >= 2.6 refuses them), written atomically."""
            path = Path(save_dir) / "model" / f"model.pth.tar-{epoch + 1}"
            state = self._state(epoch + 1, rank1)
            save_atomically(state, path)
            print(f'Checkpoint saved to "{path}"')
            if is_best:
                save_atomically(state, path.with_name("model-best.pth.tar"))

        def _save_last(self, epoch: int) -> None:
            save_atomically(self._state(epoch, 0.0), Path(self.save_dir) / "model" / LAST)

        def _state(self, epoch: int, rank1: float) -> dict[str, Any]:
            state = {
                "state_dict": self.model.state_dict(),
                "epoch": epoch,
                "rank1": float(rank1),
                "optimizer": self.optimizer.state_dict(),
            }
            if self.scheduler is not None:
                state["scheduler"] = self.scheduler.state_dict()
            return state

    return AIOEngine
