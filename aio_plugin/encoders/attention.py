"""Attention within the sequences of a pack: one call for all of them if the GPU supports it, else one per length."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from .pack import Pack, Run

SHORT = 128
"""Longest sequence for which, on a CPU, matrix products train at least as fast as torch's fused attention, which
needs less memory for longer ones. In half precision twice as long: products take a fifth of the time at 33 tokens,
a third at 130."""


def attend(qkv: Tensor, pack: Pack, heads: int) -> Tensor:
    """Attention output (T, D) of every token, from queries, keys and values (T, 3 D)."""
    if has_varlen(qkv):
        query, key, value = qkv.unflatten(1, (3, heads, -1)).unbind(1)
        return _varlen(query, key, value, pack, whole=True)
    pieces = _split(qkv, [run.number * run.length for run in pack.runs])
    return torch.cat([_of_run(piece, run, heads) for piece, run in zip(pieces, pack.runs, strict=True)])


def attend_rows(query: Tensor, key_value: Tensor, pack: Pack, heads: int) -> Tensor:
    """Attention output (Q, D) of the tokens read, from their queries (Q, D) and all keys and values (T, 2 D)."""
    if has_varlen(query):
        key, value = key_value.unflatten(1, (2, heads, -1)).unbind(1)
        return _varlen(query.unflatten(1, (heads, -1)), key, value, pack, whole=False)
    runs = pack.last_runs
    queries = _split(query, [run.number * run.read for run in runs])
    others = _split(key_value, [run.number * run.length for run in runs])
    pieces = zip(queries, others, runs, strict=True)
    return torch.cat([_of_rows(one, other, run, heads) for one, other, run in pieces])


def attention_kernel(tokens: Tensor, length: int) -> AbstractContextManager[None]:
    """Selects the kernel for sequences of ``length``: torch's choice, or matrix products where they train faster."""
    return sdpa_kernel(SDPBackend.MATH) if _by_products(tokens, length) else nullcontext()


def _by_products(tokens: Tensor, length: int) -> bool:
    most = SHORT if tokens.dtype is torch.float32 else 2 * SHORT
    return not tokens.is_cuda and length <= most and torch.is_grad_enabled()


def has_varlen(tokens: Tensor) -> bool:
    """Whether torch's attention on packs (flash attention) supports tokens like these."""
    if not tokens.is_cuda or tokens.dtype not in (torch.bfloat16, torch.float16):
        return False
    return torch.cuda.get_device_capability(tokens.device) >= (8, 0)


def _varlen(query: Tensor, key: Tensor, value: Tensor, pack: Pack, whole: bool) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    (ends, longest), (read_ends, most_read) = pack.ends(query.device)
    query_ends, most = (ends, longest) if whole else (read_ends, most_read)
    out = varlen_attn(query, key, value, query_ends, ends, most, longest)
    assert isinstance(out, Tensor)
    return out.flatten(1)


def _split(rows: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
    """Pieces with one autograd node: each slice would have a gradient as large as the whole."""
    pieces: Sequence[Tensor] = rows.split(list(sizes))
    return pieces


def _of_run(qkv: Tensor, run: Run, heads: int) -> Tensor:
    query, key, value = qkv.view(run.number, run.length, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
    return _fused(query, key, value, run)


def _of_rows(query: Tensor, key_value: Tensor, run: Run, heads: int) -> Tensor:
    key, value = key_value.view(run.number, run.length, 2, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
    return _fused(query.view(run.number, run.read, heads, -1).transpose(1, 2), key, value, run)


def _fused(query: Tensor, key: Tensor, value: Tensor, run: Run) -> Tensor:
    if _by_products(query, run.length):
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        out = scores.softmax(-1) @ value
    else:
        out = F.scaled_dot_product_attention(query, key, value)
    rows: Tensor = out.transpose(1, 2).flatten(0, 1).flatten(1)
    return rows
