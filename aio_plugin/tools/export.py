"""A trained model as safetensors with a model card, and back to a torchreid checkpoint."""

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
from ..encoders.files import read_file
from ..encoders.frozen import HASH_BYTES, NAME_BYTES
from ..errors import CheckpointError, ConfigError
from ..evaluation.environment import git_commit, package_versions
from ..evaluation.results import plain, write_json
from ..host.inference import config_of, digest
from ..host.patches.safetensors import SUFFIX
from ..host.registration import register
from ..modality import MODALITIES
from ..models.specs import DMF_NAMES, SPECS, readable
from ..training.checkpoint import save_atomically

SCHEMA = 1
IDENTITY = "encoder.identity"
CARD = "aio_card"
"""Key of the card in the safetensors file's own metadata."""


def run(args: argparse.Namespace) -> None:
    """Write ``--out`` and the card beside it, or with ``--back`` a checkpoint.

    Raises:
        EncoderError: there is no such file, or it cannot be read safely.
        CheckpointError: it is not of one of our models, or not of the config's.
        ConfigError: a file name is wrong, or nobody says what config it was trained with.
    """
    out = Path(args.out)
    if (out.suffix == SUFFIX) == args.back:
        raise ConfigError(
            f"--out {args.out!r}: weights go to a {SUFFIX} file; with --back, to a checkpoint of another name."
        )
    register()  # which lets torch read torchreid's checkpoints
    state = read_file(args.weights, "--weights")
    if args.back:
        save_atomically({"state_dict": state, "epoch": 0}, out)
        print(f"{out}: {len(state)} tensors")
        return
    card = card_of(state, _config(args), args.weights)
    write(state, card, out)
    print(f"{out}: {card['parameters']:,} numbers; {out.with_suffix('.json')}: the card")


def _config(args: argparse.Namespace) -> dict[str, Any]:
    """That of ``--config-file``, else the one that the run of the checkpoint left in its results.json."""
    if args.config_file:
        found: dict[str, Any] = plain(config_of(args))
        return found
    results = Path(args.weights).expanduser().resolve().parent.parent / "results.json"
    try:
        found = json.loads(results.read_text(encoding="utf-8"))["config"]
        if {"model", "data", "aio"} <= set(found):
            return found
        problem = "it names no model"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error)
    raise ConfigError(
        f"Nothing says what {args.weights} was trained with: no config in {results} ({problem}). Give --config-file."
    )


def write(state: Mapping[str, Tensor], card: Mapping[str, Any], out: Path) -> None:
    """Write tensors to ``out`` and the card into it and beside it, each whole or not at all."""
    tensors = {name: value.detach().clone().contiguous() for name, value in state.items()}
    with written_whole(out) as file:
        file.write(save(tensors, {"format": "pt", CARD: json.dumps(card)}))
    write_json(card, out.with_suffix(".json"))


def card_of(state: Mapping[str, Tensor], config: Mapping[str, Any], weights: str) -> dict[str, Any]:
    """What a user of the weights has to know.

    Args:
        state: the state dict of a trained model.
        config: the whole config that it was trained with, as plain mappings.
        weights: the file of ``state``, for errors.

    Raises:
        CheckpointError: ``state`` is not of one of our models, or not of the config's.
    """
    name, classifier = config["model"]["name"], state.get("classifier.weight")
    mark = "bottleneck.weight" if name in DMF_NAMES else IDENTITY
    if mark not in state or classifier is None:
        raise CheckpointError(
            f"{weights} holds no {name!r}, the model of the config; give a checkpoint that training it wrote."
        )
    data, aio = config["data"], config["aio"]
    named = [modality.value for modality in readable(name, CfgNode({"modalities": list(aio["modalities"])}))]
    tokenized = [m.value for m in MODALITIES if any(name.startswith(f"tokenizers.{m.value}.") for name in state)]
    if tokenized and tokenized != named:
        raise CheckpointError(
            f"{weights} has tokenizers of {', '.join(tokenized)}, the config's aio.modalities are {', '.join(named)}; "
            "give the --config-file that it was trained with."
        )
    return {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "model": name,
        "encoder": encoder_of(state, aio["encoder"]["name"] or SPECS[name].encoder),
        "modalities": named,
        "image_size": [data["height"], data["width"]],
        "normalisation": {"mean": list(data["norm_mean"]), "std": list(data["norm_std"])},
        "feature_dim": classifier.shape[1],
        "training": {"sources": list(data["sources"]), "identities": classifier.shape[0]},
        "parameters": sum(value.numel() for value in state.values()),
        "tensors_sha256": digest(state),
        "packages": package_versions(),
        "commit": git_commit(Path(__file__).parent),
        "config": dict(config),
    }


def encoder_of(state: Mapping[str, Tensor], configured: str) -> dict[str, str | None]:
    """Name and SHA-256 of the frozen encoder that a model needs beside its file.

    DMF trains its own, which is in the file: ``configured`` is what it started from, and there is no hash.
    """
    if IDENTITY not in state:
        return {"name": configured, "sha256": None}
    raw = bytes(state[IDENTITY].tolist())
    name, sha256 = raw[:NAME_BYTES].rstrip(b"\0").decode("utf-8", "replace"), raw[NAME_BYTES:][:HASH_BYTES].hex()
    return {"name": name, "sha256": sha256}
