"""Tensors of a checkpoint as a model takes them: all of them as they are, or adapted for fine-tuning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..encoders.files import below, state_dict_faults
from ..modality import MODALITIES
from ..tokenizers.image import PATCH, patch_grid
from .aio import AIO
from .dmf import DMF
from .sequence import ImagePositions, TextPositions, resize_positions

RESIZABLE = ("data.height", "data.width", "aio.tokenizer.image_size", "aio.text.length")
"""The settings that fine-tuning may change, besides more ``aio.modalities``."""


_OF_TEXT = (("positions", "table"), ("tokenizers", "embedding.weight"))


@dataclass
class FittedWeights:
    """The tensors to load into a model.

    Attributes:
        state: name -> tensor, as the model has them; those of fresh parts are not among them.
        resized: names of position tables that were interpolated, cut or extended.
        left_out: parts that features do not depend on, whose tensors do not fit the model's.
        fresh: further tensors and rows that keep the model's own start.
        faults: how the file's tensors differ from the model's, as parts of a sentence; empty if they fit.
    """

    state: dict[str, Tensor]
    resized: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def fit_weights(
    model: AIO | DMF, state: Mapping[str, Tensor], trained: Mapping[str, Any] | None, same_people: bool, adapt: bool
) -> FittedWeights:
    """Compare the tensors ``state`` of a file with those of ``model``.

    Args:
        trained: the settings that they were trained with; None where the file does not record them.
        same_people: keep the classifier if its size fits.
        adapt: resize position tables, and leave modalities that the file lacks fresh.
    """
    own, fitted = model.state_dict(), FittedWeights(dict(state))
    for part in model.training_only:
        mine, theirs = below(own, f"{part}."), below(fitted.state, f"{part}.")
        fits = not state_dict_faults(mine, theirs) and _same_phrases(mine, theirs)
        if (mine or theirs) and not (fits and (same_people or part != "classifier")):
            fitted.left_out.append(part)
            own, fitted.state = _without(own, part), _without(fitted.state, part)
    if adapt:
        if isinstance(model, AIO):
            _add_modalities(model, own, fitted, trained)
        _resize(model, own, fitted, trained)
    needed = {name: value for name, value in own.items() if name not in fitted.fresh}
    fitted.faults = state_dict_faults(needed, fitted.state)
    return fitted


def inferred_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings of an AIO model that the names and shapes of its tensors tell; empty for other tensors."""
    named = [m.value for m in MODALITIES if any(name.startswith(f"tokenizers.{m.value}.") for name in state)]
    settings: dict[str, Any] = {"aio.modalities": named} if named else {}
    if "bnneck.necks.0.weight" in state:
        settings["aio.bnneck"] = "per_modality" if "bnneck.necks.1.weight" in state else "shared"
    stems = ("tokenizers.rgb.stem.0.weight", "image.tokenizer.stem.0.weight")
    stem = next((state[name] for name in stems if name in state and state[name].ndim), None)
    if stem is not None:
        settings["aio.tokenizer.width"] = len(stem)
    positions, words = (state.get(f"{name}.text.{part}") for name, part in _OF_TEXT)
    if positions is not None and words is not None and positions.ndim == words.ndim == 2:
        settings |= {"aio.text.length": len(positions), "aio.text.width": words.shape[1]}
    return settings


def _without(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(f"{part}.")}


def _same_phrases(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    """Whether DMF's text branches number the same attribute phrases."""
    return "packed" not in mine or torch.equal(mine["packed"].cpu(), theirs["packed"])


def _add_modalities(
    model: AIO, own: Mapping[str, Tensor], fitted: FittedWeights, trained: Mapping[str, Any] | None
) -> None:
    """Move what is numbered by modality to the model's slots; those of modalities that the file lacks stay fresh."""
    state = fitted.state
    names = (trained or inferred_settings(state)).get("aio.modalities", [])
    new = [modality.value for modality in model.modalities]
    added = [name for name in new if name not in names]
    if not added or not set(names) <= set(new):
        return
    single = "class_tokens.single"
    if single in state and state[single].shape == (len(names), model.feature_dim):
        rows = own[single].clone()
        rows[[new.index(name) for name in names]] = state[single].to(rows)
        state[single] = rows
        fitted.fresh += [f"{single}[{name}]" for name in added]
    prefixes = [f"{kind}.{name}." for name in added for kind in ("tokenizers", "positions")]
    if not model.bnneck.shared:
        slots = {str(old): new.index(name) for old, name in enumerate(names)} | {str(len(names)): len(new)}
        necks = [name.split(".", 3) for name in state if name.startswith("bnneck.necks.")]
        moved = {
            f"bnneck.necks.{slots.get(at, at)}.{rest}": state[f"bnneck.necks.{at}.{rest}"] for *_, at, rest in necks
        }
        fitted.state = {**_without(state, "bnneck"), **moved}
        prefixes += [f"bnneck.necks.{new.index(name)}." for name in added]
    fitted.fresh += [name for name in own if name.startswith(tuple(prefixes))]


def _resize(
    model: AIO | DMF, own: Mapping[str, Tensor], fitted: FittedWeights, trained: Mapping[str, Any] | None
) -> None:
    """Bring position tables to the model's sizes: images' by interpolation, text's by a cut or fresh further rows."""
    for place, module in model.named_modules():
        name = f"{place}.table"
        if name not in own or name not in fitted.state or own[name].shape[1:] != fitted.state[name].shape[1:]:
            continue
        table, size = fitted.state[name], (trained or {}).get("aio.tokenizer.image_size")
        if isinstance(module, ImagePositions) and size:
            old = patch_grid(size[0], size[1], model.image.patch if isinstance(model, DMF) else PATCH)
            if old != module.grid and old[0] * old[1] == len(table):
                fitted.state[name] = resize_positions(table, old, module.grid)
                fitted.resized.append(name)
        elif isinstance(module, TextPositions) and len(table) != len(module.table):
            length, rows = min(len(table), len(module.table)), own[name].clone()
            rows[:length] = table[:length]
            fitted.state[name] = rows
            fitted.resized.append(name)
            fitted.fresh += [f"{name}[{length}:]"] if length < len(rows) else []


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{name}{value.dtype}{list(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def tested_part(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model's state dict that features depend on."""
    parts = tuple(f"{part}." for part in model.training_only)  # type: ignore[union-attr]
    return {name: value for name, value in model.state_dict().items() if not name.startswith(parts)}
