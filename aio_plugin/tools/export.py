"""``export``: a trained model as safetensors with a model card, and back to a torchreid checkpoint."""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ..atomic_write import written_whole
from ..encoders.files import RECORD, SUFFIX, read_weights, state_dict_faults
from ..encoders.frozen import read_identity
from ..errors import CheckpointError, ConfigError
from ..evaluation.environment import code, git_commit, package_versions
from ..evaluation.results import plain, write_json
from ..host.inference import load_aio_config, trained_model
from ..host.registration import register
from ..host.run_config import RunConfig
from ..host.weights import config_data_settings
from ..models import feature_settings
from ..models.feature_settings import read_record
from ..models.specs import DMF_NAMES, readable
from ..models.weights import state_digest
from ..training.checkpoint import save_atomically

SCHEMA = 2
"""Of the card; 1 had the config in the place of the record."""
IDENTITY = "encoder.identity"
CARD = "aio_card"
"""Key of the card in the metadata of the safetensors file."""


def run_export(args: argparse.Namespace) -> None:
    """Write ``--out`` and the card beside it, or with ``--back`` a checkpoint.

    Raises:
        EncoderError: ``--weights`` is absent or cannot be read safely.
        CheckpointError: it is not a checkpoint of an AIO or DMF model, or not of the config's.
        ConfigError: a file name is wrong, or the config of the training is unknown.
    """
    out = Path(args.out)
    if (out.suffix == SUFFIX) == args.back:
        raise ConfigError(
            f"--out {args.out!r}: weights go to a {SUFFIX} file; with --back, to a checkpoint of another name."
        )
    register()  # lets torch read torchreid's checkpoints
    file = read_weights(args.weights, "--weights")
    record = read_record(file.content, args.weights)
    if args.back:
        save_atomically({"state_dict": file.state, "epoch": 0, **({RECORD: record} if record else {})}, out)
        print(f"{out}: {len(file.state)} tensors")
        return
    if args.config_file:
        record = _fitting(args, file.state, record)
    if record is None:
        raise ConfigError(f"{args.weights} does not record the config that it was trained with. Give --config-file.")
    card = model_card(file.state, record, args.weights)
    write_weights(file.state, card, out)
    print(f"{out}: {card['parameters']:,} parameters; {out.with_suffix('.json')}: model card")


def _fitting(args: argparse.Namespace, state: Mapping[str, Tensor], record: dict[str, Any] | None) -> dict[str, Any]:
    """The record of weights that fit the config of ``args``, made of the config where the file has none."""
    cfg = load_aio_config(args)
    _check_model(state, cfg.model.name, args.weights)
    model: Any = trained_model(cfg, args.weights)
    if record is not None:
        return record
    config, settings = plain(cfg), {**model.feature_settings, **config_data_settings(RunConfig(cfg))}
    run = {"config": config, "sources": [{"name": name} for name in config["data"]["sources"]]}
    return {"schema": feature_settings.SCHEMA, "features": settings, "run": run}


def write_weights(state: Mapping[str, Tensor], card: Mapping[str, Any], out: Path) -> None:
    """Write tensors to ``out`` and the card into it and beside it, each whole or not at all."""
    tensors = {name: value.detach().clone().contiguous() for name, value in state.items()}
    metadata = {"format": "pt", CARD: json.dumps(card), RECORD: json.dumps(card[RECORD])}
    with written_whole(out) as file:
        file.write(save(tensors, metadata))
    write_json(card, out.with_suffix(".json"))


def _check_model(state: Mapping[str, Tensor], name: str, weights: str) -> None:
    """Raise CheckpointError if ``state`` is not of a model called ``name``, or has values that are not finite."""
    if "classifier.weight" not in state or ("bottleneck.weight" if name in DMF_NAMES else IDENTITY) not in state:
        raise CheckpointError(
            f"{weights} holds no {name!r}, the model of the config; give a checkpoint of its training."
        )
    faults = state_dict_faults(state, state)
    if faults:
        raise CheckpointError(f"{weights} {faults[0]}; give another checkpoint.")


def model_card(state: Mapping[str, Tensor], record: Mapping[str, Any], weights: str) -> dict[str, Any]:
    """What a user of the weights must know.

    Args:
        state: the state dict of a trained model.
        record: of its checkpoint, see :mod:`aio_plugin.models.feature_settings`.
        weights: the file of ``state``, for messages.

    Raises:
        CheckpointError: ``state`` is not of the record's model.
    """
    features, run = record["features"], record["run"]
    name = features["model.name"]
    _check_model(state, name, weights)
    classifier, sources = state["classifier.weight"], run.get("sources", [])
    options = RunConfig(run["config"]).options()
    return {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "model": name,
        "encoder": encoder_identity(state, features["aio.encoder.name"]),
        "modalities": features.get("aio.modalities") or [m.value for m in readable(name, options)],
        "image_size": [features["data.height"], features["data.width"]],
        "normalisation": {"mean": features["data.norm_mean"], "std": features["data.norm_std"]},
        "feature_dim": classifier.shape[1],
        "training": {"sources": [source["name"] for source in sources], "identities": classifier.shape[0]},
        "parameters": sum(value.numel() for value in state.values()),
        "tensors_sha256": state_digest(state),
        "packages": package_versions(),
        "commit": git_commit(),
        "code": code(),
        RECORD: dict(record),
    }


def encoder_identity(state: Mapping[str, Tensor], configured: str) -> dict[str, str | None]:
    """Name and SHA-256 of the frozen encoder that a model needs besides its own weights.

    DMF trains its encoder, which is in the state dict: the name is that of the config, without a hash.
    """
    if IDENTITY not in state:
        return {"name": configured, "sha256": None}
    name, sha256 = read_identity(state[IDENTITY])
    return {"name": name, "sha256": sha256}
