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
from yacs.config import CfgNode

from ..atomic_write import written_whole
from ..encoders.files import SUFFIX, read_file
from ..encoders.frozen import read_identity
from ..errors import CheckpointError, ConfigError
from ..evaluation.environment import code, git_commit, package_versions
from ..evaluation.results import plain, write_json
from ..host.inference import load_aio_config, state_digest
from ..host.registration import register
from ..modality import MODALITIES
from ..models.specs import DMF_NAMES, SPECS, readable
from ..training.checkpoint import save_atomically

SCHEMA = 1
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
    state = read_file(args.weights, "--weights")
    if args.back:
        save_atomically({"state_dict": state, "epoch": 0}, out)
        print(f"{out}: {len(state)} tensors")
        return
    card = model_card(state, _training_config(args), args.weights)
    write_weights(state, card, out)
    print(f"{out}: {card['parameters']:,} parameters; {out.with_suffix('.json')}: model card")


def _training_config(args: argparse.Namespace) -> dict[str, Any]:
    """The config of ``--config-file``, else that in the results.json of the checkpoint's run."""
    if args.config_file:
        return dict(plain(load_aio_config(args)))
    results = Path(args.weights).expanduser().resolve().parent.parent / "results.json"
    try:
        config: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))["config"]
        if {"model", "data", "aio"} <= set(config):
            return config
        problem = "it names no model"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error)
    raise ConfigError(
        f"The config that {args.weights} was trained with is not in {results} ({problem}). Give --config-file."
    )


def write_weights(state: Mapping[str, Tensor], card: Mapping[str, Any], out: Path) -> None:
    """Write tensors to ``out`` and the card into it and beside it, each whole or not at all."""
    tensors = {name: value.detach().clone().contiguous() for name, value in state.items()}
    with written_whole(out) as file:
        file.write(save(tensors, {"format": "pt", CARD: json.dumps(card)}))
    write_json(card, out.with_suffix(".json"))


def model_card(state: Mapping[str, Tensor], config: Mapping[str, Any], weights: str) -> dict[str, Any]:
    """What a user of the weights must know.

    Args:
        state: the state dict of a trained model.
        config: the whole config that it was trained with, as plain mappings.
        weights: the file of ``state``, for messages.

    Raises:
        CheckpointError: ``state`` is not of the config's model.
    """
    name, classifier = config["model"]["name"], state.get("classifier.weight")
    if classifier is None or ("bottleneck.weight" if name in DMF_NAMES else IDENTITY) not in state:
        raise CheckpointError(
            f"{weights} holds no {name!r}, the model of the config; give a checkpoint of its training."
        )
    data, aio = config["data"], config["aio"]
    configured = [modality.value for modality in readable(name, CfgNode({"modalities": list(aio["modalities"])}))]
    tokenized = [m.value for m in MODALITIES if any(name.startswith(f"tokenizers.{m.value}.") for name in state)]
    if tokenized and tokenized != configured:
        raise CheckpointError(
            f"{weights} has tokenizers of {', '.join(tokenized)}, the config's aio.modalities are "
            f"{', '.join(configured)}; give the --config-file that it was trained with."
        )
    return {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "model": name,
        "encoder": encoder_identity(state, aio["encoder"]["name"] or SPECS[name].encoder),
        "modalities": configured,
        "image_size": [data["height"], data["width"]],
        "normalisation": {"mean": list(data["norm_mean"]), "std": list(data["norm_std"])},
        "feature_dim": classifier.shape[1],
        "training": {"sources": list(data["sources"]), "identities": classifier.shape[0]},
        "parameters": sum(value.numel() for value in state.values()),
        "tensors_sha256": state_digest(state),
        "packages": package_versions(),
        "commit": git_commit(),
        "code": code(),
        "config": dict(config),
    }


def encoder_identity(state: Mapping[str, Tensor], configured: str) -> dict[str, str | None]:
    """Name and SHA-256 of the frozen encoder that a model needs besides its own weights.

    DMF trains its encoder, which is in the state dict: the name is that of the config, without a hash.
    """
    if IDENTITY not in state:
        return {"name": configured, "sha256": None}
    name, sha256 = read_identity(state[IDENTITY])
    return {"name": name, "sha256": sha256}
