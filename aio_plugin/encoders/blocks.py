"""Plain pre-norm ViT blocks with frozen weights, on a pack of sequences (see :mod:`.pack`).

Dosovitskiy et al.: An Image is Worth 16x16 Words. ICLR 2021. https://arxiv.org/abs/2010.11929
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..torchvision_import import repair_torchvision
from .attention import attend, attend_rows
from .pack import Pack, pick
from .quantised import QuantisedLinear, is_quantised


class Norm(NamedTuple):
    """Layer normalisation in the type of its input. Shape: (T, D) -> the same."""

    weight: Tensor | None
    bias: Tensor | None
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise every row."""
        weight, bias = (None if each is None else each.to(x.dtype) for each in (self.weight, self.bias))
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.eps)


class Affine(NamedTuple):
    """A linear map in the type of its input, and the scale after it, if there is one.

    Only the outputs ``rows`` are computed. Shape: (T, in) -> (T, out).
    """

    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None = None
    rows: slice = slice(None)

    def __call__(self, x: Tensor) -> Tensor:
        """Map every row."""
        bias = None if self.bias is None else self.bias[self.rows].to(x.dtype)
        if is_quantised(self.weight):
            out: Tensor = QuantisedLinear.apply(x, self.weight, bias, self.rows)
        else:
            out = F.linear(x, self.weight[self.rows].to(x.dtype), bias)
        return out if self.scale is None else out * self.scale

    def split(self, first: int) -> tuple[Affine, Affine]:
        """The maps to the first outputs and to the others, without the scale."""
        return self._replace(scale=None, rows=slice(first)), self._replace(scale=None, rows=slice(first, None))


class Block(NamedTuple):
    """The weights of one block."""

    norm1: Norm
    qkv: Affine
    proj: Affine
    norm2: Norm
    fc1: Affine
    fc2: Affine
    act: Callable[[Tensor], Tensor]
    heads: int


class ComputeOptions(NamedTuple):
    """How to compute blocks.

    Attributes:
        dtype: of everything but the residual stream, which keeps the type of the tokens.
        compiled: use torch.compile, except for attention.
        checkpointed: compute a block's activations again for the backward pass instead of keeping them.
    """

    dtype: torch.dtype
    compiled: bool = False
    checkpointed: bool = False


def plain_block(block: nn.Module) -> Block | None:
    """The weights of a plain ViT block of timm; None for any other module."""
    repair_torchvision()
    from timm.layers.attention import Attention
    from timm.layers.layer_scale import LayerScale
    from timm.layers.mlp import Mlp
    from timm.models.vision_transformer import Block as TimmBlock

    if type(block) is not TimmBlock or type(block.attn) is not Attention or type(block.mlp) is not Mlp:
        return None
    attention: Any = block.attn
    mlp: Any = block.mlp
    is_plain = (
        attention.gate is None
        and all(type(each) is nn.Identity for each in (attention.q_norm, attention.k_norm, attention.norm, mlp.norm))
        and all(type(each) in (nn.Identity, LayerScale) for each in (block.ls1, block.ls2))
        and all(isinstance(each, nn.LayerNorm) for each in (block.norm1, block.norm2))
        and all(isinstance(each, nn.Linear) for each in (mlp.fc1, mlp.fc2))
    )
    if not is_plain:
        return None
    maps = _affine(attention.qkv), _affine(attention.proj, block.ls1), _affine(mlp.fc1), _affine(mlp.fc2, block.ls2)
    return Block(_norm(block.norm1), *maps[:2], _norm(block.norm2), *maps[2:], mlp.act, attention.num_heads)


def encode_pack(
    blocks: Sequence[Block], pack: Pack, options: ComputeOptions, pre_norm: nn.LayerNorm | None = None
) -> Tensor:
    """Output rows (Q, D) of the tokens that ``pack`` reads.

    The last block computes keys and values of all tokens, and everything else only for the tokens that are read.
    """
    x = pack.tokens() if pre_norm is None else _norm(pre_norm)(pack.tokens())
    for number, block in enumerate(blocks):
        step = functools.partial(_last if number == len(blocks) - 1 else _step, block, pack, options)
        recompute = options.checkpointed and x.requires_grad
        x = checkpoint(step, x, use_reentrant=False, preserve_rng_state=False) if recompute else step(x)
    return x


def _step(block: Block, pack: Pack, options: ComputeOptions, x: Tensor) -> Tensor:
    attended = attend(_run(_qkv, options.compiled, x, block, options.dtype), pack, block.heads)
    return _run(_mlp, options.compiled, attended, x, block)


def _last(block: Block, pack: Pack, options: ComputeOptions, x: Tensor) -> Tensor:
    query, key_value = block.qkv.split(x.shape[1])
    normed = block.norm1(x).to(options.dtype)
    attended = attend_rows(query(pick(normed, pack.read)), key_value(normed), pack, block.heads)
    return _mlp(attended, pick(x, pack.read), block)


def _qkv(x: Tensor, block: Block, dtype: torch.dtype) -> Tensor:
    """Queries, keys and values (T, 3 D) of tokens (T, D)."""
    return block.qkv(block.norm1(x).to(dtype))


def _mlp(attended: Tensor, x: Tensor, block: Block) -> Tensor:
    """The block's output from the attention output of its tokens ``x`` (T, D)."""
    x = x + block.proj(attended)
    return x + block.fc2(block.act(block.fc1(block.norm2(x).to(attended.dtype))))


def _run(function: Callable[..., Tensor], compiled: bool, first: Tensor, *others: Any) -> Tensor:
    if compiled:
        torch._dynamo.maybe_mark_dynamic(first, 0)
        function = _compiled(function)
    return function(first, *others)


@functools.cache
def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return torch.compile(function)


def _norm(module: Any) -> Norm:
    return Norm(module.weight, module.bias, module.eps)


def _affine(module: Any, scale: nn.Module | None = None) -> Affine:
    return Affine(module.weight, module.bias, getattr(scale, "gamma", None))
