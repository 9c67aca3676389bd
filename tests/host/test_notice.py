"""A training with Eq. 6 alone on fresh tokenizers is told at its start what is known of that."""

import re

import pytest

from aio_plugin.config import load_yaml
from aio_plugin.host.default_config import arguments
from aio_plugin.host.engine import UNBOUND

from .conftest import REPOSITORY
from .helpers import build_engine, config

ONE_STEP = {"warmup_epochs": 0, "steps_per_epoch": 1}


@pytest.mark.parametrize(
    ("aio", "evaluate", "told"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"loss": {"fb": 0.0}}, False, False),
        ({"loss": {"infonce": 1.0}}, False, False),
        ({"tokenizer": {"start": "pretrained"}, "encoder": {"weights": ""}}, False, False),
    ],
    ids=["paper", "test", "no binding", "infonce", "pretrained"],
)
def test_the_notice(registered, market, tmp_path, capsys, aio, evaluate, told):
    cfg = config(market, **{"train": ONE_STEP, **aio})
    cfg.train.max_epoch, cfg.test.evaluate, cfg.data.save_dir = 1, evaluate, str(tmp_path)
    engine = build_engine(registered, cfg)
    capsys.readouterr()
    engine.run(**arguments(cfg, "run"))
    printed = capsys.readouterr().out
    assert printed.count(UNBOUND) == told
    assert printed.find(UNBOUND) < printed.find("=> Start training") or not told


def test_it_names_a_config_that_binds_otherwise():
    (name,) = re.findall(r"configs/\S+\.yaml", UNBOUND)
    loss = load_yaml(REPOSITORY / name)["aio"]["loss"]
    assert (loss["fb"], loss["infonce"] > 0) == (0, True)
