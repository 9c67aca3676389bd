"""Features of a target or of a user's own list, streamed to disk; what was begun is gone on with."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm
from yacs.config import CfgNode

from ..datasets.manifest.rows import READERS, suffix_of
from ..errors import ConfigError
from ..evaluation.results import plain
from ..host.inference import config_of, digest, features_of, test_data, tested_part, trained_model
from ..modality import Batch, Item, format_combination
from ..training.loader import BatchLoader
from ..training.media import MediaReader, QueryDataset
from .features import FeatureFile, records

BLOCK = 16
"""Batches between two writes of how far it is; a kill loses no more."""

ELSEWHERE = {"data": ("root", "workers", "save_dir", "sources", "targets"), "": ("use_gpu", "train", "sampler")}
"""Config keys that features do not depend on: they may change between a run and the one that goes on with it."""

Compute = Callable[[Batch], Tensor]


def run(args: argparse.Namespace) -> None:
    """Extract the features of queries and gallery into ``--out``.

    Raises:
        ConfigError: ``--list`` and ``--query`` do not go together, or the config is wrong.
        CheckpointError: the weights are of another model, or the folder holds features of something else.
        CacheError: there is no room.
        MediaError: an image cannot be read; what is done is kept.
    """
    cfg = config_of(args)
    spec = target_of(cfg, args.list, args.query)
    model = trained_model(cfg, args.weights)
    manager, target = test_data(cfg, spec)
    facts = facts_of(cfg, model, spec, args.dtype)
    compute = features_of(cfg, manager, model)
    for part, items in (("query", target.query), ("gallery", target.gallery)):
        if not items:
            continue
        kinds = sorted({format_combination(item.media.combination) for item in items})
        about = {**facts, "rows": len(items), "modalities": kinds}
        file = FeatureFile(Path(args.out), part, records(items, manager.root), about)
        extract(file, items, manager.reader, compute, cfg)
        print(f"{Path(args.out) / part}.npy: {len(items)} x {facts['dim']} {args.dtype}, {', '.join(kinds)}")


def target_of(cfg: CfgNode, wanted: str, query: str) -> str:
    """``--list`` and ``--query`` as a target of the config; a manifest's folder becomes the data root.

    Raises:
        ConfigError: there is no such manifest, or the query is said twice.
    """
    if suffix_of(wanted) in READERS:
        file = Path(wanted).expanduser().resolve()
        if not file.is_file():
            raise ConfigError(f"There is no manifest {wanted!r}; give a .csv or .jsonl file, or a target, as --list.")
        cfg.data.root, wanted = str(file.parent), "manifest"
        cfg.aio.datasets.manifest.update(folder=".", file=file.name)
    if query and "@" in wanted:
        raise ConfigError(f"--list {wanted!r} says the query's modalities already; leave --query out.")
    return f"{wanted}@{query}" if query else wanted


def facts_of(cfg: CfgNode, model: Any, spec: str, dtype: str) -> dict[str, Any]:
    """What features are of, as far as it is the same for queries and gallery."""
    config = plain(cfg)
    for group, keys in ELSEWHERE.items():
        for key in keys:
            (config[group] if group else config).pop(key, None)
    return {
        "list": spec,
        "model": cfg.model.name,
        "weights_sha256": digest(tested_part(model)),
        "encoder": {"name": model.encoder.name, "sha256": model.encoder.sha256},
        "dim": model.feature_dim,
        "dtype": dtype,
        "device": "cuda" if cfg.use_gpu else "cpu",
        "precision": cfg.aio.train.precision,
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "config": config,
    }


def extract(
    file: FeatureFile, items: Sequence[Item], reader: MediaReader, compute: Compute, cfg: CfgNode, block: int = BLOCK
) -> None:
    """Write what is missing of ``file``, in the very batches in which testing computes it.

    Args:
        compute: batch -> features (B, D), see :func:`aio_plugin.host.inference.features_of`.
        block: batches between two writes of how far it is.
    """
    size = cfg.test.batch_size
    left = QueryDataset(items[file.done :], reader)
    device = "cuda" if cfg.use_gpu else None
    loader = BatchLoader(left, device=device, batch_size=size, num_workers=cfg.data.workers)
    at = file.done
    with tqdm(total=len(items), initial=at, unit="item", disable=None) as bar:
        for number, batch in enumerate(loader, 1):
            features = compute(batch).cpu()
            file.write(at, features)
            at += len(features)
            bar.update(len(features))
            if number % block == 0 or at == len(items):
                file.keep(at)
