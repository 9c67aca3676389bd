"""`aio-reid config --yaml` prints a config file that is complete and runs."""

from dataclasses import asdict

import pytest
import yaml

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.config import describe, parse_config
from aio_plugin.host.default_config import default_config
from aio_plugin.host.run_config import dataset_options
from aio_plugin.models.specs import DMF_NAMES, SPECS
from aio_plugin.tools.config import config_yaml
from aio_plugin.training.stages import parse_stages

MODELS = [name for name, spec in SPECS.items() if spec.encoder]


@pytest.mark.parametrize("model", MODELS)
def test_every_key_has_its_default_and_documentation(model):
    text = config_yaml(model)
    values = yaml.safe_load(text)
    node = values.pop("aio")
    defaults = asdict(parse_config({}, dataset_options()))
    stages = node.pop("stages")
    defaults.pop("stages")
    defaults["datasets"] = {name: options for name, options in defaults["datasets"].items() if options}
    assert node == defaults
    one_line = " ".join(text.replace("#", " ").split())
    assert all(" ".join(option.about.split()) in one_line for option in describe(dataset_options()))
    data, train, sampler = values["data"], values["train"], values["sampler"]
    persons = train["batch_size"] // (sampler["num_instances"] if model in DMF_NAMES else 1)
    parsed = parse_config({"stages": stages}).stages
    assert bool(parsed) == (model not in DMF_NAMES)
    parse_stages(parsed, data["sources"], persons, train["max_epoch"])


@pytest.mark.parametrize("model", MODELS)
def test_torchreids_config_takes_it(model, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(config_yaml(model))
    aio_plugin.register()
    try:
        cfg = default_config()
        cfg.merge_from_file(str(path))
    finally:
        aio_plugin.unregister()
    assert (cfg.model.name, cfg.train.optim) == (model, "adamw")
    assert [cfg.data.height, cfg.data.width] == list(SPECS[model].image_size)


def test_it_trains(small_world, tmp_path, capsys):
    assert main(("config", "--yaml", "aio_tiny")) == 0
    path = tmp_path / "x.yaml"
    path.write_text(capsys.readouterr().out)
    few = "train.max_epoch 1 train.batch_size 6 train.print_freq 1 data.targets ['market1501'] aio.stages []"
    one = "aio.train.steps_per_epoch 1 aio.train.warmup_epochs 0"
    overrides = (*few.split(), *one.split(), "data.save_dir", str(tmp_path / "log"))
    try:
        assert main(("main", "--config-file", str(path), "--root", str(small_world), *overrides)) == 0
    finally:
        aio_plugin.unregister()
    assert "epoch: [1/1][1/1]" in capsys.readouterr().out
    assert (tmp_path / "log" / "results.json").is_file()


def test_only_known_models(capsys):
    with pytest.raises(SystemExit):
        main(("config", "--yaml", "resnet50"))
    assert "aio_vit_b16" in capsys.readouterr().err
