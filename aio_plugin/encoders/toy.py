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

import torch
from torch import Tensor, nn

from ..errors import EncoderError
from ..tokenizers.bpe import VOCABULARY
from .files import below, load_strictly, read_file
from .frozen import FrozenEncoder
from .pretrained import RANDOM, Pretrained, seeded, vit_blocks

NAME = "toy"
WIDTH, DEPTH, HEADS = 192, 4, 3
FILE = Path(__file__).with_name("toy.safetensors")

_BLOCKS, _START, _STEM = "blocks.", "start.", "stem."


def toy_blocks() -> nn.Sequential:
    """Four ViT blocks of width 192 with three heads; the random initialisation is always the same."""
    return vit_blocks(WIDTH, DEPTH, HEADS, norm_layer=partial(nn.LayerNorm, eps=1e-6))


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
    start = {key: v.float() if v.is_floating_point() else v for key, v in below(state, _START).items()}
    grid, ids, rows = (start.pop(key, None) for key in ("grid", "word_ids", "word_rows"))
    stem = below(start, _STEM)
    return Pretrained(
        FrozenEncoder(blocks, NAME),
        class_token=start.pop("class_token", None),
        positions=start.pop("positions", None),
        grid=None if grid is None else (int(grid[0]), int(grid[1])),
        word_embedding=None if ids is None or rows is None else _dense(ids, rows),
        stem=stem or None,
        start={key: value for key, value in start.items() if not key.startswith(_STEM)},
    )


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
    for key, value in tensors.items():
        tensors[key] = value.detach().cpu().contiguous()
        if value.is_floating_point():
            tensors[key] = tensors[key].half()
            if not bool(tensors[key].isfinite().all()):
                raise EncoderError(
                    f"{key} has values beyond half precision; train the toy encoder with more weight decay."
                )
    content = save(tensors)
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


def _dense(ids: Tensor, rows: Tensor) -> Tensor:
    """(V, W): the rows of the known words; those of other words are random with a fixed seed."""
    table = seeded(lambda: torch.randn(VOCABULARY, rows.shape[1])) * 0.02
    return table.index_copy(0, ids.long(), rows)
