"""Every shipped config is one that the code understands."""

from pathlib import Path

import pytest
import yaml

from aio_plugin import config
from aio_plugin.datasets import ADAPTERS
from aio_plugin.host.data_manager import COPIES
from aio_plugin.host.default_config import default_config
from aio_plugin.host.targets import split_target
from aio_plugin.models.specs import NAMES
from aio_plugin.options import check_keys
from aio_plugin.training.stages import parse_stages
from aio_plugin.training.transforms import OWN_TRANSFORMS, STOCK_TRANSFORMS

FILES = sorted((Path(__file__).parents[1] / "configs").glob("*/*.yaml"))
DATASETS = {*ADAPTERS, "market1501", "dukemtmcreid"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_config(file):
    values = yaml.safe_load(file.read_text())
    stock = default_config()
    check_keys({k: v for k, v in values.items() if k != "aio"}, stock)
    aio = config.parse_config(values["aio"], {name: adapter.options for name, adapter in ADAPTERS.items()})
    assert values["model"]["name"] in NAMES
    assert {split_target(t)[0] for t in values["data"]["targets"]} <= DATASETS
    assert set(values["data"]["sources"]) <= DATASETS
    assert set(values["data"]["transforms"]) <= {*STOCK_TRANSFORMS, *OWN_TRANSFORMS}
    assert stock.sampler.train_sampler in COPIES
    train = values["train"]
    copies = values.get("sampler", {}).get("num_instances", 1)
    stages = parse_stages(aio.stages, values["data"]["sources"], train["batch_size"] // copies, train["max_epoch"])
    assert stages[0].shares[0].source == values["data"]["sources"][0]
    assert (copies > 1) == values["model"]["name"].startswith("dmf")  # the triplet needs several images a person
