"""Every key of the ``aio`` config node with its default, meaning, unit and source.

``python -m aio_plugin config`` prints this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


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
        "encoder.quantise",
        "",
        "keep the encoder's matrices in eight bits: 'int8' or 'fp8' (needs torchao); half of bf16's memory for them, "
        "computed as before, but of rounded weights: benchmarks/README.md says what that cost. AIO models alone",
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
    Key(
        "classifier.fraction",
        1.0,
        "share of the identities that a step compares with: those of the batch and random others (Partial FC); less "
        "time and memory, but no exact loss; worth it from some 100,000 identities on. 1 = all (paper)",
    ),
    Key(
        "classifier.negatives",
        "all",
        "'all': identities of other sources are other people (paper); 'own_dataset': compare with those of the item's "
        "own source alone, for sources that show the same people; costs a mask of features x identities",
    ),
    Key(
        "classifier.shard",
        False,
        "under torchrun each rank holds its share of the classifier: same loss, less memory, features are exchanged",
    ),
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
    Key(
        "train.accumulate",
        1,
        "parts that each process takes its batch in: activations of one part at a time, for another forward pass "
        "(about a third more time). Same loss and gradient as at once, but batch normalisation sees one part",
    ),
    Key(
        "train.compile",
        False,
        "image stems and frozen encoder go through torch.compile: fewer passes over memory, most on a GPU; costs a "
        "minute or two at the start of training and of testing, and needs a C++ compiler on a CPU. AIO models alone",
    ),
    Key(
        "train.checkpoint_activations",
        False,
        "keep each encoder block's input alone and compute the block again for the gradient: a quarter of the "
        "encoder's activations, for a third to a half more time; same gradient. AIO models alone",
    ),
    Key("train.clip_norm", 0.0, "largest norm of a step's gradient, longer ones are shortened to it; 0 = any"),
    Key(
        "train.batch_norm",
        "sync",
        "under torchrun: 'sync': batch normalisation by the items of all processes, as one process with the whole "
        "batch would, at two small exchanges a layer; 'local': by each process's own, faster, another result for "
        "another number of processes",
    ),
    Key(
        "train.select_target",
        "",
        "what model/model-best.pth.tar is chosen on, tested with data.targets every test.eval_freq epochs: a split for "
        "validation, like 'cuhk_pedes/val', or one of data.targets, which then is no fair test; '' = no best is kept",
    ),
    Key("train.select_metric", "mAP", "of train.select_target: 'mAP', 'rank-1' or 'mINP'"),
    Key("test.synthesise", False, "make query modalities that a dataset lacks (ir, sketch) from the RGB query"),
    Key("test.before", False, "also test before training"),
    Key("test.pixels", False, "also test nearest neighbours of raw pixels (32 x 16, L2-normalised)"),
    Key("test.report", False, "write report.html with ranked lists below data.save_dir"),
)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "tokenizer.start": ("fresh", "pretrained"),
    "bnneck": ("shared", "per_modality"),
    "synthesis.photo": ("own", "other"),
    "classifier.negatives": ("all", "own_dataset"),
    "dmf.fusion": ("concatenate", "replace"),
    "dmf.input": ("fused", "text"),
    "dmf.test_feature": ("before", "after"),
    "train.precision": ("auto", "fp32", "bf16", "fp16"),
    "train.batch_norm": ("sync", "local"),
    "train.select_metric": ("mAP", "rank-1", "mINP"),
}
