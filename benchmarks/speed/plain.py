"""AIO written plainly: what the measured model is compared with.

The same modules, sequences and losses as :class:`aio_plugin.models.aio.AIO`, but as they are usually written: one call
of the encoder a modality, captions padded to the longest the model reads, the encoder's weights ordinary Parameters
that do not require a gradient, or that do. Items have all four modalities.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aio_plugin.modality import Batch, Modality
from aio_plugin.models.aio import AIO
from aio_plugin.models.sequence import draw_combination
from aio_plugin.tokenizers.bpe import lengths


class Plain(nn.Module):
    """AIO's ``train_outputs`` and ``features``, for batches without gaps.

    Args:
        model: whose weights to start from.
        trained: whether the encoder's weights are trained too.
    """

    def __init__(self, model: AIO, trained: bool = False) -> None:
        super().__init__()
        self.pre_norm, self.blocks = model.encoder.thawed()
        self.blocks.requires_grad_(trained)
        if self.pre_norm is not None:
            self.pre_norm.requires_grad_(trained)
        for name in ("tokenizers", "positions", "class_tokens", "norm", "bnneck", "classifier", "attributes"):
            setattr(self, name, copy.deepcopy(getattr(model, name)))
        self.shape = model.shape

    def forward(self, batch: Batch) -> dict[str, Tensor] | Tensor:
        """The losses' input in train mode, retrieval features (B, D) in eval mode."""
        return self.train_outputs(batch) if self.training else self.features(batch)

    def train_outputs(self, batch: Batch) -> dict[str, Tensor]:
        """What the losses need, as AIO's."""
        tokens, masks = self.tokens(batch)
        z = [self.encode(tokens[m], masks[m], i)[:, 0] for i, m in enumerate(tokens)]
        words = self.text(batch["masked_text"])
        masked = self.encode(words, masks[Modality.TEXT], len(tokens) - 1)[:, 1:]
        everything = torch.ones(len(z[0]), len(z), dtype=torch.bool, device=z[0].device)
        chosen = draw_combination(everything, *self.shape.multimodal)[0].tolist()
        parts = [m for m, is_in in zip(tokens, chosen, strict=True) if is_in]
        joined, mask = torch.cat([tokens[m] for m in parts], 1), torch.cat([masks[m] for m in parts], 1)
        features = torch.cat([*z, self.encode(joined, mask, len(tokens))[:, 0]])
        slots = torch.arange(len(tokens) + 1, device=features.device).repeat_interleave(len(everything))
        labels = F.pad(batch["attributes"], (0, words.shape[1] - batch["attributes"].shape[1]), value=-1)
        item, place = (labels >= 0).nonzero(as_tuple=True)
        pairs = torch.cat([z[0][item], masked[item, place]], dim=1)
        return {
            "z": torch.stack(z, dim=1),
            "present": everything,
            "pid": batch["pid"],
            "features": features,
            "logits": self.classifier(self.bnneck(features, slots)),
            "labels": batch["pid"].repeat(len(z) + 1),
            "attribute_logits": self.attributes(pairs),
            "attribute_labels": labels[item, place],
        }

    def features(self, batch: Batch) -> Tensor:
        """One retrieval feature (B, D) an item, of the modalities that the batch holds."""
        tokens, masks = self.tokens(batch)
        modalities = list(self.tokenizers)
        slot = modalities.index(next(iter(tokens)).value) if len(tokens) == 1 else len(modalities)
        out = self.encode(torch.cat(list(tokens.values()), 1), torch.cat(list(masks.values()), 1), slot)[:, 0]
        return F.normalize(self.bnneck(out, torch.full((len(out),), slot, device=out.device)).float(), dim=1)

    def tokens(self, batch: Batch) -> tuple[dict[Modality, Tensor], dict[Modality, Tensor]]:
        """Position-aware tokens (B, N, D) of every modality, and masks (B, N) False on padding."""
        tokens, masks = {}, {}
        for modality in (Modality.named(name) for name in self.tokenizers if name in batch):
            if modality.is_image:
                found = self.tokenizers[modality.value](batch[modality.value])
                tokens[modality] = found + self.positions[modality.value].table
                masks[modality] = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
            else:
                tokens[modality] = self.text(batch["text"])
                places = torch.arange(self.shape.text_length, device=tokens[modality].device)
                masks[modality] = places < lengths(batch["text"])[:, None]
        return tokens, masks

    def text(self, ids: Tensor) -> Tensor:
        """Tokens (B, L, D) of captions padded to the L tokens that the model reads."""
        ids = F.pad(ids, (0, self.shape.text_length - ids.shape[1]))
        name = Modality.TEXT.value
        return self.tokenizers[name](ids) + self.positions[name].table  # type: ignore[no-any-return]

    def encode(self, tokens: Tensor, mask: Tensor, slot: int) -> Tensor:
        """Class token in front, then the encoder and the last norm; (B, 1 + N, D)."""
        sequence = self.class_tokens.before(tokens, slot)
        attend = None if mask.all() else F.pad(mask, (1, 0), value=True)[:, None, None, :]
        sequence = sequence if self.pre_norm is None else self.pre_norm(sequence)
        for block in self.blocks:
            sequence = block(sequence, attn_mask=attend)
        return self.norm(sequence)  # type: ignore[no-any-return]
