"""The ``aio`` config node as typed dataclasses: every key with its default, accepted values, meaning and source.

``aio-reid config`` lists the keys. Where a config enters the package, :func:`parse_config` makes an
:class:`AIOConfig` of plain mappings; torchreid's own config classes are known to :mod:`aio_plugin.host` alone.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from .errors import ConfigError, ModalityError, nearest
from .modality import Combination, Modality, format_combination, parse_combination
from .options import FRACTION, PROBABILITY, DatasetOptions, at_least, check_keys, option, rule, values_of
from .options import Option as Option  # adapters from outside take it from here
from .outside_files import read_yaml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Node = TypeVar("Node", bound="DataclassInstance")


WEIGHTS = rule(
    lambda value: all(type(weight) is float and 0 <= weight < math.inf for weight in value.values()),
    "{name: weight}, with weights of at least 0",
)
PHRASES = rule(lambda value: value > 0, "at least 1; to train without text set aio.modalities to [rgb]")
RATES = rule(
    lambda value: all(type(rate) is float and 0 < rate < 1 for rate in value), "a list of rates between 0 and 1"
)
SIZE = rule(
    lambda value: len(value) in (0, 2) and all(type(side) is int and side > 0 for side in value),
    "[height, width] in pixels, or []",
)


class SourceConfig(TypedDict, total=False):
    """A source of a stage: persons of it in a batch, and the modalities that are made from RGB where it has none."""

    quota: int
    synthetic: list[str]


BATCHES = ("mixed", "single_source")


class _StageOptions(TypedDict, total=False):
    batches: str
    from_rgb: list[str]


class StageConfig(_StageOptions):
    """A stage of ``aio.stages``: what source names contribute, how batches are made, and what starts from RGB then."""

    epochs: int
    sources: Mapping[str, SourceConfig | None]


def _stages(value: Sequence[object]) -> str | None:
    """What is wrong with ``aio.stages``, whether or not it fits the sources and the batch."""
    for number, stage in enumerate(value, 1):
        where = f" Stage {number}"
        if not isinstance(stage, Mapping):
            return f"{where} must have `epochs` and `sources`."
        if wrong := _unknown(stage, StageConfig):
            return f"{where}: {wrong}"
        epochs, sources = stage.get("epochs"), stage.get("sources")
        if type(epochs) is not int or epochs < 1 or not isinstance(sources, Mapping) or not sources:
            return f"{where} needs `epochs`, a positive number, and `sources`, a mapping of source names."
        if stage.get("batches", BATCHES[0]) not in BATCHES:
            return f"{where}: `batches` must be {' or '.join(BATCHES)}."
        if not isinstance(stage.get("from_rgb", []), list | tuple):
            return f"{where}: `from_rgb` must be a list of modalities, like [ir, sketch]."
        for name, source in sources.items():
            if not isinstance(source, Mapping | None):
                return f"{where}, {name}: it must have `quota` and `synthetic`, or nothing."
            if wrong := _unknown(source or {}, SourceConfig):
                return f"{where}, {name}: {wrong}"
            if not isinstance((source or {}).get("synthetic", []), list | tuple):
                return f"{where}, {name}: `synthetic` must be a list of modalities, like [ir, sketch]."
    return None


def _unknown(values: Mapping[str, object], known: type) -> str | None:
    names = known.__annotations__
    return next((f"unknown key {key!r}.{nearest(str(key), names)}" for key in values if key not in names), None)


@dataclass(frozen=True)
class EncoderConfig:
    """``aio.encoder``."""

    name: str = option("")("""frozen encoder: 'open_clip:ViT-B-16', 'open_clip:ViT-L-14', 'timm:<any ViT of timm>',
        'meta_transformer:base_patch16', 'meta_transformer:large_patch14', 'toy', or '<source>:<model>' of a registered
        source; '' = the model's own""")
    weights: str = option("")("""file of the encoder's weights (open_clip, timm or Meta-Transformer); '' = the encoder's
        published weights, downloaded; 'random' = random weights, for tests and measurements""")
    quantise: str = option("")("""keep the encoder's matrices in eight bits: 'int8' or 'fp8' (needs torchao). They take
        half the memory of bf16; computation is as before, on rounded weights: benchmarks/README.md has the cost. AIO
        models only""")


