import math
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from aio_plugin.encoders import clip, meta_transformer, toy, vit
from aio_plugin.encoders.clip import load_word_embedding
from aio_plugin.encoders.pretrained import load_encoder, seeded
from aio_plugin.errors import EncoderError

from . import helpers
from .helpers import blocks, jitter

VARIANTS = {
    "plain": {},
    "quick": {"quick_gelu": True},
    "scaled": {"vision_cfg": {**helpers.CLIP["vision_cfg"], "ls_init_value": 0.3, "mlp_ratio": 2.0}},
}


@pytest.fixture(params=VARIANTS)
def small_clip(request, monkeypatch, tmp_path):
    return helpers.small_clip(tmp_path, monkeypatch, **VARIANTS[request.param])


def test_blocks_and_starts_equal_open_clip(small_clip):
    model, path = small_clip
    pretrained = load_encoder("open_clip:small", path)
    tokens = torch.randn(2, 7, 64)
    expected = model.visual.transformer(model.visual.ln_pre(tokens))
    torch.testing.assert_close(pretrained.encoder(tokens), expected, atol=1e-5, rtol=1e-5)
    for table in (pretrained.word_embedding, load_word_embedding(path)):
        assert torch.equal(table, model.token_embedding.weight)
    assert pretrained.grid == (4, 4)
    patches = model.visual.conv1(torch.randn(1, 3, 32, 32)).flatten(2).transpose(1, 2)
    ours = torch.cat([pretrained.class_token.expand(1, 1, -1), patches + pretrained.positions], dim=1)
    theirs = torch.cat([model.visual.class_embedding.expand(1, 1, -1), patches], dim=1)
    torch.testing.assert_close(ours, theirs + model.visual.positional_embedding)
    assert torch.equal(pretrained.start["norm.weight"], model.visual.ln_post.weight)


def test_safetensors_halves_and_wrappers(small_clip, tmp_path):
    model, path = small_clip
    expected = load_encoder("open_clip:small", path).encoder.sha256
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "x.safetensors")
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}
    torch.save(wrapped, tmp_path / "wrapped.pt")
    torch.save({k: v.half() for k, v in model.state_dict().items()}, tmp_path / "half.pt")
    for name in ("x.safetensors", "wrapped.pt"):
        assert load_encoder("open_clip:small", str(tmp_path / name)).encoder.sha256 == expected
    half = load_encoder("open_clip:small", str(tmp_path / "half.pt"))
    assert half.encoder.blocks[0].norm1.weight.dtype == torch.float32
    assert half.word_embedding.dtype == torch.float32
    assert half.encoder.sha256 != expected


def test_blocks_equal_timm(tmp_path):

    torch.manual_seed(1)
    model = jitter(timm.create_model("vit_tiny_patch16_224")).eval()
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    pretrained = load_encoder("timm:vit_tiny_patch16_224", str(tmp_path / "vit.pth"))
    images = torch.randn(1, 3, 224, 224)
    patches = model.patch_embed(images) + pretrained.positions
    tokens = torch.cat([pretrained.class_token.expand(1, 1, -1), patches], dim=1)
    norm = nn.functional.layer_norm(
        pretrained.encoder(tokens), (192,), pretrained.start["norm.weight"], pretrained.start["norm.bias"], 1e-6
    )
    torch.testing.assert_close(norm, model.forward_features(images), atol=1e-5, rtol=1e-5)
    assert pretrained.grid == (14, 14)


def test_meta_transformer_file(tmp_path, monkeypatch):
    small = meta_transformer.Variant(48, 2, 4, "small.pth", "")
    monkeypatch.setitem(meta_transformer.VARIANTS, "small", small)
    bare = jitter(blocks(dim=48, heads=4, norm_layer=nn.LayerNorm)).eval()
    torch.save(bare.state_dict(), tmp_path / "small.pth")
    assert "0.norm1.weight" in bare.state_dict()
    tokens, encoder = torch.randn(2, 5, 48), load_encoder("meta_transformer:small", str(tmp_path / "small.pth")).encoder
    with torch.no_grad():
        assert torch.equal(encoder(tokens), bare(tokens))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def fetch(id, output, quiet):
        torch.save(bare.state_dict(), output)
        return output

    monkeypatch.setattr("gdown.download", fetch)
    first = load_encoder("meta_transformer:small").encoder
    monkeypatch.setattr("gdown.download", lambda **_: pytest.fail("fetched twice"))
    assert load_encoder("meta_transformer:small").encoder.sha256 == first.sha256


def test_a_download_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def fetch(id, output, quiet):
        Path(output).write_text("half a file")
        raise ConnectionError("no network")

    monkeypatch.setattr("gdown.download", fetch)
    with pytest.raises(EncoderError, match=r"no network.*base_patch16_encoder.*MetaTransformer.*aio\.encoder\.weights"):
        load_encoder("meta_transformer:base_patch16")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["toy", "timm:vit_tiny_patch16_224"])
