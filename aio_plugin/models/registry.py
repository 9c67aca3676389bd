"""The models by their torchreid names. Light to import: building one imports the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, nearest

if TYPE_CHECKING:
    from ..encoders.sources import Pretrained
    from .aio import AIO


@dataclass(frozen=True)
class Spec:
    """What a model's name stands for where the config says nothing else."""

    encoder: str
    image_size: tuple[int, int] = (384, 192)
    stem_width: int = 64
    text_width: int = 512


SPECS: Mapping[str, Spec] = {
    "aio": Spec(""),
    "aio_vit_b16": Spec("open_clip:ViT-B-16"),
    "aio_vit_l14": Spec("open_clip:ViT-L-14", text_width=768),
    "aio_tiny": Spec("toy", image_size=(128, 64), stem_width=32, text_width=64),
}
NAMES = tuple(SPECS)


def build(
    name: str,
    num_classes: int,
    options: Any,
    image_size: tuple[int, int] | None = None,
    loss: str = "softmax",
) -> AIO:
    """The model called ``name``.

    Args:
        num_classes: training identities.
        options: the ``aio`` config node.
        image_size: height and width in pixels; None = the model's own.
        loss: torchreid's ``loss.name``.

    Raises:
        ConfigError: the name is unknown, or ``aio`` is built without ``aio.encoder.name``.
        EncoderError: the encoder's weights are absent or not the encoder's.
    """
    if name not in SPECS:
        raise ConfigError(f"Unknown model {name!r}.{nearest(name, NAMES)}")
    from ..encoders.sources import load
    from ..heads.lexicon import Lexicon
    from .aio import AIO, Shape
    from .start import start_from

    spec = SPECS[name]
    encoder_name = options.encoder.name or spec.encoder
    if not encoder_name:
        raise ConfigError(
            "Model 'aio' takes its encoder from aio.encoder.name, for example 'timm:vit_small_patch16_224'."
        )
    pretrained = load(encoder_name, options.encoder.weights)
    words = _word_embedding(options, pretrained)
    size = tuple(options.tokenizer.image_size) or image_size or spec.image_size
    shape = Shape(
        image_size=(int(size[0]), int(size[1])),
        stem_width=options.tokenizer.width or spec.stem_width,
        text_width=words.shape[1] if words is not None else options.text.width or spec.text_width,
        text_length=options.text.length,
        multimodal=(options.multimodal.min, options.multimodal.max),
        bnneck=options.bnneck,
        attributes=len(Lexicon.of(options.attributes.lexicon)) if options.loss.va else 0,
    )
    model = AIO(pretrained.encoder, num_classes, shape, loss)
    start_from(model, pretrained, words, tokenizers=options.tokenizer.start == "pretrained")
    return model


def _word_embedding(options: Any, pretrained: Pretrained) -> Any:
    """The word embedding that AIO starts from, None for a random one."""
    if options.text.weights == "random":
        return None
    if not options.text.weights:
        if pretrained.word_embedding is not None:
            return pretrained.word_embedding
        if options.encoder.weights == "random":  # random all through: for tests and measurements
            return None
    from ..encoders.sources import load_word_embedding

    return load_word_embedding(options.text.weights)
