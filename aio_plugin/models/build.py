"""Builds the models of :mod:`.specs` from the ``aio`` config node."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..config import AIOConfig, modalities
from ..encoders.clip import load_word_embedding
from ..encoders.frozen import fingerprint
from ..encoders.pretrained import RANDOM, Pretrained, load_encoder
from ..encoders.text import embed_phrases
from ..errors import ConfigError, nearest
from ..heads.lexicon import Lexicon
from ..heads.vocabulary import Vocabulary
from ..modality import Modality
from .aio import AIO, Shape
from .branches import ImageShape, TextBranch
from .dmf import DMF, Origin
from .feature_settings import model_settings
from .specs import DMF_NAMES, NAMES, SPECS, Spec
from .start import start_aio, start_dmf, start_dmf_from_checkpoint


def build_model(
    name: str,
    num_classes: int,
    options: AIOConfig,
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
        ConfigError: the name is unknown, ``aio`` is built without ``aio.encoder.name``, or the model does not support
            an option of ``aio.train``.
        EncoderError: the encoder's weights are absent or not the encoder's.
        CheckpointError: ``aio.dmf.start`` does not fit the model.
    """
    if name not in SPECS:
        raise ConfigError(f"Unknown model {name!r}.{nearest(name, NAMES)}")
    spec = SPECS[name]
    size = tuple(options.tokenizer.image_size) or image_size or spec.image_size
    size = (int(size[0]), int(size[1]))
    model: AIO | DMF
    if name in DMF_NAMES:
        refused = {
            "train.compile": options.train.compile,
            "train.checkpoint_activations": options.train.checkpoint_activations,
            "encoder.quantise": options.encoder.quantise,
        }
        for key, value in refused.items():
            if value:
                raise ConfigError(f"aio.{key} is for AIO models, and the model is {name!r}; leave it out.")
        model = _build_dmf(spec, num_classes, options, size, loss, vocabulary)
    else:
        model = _build_aio(spec, num_classes, options, size, loss)
    model.feature_settings = model_settings(name, options, size, model)
    own = options.classifier.negatives == "own_dataset"
    model.classifier.arrange(options.classifier.fraction, sizes if own else None, options.classifier.shard)
    if model.classifier.shard.world > 1:  # every rank has other rows, there is nothing to average
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, ["classifier.weight"])
    return model


def _build_aio(spec: Spec, num_classes: int, options: AIOConfig, image_size: tuple[int, int], loss: str) -> AIO:
    encoder_name = options.encoder.name or spec.encoder
    if not encoder_name:
        raise ConfigError(
            "Model 'aio' takes its encoder from aio.encoder.name, for example 'timm:vit_small_patch16_224'."
        )
    named = modalities(options)
    reads_text = Modality.TEXT in named
    pretrained = load_encoder(encoder_name, options.encoder.weights)
    words = _word_embedding(options, pretrained) if reads_text else None
    shape = Shape(
        image_size=image_size,
        stem_width=options.tokenizer.width or spec.stem_width,
        text_width=words.shape[1] if words is not None else options.text.width or spec.text_width,
        text_length=options.text.length,
        multimodal=(options.multimodal.min, options.multimodal.max),
        bnneck=options.bnneck,
        attributes=len(Lexicon.load(options.attributes.lexicon)) if options.loss.va and reads_text else 0,
        modalities=named,
    )
    model = AIO(pretrained.encoder, num_classes, shape, loss)
    starts = (options.tokenizer.start, options.text.start or options.tokenizer.start)
    start_aio(model, pretrained, words, *(start == "pretrained" for start in starts))
    model.compute(options.train.compile, options.train.checkpoint_activations)
    if options.encoder.quantise:
        model.encoder.quantise(options.encoder.quantise)
    return model


def _word_embedding(options: AIOConfig, pretrained: Pretrained) -> Tensor | None:
    """The word embedding (V, W) that AIO starts from, None for a random one."""
    if options.text.weights == RANDOM:
        return None
    if not options.text.weights:
        if pretrained.word_embedding is not None:
            return pretrained.word_embedding
        if options.encoder.weights == RANDOM:  # random all through: for tests and measurements
            return None
    return load_word_embedding(options.text.weights)


def _build_dmf(
    spec: Spec,
    num_classes: int,
    options: AIOConfig,
    image_size: tuple[int, int],
    loss: str,
    vocabulary: Vocabulary | None,
) -> DMF:
    """A DMF; without a vocabulary it has no text branch."""
    dmf = options.dmf
    name = options.encoder.name or spec.encoder
    weights = RANDOM if dmf.start else options.encoder.weights  # a checkpoint has all that the encoder's file has
    pretrained = load_encoder(name, weights)
    width = options.tokenizer.width or spec.stem_width
    shape = ImageShape(image_size, pretrained.patch, width)
    text = None
    if vocabulary is not None:
        text = _text_branch(spec, name, pretrained.encoder.dim, options, vocabulary)
    model = DMF(pretrained.encoder, num_classes, shape, dmf, text, loss)
    if dmf.start:
        start_dmf_from_checkpoint(model, dmf.start)
    elif weights != RANDOM:
        start_dmf(model, pretrained)
    model.encoder = Origin(name, fingerprint(nn.ModuleList([model.image, model.trunk])))
    return model


def _text_branch(spec: Spec, image_name: str, dim: int, options: AIOConfig, vocabulary: Vocabulary) -> TextBranch:
    """The phrases' vectors, computed here once, and the projection behind them."""
    whole = image_name.startswith("open_clip:")  # its files hold a text encoder too
    name = options.dmf.text_encoder or (image_name if whole else spec.text_encoder)
    weights = options.dmf.text_weights
    if not weights and (name == image_name or options.encoder.weights == RANDOM):
        weights = options.encoder.weights
    vectors = embed_phrases(vocabulary.phrases, name, weights)
    return TextBranch(dim, vocabulary, vectors, options.dmf.phrases)
