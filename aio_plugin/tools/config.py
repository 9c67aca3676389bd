"""The keys of the ``aio`` node as a list, or as a complete config file."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..config import StageConfig, describe
from ..host.run_config import dataset_options
from ..models.specs import DMF_NAMES, SPECS

_HEAD = """\
# A complete config of {model}: `aio-reid main --config-file FILE` trains and tests it.
# Set data.root to the folder that contains the datasets' folders{hint}.
# Of torchreid's keys, those that are left out keep torchreid's defaults; of `aio`, every key is here.
"""
_TOY = " (`aio-reid toy --root {root}{sets}` writes a toy world)"


def run_config(args: argparse.Namespace) -> None:
    """The command ``aio-reid config``."""
    if args.yaml:
        print(config_yaml(args.yaml), end="")
        return
    for option in describe(dataset_options()):
        print(f"aio.{option.name}: {option.default!r}\n    {option.about}")


def config_yaml(model: str) -> str:
    """A config file with the recipe of ``model`` in torchreid's keys, and every ``aio`` key with its documentation.

    The ``aio`` keys have their defaults, but for the stages of AIO models, which add up to train.max_epoch.
    """
    settings, dmf = _settings(model), model in DMF_NAMES
    toy = _TOY.format(root=settings["data"]["root"], sets=" --sets dmf" if dmf else "")
    stages = {} if dmf else {"stages": _stages(settings["train"]["max_epoch"], settings["train"]["batch_size"])}
    head = _HEAD.format(model=model, hint=toy if SPECS[model].encoder == "toy" else "")
    return "\n".join((head + _dump(settings), "aio:", *_documented(stages), ""))


def _settings(model: str) -> dict[str, Any]:
    """torchreid's keys: AIO's recipe (Sec. 4.1), or that of DMF's stage one."""
    spec, dmf = SPECS[model], model in DMF_NAMES
    toy = spec.encoder == "toy"
    targets = ["market1501", "sysu_mm01", "pku_sketch", "cuhk_pedes", "tri_cuhk_pedes@sketch+text"]
    return {
        "model": {"name": model},
        "data": {
            "type": "image",
            "root": ("data/toy-dmf" if dmf else "data/toy") if toy else "reid-data",
            "sources": ["finegpr_c"] if dmf else ["synth_pedes", "llcm", "mask1k"],
            "targets": ["market1501", "cuhk03_np_detected", "msmt17_v1"] if dmf else targets,
            "height": spec.image_size[0],
            "width": spec.image_size[1],
            "transforms": ["random_flip", "pad_crop", *(["random_erase"] if dmf else [])],
            "norm_mean": [0.48145466, 0.4578275, 0.40821073],  # of CLIP, which the toy encoder takes too
            "norm_std": [0.26862954, 0.26130258, 0.27577711],
            "workers": 0 if toy else 8,
            "save_dir": f"log/{model}",
        },
        "sampler": {"train_sampler": "RandomIdentitySampler" if dmf else "RandomSampler", "num_instances": 4},
        "loss": {"name": "softmax", "softmax": {"label_smooth": False}},
        "train": {
            "optim": "adamw",
            "lr": 0.0005 if dmf else 0.0001,
            "weight_decay": 0.0001,
            "lr_scheduler": "cosine_warmup",
            "max_epoch": 60 if dmf else 120,
            "batch_size": 64 if dmf else 32,
            "print_freq": 50,
            "seed": 1,
        },
        "test": {"batch_size": 100, "dist_metric": "cosine", "evaluate": False, "eval_freq": -1, "rerank": False},
    }


def _stages(epochs: int, persons: int) -> list[StageConfig]:
    """A third of the epochs on synthetic persons, the others on all sources (AIO Sec. 3.2, 4.1)."""
    return [
        {"epochs": epochs // 3, "sources": {"synth_pedes": {"quota": persons, "synthetic": ["ir", "sketch"]}}},
        {
            "epochs": epochs - epochs // 3,
            "sources": {
                "synth_pedes": {"quota": persons // 2, "synthetic": ["ir", "sketch"]},
                "llcm": {"quota": persons // 4},
                "mask1k": {"quota": persons - persons // 2 - persons // 4},
            },
        },
    ]


def _documented(values: Mapping[str, Any]) -> Iterator[str]:
    """The lines below ``aio:``, with ``values`` in place of the defaults."""
    above: list[str] = []
    for option in describe(dataset_options()):
        *groups, key = option.name.split(".")
        for depth, group in enumerate(groups):
            if groups[: depth + 1] != above[: depth + 1]:
                yield "  " * (depth + 1) + f"{group}:"
        above, indent = groups, "  " * (len(groups) + 1)
        yield textwrap.fill(
            option.about, 118, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", break_on_hyphens=False
        )
        yield textwrap.indent(_dump({key: values.get(option.name, option.default)}).rstrip(), indent)


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values in one line, and all else a line each."""


_Dumper.add_representer(
    list,
    lambda dumper, data: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", data, flow_style=not any(isinstance(each, dict) for each in data)
    ),
)


def _dump(values: Mapping[str, Any]) -> str:
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=1000)
