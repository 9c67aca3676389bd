"""The worlds that tables are computed on: real data, the toy world of two cores, and a larger one for a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..result_files import REPOSITORY
from .spec import Settings

CONFIGS = REPOSITORY / "configs"
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
SKETCHER = "sk_model"


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder.

    Attributes:
        settings: config keys that choose it.
        file: name of its weights in the folder of weights, without suffix; '' needs none.
        words: file of a CLIP's word embedding, for an encoder whose own file has none.
        about: what the file has to be.
    """

    settings: Settings = field(default_factory=dict)
    file: str = ""
    words: str = ""
    about: str = ""


@dataclass(frozen=True)
class Scale:
    """What the same tables are computed with.

    Attributes:
        name: folder of its results.
        configs: role of a training -> config file.
        settings: role -> config keys over the file's.
        encoders: by the names that trainings use.
        ids, root: size of the toy world and where it lies; 0 = real data.
        samples: that an inference time is the mean of, on a CPU.
    """

    name: str
    configs: Mapping[str, Path]
    settings: Mapping[str, Settings]
    encoders: Mapping[str, Encoder]
    ids: int = 0
    root: Path = Path()
    seeds: int = 1
    samples: int = 700

    @property
    def toy(self) -> bool:
        """Whether its people are made up."""
        return self.ids > 0


SOURCES = ("market1501", "msmt17", "msmt17_all", "randperson")
"""What DMF's stage two is trained on, as its configs call it."""

LAION = "laion2b_vit_b16"
OWN = "own"
"""The encoder of AIO's config, which of a scale's encoders is the paper's."""


def _of_timm(file: str, whose: str) -> Encoder:
    """An encoder of timm's ViT-B/16 with the blocks of ``whose`` weights, and LAION's words."""
    about = f"{whose}, the blocks of its state dict named as timm does (blocks.0.norm1...)"
    return Encoder({"aio.encoder.name": "timm:vit_base_patch16_224"}, file, LAION, about)


REAL = Scale(
    "real",
    configs={
        "aio": CONFIGS / "aio" / "aio_vit_b16_384x192.yaml",
        "dmf_one": CONFIGS / "dmf" / "dmf_vit_b16_pretrain.yaml",
        **{f"dmf_{source}": CONFIGS / "dmf" / f"dmf_vit_b16_{source}.yaml" for source in SOURCES},
    },
    settings={},
    encoders={
        "laion": Encoder(
            {"aio.encoder.name": "open_clip:ViT-B-16"}, LAION, about="open_clip's ViT-B-16 laion2b_s34b_b88k"
        ),
        OWN: Encoder(
            {"aio.encoder.name": "meta_transformer:base_patch16"},
            "Meta-Transformer_base_patch16_encoder",
            words=LAION,
            about="as its README links it",
        ),
        "clip": Encoder(
            {"aio.encoder.name": "open_clip:ViT-B-16-quickgelu"},
            "openai_clip_vit_b16",
            about="open_clip's ViT-B-16-quickgelu openai",
        ),
        "luperson": _of_timm("luperson_vit_b16", "TransReID-SSL's ViT-B/16+ICS"),
        "uni_perceiver": _of_timm("uni_perceiver_v2_vit_b16", "Uni-Perceiver v2's ViT-B/16"),
    },
    samples=50,
)


OF_THE_PAPER: Settings = {
    "train.new_layers": "['classifier', 'tokenizers.ir', 'tokenizers.sketch']",
    "train.base_lr_mult": 0.25,
    "train.fixbase_epoch": 0,
    "aio.loss.fb": 1.0,
    "aio.loss.infonce": 0.0,
    "aio.attributes.warmup_epochs": 0.0,
    "aio.text.start": "",
    "aio.synthesis.photo": "own",
    "aio.train.warmup_epochs": 1.0,
}
"""What the toy tables set over the demo's config, whose losses are not the paper's."""


def toy_scale(name: str, ids: int, stages: tuple[int, int], steps: int, dmf: tuple[int, int], dmf_steps: int) -> Scale:
    """A toy scale.

    Args:
        stages: epochs of AIO's two stages.
        steps: of an epoch.
        dmf: epochs of DMF's two stages.
    """
    made = "'synthetic': ['ir', 'sketch']"
    staged = (
        f"[{{'epochs': {stages[0]}, 'sources': {{'synth_pedes': {{'quota': 32, {made}}}}}}},"
        f" {{'epochs': {stages[1]}, 'sources': {{'synth_pedes': {{'quota': 8, {made}}},"
        " 'llcm': {'quota': 16}, 'mask1k': {'quota': 8}}}]"
    )
    aio: dict[str, Any] = {
        **OF_THE_PAPER,
        "train.max_epoch": sum(stages),
        "aio.stages": staged,
        "aio.train.steps_per_epoch": steps,
        "aio.test.before": False,
        "aio.test.pixels": False,
        "aio.test.report": False,
        "aio.test.attributes": False,
    }
    one = {"train.max_epoch": dmf[0], "aio.train.steps_per_epoch": dmf_steps}
    two = {"train.max_epoch": dmf[1], "aio.train.steps_per_epoch": dmf_steps}
    sources = {"market1501": "market1501", "msmt17": "msmt17_v1", "msmt17_all": "msmt17_all"}
    return Scale(
        name,
        configs={
            "aio": CONFIGS / "toy" / "aio_tiny_toy.yaml",
            "dmf_one": CONFIGS / "toy" / "dmf_tiny_toy_pretrain.yaml",
            **{f"dmf_{source}": CONFIGS / "toy" / "dmf_tiny_toy.yaml" for source in SOURCES},
        },
        settings={
            "aio": aio,
            "dmf_one": one,
            "dmf_randperson": two,
            **{f"dmf_{role}": {**two, "data.sources": f"['{source}']"} for role, source in sources.items()},
        },
        encoders={
            OWN: Encoder(),
            "laion": Encoder(),
            "fresh": Encoder({"aio.tokenizer.start": "fresh"}),
            "random": Encoder({"aio.tokenizer.start": "fresh", "aio.encoder.weights": "random"}),
        },
        ids=ids,
        samples=200,
        root=REPOSITORY / "data" / name.replace("toy", "toy-tables").replace("_", "-"),
        seeds=3,
    )


TOY = toy_scale("toy", ids=160, stages=(1, 4), steps=16, dmf=(5, 4), dmf_steps=12)
TOY_LARGE = toy_scale("toy_large", ids=2000, stages=(4, 36), steps=100, dmf=(30, 12), dmf_steps=50)
SCALES = {scale.name: scale for scale in (REAL, TOY, TOY_LARGE)}