@dataclass(frozen=True)
class TokenizerConfig:
    """``aio.tokenizer``."""

    width: int = option(0, at_least(0))("""channels of the image stems; 0 = the model's own (64, TransReID-SSL; aio_tiny
        32)""")
    image_size: list[int] = option(list[int](), SIZE)("""height and width in pixels that the position tables are made
        for; [] = data.height and data.width, or the model's own where there is no config file; other sizes are
        interpolated""")
    start: str = option("fresh", ("fresh", "pretrained"))("""'fresh': stems, class tokens and positions start random
        (paper); 'pretrained': they start from those of the encoder's pre-training as far as its file has them""")


@dataclass(frozen=True)
class TextConfig:
    """``aio.text``."""

    weights: str = option("")("""word embedding of CLIP: an open_clip file; '' = the encoder's own file if it has one,
        else open_clip's ViT-L-14; 'random' = random, for tests""")
    width: int = option(0, at_least(0))("""width of the word embedding; 0 = that of the weights, or the model's own when
        random""")
    length: int = option(77, at_least(3))("BPE tokens a caption is cut to, start and end token included (CLIP)")
    start: str = option("", ("", "fresh", "pretrained"))("""projection, positions and class token of text: 'fresh' or
        'pretrained', see aio.tokenizer.start; '' = as aio.tokenizer.start. The text tokenizer of an encoder that was
        pre-trained with text (toy) teaches fresh stems from the first step on""")
    lr_mult: float = option(0.1, at_least(0))("learning rate of the word embedding relative to the rest (AIO Sec. 4.1)")


@dataclass(frozen=True)
class MultimodalConfig:
    """``aio.multimodal``."""

    min: int = option(2)("fewest modalities in the multimodal sequence (AIO Sec. 4.1)")
    max: int = option(4)("most modalities in the multimodal sequence (AIO Sec. 4.1)")


@dataclass(frozen=True)
class LossConfig:
    """``aio.loss``."""

    ce: float = option(1.0, at_least(0))("weight of the identity loss (AIO Eq. 4); 0 switches it off")
    fb: float = option(1.0, at_least(0))("weight of multimodal feature binding (AIO Eq. 6); 0 switches it off")
    va: float = option(0.3, at_least(0))("""weight of vision-guided masked attributes, alpha (AIO Eq. 5, 7); 0 switches
        it off""")
    tau: float = option(0.05, rule(lambda value: value > 0, "above 0"))("""temperature of feature binding and InfoNCE
        (AIO Sec. 4.1)""")
    infonce: float = option(0.0, at_least(0))("weight of InfoNCE between RGB and every other modality, for ablation")
    triplet: float = option(0.0, at_least(0))("weight of AGW's weighted-regularisation triplet, for ablation")
    others: dict[str, float] = option(dict[str, float](), WEIGHTS)("""weights of further losses, by the names that they
        are registered with, like {mine: 0.5}""")


@dataclass(frozen=True)
class ClassifierConfig:
    """``aio.classifier``."""

    fraction: float = option(1.0, FRACTION)("""share of the identities that a step compares with: those of the batch and
        random others (Partial FC). Takes less time and memory, but the loss is not exact; worthwhile from about 100,000
        identities. 1 = all (paper)""")
    negatives: str = option("all", ("all", "own_dataset"))("""'all': identities of other sources are other people
        (paper); 'own_dataset': compare with those of the item's own source only, for sources that show the same people;
        costs a mask of features x identities""")
    shard: bool = option(False)("""under torchrun each rank holds its share of the classifier: same loss, less memory,
        features are exchanged""")


