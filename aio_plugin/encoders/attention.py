"""Attention within the sequences of a pack: one call for all of them if the GPU supports it, else one per length."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from .pack import Pack

SHORT = 128
"""Longest sequence for which, on a CPU, matrix products train at least as fast as torch's fused attention, which
needs less memory for longer ones. In half precision twice as long: products take a fifth of the time at 33 tokens,
a third at 130."""


def attend(qkv: Tensor, pack: Pack, heads: int) -> Tensor:
    """Attention output (T, D) of every token, from queries, keys and values (T, 3 D)."""
    if has_varlen(qkv):
        query, key, value = qkv.unflatten(1, (3, heads, -1)).unbind(1)
        return _varlen(query, key, value, pack, whole=True)
    runs = pack.runs
    # split has one autograd node; each slice would have a gradient as large as the whole
    pieces = qkv.split([run.number * run.length for run in runs])
    views = [piece.view(run.number, run.length, 3, heads, -1) for piece, run in zip(pieces, runs, strict=True)]
    return torch.cat([_by_length(*view.permute(2, 0, 3, 1, 4).unbind(0)) for view in views])


def attend_rows(query: Tensor, key_value: Tensor, pack: Pack, heads: int) -> Tensor:
    """Attention output (Q, D) of the tokens read, from their queries (Q, D) and all keys and values (T, 2 D)."""
    if has_varlen(query):
        key, value = key_value.unflatten(1, (2, heads, -1)).unbind(1)
        return _varlen(query.unflatten(1, (heads, -1)), key, value, pack, whole=False)
    outputs, runs = [], pack.last_runs
    queries = query.split([run.number * run.read for run in runs])
    pieces = key_value.split([run.number * run.length for run in runs])
    for one, piece, run in zip(queries, pieces, runs, strict=True):
        key, value = piece.view(run.number, run.length, 2, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        outputs.append(_by_length(one.view(run.number, run.read, heads, -1).transpose(1, 2), key, value))
    return torch.cat(outputs)


def attention_kernel(tokens: Tensor, length: int) -> AbstractContextManager[None]:
    """Selects the kernel for sequences of ``length``: torch's choice, or matrix products where they train faster."""
    return sdpa_kernel(SDPBackend.MATH) if _by_products(tokens, length) else nullcontext()


def _by_products(tokens: Tensor, length: int) -> bool:
    most = SHORT if tokens.dtype is torch.float32 else 2 * SHORT
    return not tokens.is_cuda and length <= most and torch.is_grad_enabled()


def has_varlen(tokens: Tensor) -> bool:
    """Whether torch's attention on packs (flash attention) supports tokens like these."""
    half = tokens.dtype in (torch.bfloat16, torch.float16)
    return tokens.is_cuda and half and torch.cuda.get_device_capability(tokens.device) >= (8, 0)


def _varlen(query: Tensor, key: Tensor, value: Tensor, pack: Pack, whole: bool) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    (ends, longest), read = pack.ends(query.device)
    query_ends, most = (ends, longest) if whole else read
    out = varlen_attn(query, key, value, query_ends, ends, most, longest)
    assert isinstance(out, Tensor)
    return out.flatten(1)


def _by_length(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention output (b * R, D) from queries (b, heads, R, d), keys and values (b, heads, N, d)."""
    if _by_products(query, key.shape[-2]):
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        out = scores.softmax(-1) @ value
    else:
        out = F.scaled_dot_product_attention(query, key, value)
    rows: Tensor = out.transpose(1, 2).flatten(0, 1).flatten(1)
    return rows
