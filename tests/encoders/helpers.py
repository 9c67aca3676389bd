"""Small ViT blocks with random weights, and small open_clip models with files of their weights."""

import open_clip
import torch
from timm.models.vision_transformer import Block
from torch import nn

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 2},
}


def blocks(seed=0, depth=2, dim=24, heads=3, **options):
    torch.manual_seed(seed)
    return nn.Sequential(*[Block(dim, heads, **{"qkv_bias": True, **options}) for _ in range(depth)])


def jitter(module):
    """Random biases and norms too, which else start at 0 and 1 and would hide a mix-up."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def small_clip(folder, monkeypatch, kind=open_clip.CLIP, **config):
    """A model that is known to open_clip as ``small``, and the path of a file of its weights."""
    config = {**CLIP, **config}
    monkeypatch.setattr(open_clip, "list_models", lambda: ["small"])
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: config)
    torch.manual_seed(1)
    model = jitter(kind(**config)).eval()
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return model, str(folder / "open_clip_pytorch_model.bin")