@dataclass(frozen=True)
class AttributesConfig:
    """``aio.attributes``."""

    lexicon: str = option("")("JSON list of attribute words; '' = the one shipped (see `aio-reid lexicon`)")
    fraction: float = option(0.5, FRACTION)("share of a caption's attribute words that are masked")
    most: int = option(10, at_least(1))("most attribute words masked in one caption (APTM)")
    lr_mult: float = option(1.0, at_least(0))("""learning rate of the attribute decoder relative to train.lr;
        train.base_lr_mult does not apply to it""")
    warmup_epochs: float = option(0.0, at_least(0))("""epochs over which the gradient that the decoder passes on to
        tokenizers and class tokens rises from none to all of it; the decoder itself learns from the start; 0 = all at
        once (paper)""")


@dataclass(frozen=True)
class SynthesisConfig:
    """``aio.synthesis``."""

    lineart: str = option("")("""weights of the informative-drawings generator (sk_model.pth); '' = edge-based line
        drawings, a deviation from the paper that is named in every result""")
    photo: str = option("own", ("own", "other"))("""'own': infrared and sketches are made from the RGB image that they
        are trained with (AIO Sec. 3.2); 'other': from another photo of the person where there is one, so that a shared
        background does not give the match away""")
    cache: str = option("")("folder of computed line drawings; '' = <data.root>/.aio_cache")


@dataclass(frozen=True)
class DMFConfig:
    """``aio.dmf``."""

    start: str = option("")("""checkpoint of stage one that DMF's stage two starts from: image branch, transformer and
        bottleneck; '' = the encoder's own weights""")
    text_encoder: str = option("")("""frozen encoder of DMF's attribute phrases: 'open_clip:<model>' or 'toy'; '' =
        aio.encoder.name if that is an open_clip model, whose file holds both encoders, else the model's own (the paper
        uses data2vec)""")
    text_weights: str = option("")("""file of the phrase encoder; '' = aio.encoder.weights if one file holds both, else
        the published weights; 'random' = random weights, for tests""")
    phrases: int = option(16, PHRASES)("""most attribute phrases of one caption that DMF reads (FineGPR-C: up
        to about 16)""")
    image_depth: int = option(0, at_least(0))("""first blocks of the encoder that form DMF's image encoder, behind its
        patches. The paper does not say; with 0 the transformer is a whole ViT (12 layers, config of the published code)
        that starts as pre-trained""")
    trunk_depth: int = option(0, at_least(0))("""last blocks of the encoder that DMF's transformer starts from; 0 = all
        behind the image encoder. 12 with image_depth 12 is two whole ViT-B/16, at twice the cost""")
    fusion: str = option("concatenate", ("concatenate", "replace"))("""'concatenate': image tokens, then text tokens;
        'replace': text tokens in the place of random image tokens (DMF's figure leaves both open)""")
    drop_text: float = option(0.5, PROBABILITY)("""probability that an item trains without its text, because stage two
        trains on images only""")
    drop_path: float = option(0.1, PROBABILITY)("""stochastic depth of DMF's last block, less in the blocks before it
        (config of the published code)""")
    input: str = option("fused", ("fused", "text"))("""'fused': images, with text where there is any; 'text': text only
        (ablation)""")
    triplet: float = option(1.0, at_least(0))("weight of DMF's soft-margin batch-hard triplet on f; 0 switches it off")
    contrast: float = option(0.0, at_least(0))("""weight of the identity-supervised contrast between image only and text
        only, temperature aio.loss.tau; 0 = off, as in DMF's figure""")
    test_feature: str = option("before", ("before", "after"))("""DMF's retrieval feature: f 'before' or 'after' the
        bottleneck (config of the published code: before)""")


