"""The models by their torchreid names. Light to import: building one imports the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..config import modalities
from ..errors import ConfigError, nearest
from ..modality import MODALITIES, Combination, Modality

if TYPE_CHECKING:
    from ..encoders.sources import Pretrained
    from ..heads.vocabulary import Vocabulary
    from .aio import AIO
    from .dmf import DMF


@dataclass(frozen=True)
class Spec:
    """What a model's name stands for where the config says nothing else.

    Attributes:
        reads: what the method can read at all, of ``aio.modalities``.
        queries: what a trained model finds people by.
        text_encoder: of DMF, where the image encoder's file holds none.
    """

    encoder: str
    image_size: tuple[int, int] = (384, 192)
    stem_width: int = 64
    text_width: int = 512
    reads: Combination = MODALITIES
    queries: Combination = MODALITIES
    text_encoder: str = ""


_DMF: dict[str, Any] = {"reads": (Modality.RGB, Modality.TEXT), "queries": (Modality.RGB,)}

SPECS: Mapping[str, Spec] = {
    "aio": Spec(""),
    "aio_vit_b16": Spec("open_clip:ViT-B-16"),
    "aio_vit_l14": Spec("open_clip:ViT-L-14", text_width=768),
    "aio_tiny": Spec("toy", image_size=(128, 64), stem_width=32, text_width=64),
    "dmf_vit_b16": Spec("open_clip:ViT-B-16", image_size=(256, 128), text_encoder="open_clip:ViT-B-16", **_DMF),
    "dmf_tiny": Spec("toy", image_size=(128, 64), stem_width=32, text_encoder="toy", **_DMF),
}
NAMES = tuple(SPECS)
DMF_NAMES = tuple(name for name, spec in SPECS.items() if spec.text_encoder)


def readable(name: str, options: Any) -> Combination:
    """Of ``aio.modalities`` what the model called ``name`` trains on; a name that is not ours reads all of them."""
    reads = SPECS[name].reads if name in SPECS else MODALITIES
    return tuple(modality for modality in modalities(options) if modality in reads)


def searchable(name: str, options: Any) -> Combination:
    """Of :func:`readable` what the model called ``name`` takes as query and gallery."""
    queries = SPECS[name].queries if name in SPECS else MODALITIES
    return tuple(modality for modality in readable(name, options) if modality in queries)


def build(
    name: str,
    num_classes: int,
    options: Any,
    image_size: tuple[int, int] | None = None,
    loss: str = "softmax",
    vocabulary: Vocabulary | None = None,
    sizes: Sequence[int] = (),
) -> AIO | DMF:
    """The model called ``name``.

    Args:
        num_classes: training identities.
        options: the ``aio`` config node.
        image_size: height and width in pixels; None = the model's own.
        loss: torchreid's ``loss.name``.
        vocabulary: attribute phrases of the training captions; only DMF reads them, and without them it has no
            text branch.
        sizes: training identities of every source; only ``aio.classifier.negatives`` "own_dataset" reads them.

    Raises:
        ConfigError: the name is unknown, ``aio`` is built without ``aio.encoder.name``, or the model has no such way
            to compute as ``aio.train`` asks for.
        EncoderError: the encoder's weights are absent or not the encoder's.
        CheckpointError: ``aio.dmf.start`` does not fit the model.
    """
    if name not in SPECS:
        raise ConfigError(f"Unknown model {name!r}.{nearest(name, NAMES)}")
    spec = SPECS[name]
    size = tuple(options.tokenizer.image_size) or image_size or spec.image_size
    size = (int(size[0]), int(size[1]))
    if name in DMF_NAMES:
        from .build_dmf import build_dmf

        _refuse_for_dmf(name, options)
        model: AIO | DMF = build_dmf(spec, num_classes, options, size, vocabulary, loss)
    else:
        model = _build_aio(spec, num_classes, options, size, loss)
    _arrange_classifier(model, options.classifier, sizes)
    return model


def _arrange_classifier(model: AIO | DMF, options: Any, sizes: Sequence[int]) -> None:
    from torch.nn.parallel import DistributedDataParallel

    own = options.negatives == "own_dataset"
    model.classifier.arrange(options.fraction, sizes if own else None, options.shard)
    if model.classifier.shard.world > 1:  # every rank has other rows, there is nothing to average
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, ["classifier.weight"])


def _build_aio(spec: Spec, num_classes: int, options: Any, image_size: tuple[int, int], loss: str) -> AIO:
    from ..encoders.sources import load
    from ..heads.lexicon import Lexicon
    from .aio import AIO, Shape
    from .start import start_from

    encoder_name = options.encoder.name or spec.encoder
    if not encoder_name:
        raise ConfigError(
            "Model 'aio' takes its encoder from aio.encoder.name, for example 'timm:vit_small_patch16_224'."
        )
    named = modalities(options)
    reads_text = Modality.TEXT in named
    pretrained = load(encoder_name, options.encoder.weights)
    words = _word_embedding(options, pretrained) if reads_text else None
    shape = Shape(
        image_size=image_size,
        stem_width=options.tokenizer.width or spec.stem_width,
        text_width=words.shape[1] if words is not None else options.text.width or spec.text_width,
        text_length=options.text.length,
        multimodal=(options.multimodal.min, options.multimodal.max),
        bnneck=options.bnneck,
        attributes=len(Lexicon.of(options.attributes.lexicon)) if options.loss.va and reads_text else 0,
        modalities=named,
    )
    model = AIO(pretrained.encoder, num_classes, shape, loss)
    start_from(model, pretrained, words, tokenizers=options.tokenizer.start == "pretrained")
    model.compute(options.train.compile, options.train.checkpoint_activations)
    if options.encoder.quantise:
        model.encoder.quantise(options.encoder.quantise)
    return model


def _refuse_for_dmf(name: str, options: Any) -> None:
    for key, given in (
        ("train.compile", options.train.compile),
        ("train.checkpoint_activations", options.train.checkpoint_activations),
        ("encoder.quantise", options.encoder.quantise),
    ):
        if given:
            raise ConfigError(f"aio.{key} is for AIO models, and the model is {name!r}; leave it out.")


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
