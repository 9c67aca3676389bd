"""The committed runs of the demo are of the shipped config, and training improves every direction."""

import json

import pytest
import yaml

from benchmarks.result_files import REPOSITORY

CONFIG = REPOSITORY / "configs" / "toy" / "aio_tiny_toy.yaml"
RUNS = sorted((REPOSITORY / "benchmarks" / "results").glob("toy_demo_seed*.json"))


def flat(node, prefix=""):
    """Nested mappings as {dotted key: value}; stages are one value."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_direction_is_better_after_training(path):
    run = json.loads(path.read_text())
    done = dict(flat(run["config"]))
    shipped = {key: value for key, value in flat(yaml.safe_load(CONFIG.read_text())) if key != "data.save_dir"}
    assert {key: done[key] for key in shipped} == shipped
    assert {entry["target"] for entry in run["targets"]} == {*shipped["data.targets"]}
    for entry in run["targets"]:
        before, after = (entry["results"][column]["mean"] for column in ("before", "after"))
        assert after["rank-1"] > before["rank-1"], entry["target"]
        assert after["mAP"] > before["mAP"], entry["target"]


def test_there_are_three_seeds():
    assert [json.loads(path.read_text())["seed"] for path in RUNS] == [1, 2, 3]
