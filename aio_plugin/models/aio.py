"""AIO: all modalities tokenised into one space and encoded by one frozen ViT (AIO Sec. 3, Fig. 2).

He, Ye, Zhang, Du: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
https://arxiv.org/abs/2405.04741
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.frozen import FrozenEncoder
from ..encoders.pack import Sequences
from ..errors import ModalityError
from ..heads.classification import AttributeDecoder, BNNeck, Classifier
from ..losses.criterion import aio_weights
from ..modality import MODALITIES, Batch, Combination, Modality, format_combination, in_order
from ..tokenizers.bpe import lengths
from ..tokenizers.image import ImageTokenizer, patch_grid
from ..tokenizers.text import TextTokenizer
from .sequence import ClassTokens, ImagePositions, TextPositions, draw_combination

FOUR = (Modality.RGB, Modality.IR, Modality.SKETCH, Modality.TEXT)
"""The modalities of the paper."""


@dataclass(frozen=True)
class Shape:
    """The sizes of an AIO model beside those of its encoder."""

    image_size: tuple[int, int] = (384, 192)
    stem_width: int = 64
    text_width: int = 512
    text_length: int = 77
    multimodal: tuple[int, int] = (2, 4)
    bnneck: str = "shared"
    attributes: int = 0
    modalities: Combination = FOUR


@dataclass
class Tokens:
    """Tokens (b, N, D) of the items ``rows`` (b,) in one modality; ``mask`` (b, N), on the CPU, is False on padding."""

    rows: Tensor
    tokens: Tensor
    mask: Tensor | None = None

    def select(self, places: Tensor) -> Tokens:
        """Those at ``places`` (b,): bool, or positions among the rows."""
        return Tokens(self.rows[places], self.tokens[places], None if self.mask is None else self.mask[places.cpu()])


class AIO(nn.Module):
    """The assembled method.

    ``forward`` takes a Batch or RGB images (B, 3, H, W). In eval mode it returns one retrieval
    feature (B, D) an item, for exactly the modalities present: after the bottleneck, of unit
    length. In train mode it returns the inputs of all losses for a Batch (see :meth:`train_outputs`), and for
    images what torchreid's own models do: logits, and features too if ``loss`` is "triplet".

    Attributes:
        modalities: the M modalities that the model has tokenizers for, RGB first. The position of a modality among
            them is its slot; the slot of the multimodal feature is M.
        encoder: ``encoder(tokens (B, N, D)) -> (B, N, D)``, frozen.
        feature_settings: what its features depend on by config key, see :mod:`.feature_settings`; empty for a model
            that is not built from a config.
        training_only: parts that features do not depend on.
        loss: torchreid's ``loss.name``; only bare images in train mode depend on it.
    """

    is_aio = True
    training_only = ("classifier", "attributes")
    feature_settings: Mapping[str, Any] = {}
    loss_weights = staticmethod(aio_weights)

    def __init__(self, encoder: FrozenEncoder, num_classes: int, shape: Shape, loss: str = "softmax") -> None:
        super().__init__()
        dim = encoder.dim
        self.shape, self.loss, self.feature_dim = shape, loss, dim
        self.modalities = in_order(shape.modalities)
        if Modality.RGB not in self.modalities:
            raise ModalityError("A model needs rgb among its modalities; add it to aio.modalities.")
        self.tokenizers = nn.ModuleDict({m.value: self._tokenizer(m, dim) for m in self.modalities})
        self.positions = nn.ModuleDict({m.value: self._positions(m, dim) for m in self.modalities})
        self.class_tokens = ClassTokens(dim, len(self.modalities))
        self.encoder = encoder
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.bnneck = BNNeck(dim, len(self.modalities) + 1, mode=shape.bnneck)
        self.classifier = Classifier(dim, num_classes)
        self.attributes = AttributeDecoder(dim, shape.attributes) if shape.attributes else None

    def slot(self, modality: Modality | None) -> int:
        """Row of a modality's class token, column of its features, number of its bottleneck; None means multimodal."""
        return len(self.modalities) if modality is None else self.modalities.index(modality)

    def compute(self, compiled: bool = False, checkpointed: bool = False) -> None:
        """Set ``aio.train.compile`` and ``aio.train.checkpoint_activations``.

        Raises:
            EncoderError: the encoder's blocks cannot be computed that way.
        """
        self.encoder.compute(compiled, checkpointed)
        if compiled:
            for tokenizer in self.tokenizers.values():
                if isinstance(tokenizer, ImageTokenizer):
                    tokenizer.compile()

    @torch.no_grad()
    def start_from_rgb(self, modality: Modality) -> None:
        """Copy stem, positions, class token and bottleneck of RGB, as trained so far, to another image modality."""
        rgb, name = Modality.RGB, modality.value
        self.tokenizers[name].load_state_dict(self.tokenizers[rgb.value].state_dict())
        self.positions[name].load_state_dict(self.positions[rgb.value].state_dict())
        self.class_tokens.single[self.slot(modality)] = self.class_tokens.single[self.slot(rgb)]
        if not self.bnneck.shared:
            self.bnneck.necks[self.slot(modality)].load_state_dict(self.bnneck.necks[self.slot(rgb)].state_dict())

    def _tokenizer(self, modality: Modality, dim: int) -> nn.Module:
        if modality.tokenizer is not None:
            return modality.tokenizer(dim)
        image = modality.is_image
        return ImageTokenizer(dim, self.shape.stem_width) if image else TextTokenizer(dim, self.shape.text_width)

    def _positions(self, modality: Modality, dim: int) -> nn.Module:
        if modality.is_image:
            return ImagePositions(dim, patch_grid(*self.shape.image_size))
        return TextPositions(dim, self.shape.text_length)

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
        tokens = self._tokens(Batch.rgb(batch))[Modality.RGB]
        (z,) = self._encode([self._sequence(tokens, Modality.RGB)])
        logits = self.classifier(self.bnneck(z, z.new_full((len(z),), self.slot(Modality.RGB), dtype=torch.long)))
        return (logits, z) if self.loss == "triplet" else logits

    def feature_maps(self, batch: Batch | Tensor) -> Tensor:
        """The encoder's tokens of RGB images (B, 3, H, W) as maps (B, D, h, w), before the final norm.

        The final norm would give all of them one length, and their lengths are what activation maps show.
        """
        images: Tensor = batch if isinstance(batch, Tensor) else batch["img"]
        tokens = self._tokens(Batch.rgb(images))[Modality.RGB]
        (out,) = self.encoder.read([self._sequence(tokens, Modality.RGB, whole=True)])
        maps: Tensor = out[:, 1:].transpose(1, 2).unflatten(2, patch_grid(images.shape[-2], images.shape[-1]))
        return maps

    def features(self, batch: Batch) -> Tensor:
        """One retrieval feature (B, D) of unit length an item: z^mod, or z^A of several modalities."""
        present = self._present(batch)
        tokens = self._tokens(batch)
        several = present.sum(1) > 1
        z = next(iter(tokens.values())).tokens.new_zeros(len(present), self.feature_dim)
        slot = present.float().argmax(1)
        alone = {m: t.select(~several[t.rows]) for m, t in tokens.items()}
        alone = {m: t for m, t in alone.items() if len(t.rows)}
        joined_rows, joined = self._joined(tokens, present & several[:, None])
        outputs = self._encode([*(self._sequence(t, m) for m, t in alone.items()), *joined])
        for rows, out in zip([*(t.rows for t in alone.values()), *joined_rows], outputs, strict=True):
            z = z.index_copy(0, rows, out.to(z.dtype))
        for rows in joined_rows:
            slot = slot.index_fill(0, rows, self.slot(None))
        return F.normalize(self.bnneck(z, slot).float(), dim=1)

    def train_outputs(self, batch: Batch) -> dict[str, Tensor]:
        """The inputs of the losses, every tensor along the batch so that DataParallel can gather it.

        Returns:
            ``z`` (B, M, D) raw single-modality features, zeros where missing; ``present`` (B, M) bool;
            ``pid`` (B,); ``logits`` (R, C), or what else ``classifier.outputs`` gives, and ``labels`` (R,) of
            all R features, the multimodal ones included; ``features`` (R, D) the same before the bottleneck;
            and, with masked captions, ``attribute_logits`` (K, A) and ``attribute_labels`` (K,).
        """
        present = self._present(batch)
        tokens = self._tokens(batch)
        joined_rows, joined = self._joined(tokens, self._chosen(batch, present))
        sequences = [*(self._sequence(t, m) for m, t in tokens.items()), *joined]
        masked = self._masked_text(batch, tokens)
        if masked is not None:  # masked captions share text's class token; their outputs replace their tokens
            sequences.append(self._sequence(masked, Modality.TEXT, whole=True))
        features = self._encode(sequences)
        if masked is not None:
            masked.tokens = features.pop()[:, 1:]
        rows = [*(t.rows for t in tokens.values()), *joined_rows]
        kinds = [*tokens, *(None for _ in joined)]
        slots = [torch.full_like(at, self.slot(kind)) for at, kind in zip(rows, kinds, strict=True)]
        z = features[0].new_zeros(*present.shape, self.feature_dim)
        for at, slot, feature, _ in zip(rows, slots, features, tokens, strict=False):
            z = z.index_put((at, slot), feature)
        feature, labels = torch.cat(features), batch["pid"][torch.cat(rows)]
        out = {
            "z": z,
            "present": present,
            "pid": batch["pid"],
            "features": feature,
            "labels": labels,
            **self.classifier.outputs(self.bnneck(feature, torch.cat(slots)), labels),
        }
        if masked is not None:
            out.update(self._attribute_outputs(batch, masked, z[:, self.slot(Modality.RGB)]))
        return out

    def attribute_outputs(self, batch: Batch) -> dict[str, Tensor]:
        """What :meth:`train_outputs` gives of masked words; every item has an RGB image and a masked caption."""
        tokens = self._tokens(batch)
        rgb, masked = tokens[Modality.RGB], self._masked_text(batch, tokens)
        assert masked is not None
        z, words = self._encode([self._sequence(rgb, Modality.RGB), self._sequence(masked, Modality.TEXT, whole=True)])
        masked.tokens = words[:, 1:]
        return self._attribute_outputs(batch, masked, z)

    def _present(self, batch: Batch) -> Tensor:
        """(B, M) bool: which of the model's modalities each item has.

        Raises:
            ModalityError: the batch holds a modality that the model was not built with.
        """
        table: Tensor = batch["present"]
        if table.shape[1:] != (len(MODALITIES),):
            raise ModalityError(
                f'Batch["present"] is {tuple(table.shape)}; it has one column for each of '
                f"{', '.join(map(str, MODALITIES))}."
            )
        foreign = [modality for modality in MODALITIES if modality not in self.modalities]
        if foreign and table[:, [modality.index for modality in foreign]].any():
            foreign = [modality for modality in foreign if batch.has(modality).any()]
            raise ModalityError(
                f"The batch has {format_combination(foreign)}, but the model was built with "
                f"{format_combination(self.modalities)}. Add the missing ones to aio.modalities and train again."
            )
        return torch.stack([batch.has(m) for m in self.modalities], dim=1)

    def _chosen(self, batch: Batch, present: Tensor) -> Tensor:
        """(B, M) bool: the modalities of every multimodal sequence; in a part of a batch, as drawn for the whole."""
        if "whole" not in batch:
            return draw_combination(present, *self.shape.multimodal)
        whole = self._present(Batch(present=batch["whole"]))
        return draw_combination(whole, *self.shape.multimodal)[batch["rows"]]

    def _tokens(self, batch: Batch) -> dict[Modality, Tokens]:
        """Position-aware tokens of every modality present, without class tokens."""
        tokens = {}
        for modality in self.modalities:
            rows = batch.has(modality).nonzero().flatten()
            if len(rows) or modality in batch.get("everywhere", ()):
                name = modality.value
                raw = batch[name if name in batch else Modality.RGB.value]
                raw = raw if len(rows) == len(raw) else raw[rows]
                if not modality.is_image:
                    tokens[modality] = self._text(rows, raw)
                    continue
                grid = patch_grid(*raw.shape[-2:])
                tokens[modality] = Tokens(rows, self.positions[name](self.tokenizers[name](raw), grid))
        return tokens

    def _text(self, rows: Tensor, ids: Tensor) -> Tokens:
        length = lengths(ids.cpu())
        longest = int(length.max())
        ids = ids[:, :longest]
        mask = torch.arange(longest) < length[:, None]
        text = Modality.TEXT.value
        return Tokens(rows, self.positions[text](self.tokenizers[text](ids)), mask)

    def _masked_text(self, batch: Batch, tokens: dict[Modality, Tokens]) -> Tokens | None:
        if self.attributes is None or "masked_text" not in batch or Modality.TEXT not in tokens:
            return None
        rows = tokens[Modality.TEXT].rows
        return self._text(rows, batch["masked_text"][rows])

    def _sequence(self, tokens: Tokens, modality: Modality | None, whole: bool = False) -> Sequences:
        mask = None if tokens.mask is None else F.pad(tokens.mask, (1, 0), value=True)
        return Sequences(self.class_tokens.before(tokens.tokens, self.slot(modality)), mask, whole)

    def _joined(self, tokens: dict[Modality, Tokens], chosen: Tensor) -> tuple[list[Tensor], list[Sequences]]:
        """Rows (b,) and sequences [z^A; E^R; E^I; E^S; E^T; ...], for every combination that is chosen (B, M)."""
        rows, sequences = [], []
        patterns, which = torch.unique(chosen, dim=0, return_inverse=True)
        for index, pattern in enumerate(patterns.tolist()):
            if not any(pattern):
                continue
            members = (which == index).nonzero().flatten()
            chosen_tokens = [tokens[modality] for modality in compress(self.modalities, pattern)]
            parts = [each.select(torch.searchsorted(each.rows, members)) for each in chosen_tokens]
            mask = None
            if any(p.mask is not None for p in parts):
                masks = [torch.ones(p.tokens.shape[:2], dtype=torch.bool) if p.mask is None else p.mask for p in parts]
                mask = torch.cat(masks, dim=1)
            joined = torch.cat([p.tokens for p in parts], dim=1)
            rows.append(members)
            sequences.append(self._sequence(Tokens(members, joined, mask), None))
        return rows, sequences

    def _encode(self, sequences: list[Sequences]) -> list[Tensor]:
        """Class token outputs, or all outputs where a sequence asks for them, after the final norm."""
        return [self.norm(out) for out in self.encoder.read(sequences)]

    def _attribute_outputs(self, batch: Batch, masked: Tokens, z_rgb: Tensor) -> dict[str, Tensor]:
        """[z^R; z^m] of every masked word through the decoder (AIO Eq. 5); pairs without RGB are left out."""
        assert self.attributes is not None
        labels = batch["attributes"][masked.rows][:, : masked.tokens.shape[1]]
        labels = torch.where(batch.has(Modality.RGB)[masked.rows, None], labels, -1)
        item, place = (labels >= 0).nonzero(as_tuple=True)
        vision, words = z_rgb[masked.rows[item]], masked.tokens[item, place]
        return {
            "attribute_logits": self.attributes(torch.cat([vision, words.to(vision.dtype)], dim=1)),
            "attribute_labels": labels[item, place],
        }
