"""Builds DMF from the config."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..encoders.frozen import fingerprint
from ..encoders.pretrained import RANDOM
from ..encoders.sources import load
from ..encoders.text import load_text
from ..heads.vocabulary import Vocabulary
from .branches import TextBranch
from .dmf import DMF, FusionShape, Origin
from .fusion_start import start_from_checkpoint, start_from_encoder
from .registry import Spec


def build_dmf(
    spec: Spec,
    num_classes: int,
    options: Any,
    image_size: tuple[int, int],
    vocabulary: Vocabulary | None,
    loss: str,
) -> DMF:
    """A DMF; without a vocabulary it has no text branch. See :func:`aio_plugin.models.registry.build`.

    Raises:
        ConfigError: the config does not fit the encoder.
        EncoderError: weights are absent or not those of the encoder.
        CheckpointError: ``aio.dmf.start`` is not a checkpoint of such a model.
    """
    chosen = options.dmf
    name = options.encoder.name or spec.encoder
    weights = RANDOM if chosen.start else options.encoder.weights  # a checkpoint has all that the encoder's file has
    pretrained = load(name, weights)
    shape = FusionShape(
        image_size=image_size,
        patch=pretrained.patch,
        stem_width=options.tokenizer.width or spec.stem_width,
        pre_norm=pretrained.pre_norm,
        image_depth=chosen.image_depth,
        trunk_depth=chosen.trunk_depth,
        fusion=chosen.fusion,
        drop_text=chosen.drop_text,
        drop_path=chosen.drop_path,
        only_text=chosen.input == "text",
        contrast=bool(chosen.contrast),
        after_neck=chosen.test_feature == "after",
    )
    text = None
    if vocabulary is not None:
        text = _text_branch(spec, name, pretrained.encoder.dim, options, vocabulary)
    model = DMF(pretrained.encoder, num_classes, shape, text, loss)
    if chosen.start:
        start_from_checkpoint(model, chosen.start)
    elif weights != RANDOM:
        start_from_encoder(model, pretrained)
    model.encoder = Origin(name, fingerprint(nn.ModuleList([model.image, model.trunk])))
    return model


def _text_branch(spec: Spec, image_name: str, dim: int, options: Any, vocabulary: Vocabulary) -> TextBranch:
    """The phrases' vectors, computed here once, and the projection behind them."""
    whole = image_name.startswith("open_clip:")  # its files hold a text encoder too
    name = options.dmf.text_encoder or (image_name if whole else spec.text_encoder)
    weights = options.dmf.text_weights
    if not weights and (name == image_name or options.encoder.weights == RANDOM):
        weights = options.encoder.weights
    vectors = load_text(name, weights).table(vocabulary.phrases)
    return TextBranch(dim, vocabulary, vectors, options.dmf.phrases)
