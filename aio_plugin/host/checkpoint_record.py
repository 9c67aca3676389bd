"""What a checkpoint records beside its tensors: the settings of its features, and the run that it is of.

A run goes on from a checkpoint if its config and its data are those that the checkpoint records.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.items_digest import items_digest
from ..datasets.toy_facts import read_toy_facts
from ..evaluation.environment import code, git_commit
from ..evaluation.results import plain
from ..models.feature_settings import SCHEMA, data_settings
from ..outside_files import file_sha256
from .default_config import flattened

if TYPE_CHECKING:
    from ..training.person_dataset import Source
    from .data_manager import AIODataManager
    from .run_config import RunConfig

FREE = (
    *("use_gpu", "data.root", "data.save_dir", "data.targets", "data.workers", "model.load_weights", "model.resume"),
    *("model.pretrained", "train.print_freq", "train.start_epoch", "aio.train.checkpoint_every", "aio.train.select_"),
    *("aio.train.fine_tune", "aio.train.compile", "aio.train.checkpoint_activations", "aio.classifier.shard", "video."),
    *("test.", "aio.test.", "aio.synthesis.cache", "aio.datasets.", "aio.encoder.weights", "aio.dmf.start"),
)
"""Keys, or beginnings of keys, that a resumed run may change: they do not change what is trained. What options of
datasets do is seen in the items."""

FILES = ("aio.synthesis.lineart", "aio.attributes.lexicon", "aio.dmf.text_weights")
"""Keys that name files, which are compared by content. The encoder's is among the features."""

LENGTH = ("train.max_epoch", "aio.stages")
PLANNED = ("cosine", "cosine_warmup")
"""Values of train.lr_scheduler whose rates depend on train.max_epoch."""


def checkpoint_record(model: Any, manager: AIODataManager) -> dict[str, Any]:
    """The value of the key ``aio`` of a checkpoint of ``model``, in plain types that torch loads as weights only.

    Its ``features`` are what :mod:`aio_plugin.models.feature_settings` compares; ``run`` has the whole ``config``, a
    sha256 of ``files`` that it names, the ``sources`` in their order, the ``code``, and the ``weights`` that it started
    from, None for its own.
    """
    return {
        "schema": SCHEMA,
        "features": {**model.feature_settings, **image_settings(manager)},
        "run": {
            "config": plain(manager.config.document()),
            "sources": list(manager.num_train_pids.sources),
            "files": _file_digests(manager.config),
            "code": {**code(), "commit": git_commit()},
            "weights": weights_entry(model),
        },
    }


def weights_entry(model: Any) -> dict[str, Any] | None:
    """What ``model`` was loaded with, for results; None if nothing was."""
    loaded = getattr(model, "loaded_weights", None)
    return None if loaded is None else dict(loaded.entry)


def image_settings(manager: AIODataManager) -> dict[str, Any]:
    """Size and normalisation of images as ``manager`` tests with them."""
    normalisation = manager.transform_te.transforms[-1]
    return data_settings(manager.height, manager.width, normalisation.mean, normalisation.std)


def describe_sources(sources: Sequence[Source], root: str) -> list[dict[str, Any]]:
    """Every training source: its name, its numbers of identities and items, and a sha256 over its items.

    Below the ``root`` of a toy world, also the facts that it was made from.
    """
    facts = read_toy_facts(root)
    return [
        {
            "name": source.name,
            "identities": source.identities,
            "images": len(source.items),
            "sha256": items_digest(source.items, root),
            **({"toy": facts} if facts else {}),
        }
        for source in sources
    ]


def run_faults(run: Mapping[str, Any], config: RunConfig, sources: Sequence[Mapping[str, Any]]) -> str:
    """How a run differs from the one that a checkpoint records, as parts of a sentence; '' if it does not.

    Args:
        run: of the checkpoint's record.
        config: of this run.
        sources: its training sources as a record has them.
    """
    trained, current = (dict(flattened(plain(each))) for each in (run.get("config") or {}, config.document()))
    trained, current = trained | dict(run.get("files") or {}), current | _file_digests(config)
    same_version = (run.get("code") or {}).get("version") == code()["version"]
    keys = [key for key in {**trained, **current} if same_version or (key in trained and key in current)]
    if current.get("train.lr_scheduler") not in PLANNED and _is_longer_or_shorter(current, trained):
        keys = [key for key in keys if key not in LENGTH]
    faults = [
        f"{key} is {current.get(key)!r}, it was trained with {trained.get(key)!r}"
        for key in keys
        if not key.startswith(FREE) and current.get(key) != trained.get(key)
    ]
    return "; ".join(faults or _data_faults(run.get("sources") or (), sources))


def code_notice(run: Mapping[str, Any]) -> str:
    """A line to print if a checkpoint was written by other code; '' if it was not."""
    trained, current = run.get("code") or {}, code()
    if (trained.get("version"), trained.get("sha256")) == (current["version"], current["sha256"]):
        return ""
    versions = [f"{each.get('version')} (sha256 {str(each.get('sha256'))[:12]})" for each in (trained, current)]
    return f"** It was written by aio_plugin {versions[0]}, this is {versions[1]}: results may differ"


def _file_digests(config: RunConfig) -> dict[str, str]:
    values = dict(flattened(config.document()))
    paths = {key: Path(values[key]).expanduser() for key in FILES if values.get(key)}
    return {key: file_sha256(path) for key, path in paths.items() if os.path.isfile(path)}


def _is_longer_or_shorter(current: Mapping[str, Any], trained: Mapping[str, Any]) -> bool:
    """Whether the epochs of one run, each with its stage, are the first ones of the other."""
    one, other = (_stages_by_epoch(each) for each in (current, trained))
    return all(a == b for a, b in zip(one, other, strict=False))


def _stages_by_epoch(values: Mapping[str, Any]) -> list[Any]:
    stages = values.get("aio.stages") or [{"epochs": values.get("train.max_epoch", 0), "sources": None}]
    return [stage["sources"] for stage in stages for _ in range(stage["epochs"])]


def _data_faults(trained: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the contents of sources of the same names differ."""
    return [
        f"the data of {now['name']} are {_described(now)}, it was trained with {_described(then)}"
        for now, then in zip(current, trained, strict=False)
        if any(now[key] != then[key] for key in now if key in then)
    ]


def _described(source: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in (source.get("toy") or {}).items())
    world = f" of the toy world with {facts}" if facts else ""
    counts = f"{source.get('images')} items of {source.get('identities')} persons"
    return f"{counts}{world} (sha256 {str(source.get('sha256'))[:12]})"
