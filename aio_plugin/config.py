"""The ``aio`` config node: every key with its default, meaning, unit and source.

``python -m aio_plugin config`` prints this table.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from yacs.config import CfgNode

from .errors import ConfigError, ModalityError, nearest
from .modality import Combination, Modality, format_combination, parse_combination


class Key(NamedTuple):
    """A config key below ``aio``, its default and what it means."""

    name: str
    default: Any
    about: str


KEYS: tuple[Key, ...] = (
    Key(
        "encoder.name",
        "",
        "frozen encoder: 'open_clip:ViT-B-16', 'open_clip:ViT-L-14', 'timm:<any ViT of timm>', "
        "'meta_transformer:base_patch16', 'meta_transformer:large_patch14', 'toy'; '' = the model's own",
    ),
    Key(
        "encoder.weights",
        "",
        "file of the encoder's weights (open_clip, timm or Meta-Transformer); '' = the encoder's published "
        "weights, downloaded; 'random' = random weights, for tests and measurements",
    ),
    Key(
        "modalities",
        ["rgb", "ir", "sketch", "text"],
        "what the model has tokenizers for: rgb and any of ir, sketch, text and cp (colour pencil); training media of "
        "others are left out, with a warning",
    ),
    Key("tokenizer.width", 0, "channels of the image stems; 0 = the model's own (64, TransReID-SSL; aio_tiny 32)"),
    Key(
        "tokenizer.image_size",
        [],
        "height and width in pixels that the position tables are made for; [] = data.height and data.width, "
        "or the model's own where there is no config file; other sizes are interpolated",
    ),
    Key(
        "tokenizer.start",
        "fresh",
        "'fresh': stems, class tokens and positions start random (paper); 'pretrained': they start from those of "
        "the encoder's pre-training as far as its file has them",
    ),
    Key(
        "text.weights",
        "",
        "word embedding of CLIP: an open_clip file; '' = the encoder's own file if it has one, else open_clip's "
        "ViT-L-14; 'random' = random, for tests",
    ),
    Key("text.width", 0, "width of the word embedding; 0 = that of the weights, or the model's own when random"),
    Key("text.length", 77, "BPE tokens a caption is cut to, start and end token included (CLIP)"),
    Key("text.lr_mult", 0.1, "learning rate of the word embedding relative to the rest (AIO Sec. 4.1)"),
    Key("multimodal.min", 2, "modalities in the multimodal sequence, at least (AIO Sec. 4.1)"),
    Key("multimodal.max", 4, "modalities in the multimodal sequence, at most (AIO Sec. 4.1)"),
    Key("bnneck", "shared", "'shared': one bottleneck for all features; 'per_modality': one each"),
    Key("loss.ce", 1.0, "weight of the identity loss (AIO Eq. 4); 0 switches it off"),
    Key("loss.fb", 1.0, "weight of multimodal feature binding (AIO Eq. 6); 0 switches it off"),
    Key("loss.va", 0.3, "weight of vision-guided masked attributes, alpha (AIO Eq. 5, 7); 0 switches it off"),
    Key("loss.tau", 0.05, "temperature of feature binding and InfoNCE (AIO Sec. 4.1)"),
    Key("loss.infonce", 0.0, "weight of InfoNCE between RGB and every other modality, for ablation"),
    Key("loss.triplet", 0.0, "weight of AGW's weighted-regularisation triplet, for ablation"),
    Key("attributes.lexicon", "", "JSON list of attribute words; '' = the one shipped (see `aio-reid lexicon`)"),
    Key("attributes.fraction", 0.5, "share of a caption's attribute words that are masked"),
    Key("attributes.most", 10, "attribute words masked in one caption, at most (APTM)"),
    Key(
        "synthesis.lineart",
        "",
        "weights of the informative-drawings generator (sk_model.pth); '' = edge-based line drawings, "
        "a deviation from the paper that is named in every result",
    ),
    Key(
        "synthesis.photo",
        "own",
        "'own': infrared and sketches are made from the RGB image they are trained beside (AIO Sec. 3.2); 'other': "
        "from another photo of the person where there is one, so that a background shared gives nobody away",
    ),
    Key("synthesis.cache", "", "folder of computed line drawings; '' = <data.root>/.aio_cache"),
    Key(
        "dmf.start",
        "",
        "checkpoint of stage one that DMF's stage two starts from: image branch, transformer and bottleneck; '' = "
        "the encoder's own weights",
    ),
    Key(
        "dmf.text_encoder",
        "",
        "frozen encoder of DMF's attribute phrases: 'open_clip:<model>' or 'toy'; '' = aio.encoder.name's if that is "
        "open_clip's, one file of which holds both, else the model's own (the paper has data2vec's)",
    ),
    Key(
        "dmf.text_weights",
        "",
        "file of the phrase encoder; '' = aio.encoder.weights if both are of one file, else the published weights; "
        "'random' = random weights, for tests",
    ),
    Key("dmf.phrases", 16, "attribute phrases of one caption that DMF reads, at most (FineGPR-C: up to about 16)"),
    Key(
        "dmf.image_depth",
        0,
        "blocks of the encoder that are DMF's image encoder behind its patches, the first ones. The paper is silent; "
        "with 0 the transformer is a whole ViT (12 layers, config of the published code) that starts as pre-trained",
    ),
    Key(
        "dmf.trunk_depth",
        0,
        "blocks of the encoder that DMF's transformer starts from, the last ones; 0 = all behind the image encoder. "
        "12 with image_depth 12 is two whole ViT-B/16, at twice the cost",
    ),
    Key(
        "dmf.fusion",
        "concatenate",
        "'concatenate': image tokens, then text tokens; 'replace': text tokens in the place of random image tokens "
        "(DMF's figure leaves both open)",
    ),
    Key(
        "dmf.drop_text",
        0.5,
        "probability that an item trains without its text, so that stage two's images alone are nothing new",
    ),
    Key("dmf.drop_path", 0.1, "stochastic depth of DMF's last block, less before it (config of the published code)"),
    Key("dmf.input", "fused", "'fused': images, with text where there is any; 'text': text alone (ablation)"),
    Key("dmf.triplet", 1.0, "weight of DMF's soft-margin batch-hard triplet on f; 0 switches it off"),
    Key(
        "dmf.contrast",
        0.0,
        "weight of the identity-supervised contrast between image alone and text alone, temperature aio.loss.tau; "
        "0 = off, as in DMF's figure",
    ),
    Key(
        "dmf.test_feature",
        "before",
        "DMF's retrieval feature: f 'before' or 'after' the bottleneck (config of the published code: before)",
    ),
    Key(
        "stages",
        [],
        "progressive training (AIO Sec. 3.2): a list of {epochs, sources: {name: {quota, synthetic}}}; quota = persons "
        "in a batch, synthetic = modalities made from RGB where missing; [] = one stage of all data.sources",
    ),
    Key("train.precision", "auto", "'fp32', 'bf16', 'fp16' (autocast) or 'auto': bf16 on CUDA, fp32 on CPU"),
    Key("train.warmup_epochs", 5.0, "epochs of linear warm-up of train.lr_scheduler 'cosine_warmup' (AIO Sec. 4.1)"),
    Key("train.steps_per_epoch", 0, "optimisation steps an epoch; 0 = every identity of every source at least once"),
    Key("train.checkpoint_every", 0, "steps between two writes of model/last.pth.tar; 0 = once an epoch"),
    Key("test.synthesise", False, "make query modalities that a dataset lacks (ir, sketch) from the RGB query"),
    Key("test.before", False, "also test before training"),
    Key("test.pixels", False, "also test nearest neighbours of raw pixels (32 x 16, L2-normalised)"),
    Key("test.report", False, "write report.html with ranked lists below data.save_dir"),
)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "tokenizer.start": ("fresh", "pretrained"),
    "bnneck": ("shared", "per_modality"),
    "synthesis.photo": ("own", "other"),
    "dmf.fusion": ("concatenate", "replace"),
    "dmf.input": ("fused", "text"),
    "dmf.test_feature": ("before", "after"),
    "train.precision": ("auto", "fp32", "bf16", "fp16"),
}


def defaults(datasets: Mapping[str, Mapping[str, Any]] | None = None) -> CfgNode:
    """The ``aio`` node with every default; ``datasets`` maps dataset names to their options."""
    node = CfgNode()
    for key in KEYS:
        *path, leaf = key.name.split(".")
        at = node
        for part in path:
            at = at.setdefault(part, CfgNode())
        at[leaf] = list(key.default) if isinstance(key.default, list) else key.default
    node["datasets"] = CfgNode({name: CfgNode(dict(options)) for name, options in (datasets or {}).items()})
    return node


def build(values: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]] | None = None) -> CfgNode:
    """The ``aio`` node with ``values`` merged into the defaults; raises what :func:`merge` raises."""
    return merge(defaults(datasets), values)


def merge(node: CfgNode, values: Any) -> CfgNode:
    """Merge ``values`` into ``node``, an ``aio`` node, and return it.

    Raises:
        ConfigError: a key is unknown (the message names the nearest), or a value is of the wrong type or not
            one of its key's choices.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"Config key 'aio' is a group of keys, got {values!r}.")
    check_keys(values, node, "aio")
    try:
        node.merge_from_other_cfg(CfgNode(_typed(values, node)))
    except ValueError as error:
        raise ConfigError(f"aio: {error}") from error
    check_choices(node)
    return node


