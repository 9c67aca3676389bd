"""Phrase encoders against open_clip's own, and what DMF takes from whole ViT files."""

import open_clip
import pytest
import timm
import torch
from torch import nn

from aio_plugin import config
from aio_plugin.encoders import text
from aio_plugin.encoders.pretrained import load_encoder
from aio_plugin.encoders.text import embed_phrases
from aio_plugin.encoders.toy import load_toy
from aio_plugin.errors import EncoderError
from aio_plugin.heads.vocabulary import Vocabulary
from aio_plugin.models.build import build_model
from aio_plugin.tokenizers.bpe import words

from . import helpers

PHRASES = ["red hat", "long and brown hair", "sunny"]


@pytest.fixture(params=["plain", "quick", "text."])
def small_clip(request, monkeypatch, tmp_path):
    """The text may stand below ``text.``."""
    kind = open_clip.CustomTextCLIP if request.param == "text." else open_clip.CLIP
    return helpers.small_clip(tmp_path, monkeypatch, kind, quick_gelu=request.param == "quick")


def unit(rows):
    return rows / rows.square().mean(dim=1, keepdim=True).sqrt()


def test_phrases_are_encoded_as_open_clip_does(small_clip):
    model, path = small_clip
    tokens = open_clip.SimpleTokenizer(context_length=16)(PHRASES)
    with torch.no_grad():
        expected = unit(model.encode_text(tokens))
    torch.testing.assert_close(embed_phrases(PHRASES, "open_clip:small", path), expected, atol=1e-5, rtol=1e-4)


def test_dmf_starts_as_open_clips_image_encoder(small_clip):
    model, path = small_clip
    options = config.parse_config({"encoder": {"name": "open_clip:small", "weights": path}, "dmf": {"image_depth": 0}})
    ours = build_model("dmf_vit_b16", 3, options, (32, 32), vocabulary=Vocabulary(("red hat", "sunny")))
    images = torch.randn(2, 3, 32, 32)
    model.visual.proj = None
    with torch.no_grad():
        expected = nn.functional.normalize(model.visual(images), dim=1)
        torch.testing.assert_close(ours.eval()(images), expected, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours.text.vectors, embed_phrases(["red hat", "sunny"], "open_clip:small", path))


def test_dmf_starts_as_timms_vit(monkeypatch):

    name = "vit_tiny_patch16_224"
    theirs = timm.create_model(name, img_size=(64, 32), num_classes=0).eval()
    options = config.parse_config({"encoder": {"name": f"timm:{name}", "weights": "random"}, "dmf": {"image_depth": 0}})
    assert load_encoder(f"timm:{name}", "random").patch == 16
    ours = build_model("dmf_vit_b16", 3, options, (64, 32)).eval()
    with torch.no_grad():
        theirs.blocks.load_state_dict(ours.trunk.blocks.state_dict())
        theirs.patch_embed.proj.load_state_dict(ours.image.tokenizer.projection.state_dict())
        theirs.cls_token.copy_(ours.trunk.class_token)
        theirs.pos_embed[0, 1:].copy_(ours.image.positions.table)
        theirs.pos_embed[0, 0].zero_()
        images = torch.randn(2, 3, 64, 32)
        expected = nn.functional.normalize(theirs.forward_head(theirs.forward_features(images), pre_logits=True), dim=1)
        torch.testing.assert_close(ours(images), expected, atol=1e-5, rtol=1e-4)


def test_toy_phrases_are_the_mean_of_their_words():
    table = load_toy().word_embedding
    expected = torch.stack([torch.stack([table[i] for _, ids in words(p) for i in ids]).mean(0) for p in PHRASES])
    torch.testing.assert_close(embed_phrases(PHRASES, "toy"), unit(expected))


def test_random_text_encoders_repeat(small_clip):
    for name in ("toy", "open_clip:small"):
        first, second = (embed_phrases(PHRASES, name, "random") for _ in range(2))
        assert torch.equal(first, second)
        assert first.isfinite().all()


def test_tables_in_pieces_are_the_same(monkeypatch):
    whole = embed_phrases(PHRASES, "toy")
    monkeypatch.setattr(text, "_AT_ONCE", 2)
    assert torch.equal(embed_phrases(PHRASES, "toy"), whole)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("toys", "", r"aio\.dmf\.text_encoder\. Did you mean 'toy'"),
        ("timm:vit_tiny_patch16_224", "", r"aio\.dmf\.text_encoder"),
        ("open_clip:ViT-B-61", "random", r"Set aio\.dmf\.text_encoder"),
        ("open_clip:ViT-B-16", "/absent", r"set aio\.dmf\.text_weights"),
        ("open_clip:roberta-ViT-B-32", "random", r"not a plain CLIP's; set aio\.dmf\.text_encoder"),
    ],
)
def test_text_encoders_that_are_not(name, weights, message):
    with pytest.raises(EncoderError, match=message):
        embed_phrases(PHRASES, name, weights)


def test_a_file_without_the_text_encoder(small_clip, tmp_path):
    model, _ = small_clip
    path = tmp_path / "images.bin"
    torch.save({k: v for k, v in model.state_dict().items() if k.startswith("visual.")}, path)
    with pytest.raises(EncoderError, match=r"not a file of the text encoder.*aio\.dmf\.text_weights"):
        embed_phrases(PHRASES, "open_clip:small", str(path))
