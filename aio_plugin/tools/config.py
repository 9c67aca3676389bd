"""The keys of the ``aio`` node as a list, or as a complete config file."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
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
    """torchreid's keys, from ``recipes.yaml``."""
    spec, dmf = SPECS[model], model in DMF_NAMES
    recipes = yaml.safe_load(Path(__file__).with_name("recipes.yaml").read_text(encoding="utf-8"))
    differing = recipes["dmf"] if dmf else {}
    settings = {group: {**keys, **differing.get(group, {})} for group, keys in recipes["aio"].items()}
    settings["model"]["name"] = model
    height, width = spec.image_size
    settings["data"].update(height=height, width=width, save_dir=f"log/{model}")
    if spec.encoder == "toy":
        settings["data"].update(root="data/toy-dmf" if dmf else "data/toy", workers=0)
    return settings


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
