"""Captions to tokens: CLIP's word embedding and one convolution (AIO Sec. 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bpe import MASK_ID, VOCABULARY


class TextTokenizer(nn.Module):
    """Word embedding, then a convolution of kernel 1 from the embedding's width to the encoder's.

    The convolution starts as the identity when both widths are the same. Masked words (AIO Sec. 3.3) get a
    learned token of their own.

    Shape: ids (B, L) int64 below ``vocabulary``, or MASK_ID -> tokens (B, L, D).

    Args:
        dim: D, the encoder's width.
        width: the word embedding's width (CLIP ViT-B: 512, ViT-L: 768).
        vocabulary: number of words.
    """

    def __init__(self, dim: int, width: int, vocabulary: int = VOCABULARY) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.mask = nn.Parameter(torch.empty(1, width))
        self.projection = nn.Conv1d(width, dim, 1)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.mask, std=0.02)
        if width == dim:
            nn.init.dirac_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)  # type: ignore[arg-type]

    def forward(self, ids: Tensor) -> Tensor:
        """Tokens (B, L, D) of ``ids`` (B, L)."""
        masked = ids == MASK_ID
        embedded = self.embedding(ids.masked_fill(masked, 0))
        embedded = torch.where(masked[..., None], self.mask.to(embedded.dtype), embedded)
        tokens: Tensor = self.projection(embedded.transpose(1, 2))
        return tokens.transpose(1, 2)
