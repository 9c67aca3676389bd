"""One way to compute features: `main`'s test, `extract`, torchreid's FeatureExtractor and `load` give the same bits."""

import numpy as np
import torch

import aio_plugin
from aio_plugin.host.inference import features_of, trained_model
from aio_plugin.modality import Item, Media, Modality

from .helpers import build_engine, config

BATCH = 16


def test_features_are_those_of_testing_to_the_last_bit(registered, market, tmp_path):
    cfg = config(market, bnneck="per_modality")
    cfg.test.batch_size = BATCH
    torch.manual_seed(1)
    engine = build_engine(registered, cfg)
    with torch.no_grad():
        for value in engine.bare_model.parameters():
            value += 0.02 * torch.rand_like(value)
    engine.checkpoints.save(1, 0.5, tmp_path, best=False)
    engine.set_model_mode("eval")
    loader = engine.datamanager.test_loader["market1501"]["gallery"]
    batches = list(loader)
    items = engine.datamanager.test_targets["market1501"].gallery
    tested = torch.cat([engine.extract_features(batch) for batch in batches])
    file = str(tmp_path / "model" / "model.pth.tar-1")
    compute = features_of(cfg, trained_model(cfg, file))
    assert torch.equal(torch.cat([compute(batch) for batch in batches]), tested)
    aio_plugin.unregister()
    model = aio_plugin.load(tmp_path, "cpu")
    assert torch.equal(model.encode(items, batch_size=BATCH), tested)
    paths = [str(item.media) for item in items]
    assert torch.equal(model.encode(rgb=paths, batch_size=BATCH), tested)
    aio_plugin.register()
    extractor = registered.utils.FeatureExtractor("aio_tiny", file, device="cpu", verbose=False)
    mixed = [*paths[:3], Media(paths[3], Modality.IR), Media("", Modality.TEXT, "a man"), {"text": "a man"}]
    expected = model.encode(mixed)
    assert torch.equal(extractor(mixed), expected)
    assert torch.equal(extractor(paths), model.encode(paths))
    images = torch.stack([extractor.preprocess(model.reader.picture(item.media)) for item in items[:BATCH]])
    assert torch.equal(extractor(images), tested[:BATCH])
    assert torch.equal(extractor(images[0]), extractor(paths[0]))
    assert np.isfinite(expected.numpy()).all()
    assert torch.equal(model.encode([Item(Media(paths[0]), 0, 0)]), extractor(paths[0]))
