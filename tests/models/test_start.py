"""Which parts of AIO start from the encoder's pre-training: aio.tokenizer.start and aio.text.start."""

import pytest
import torch

from aio_plugin.config import parse_config
from aio_plugin.encoders.pretrained import load_encoder
from aio_plugin.models.build import build_model


@pytest.mark.parametrize("images", ["fresh", "pretrained"])
@pytest.mark.parametrize("text", ["", "fresh", "pretrained"])
def test_images_and_text_start_each_as_configured(images, text):
    node = {"tokenizer": {"start": images}, "text": {"start": text}}
    model, toy = build_model("aio_tiny", 3, parse_config(node)), load_encoder("toy")
    same = {
        "images": torch.equal(model.tokenizers["ir"].projection.weight, toy.stem["projection.weight"]),
        "image positions": torch.equal(model.positions["rgb"].table, toy.positions),
        "image token": torch.equal(model.class_tokens.single[0], toy.class_token),
        "text": torch.equal(model.tokenizers["text"].projection.weight, toy.start["text.projection.weight"]),
        "text positions": torch.equal(model.positions["text"].table[:20], toy.start["text.positions"][:20]),
        "text token": torch.equal(model.class_tokens.single[3], toy.start["text.class_token"]),
    }
    pretrained = {"image": images == "pretrained", "text": (text or images) == "pretrained"}
    assert same == {name: pretrained[name.split()[0].rstrip("s")] for name in same}
    assert torch.equal(model.tokenizers["text"].embedding.weight, toy.word_embedding)  # pre-trained in any case
