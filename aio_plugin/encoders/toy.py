"""``toy``: a small ViT pre-trained on people of the toy world, the substitute for LAION's ViT on a CPU.

Its file is part of the package: half precision, a word embedding with the rows of known words only; a JSON file
next to it holds its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EncoderError
from ..tokenizers.bpe import VOCABULARY
from ..torchvision_import import repair_torchvision
from .files import load_strictly, read_file
from .frozen import FrozenEncoder
from .pretrained import RANDOM, Pretrained, seeded

NAME = "toy"
WIDTH, DEPTH, HEADS = 192, 4, 3
FILE = Path(__file__).with_name("toy.safetensors")

_BLOCKS, _START, _STEM = "blocks.", "start.", "stem."


def toy_blocks() -> nn.Sequential:
    """Four ViT blocks of width 192 with three heads; the random initialisation is always the same."""
    repair_torchvision()
    from timm.models.vision_transformer import Block

    norm: Any = partial(nn.LayerNorm, eps=1e-6)
    block = partial(Block, WIDTH, HEADS, mlp_ratio=4.0, qkv_bias=True, norm_layer=norm)
    return seeded(lambda: nn.Sequential(*[block() for _ in range(DEPTH)]))


def load_toy(model: str = "", weights: str = "") -> Pretrained:
    """``toy``; see :func:`.pretrained.load_encoder`. Without ``weights`` the shipped file, whose hash is checked."""
    if model:
        raise EncoderError(f"Unknown encoder '{NAME}:{model}'; set aio.encoder.name to '{NAME}'.")
    blocks = toy_blocks()
    if weights == RANDOM:
        return Pretrained(FrozenEncoder(blocks, NAME))
    if not weights:
        _check_shipped()
    state = read_file(weights or FILE)
    inside = {key.removeprefix(_BLOCKS): value for key, value in state.items() if not key.startswith(_START)}
    load_strictly(blocks, inside, f"encoder {NAME!r}", weights or str(FILE))
    start = {key.removeprefix(_START): _widen(value) for key, value in state.items() if key.startswith(_START)}
    return Pretrained(FrozenEncoder(blocks, NAME), **_fields(start))


def save_toy(path: str | Path, blocks: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> str:
    """Write ``path`` and its JSON file, and return the SHA-256 of what was written.

    Args:
        path: ``.safetensors``; the hash is written to the file of the same name with ``.json``.
        blocks: state dict of :func:`toy_blocks`.
        start: start values of the tokenizers: ``class_token`` (D), ``positions`` (N, D), ``grid`` (2),
            ``word_ids`` (K) and ``word_rows`` (K, W), ``stem.*``, and others.

    Raises:
        EncoderError: a value is too large for half precision.
    """
    from safetensors.torch import save

    tensors = {f"{_BLOCKS}{key}": value for key, value in blocks.items()}
    tensors |= {f"{_START}{key}": value for key, value in start.items()}
    narrow = {key: _narrow(key, value) for key, value in tensors.items()}
    content = save(narrow)
    sha256 = hashlib.sha256(content).hexdigest()
    path = Path(path)
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps({"sha256": sha256, "bytes": len(content)}, indent=2) + "\n")
    return sha256


def _check_shipped() -> None:
    cure = "install the package again, or set aio.encoder.weights to a file or to 'random'"
    if not FILE.is_file():
        raise EncoderError(f"The toy encoder's file {FILE} is missing; {cure}.")
    expected = json.loads(FILE.with_suffix(".json").read_text())["sha256"]
    if hashlib.sha256(FILE.read_bytes()).hexdigest() != expected:
        raise EncoderError(f"The toy encoder's file {FILE} is not that of the package; {cure}.")


def _narrow(key: str, value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    half = value.half()
    if not bool(half.isfinite().all()):
        raise EncoderError(f"{key} has values beyond half precision; train the toy encoder with more weight decay.")
    return half


def _widen(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _fields(start: dict[str, Tensor]) -> dict[str, Any]:
    """The fields of Pretrained apart from the encoder."""
    fields: dict[str, Any] = {key: start.pop(key) for key in ("class_token", "positions") if key in start}
    if "grid" in start:
        height, width = start.pop("grid").tolist()
        fields["grid"] = (height, width)
    if "word_ids" in start:
        fields["word_embedding"] = _dense(start.pop("word_ids"), start.pop("word_rows"))
    stem = {key: start.pop(key) for key in list(start) if key.startswith(_STEM)}
    if stem:
        fields["stem"] = {key.removeprefix(_STEM): value for key, value in stem.items()}
    return {**fields, "start": start}


def _dense(ids: Tensor, rows: Tensor) -> Tensor:
    """(V, W): the rows of the known words; those of other words are random with a fixed seed."""
    table = seeded(lambda: torch.randn(VOCABULARY, rows.shape[1])) * 0.02
    return table.index_copy(0, ids.long(), rows)
