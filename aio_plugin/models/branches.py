"""DMF's two translations into the fused space, and its transformer (DMF, figure of the method).

DMF: Deep Multimodal Fusion for Generalizable Person Re-identification. https://arxiv.org/abs/2211.00933
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..encoders.frozen import run_blocks
from ..errors import CheckpointError, ModalityError
from ..heads.vocabulary import Vocabulary
from ..tokenizers.image import PATCH, ImageTokenizer, PatchTokenizer, patch_grid
from .sequence import ImagePositions, TextPositions


@dataclass(frozen=True)
class ImageShape:
    """The sizes of DMF's image side beside those of its encoder.

    Attributes:
        image_size: height and width in pixels that the position table is made for.
        patch: side of a patch of one convolution; None = AIO's convolutional stem.
        stem_width: channels of that stem.
    """

    image_size: tuple[int, int] = (256, 128)
    patch: int | None = 16
    stem_width: int = 64


class ImageBranch(nn.Module):
    """Image Translation: patches, image encoder, linear projection.

    The paper does not specify the depth of the image encoder. Without blocks it is the ViT's patch embedding, and
    the trunk is the whole ViT, whose class token then passes through all blocks as in pre-training.

    The projection starts as the identity and the modality embedding at 0, so that the input of the trunk is that of
    its pre-training.

    Shape: images (B, 3, H, W) -> tokens (B, N, D).

    Args:
        dim: D.
        shape: of images and patches.
        pre_norm: the encoder's norm before its blocks, if it has one, like CLIP's.
        blocks: the image encoder's transformer blocks, possibly none.
        name: of the encoder of the blocks, for errors.
    """

    def __init__(
        self, dim: int, shape: ImageShape, pre_norm: nn.Module | None, blocks: Sequence[nn.Module], name: str
    ) -> None:
        super().__init__()
        self.name, self.patch = name, shape.patch or PATCH
        self.tokenizer = PatchTokenizer(dim, shape.patch) if shape.patch else ImageTokenizer(dim, shape.stem_width)
        self.positions = ImagePositions(dim, patch_grid(*shape.image_size, self.patch))
        self.pre_norm = pre_norm
        self.blocks = nn.ModuleList(blocks)
        self.projection = nn.Linear(dim, dim)
        nn.init.eye_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        self.modality = nn.Parameter(torch.zeros(dim))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        tokens: Tensor = self.positions(self.tokenizer(images), self.grid(images))
        if self.pre_norm is not None:
            tokens = self.pre_norm(tokens)
        tokens = run_blocks(self.blocks, tokens, None, self.name)
        return self.projection(tokens) + self.modality.to(tokens.dtype)  # type: ignore[no-any-return]

    def grid(self, images: Tensor) -> tuple[int, int]:
        """Rows and columns of patches."""
        return patch_grid(images.shape[-2], images.shape[-1], self.patch)


class TextBranch(nn.Module):
    """Text Translation: phrases, their vectors from a frozen text encoder, linear projection.

    The vectors are computed once and looked up here. A checkpoint holds the phrases, not the vectors: an id is that of
    a phrase of the training captions.

    Shape: ids (B, P) int64, -1 for no phrase -> tokens (B, P, D).

    Args:
        dim: D.
        vocabulary: V phrases.
        vectors: (V, W), one row per phrase.
        most: most phrases of one caption, the greatest P.
    """

    vectors: Tensor
    packed: Tensor

    def __init__(self, dim: int, vocabulary: Vocabulary, vectors: Tensor, most: int) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors, persistent=False)
        self.register_buffer("packed", vocabulary.pack())
        self.projection = nn.Linear(vectors.shape[1], dim)
        nn.init.trunc_normal_(self.projection.weight, std=0.02)
        nn.init.zeros_(self.projection.bias)
        self.positions = TextPositions(dim, most)
        self.modality = nn.Parameter(torch.zeros(dim))

    def forward(self, ids: Tensor) -> Tensor:
        """See the class.

        Raises:
            ModalityError: an id is not in the vocabulary.
        """
        if ids.numel() and int(ids.max()) >= len(self.vectors):
            raise ModalityError(
                f"The batch has phrase {int(ids.max())}, the model has {len(self.vectors)}; build the model after "
                "the data manager whose captions it is trained on."
            )
        tokens: Tensor = self.positions(self.projection(self.vectors[ids.clamp(min=0)]))
        return tokens + self.modality.to(tokens.dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        packed = state_dict.get(f"{prefix}packed")
        if packed is not None and not torch.equal(packed.cpu(), self.packed.cpu()):
            theirs, ours = (len(Vocabulary.unpack(each)) for each in (packed, self.packed))
            raise CheckpointError(
                f"The checkpoint was trained with other captions: it has {theirs} attribute phrases, the captions of "
                f"data.sources have {ours}. Name the sources of the checkpoint, or set aio.dmf.start to the checkpoint."
            )
        super()._load_from_state_dict(state_dict, prefix, *args)


class Trunk(nn.Module):
    """The one transformer encoder: [class token; fused tokens] -> f, the class token's output.

    Shape: tokens (B, N, D), mask (B, N) bool False on padding or None -> (B, D).

    Args:
        dim: D.
        blocks: transformer blocks.
        name: of the encoder of the blocks, for errors.
    """

    def __init__(self, dim: int, blocks: Sequence[nn.Module], name: str) -> None:
        super().__init__()
        self.name = name
        self.class_token = nn.Parameter(torch.zeros(dim))
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """See the class."""
        return self.norm(self.encode(tokens, mask)[:, 0])  # type: ignore[no-any-return]

    def encode(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """The outputs (B, 1 + N, D) of class token and tokens, before the final norm."""
        first = self.class_token.to(tokens.dtype).expand(len(tokens), 1, -1)
        if mask is not None:
            mask = nn.functional.pad(mask, (1, 0), value=True)
        return run_blocks(self.blocks, torch.cat([first, tokens], dim=1), mask, self.name)
