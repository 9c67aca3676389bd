"""What a checkpoint says of its settings and of its run."""

import json

import torch

from aio_plugin.evaluation.environment import code, git_commit
from aio_plugin.host.checkpoint_writer import LAST
from aio_plugin.models.feature_settings import read_record

from .helpers import build_engine, config


def test_every_checkpoint_records_settings_and_run(registered, market, tmp_path):
    cfg = config(
        market, modalities=["text", "rgb"], bnneck="per_modality", text={"length": 40}, tokenizer={"width": 16}
    )
    engine = build_engine(registered, cfg)
    engine.checkpoints.save(1, 0.5, tmp_path, best=True)
    engine.checkpoints.save_last(1, 0, tmp_path)
    files = [tmp_path / "model" / name for name in (LAST, "model.pth.tar-1", "model-best.pth.tar")]
    records = [torch.load(file, weights_only=True)["aio"] for file in files]
    assert records[0] == records[1] == records[2] == read_record({"aio": records[0]}, "here")
    record = json.loads(json.dumps(records[0]))
    assert record == records[0], "plain types"
    assert record["features"] == {
        "model.name": "aio_tiny",
        "data.height": 64,
        "data.width": 32,
        "data.norm_mean": [0.485, 0.456, 0.406],
        "data.norm_std": [0.229, 0.224, 0.225],
        "aio.modalities": ["rgb", "text"],
        "aio.bnneck": "per_modality",
        "aio.text.length": 40,
        "aio.text.width": 64,
        "aio.tokenizer.width": 16,
        "aio.tokenizer.image_size": [64, 32],
        "aio.encoder.name": "toy",
        "encoder.sha256": engine.model.encoder.sha256,
    }
    assert record["run"]["config"] == json.loads(json.dumps(cfg))
    (source,) = record["run"]["sources"]
    assert {**source, "sha256": len(source["sha256"])} == {
        "name": "market1501", "identities": 8, "images": 32, "sha256": 64
    }  # fmt: skip
    assert record["run"]["code"] == {**code(), "commit": git_commit()}


def test_a_dmf_records_what_its_features_depend_on(registered, market):
    cfg = config(market, modalities=["rgb"], dmf={"test_feature": "after", "triplet": 0.0})
    cfg.model.name = "dmf_tiny"
    features = build_engine(registered, cfg).checkpoints.record["features"]
    assert {key: value for key, value in features.items() if not key.startswith("data.")} == {
        "model.name": "dmf_tiny",
        "aio.tokenizer.width": 32,
        "aio.tokenizer.image_size": [64, 32],
        "aio.encoder.name": "toy",
        "aio.dmf.image_depth": 0,
        "aio.dmf.trunk_depth": 4,
        "aio.dmf.test_feature": "after",
    }
