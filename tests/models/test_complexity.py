"""What torchreid prints of a model's size and cost, and the maps that its tools draw."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from aio_plugin.config import parse_config
from aio_plugin.errors import ModalityError
from aio_plugin.modality import Batch, Modality
from aio_plugin.models.build import build_model
from aio_plugin.models.complexity import complexity

SIZE, TOKENS, WIDTH, DEPTH = (1, 3, 128, 64), 33, 192, 4
BLOCK = 12 * WIDTH**2
"""Multiplications of a token in the matrices of a block."""


def _built(name, **aio):
    aio = {"encoder": {"weights": "random"}, **aio}
    return build_model(name, 7, parse_config(aio), (128, 64))


def _plain(model):
    """torch's count of a forward pass whose encoder is called as a module, every token of every block computed."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.eval()(torch.rand(SIZE))
    return counter.get_total_flops() // 2


def test_multiplications_are_those_of_the_plain_way(monkeypatch):
    model = _built("aio_tiny").train()
    counted = complexity(model, SIZE)
    assert model.training
    monkeypatch.setattr(model.encoder, "read", model.encoder._read_padded)
    others = TOKENS - 1  # in the last block, the other tokens are but keys and values
    unread = others * (BLOCK - 2 * WIDTH**2) + 2 * others * TOKENS * WIDTH
    assert counted.flops == _plain(model) - unread
    assert counted.flops > DEPTH * TOKENS * BLOCK * 0.75, "the encoder is counted"


def test_compiled_and_checkpointed_models_count_the_same():
    counted = {complexity(_built("aio_tiny", train=train), SIZE).flops for train in ({}, {"compile": True})}
    assert len(counted) == 1


def test_numbers_are_those_that_features_depend_on():
    model = _built("aio_tiny")
    counted = complexity(model, SIZE)
    whole = sum(p.numel() for p in model.parameters())
    unused = sum(p.numel() for part in (model.classifier, model.attributes) for p in part.parameters())
    assert counted.trainable == whole - unused
    assert counted.frozen == sum(b.numel() for b in model.encoder.blocks.buffers()) == DEPTH * (BLOCK + 13 * WIDTH)
    assert counted.parameters == counted.trainable + counted.frozen
    assert str(counted) == f"trainable={counted.trainable:,} frozen={counted.frozen:,}"


def test_a_dmf_is_trained_as_a_whole():
    model = _built("dmf_tiny", modalities=["rgb"])
    counted = complexity(model, SIZE)
    assert (counted.frozen, counted.flops) == (0, _plain(model))


def test_one_multiplication_counts_once_as_in_torchreid():
    class Convolution(nn.Conv2d):
        def forward(self, images):
            return super().forward(images)

    assert complexity(Convolution(3, 8, 3, padding=1, bias=False), SIZE).flops == 3 * 9 * 8 * 128 * 64


@pytest.mark.parametrize("name", ["aio_tiny", "dmf_tiny"])
def test_feature_maps_lie_where_the_patches_do(name):
    torch.manual_seed(0)
    model = _built(name, modalities=["rgb"]).eval()
    images = torch.rand(2, 3, 128, 64)
    with torch.no_grad():
        maps = model(images, return_featuremaps=True)
        assert maps.shape == (2, WIDTH, 8, 4)
        changed = images.clone()
        changed[:, :, 96:, 48:] = 0
        difference = (model(changed, return_featuremaps=True) - maps).norm(dim=1)
        assert torch.equal(model(Batch.rgb(images), return_featuremaps=True), maps)
    assert (difference.flatten(1).argmax(1) // 4 >= 5).all(), "rows of patches that have changed, or touch one"


def test_images_of_a_batch_are_its_rgb_and_nothing_else():
    images = torch.rand(2, 3, 8, 4)
    batch = Batch.rgb(images)
    assert batch["img"] is images
    batch["present"][1, Modality.RGB.index] = 0
    with pytest.raises(ModalityError, match=r"no RGB image \(it has rgb\)"):
        batch["img"]
    with pytest.raises(KeyError, match="pids"):
        batch["pids"]
    assert "img" not in batch