@dataclass(frozen=True)
class TrainConfig:
    """``aio.train``."""

    fine_tune: bool = option(False)("""start from model.load_weights although it was trained on other persons, with
        fewer modalities, or for another image size or text length: the classifier and what is new start fresh,
        position tables are interpolated, and the result says so; everything else has to fit""")
    precision: str = option("auto", ("auto", "fp32", "bf16", "fp16"))("""'fp32', 'bf16', 'fp16' (autocast) or 'auto':
        bf16 on CUDA, fp32 on CPU""")
    warmup_epochs: float = option(5.0, at_least(0))("""epochs of linear warm-up of train.lr_scheduler 'cosine_warmup'
        (AIO Sec. 4.1)""")
    random_grey: float = option(0.5, PROBABILITY)("""probability that 'random_grey' in data.transforms takes the colours
        from a training image""")
    steps_per_epoch: int = option(0, at_least(0))("""optimisation steps an epoch; 0 = every identity of every source at
        least once""")
    checkpoint_every: int = option(0, at_least(0))("steps between two writes of model/last.pth.tar; 0 = once an epoch")
    accumulate: int = option(1, at_least(1))("""parts that each process splits its batch into: activations of one part
        at a time, for another forward pass (about a third more time). Same loss and gradient as in one piece, but batch
        normalisation sees one part""")
    compile: bool = option(False)("""compile the image stems and the frozen encoder with torch.compile: fewer passes
        over memory, most on a GPU; takes a minute or two at the start of training and testing; needs a C++ compiler on
        a CPU. AIO models only""")
    checkpoint_activations: bool = option(False)("""keep only the input of each encoder block and compute the block
        again for the gradient: a quarter of the encoder's activations, for a third to a half more time; same gradient.
        AIO models only""")
    clip_norm: float = option(0.0, at_least(0))("""largest norm of a step's gradient; longer gradients are scaled down
        to it; 0 = no limit""")
    batch_norm: str = option("sync", ("sync", "local"))("""under torchrun: 'sync': batch normalisation over the items of
        all processes, as one process with the whole batch would, at two small exchanges a layer; 'local': over each
        process's own items: faster, but the result depends on the number of processes""")
    select_target: str = option("")("""what model/model-best.pth.tar is chosen on, tested with data.targets every
        test.eval_freq epochs: a validation split, like 'cuhk_pedes/val', or one of data.targets, which is then not a
        fair test; '' = none""")
    select_metric: str = option("mAP", ("mAP", "rank-1", "mINP"))("""metric of train.select_target: 'mAP', 'rank-1' or
        'mINP'""")


@dataclass(frozen=True)
class TestConfig:
    """``aio.test``."""

    synthesise: bool = option(False)("make query modalities that a dataset lacks (ir, sketch) from the RGB query")
    before: bool = option(False)("also test before training")
    pixels: bool = option(False)("also test nearest neighbours of raw pixels (32 x 16, L2-normalised)")
    report: bool = option(False)("write report.html with ranked lists below data.save_dir")
    attributes: bool = option(False)("""also measure the attribute decoder (loss.va) on targets searched by text alone
        whose captions have their photo in the gallery, like cuhk_pedes: words of at most 1,000 captions masked as in
        training, the same ones in every test, named from photo and caption""")
    open_set: list[float] = option(list[float](), RATES)("""also measure open-set identification: false-positive
        identification rates such as [0.01, 0.1], at which TPIR and DIR are reported, with half of the queries' persons
        taken out of the gallery; a rate below one of the unknown queries, and re-ranked distances, have none""")


