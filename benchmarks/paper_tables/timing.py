"""How long one query takes, by the modalities it has: AIO's table 9."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
import yaml

from aio_plugin.config import AIOConfig, parse_config
from aio_plugin.modality import MODALITIES, REAL, Batch, Combination, parse_combination
from aio_plugin.models.build import build_model
from aio_plugin.options import merge
from aio_plugin.tokenizers.bpe import encode

from ..speed.meter import seconds
from .presence import Bench

ON_A_GPU, WARM_UP, REPEATS = 700, 5, 3
CAPTION = "a tall woman with long brown hair wearing a green striped shirt, blue jeans and white shoes, carrying a bag"


class Stopwatch:
    """A model of a bench's config with random weights, which are as fast as any.

    Attributes:
        samples: that a time is the mean of.
    """

    def __init__(self, bench: Bench, role: str) -> None:
        config = yaml.safe_load(bench.scale.configs[role].read_text())
        self.size = (config["data"]["height"], config["data"]["width"])
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.samples = ON_A_GPU if self.device.type == "cuda" else bench.scale.samples
        torch.manual_seed(0)
        self.model = build_model(config["model"]["name"], 1, _options(config), self.size).eval().to(self.device)
        self.about = {"model": config["model"]["name"], "size": list(self.size), "samples": self.samples}

    @torch.no_grad()
    def milliseconds(self, modalities: str) -> list[float]:
        """The mean time of a query of ``modalities``, REPEATS times."""
        batch = _query(parse_combination(modalities), self.size).to(self.device)
        for _ in range(WARM_UP):
            self.model(batch)
        return [1000 * self._mean(lambda: self.model(batch)) for _ in range(REPEATS)]

    def _mean(self, call: Callable[[], Any]) -> float:
        return statistics.fmean(seconds(call, self.device.type) for _ in range(self.samples))


def _options(config: Mapping[str, Any]) -> AIOConfig:
    fast = {
        "encoder": {"weights": "random"},
        "text": {"weights": "random"},
        "tokenizer": {"start": "fresh"},
        "loss": {"va": 0.0},
    }
    return parse_config(merge({key: value for key, value in config["aio"].items() if key != "datasets"}, fast))


def _query(combination: Combination, size: tuple[int, int]) -> Batch:
    present = torch.zeros(1, len(MODALITIES), dtype=torch.uint8)
    batch = Batch(present=present, pid=torch.zeros(1).long(), camid=torch.zeros(1).long())
    for modality in combination:
        present[0, modality.index] = REAL
        batch[modality.value] = torch.randn(1, 3, *size) if modality.is_image else encode([CAPTION], 77)
    return batch
