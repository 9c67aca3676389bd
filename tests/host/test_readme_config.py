"""The README's example config starts, as it stands there."""

import re

import yaml

from .conftest import REPOSITORY
from .helpers import build_engine
from .test_refusals import load


def _example():
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return example


def test_the_example_starts(registered, toy_world, tmp_path):
    (tmp_path / "x.yaml").write_text(_example())
    few = ("model.name", "aio_tiny", "aio.encoder.weights", "random", "data.workers", "0", "use_gpu", "False")
    cfg = load("--config-file", str(tmp_path / "x.yaml"), "--root", str(toy_world), *few)
    engine = build_engine(registered, cfg)
    for epoch, present in ((0, 32), (40, 32)):
        batch = next(iter(engine.datamanager.loader_at(epoch)))
        assert len(batch["pid"]) == present
        assert batch["rgb"].shape[2:] == (384, 192)
    assert engine.scheduler.max_epoch == 120
    assert list(engine.datamanager.test_targets) == cfg.data.targets


def test_the_example_normalises_as_the_shipped_configs_of_its_model():
    ours, configs = yaml.safe_load(_example()), sorted((REPOSITORY / "configs" / "aio").glob("*.yaml"))
    assert configs
    for theirs in (yaml.safe_load(config.read_text()) for config in configs):
        for key in ("norm_mean", "norm_std", "height", "width"):
            assert ours["data"][key] == theirs["data"][key], key
        assert ours["model"] == theirs["model"]
