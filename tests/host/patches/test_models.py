import numpy as np
import pytest
import torch
from torch import nn

import aio_plugin
from aio_plugin.errors import ConfigError
from aio_plugin.host.default_config import default_config
from aio_plugin.host.run_config import is_aio, unwrap

from ..helpers import build_model

RANDOM = {"encoder": {"weights": "random"}}


def test_the_factory_builds_our_models(torchreid):
    aio_plugin.register(RANDOM)
    model = build_model(torchreid)
    assert is_aio(model)
    assert is_aio(nn.DataParallel(model))
    assert unwrap(nn.DataParallel(model)) is model
    assert not is_aio(build_model(torchreid, "osnet_x0_25"))
    assert torchreid.utils.compute_model_complexity(model, (1, 3, 128, 64))[0] > 0


def test_the_size_of_images_comes_from_the_config(torchreid):
    aio_plugin.register(RANDOM)
    sizes = [build_model(torchreid).shape.image_size]
    aio_plugin.register({"aio": RANDOM, "data": {"height": 96, "width": 48}})
    sizes.append(build_model(torchreid).shape.image_size)
    cfg = default_config()
    cfg.merge_from_list(["data.height", "64", "data.width", "32"])
    sizes.append(build_model(torchreid).shape.image_size)
    assert sizes == [(128, 64), (96, 48), (64, 32)]


def test_loss_name_reaches_the_model(torchreid):
    aio_plugin.register(RANDOM)
    images = torch.rand(2, 3, 128, 64)
    assert build_model(torchreid)(images).shape == (2, 5)
    logits, features = build_model(torchreid, loss="triplet")(images)
    assert (logits.shape, features.shape[0]) == ((2, 5), 2)


def test_aio_without_an_encoder_is_refused(registered):
    with pytest.raises(ConfigError, match=r"aio\.encoder\.name"):
        registered.models.build_model("aio", 5)


def test_feature_extractor_loads_a_checkpoint_and_extracts(torchreid, tmp_path):
    aio_plugin.register(RANDOM)
    torch.manual_seed(3)
    model = build_model(torchreid).eval()
    path = str(tmp_path / "model.pth.tar")
    torch.save({"state_dict": model.state_dict(), "epoch": 1, "rank1": np.float32(0.5)}, path)
    extractor = torchreid.utils.FeatureExtractor("aio_tiny", path, image_size=(128, 64), device="cpu", verbose=False)
    images = torch.rand(2, 3, 128, 64)
    with torch.no_grad():
        expected = model(images)
    assert torch.equal(extractor(images), expected)
    pictures = [np.zeros((64, 32, 3), np.uint8), np.full((40, 20, 3), 200, np.uint8)]
    assert extractor(pictures).shape == expected.shape