def test_random_is_the_same_every_time(name):
    torch.manual_seed(math.floor(torch.rand(()).item() * 1e6))
    state = torch.get_rng_state()
    first = load_encoder(name, "random").encoder
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert load_encoder(name, "random").encoder.sha256 == first.sha256


def test_the_full_size_of_open_clip():
    encoder = load_encoder("open_clip:ViT-B-16", "random").encoder
    weights = sum(b.numel() for n, b in encoder.named_buffers() if n != "identity")
    assert (encoder.dim, len(encoder.blocks)) == (768, 12)
    # 85 M, as Meta-Transformer's README says of its B16, and CLIP's norm before the blocks
    assert weights == 12 * (12 * 768**2 + 13 * 768) + 2 * 768


def test_seeded_leaves_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert not torch.equal(seeded(lambda: torch.rand(2)), expected)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("open_clop:ViT-B-16", "open_clip:ViT-B-16"),
        ("ViT-B-16", "aio.encoder.name"),
        ("", "aio.encoder.name"),
        ("toys", "toy"),
        ("open_clip:", "aio.encoder.name"),
        ("open_clip:ViT-B-17", "'ViT-B-1"),
        ("open_clip:RN50", "not a CLIP ViT"),
        ("timm:vit_tiny_patch16_225", "vit_tiny_patch16_224"),
        ("timm:nothing_like_it", "aio.encoder.name"),
        ("timm:resnet18", "no blocks"),
        ("timm:efficientnet_b0", "no blocks"),
        ("timm:eva02_tiny_patch14_224", "rotary"),
        ("timm:mixer_s32_224", "any length"),
        ("meta_transformer:base", "base_patch16"),
    ],
)
def test_names_that_do_not_exist(name, message):
    with pytest.raises(EncoderError, match=message):
        load_encoder(name, "random")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no weights file"),
        ("text", "safely"),
        ({"epoch": 1}, "no state dict"),
        ({"0.norm1.weight": torch.ones(3)}, "lacks '0.norm1.bias' .*shape"),
        ({"0.norm1.weight": torch.full((192,), torch.nan)}, "NaN or infinite values in '0.norm1.weight'"),
        (nn.Linear(2, 2), "safely.*type torch.nn.modules.linear.Linear"),
    ],
)
def test_files_that_are_wrong(content, message, tmp_path):
    path = tmp_path / "x.pth"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(EncoderError, match=rf"(?s){message}.*aio\.encoder\.weights"):
        load_encoder("toy", str(path))


def test_the_file_of_another_encoder(tmp_path):
    state = load_encoder("toy", "random").encoder.blocks.state_dict()
    assert not state  # frozen
    torch.save({**toy.toy_blocks().state_dict(), "4.more": torch.ones(1)}, tmp_path / "x")
    with pytest.raises(EncoderError, match=r"has the unexpected tensor '4\.more'"):
        load_encoder("toy", str(tmp_path / "x"))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("open_clip:ViT-B-16", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"),
        ("open_clip:ViT-L-14", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"),
        ("timm:vit_tiny_patch16_224", "timm/vit_tiny_patch16_224"),
    ],
)
def test_offline_and_absent(name, place, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(open_clip, "download_pretrained", refuse)
    monkeypatch.setattr("huggingface_hub.file_download.hf_hub_download", refuse)
    monkeypatch.setattr("timm.models._hub.hf_hub_download", refuse)
    monkeypatch.setattr(clip, "_blocks", lambda *_, **__: None)
    with pytest.raises(EncoderError, match=rf"{place}.*aio\.encoder\.weights"):
        load_encoder(name)


def test_no_word_embedding_says_which_key(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(EncoderError, match=r"holds no word embedding.*aio\.text\.weights"):
        load_word_embedding(str(tmp_path / "x.pt"))
    with pytest.raises(EncoderError, match=r"aio\.text\.weights"):
        load_word_embedding(str(tmp_path / "absent.pt"))


def test_timm_positions_without_class_token():
    assert "grid" not in vit._rest({"pos_embed": torch.zeros(1, 9, 4)}, nn.Identity())
    bare = nn.Identity()
    bare.no_embed_class = True
    assert vit._rest({"pos_embed": torch.zeros(1, 9, 4)}, bare)["grid"] == (3, 3)


def test_timm_with_its_own_weights(monkeypatch):

    torch.manual_seed(1)
    published = jitter(timm.create_model("vit_tiny_patch16_224", num_classes=0))
    asked = {}
    monkeypatch.setattr(timm, "create_model", lambda name, **options: asked.update(options) or published)
    token = published.cls_token.detach() + published.pos_embed[:, :1].detach()
    pretrained = load_encoder("timm:vit_tiny_patch16_224")
    assert asked["pretrained"] is True
    assert torch.equal(pretrained.class_token, token.flatten())
    assert not pretrained.class_token.requires_grad
    assert pretrained.positions.shape == (196, 192)