def check_keys(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> None:
    """Raise ConfigError for the first key of ``values`` that ``known`` lacks, naming the nearest."""
    for key, value in values.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        if key not in known:
            elsewhere = [full for full in _paths(known, prefix) if full.rsplit(".", 1)[-1] == key]
            guess = f" Did you mean {elsewhere[0]!r}?" if elsewhere else _nearest_key(where, known, prefix)
            raise ConfigError(f"Unknown config key {where!r}.{guess}")
        if isinstance(known[key], Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"Config key {where!r} is a group of keys, got {value!r}.")
            check_keys(value, known[key], where)


def check_choices(node: CfgNode) -> None:
    """Raise ConfigError for a value that is not one of its key's choices."""
    for name, choices in CHOICES.items():
        value: Any = node
        for part in name.split("."):
            value = value[part]
        if value not in choices:
            raise ConfigError(f"aio.{name} is {value!r}.{nearest(str(value), choices)}")
    modalities(node)
    low, high = node.multimodal.min, node.multimodal.max
    if not 1 <= low <= high:
        raise ConfigError(f"aio.multimodal: need 1 <= min <= max, got min {low} and max {high}.")
    for name in ("drop_text", "drop_path"):
        if not 0 <= node.dmf[name] < 1:
            raise ConfigError(f"aio.dmf.{name} is {node.dmf[name]}; it is a probability, 0 or more and below 1.")
    if node.dmf.phrases < 1:
        raise ConfigError(f"aio.dmf.phrases is {node.dmf.phrases}; set it to 1 or more, or aio.modalities to [rgb].")


def modalities(node: CfgNode) -> Combination:
    """``aio.modalities`` in the order of modalities.

    Raises:
        ConfigError: a name is unknown or stands twice, or rgb is not among them.
    """
    names = node.modalities
    try:
        found = parse_combination("+".join(map(str, names)))
    except ModalityError as error:
        raise ConfigError(f"aio.modalities: {error}") from error
    if Modality.RGB not in found:
        raise ConfigError(
            f"aio.modalities is {format_combination(found)}, but every model binds the others to rgb; add rgb."
        )
    return found


def _nearest_key(where: str, known: Mapping[str, Any], prefix: str) -> str:
    paths = sorted(_paths(known, prefix))
    match = difflib.get_close_matches(where, paths, n=1, cutoff=0.5)
    if match:
        return f" Did you mean {match[0]!r}?"
    return f" Known there: {', '.join(sorted(map(str, known)))}."


def _paths(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        yield where
        if isinstance(value, Mapping):
            yield from _paths(value, where)


def _typed(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` as plain dicts, whole numbers made floats where the default is one (yacs tells them apart)."""
    typed: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            value = _typed(value, known[key])
        elif isinstance(known[key], float) and type(value) is int:
            value = float(value)
        typed[key] = value
    return typed