@dataclass(frozen=True)
class AIOConfig:
    """The ``aio`` node."""

    encoder: EncoderConfig = EncoderConfig()
    modalities: list[str] = option(["rgb", "ir", "sketch", "text"])("""modalities that the model has tokenizers for: rgb
        and any of ir, sketch, text and cp (colour pencil); training media of others are left out, with a warning""")
    tokenizer: TokenizerConfig = TokenizerConfig()
    text: TextConfig = TextConfig()
    multimodal: MultimodalConfig = MultimodalConfig()
    bnneck: str = option("shared", ("shared", "per_modality"))("""'shared': one bottleneck for all features;
        'per_modality': one each""")
    loss: LossConfig = LossConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    attributes: AttributesConfig = AttributesConfig()
    synthesis: SynthesisConfig = SynthesisConfig()
    dmf: DMFConfig = DMFConfig()
    stages: list[StageConfig] = option(list[StageConfig](), _stages)("""progressive training (AIO Sec. 3.2): a list of
        {epochs, sources: {name: {quota, synthetic}}, batches, from_rgb}; quota = persons in a batch, synthetic
        = modalities made from RGB where missing, batches = 'mixed' or 'single_source': every batch is of one
        source, and the quotas are the shares of batches, so that the binding compares persons of one look,
        from_rgb = image modalities whose stem, positions, class token and bottleneck start from those of RGB as
        trained before that stage, like [ir, sketch]; [] = one stage of all data.sources""")
    train: TrainConfig = TrainConfig()
    test: TestConfig = TestConfig()
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name of a dataset -> option -> value; the datasets declare their options."""


def describe(datasets: DatasetOptions) -> Iterator[Option]:
    """Every option of the ``aio`` node by its dotted name, those of the datasets last."""
    yield from _describe(AIOConfig())
    for name, options in datasets.items():
        yield from (option._replace(name=f"datasets.{name}.{option.name}") for option in options)


def _describe(node: DataclassInstance, prefix: str = "") -> Iterator[Option]:
    for each in dataclasses.fields(node):
        default = getattr(node, each.name)
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            yield from _describe(default, f"{prefix}{each.name}.")
        elif each.metadata:
            yield Option(f"{prefix}{each.name}", default, **each.metadata)


def parse_config(values: object, datasets: DatasetOptions = {}) -> AIOConfig:  # noqa: B006 -- never changed
    """The ``aio`` node of ``values``, with the default of every key that they lack.

    Args:
        values: nested mappings, as YAML or :func:`dataclasses.asdict` give them.
        datasets: which datasets ``aio.datasets`` can name.

    Raises:
        ConfigError: a key is unknown (the message names the nearest), a value is of another type than its key's or
            not accepted, or values contradict each other.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"Config key 'aio' is a group of keys, got {values!r}.")
    named = {name: {option.name: option.default for option in options} for name, options in datasets.items()}
    check_keys(values, dataclasses.asdict(AIOConfig(datasets=named)), "aio")
    chosen = values.get("datasets", {})
    resolved = {
        name: values_of(known, chosen.get(name, {}), f"aio.datasets.{name}") for name, known in datasets.items()
    }
    config = dataclasses.replace(_parse(AIOConfig(), values, "aio"), datasets=resolved)
    low, high = config.multimodal.min, config.multimodal.max
    if not 1 <= low <= high:
        raise ConfigError(f"aio.multimodal: need 1 <= min <= max, got min {low} and max {high}.")
    modalities(config)
    return config


def _parse(node: Node, values: Mapping[str, Any], where: str) -> Node:
    """``node``, a dataclass of defaults, with ``values``."""
    groups = {
        each.name: _parse(getattr(node, each.name), values[each.name], f"{where}.{each.name}")
        for each in dataclasses.fields(node)
        if dataclasses.is_dataclass(getattr(node, each.name)) and each.name in values
    }
    own = [option for option in _describe(node) if "." not in option.name]
    return dataclasses.replace(node, **groups, **values_of(own, values, where))


def load_yaml(path: str | os.PathLike[str], unique: bool = False) -> Mapping[str, Any]:
    """The keys and values of a config file.

    Args:
        unique: refuse a key that stands twice in one group, of which YAML takes the last.

    Raises:
        ConfigError: it cannot be read, or does not contain a mapping.
    """
    try:
        values = read_yaml(path, unique)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The config {path} cannot be read: {error}. Give the path of a YAML file.") from error
    if not isinstance(values, Mapping | None):
        raise ConfigError(f"The config {path} contains a {type(values).__name__} instead of keys and values.")
    return values or {}


def modalities(config: AIOConfig) -> Combination:
    """``aio.modalities`` in the order of modalities.

    Raises:
        ConfigError: a name is unknown or stands twice, or rgb is not among them.
    """
    try:
        named = parse_combination("+".join(map(str, config.modalities)))
    except ModalityError as error:
        raise ConfigError(f"aio.modalities: {error}") from error
    if Modality.RGB not in named:
        raise ConfigError(
            f"aio.modalities is {format_combination(named)}, but every model binds the others to rgb; add rgb."
        )
    return named
