"""DMF: attribute phrases and image patches fused in one transformer (DMF, figure of the method).

DMF: Deep Multimodal Fusion for Generalizable Person Re-identification. https://arxiv.org/abs/2211.00933

The published code has no text branch, which therefore follows the figure. None of that code is used; its block has no
residual connection around attention, and its cosine loss is 0 for class labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import DMFConfig
from ..encoders.frozen import FrozenEncoder
from ..errors import ConfigError, ModalityError
from ..heads.classification import Bottleneck, Classifier
from ..losses.criterion import dmf_weights
from ..modality import MODALITIES, Batch, Modality, format_combination
from .branches import ImageBranch, ImageShape, TextBranch, Trunk
from .sequence import draw_uniform


class Origin(NamedTuple):
    """The start of a model's training: the encoder's name and a hash of image branch and trunk."""

    name: str
    sha256: str


class DMF(nn.Module):
    """The assembled method.

    ``forward`` takes a Batch or RGB images (B, 3, H, W). In eval mode it returns one retrieval feature (B, D)
    per image, of unit length; text is not read. In train mode it returns the inputs of the losses for a Batch (see
    :meth:`train_outputs`), and for images what torchreid's own models return.

    Args:
        encoder: the pre-trained blocks; image encoder and trunk are copies that are trained.
        num_classes: training identities.
        shape: of the image side.
        options: the ``aio.dmf`` config node.
        text: the text branch, None for images only (stage two).
        loss: torchreid's ``loss.name``; only used for images in train mode.

    Attributes:
        encoder: the start of training, for results.
        feature_settings: as in :class:`.aio.AIO`.

    Raises:
        ConfigError: the encoder has fewer blocks than a depth, or the text does not fit the fusion.
    """

    is_aio = True
    training_only = ("text", "classifier")
    feature_settings: Mapping[str, Any] = {}
    loss_weights = staticmethod(dmf_weights)

    def __init__(
        self,
        encoder: FrozenEncoder,
        num_classes: int,
        shape: ImageShape,
        options: DMFConfig,
        text: TextBranch | None = None,
        loss: str = "softmax",
    ) -> None:
        super().__init__()
        self.options, self.loss, self.feature_dim = options, loss, encoder.dim
        self.encoder = Origin(encoder.name, encoder.sha256)
        dim, name = encoder.dim, encoder.name
        pre_norm, image, trunk = _split(encoder, options)
        self.image = ImageBranch(dim, shape, pre_norm, image, name)
        self.text, self.only_text = text, options.input == "text"
        self.trunk = Trunk(dim, trunk, name)
        self.bottleneck = Bottleneck(dim)
        self.classifier = Classifier(dim, num_classes)
        if text is None and self.only_text:
            raise ConfigError("aio.dmf.input is 'text', but there are no captions; add a source that has captions.")
        patches, most = len(self.image.positions.table), 0 if text is None else len(text.positions.table)
        if options.fusion == "replace" and most > patches:
            raise ConfigError(
                f"aio.dmf.fusion 'replace' puts up to aio.dmf.phrases ({most}) text tokens in the place of {patches} "
                "image tokens; lower aio.dmf.phrases."
            )

    def forward(
        self, batch: Batch | Tensor, return_featuremaps: bool = False
    ) -> Tensor | tuple[Tensor, Tensor] | dict[str, Tensor]:
        """See the class; with ``return_featuremaps`` the :meth:`feature_maps` of RGB images."""
        if return_featuremaps:
            return self.feature_maps(batch)
        if not self.training:
            return self.features(Batch.rgb(batch) if isinstance(batch, Tensor) else batch)
        if not isinstance(batch, Tensor):
            return self.train_outputs(batch)
        f = self.trunk(self.image(batch))
        logits = self.classifier(self.bottleneck(f))
        return (logits, f) if self.loss == "triplet" else logits

    def feature_maps(self, batch: Batch | Tensor) -> Tensor:
        """The trunk's image tokens of RGB images (B, 3, H, W) as maps (B, D, h, w), before the final norm."""
        images: Tensor = batch if isinstance(batch, Tensor) else batch["img"]
        out = self.trunk.encode(self.image(images))[:, 1:]
        maps: Tensor = out.transpose(1, 2).unflatten(2, self.image.grid(images))
        return maps

    def features(self, batch: Batch) -> Tensor:
        """One retrieval feature (B, D) of unit length per image.

        Raises:
            ModalityError: an item has no RGB image, or has other modalities.
        """
        present = [m for m in MODALITIES if batch.has(m).any()]
        if present != [Modality.RGB] or not batch.has(Modality.RGB).all():
            raise ModalityError(
                f"The batch has {format_combination(present) or 'nothing'}; DMF searches with RGB images only. Choose "
                "targets whose queries are RGB images, or an AIO model."
            )
        f = self.trunk(self.image(batch[Modality.RGB.value]))
        return F.normalize((self.bottleneck(f) if self.options.test_feature == "after" else f).float(), dim=1)

    def train_outputs(self, batch: Batch) -> dict[str, Tensor]:
        """The inputs of the losses.

        Returns:
            ``features`` (R, D) f, ``logits`` (R, C) of BN(f) or the other outputs of ``classifier.outputs``, and
            ``labels`` (R,) of the R items trained on; with ``contrast``, ``image_only`` and ``text_only`` (B, D),
            ``both`` (B,) bool, the rows that have both, and ``pid`` (B,).

        Raises:
            ModalityError: an item has no RGB image, or the batch and the model disagree on phrases.
        """
        if not batch.has(Modality.RGB).all():
            raise ModalityError("An item of the batch has no RGB image; DMF trains on images and their captions.")
        image = None if self.only_text else self.image(batch[Modality.RGB.value])
        text, mask = self._text(batch)
        rows, f = self._fuse(image, text, mask, batch)
        labels = batch["pid"][rows]
        out = {"features": f, "labels": labels, **self.classifier.outputs(self.bottleneck(f), labels)}
        if self.options.contrast and image is not None and text is not None:
            out |= self._contrast(image, text, mask, batch["pid"])
        return out

    def _text(self, batch: Batch) -> tuple[Tensor | None, Tensor]:
        """Text tokens (B, P, D), None without text, and their mask (B, P) bool."""
        size = len(batch["present"])
        if self.text is None or not batch.has(Modality.TEXT).any():
            if "phrases" in batch:
                raise ModalityError(
                    "The batch has attribute phrases, but the model was built without a text branch; build it after "
                    "the data manager, or set aio.modalities to [rgb]."
                )
            return None, torch.zeros(size, 0, dtype=torch.bool, device=batch["present"].device)
        if "phrases" not in batch:
            raise ModalityError(
                "The batch has captions, but no attribute phrases; the data manager must know that the model is a "
                "DMF: set model.name in the config, or in the mapping passed to register()."
            )
        ids = batch["phrases"]
        return self.text(ids), ids >= 0

    def _fuse(self, image: Tensor | None, text: Tensor | None, mask: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Items trained on (R,) and their f (R, D); items with text, and items without, share one call of the trunk."""
        reads = mask.any(1)
        if image is None:
            rows = reads.nonzero().flatten()
            if text is None:  # other parts of the batch have text
                return rows, self.trunk.class_token.new_zeros(0, self.feature_dim)
            return rows, self.trunk(*_trimmed(text[rows], mask[rows]))
        if self.training:
            reads = reads & (draw_uniform(batch) >= self.options.drop_text).to(reads.device)
        alone, rows = (~reads).nonzero().flatten(), reads.nonzero().flatten()
        features = [self.trunk(image[alone])] if len(alone) else []
        if len(rows) and text is not None:
            features.append(self.trunk(*self._joined(image[rows], *_trimmed(text[rows], mask[rows]))))
        order = torch.cat([alone, rows]).argsort()
        return torch.arange(len(reads), device=reads.device), torch.cat(features)[order]

    def _joined(self, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Image and text tokens of items that have both as one sequence, and its mask."""
        if self.options.fusion == "concatenate":
            whole = mask.new_ones(image.shape[:2])
            joined = torch.cat([image, text.to(image.dtype)], dim=1)
            return joined, None if bool(mask.all()) else torch.cat([whole, mask], dim=1)
        slots = torch.rand(image.shape[:2]).argsort(dim=1)[:, : mask.shape[1]].to(image.device)  # (b, P), distinct
        item, place = mask.nonzero(as_tuple=True)
        return image.index_put((item, slots[item, place]), text[item, place].to(image.dtype)), None

    def _contrast(self, image: Tensor, text: Tensor, mask: Tensor, pid: Tensor) -> dict[str, Tensor]:
        both = mask.any(1)
        rows = both.nonzero().flatten()
        only_image = self.trunk(image)
        only_text = torch.zeros_like(only_image)
        if len(rows):
            features = self.trunk(*_trimmed(text[rows], mask[rows]))
            only_text = only_text.index_copy(0, rows, features.to(only_text.dtype))
        return {"image_only": only_image, "text_only": only_text, "both": both, "pid": pid}


def _split(encoder: FrozenEncoder, options: DMFConfig) -> tuple[nn.Module | None, list[nn.Module], list[nn.Module]]:
    """Copies of the encoder's first norm and blocks, for the image encoder, and of its last blocks, for the trunk.

    Stochastic depth rises from 0 at the first block to ``drop_path`` at the last, in blocks that support it.
    """
    from timm.layers.drop import DropPath

    total, depth = len(encoder.blocks), options.image_depth
    rest = options.trunk_depth or total - depth
    if not 0 <= depth <= total or not 1 <= rest <= total:
        raise ConfigError(
            f"aio.dmf.image_depth {depth} and aio.dmf.trunk_depth {options.trunk_depth} do not fit encoder "
            f"{encoder.name!r} of {total} blocks; neither may be greater, and the trunk needs at least one."
        )
    (pre_norm, first), (_, last) = encoder.thawed(), encoder.thawed()
    image, trunk = list(first)[:depth], list(last)[total - rest :]
    for index, block in enumerate([*image, *trunk]):
        rate = options.drop_path * index / max(depth + rest - 1, 1)
        for name in ("drop_path1", "drop_path2"):
            if rate and hasattr(block, name):
                setattr(block, name, DropPath(rate))
    return pre_norm, image, trunk


def _trimmed(text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Text tokens and mask without the columns that are padding in all rows."""
    longest = int(mask.sum(1).max()) if mask.numel() else 0
    return text[:, :longest], mask[:, :longest]
