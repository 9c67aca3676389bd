"""``extract``: features of a target or of the user's own list, streamed to disk; resumes a partial run."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from tqdm import tqdm
from yacs.config import CfgNode

from ..datasets.manifest.rows import READERS, suffix_of
from ..errors import CacheError, ConfigError
from ..evaluation.results import plain
from ..file_lock import file_lock
from ..host.inference import features_of, load_aio_config, test_data, trained_model
from ..modality import Batch, Item, format_combination
from ..models.weights import state_digest, tested_part
from ..training.loader import BatchLoader
from ..training.media import MediaReader, QueryDataset
from .feature_file import FeatureFile, files_digest, item_lines

COMMIT_INTERVAL = 16
"""Batches between two commits; a kill loses no more."""

IRRELEVANT = {"data": ("root", "workers", "save_dir", "sources", "targets"), "": ("use_gpu", "train", "sampler")}
"""Config keys that do not change features; a run may be resumed with other values of these."""

Compute = Callable[[Batch], Tensor]


def run_extract(args: argparse.Namespace) -> None:
    """Extract the features of queries and gallery into ``--out``.

    Raises:
        ConfigError: ``--list`` and ``--query`` contradict each other, or the config is wrong.
        CheckpointError: the weights are of another model, or the folder has other features.
        CacheError: there is not enough disk space.
        MediaError: an image cannot be read; what is computed is kept.
    """
    cfg = load_aio_config(args)
    spec = target_of(cfg, args.list, args.query)
    model = trained_model(cfg, args.weights)
    manager, target = test_data(cfg, spec)
    description = describe_features(cfg, model, spec, args.dtype)
    compute = features_of(cfg, model)
    parts = {"query": target.query, "gallery": target.gallery}
    with _locked(Path(args.out)):
        for part, items in ((part, items) for part, items in parts.items() if items):
            combinations = sorted({format_combination(item.media.combination) for item in items})
            of_part = {**description, "rows": len(items), "modalities": combinations}
            of_part["files_sha256"] = files_digest(items, manager.root)
            file = FeatureFile(Path(args.out), part, item_lines(items, manager.root), of_part)
            extract_features(file, items, manager.reader, compute, cfg)
            shape = f"{len(items)} x {description['dim']}"
            print(f"{Path(args.out) / part}.npy: {shape} {args.dtype}, {', '.join(combinations)}")


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep other processes out of the folder; CacheError if it cannot be written."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(out / ".lock", "give another --out"))
        except OSError as error:
            raise CacheError(f"{out}: features cannot be written there ({error}); give another --out.") from error
        yield


def target_of(cfg: CfgNode, listed: str, query: str) -> str:
    """``--list`` and ``--query`` as a target of the config; a manifest's folder becomes the data root.

    Raises:
        ConfigError: there is no such manifest, or both options name query modalities.
    """
    if suffix_of(listed) in READERS:
        file = Path(listed).expanduser().resolve()
        if not os.path.isfile(file):
            raise ConfigError(f"There is no manifest {listed!r}; give a .csv or .jsonl file, or a target, as --list.")
        cfg.data.root, listed = str(file.parent), "manifest"
        cfg.aio.datasets.manifest.update(folder=".", file=file.name)
    if query and "@" in listed:
        raise ConfigError(f"--list {listed!r} names the query's modalities already; leave --query out.")
    return f"{listed}@{query}" if query else listed


def describe_features(cfg: CfgNode, model: nn.Module, spec: str, dtype: str) -> dict[str, Any]:
    """What features depend on, as far as it is the same for queries and gallery."""
    config = plain(cfg)
    for group, keys in IRRELEVANT.items():
        for key in keys:
            (config[group] if group else config).pop(key, None)
    encoder: Any = model.encoder
    return {
        "list": spec,
        "model": cfg.model.name,
        "weights_sha256": state_digest(tested_part(model)),
        "encoder": {"name": encoder.name, "sha256": encoder.sha256},
        "dim": model.feature_dim,
        "dtype": dtype,
        "device": "cuda" if cfg.use_gpu else "cpu",
        "precision": cfg.aio.train.precision,
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "config": config,
    }


def extract_features(
    file: FeatureFile, items: Sequence[Item], reader: MediaReader, compute: Compute, cfg: CfgNode
) -> None:
    """Compute the rows that ``file`` lacks, in the same batches as testing.

    Args:
        compute: batch -> features (B, D), see :func:`aio_plugin.host.inference.features_of`.
    """
    loader = BatchLoader(
        QueryDataset(items[file.done :], reader),
        device="cuda" if cfg.use_gpu else None,
        batch_size=cfg.test.batch_size,
        num_workers=cfg.data.workers,
    )
    start = file.done
    with tqdm(total=len(items), initial=start, unit="item", disable=None) as bar:
        for number, batch in enumerate(loader, 1):
            features = compute(batch).cpu()
            file.write(start, features)
            start += len(features)
            bar.update(len(features))
            if number % COMMIT_INTERVAL == 0 or start == len(items):
                file.commit(start)
