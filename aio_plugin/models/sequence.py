"""Tokens become sequences: class tokens, positions, and the multimodal token (AIO Sec. 3, Eq. 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModalityError
from ..modality import Batch


class ImagePositions(nn.Module):
    """One learned position per patch; for other image sizes the table is interpolated (bicubic).

    Shape: tokens (B, h*w, D) -> the same.
    """

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.table = nn.Parameter(torch.zeros(grid[0] * grid[1], dim))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Add positions to ``tokens`` of an image of ``grid`` patches."""
        return tokens + resize_positions(self.table, self.grid, grid)


class TextPositions(nn.Module):
    """One learned position per word token. Shape: tokens (B, L, D) -> the same, L at most ``length``."""

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(length, dim))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Add positions to ``tokens``."""
        if tokens.shape[1] > len(self.table):
            raise ModalityError(
                f"A caption has {tokens.shape[1]} tokens, the model takes {len(self.table)}; set aio.text.length."
            )
        return tokens + self.table[: tokens.shape[1]]


class ClassTokens(nn.Module):
    """The learned first token of every sequence: one for each of M modalities, and one for the multimodal sequence."""

    def __init__(self, dim: int, modalities: int) -> None:
        super().__init__()
        self.single = nn.Parameter(torch.zeros(modalities, dim))
        self.multimodal = nn.Parameter(torch.zeros(dim))
        nn.init.trunc_normal_(self.single, std=0.02)
        nn.init.trunc_normal_(self.multimodal, std=0.02)

    def before(self, tokens: Tensor, slot: int) -> Tensor:
        """(B, N, D) -> (B, 1 + N, D) with the class token of ``slot``; slot M is multimodal."""
        token = self.single[slot] if slot < len(self.single) else self.multimodal
        return torch.cat([token.to(tokens.dtype).expand(len(tokens), 1, -1), tokens], dim=1)


def resize_positions(table: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """A position table (h*w, D) of one patch grid, bicubically interpolated to another."""
    if old == new:
        return table
    image = table.float().reshape(1, *old, -1).permute(0, 3, 1, 2)
    image = F.interpolate(image, size=new, mode="bicubic", align_corners=False)
    return image.flatten(2).transpose(1, 2)[0].to(table.dtype)


def draw_uniform(batch: Batch) -> Tensor:
    """(B,) random numbers in [0, 1) on the CPU, one per item; for a part of a batch, those drawn for the whole."""
    if "whole" not in batch:
        return torch.rand(len(batch["present"]), device="cpu")
    return torch.rand(len(batch["whole"]), device="cpu")[batch["rows"].cpu()]


def draw_combination(available: Tensor, low: int, high: int) -> Tensor:
    """A random choice of modalities for each item (AIO Sec. 4.1: two to four, RGB not guaranteed).

    Items with the same modalities share one draw, so that their sequences have one form and are
    encoded together. The number of modalities is uniform in [low, high], limited by those available;
    items with fewer than ``low`` get none.

    Args:
        available: (B, M) bool.

    Returns:
        (B, M) bool.
    """
    chosen = torch.zeros_like(available)
    patterns, which = torch.unique(available.cpu(), dim=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        columns = pattern.nonzero().flatten()
        if len(columns) < low:
            continue
        number = int(torch.randint(low, min(high, len(columns)) + 1, ()))
        columns = columns[torch.randperm(len(columns))[:number]]
        rows = (which == index).nonzero().flatten()
        chosen[rows[:, None].to(chosen.device), columns.to(chosen.device)] = True
    return chosen
