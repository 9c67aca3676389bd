"""From patches to features, the models that start from CLIP are open_clip's image tower."""

import open_clip
import pytest
import torch
import torch.nn.functional as F

from aio_plugin.config import parse_config
from aio_plugin.modality import Batch, Modality
from aio_plugin.models.build import build_model
from aio_plugin.tokenizers.image import PatchTokenizer

from ..encoders.helpers import jitter, small_clip

VISION = {"image_size": 64, "layers": 3, "width": 64, "head_width": 16, "patch_size": 16}


def tower(clip, images):
    """What open_clip's image encoder gives before its projection, of unit length."""
    clip.visual.proj = None
    return F.normalize(clip.visual(images), dim=1)


def aio(clip, name, path, side):
    """AIO with CLIP's patch embedding in the place of its own stem, which CLIP's file lacks."""
    node = {"encoder": {"name": name, "weights": path}, "modalities": ["rgb"], "tokenizer": {"start": "pretrained"}}
    model = build_model("aio", 3, parse_config(node), (side, side)).eval()
    patches = PatchTokenizer(model.feature_dim)
    patches.projection.weight.copy_(clip.visual.conv1.weight)
    patches.projection.bias.zero_()
    model.tokenizers["rgb"] = patches
    return model


@torch.no_grad()
def test_aio_is_open_clips_tower(monkeypatch, tmp_path):
    clip, path = small_clip(tmp_path, monkeypatch, vision_cfg=VISION)
    model, images = aio(clip, "open_clip:small", path, 64), torch.randn(3, 3, 64, 64)
    expected = tower(clip, images)
    torch.testing.assert_close(model(images), expected, atol=1e-5, rtol=0)
    sequence = model._sequence(model._tokens(Batch.rgb(images))[Modality.RGB], Modality.RGB)
    padded = model.norm(model.encoder(sequence.tokens))[:, 0]  # how encoders whose blocks are not plain are computed
    torch.testing.assert_close(F.normalize(padded, dim=1), expected, atol=1e-5, rtol=0)
    model.encoder.pre_norm = None
    assert (model(images) - expected).abs().max() > 1e-2  # the norm before the blocks has its part in it


@pytest.mark.slow
@torch.no_grad()
def test_aio_is_the_whole_vit_b16(tmp_path):
    clip = jitter(open_clip.create_model("ViT-B-16")).eval()
    torch.save(clip.state_dict(), tmp_path / "clip.pt")
    model, images = aio(clip, "open_clip:ViT-B-16", str(tmp_path / "clip.pt"), 224), torch.randn(2, 3, 224, 224)
    torch.testing.assert_close(model(images), tower(clip, images), atol=1e-5, rtol=0)


@torch.no_grad()
def test_dmf_is_open_clips_tower(monkeypatch, tmp_path):
    clip, path = small_clip(tmp_path, monkeypatch, vision_cfg=VISION)
    node = {"encoder": {"name": "open_clip:small", "weights": path}}
    model, images = build_model("dmf_vit_b16", 3, parse_config(node), (64, 64)).eval(), torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(model(images), tower(clip, images), atol=1e-5, rtol=0)
    assert all(parameter.requires_grad for parameter in model.image.pre_norm.parameters())
