"""DMF: what goes into the trunk, what the feature depends on, stage two's start, bad input."""

import pytest
import torch
from torch import nn

from aio_plugin import config
from aio_plugin.encoders.frozen import FrozenEncoder
from aio_plugin.encoders.toy import load_toy, save_toy, toy_blocks
from aio_plugin.errors import CheckpointError, ConfigError, EncoderError, ModalityError
from aio_plugin.heads.vocabulary import Vocabulary
from aio_plugin.losses.criterion import LossWeights, total_loss
from aio_plugin.modality import MODALITIES, Batch, Modality
from aio_plugin.models import build
from aio_plugin.models.branches import ImageShape, TextBranch
from aio_plugin.models.build import build_model
from aio_plugin.models.dmf import DMF
from aio_plugin.models.specs import readable, searchable
from aio_plugin.models.start import start_dmf_from_checkpoint
from aio_plugin.training.optimisation import param_groups

from ..encoders.helpers import blocks
from .helpers import DMF_LOSSES

DIM, SIZE = 32, (32, 16)
WORDS = Vocabulary(("blue coat", "front", "long hair", "red hat", "sunny"))


def encoder(dim=DIM):
    return FrozenEncoder(blocks(depth=3, dim=dim, heads=4), "test")


def small_dmf(text=True, dim=DIM, size=SIZE, **choices):
    torch.manual_seed(0)
    options = config.DMFConfig(**{"image_depth": 1, "drop_path": 0.0, **choices})
    branch = TextBranch(dim, WORDS, torch.randn(len(WORDS), 6), 4) if text else None
    return DMF(encoder(dim=dim), 5, ImageShape(size, patch=8), options, branch)


def batch(phrases, seed=0):
    """Items with images and the lists ``phrases``; None is an item without a caption."""
    torch.manual_seed(seed)
    found = Batch.rgb(torch.randn(len(phrases), 3, *SIZE))
    found["pid"] = torch.arange(len(phrases)) // 2
    found["phrases"] = torch.full((len(phrases), max(len(p or ()) for p in phrases)), -1)
    for row, ids in enumerate(phrases):
        if ids is not None:
            found["phrases"][row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
            found["present"][row, Modality.TEXT.index] = 1
    return found


PHRASES = [[0, 1, 2], [3], None, [], [4, 1], [2, 0, 1, 3]]


def slow_features(model, found, keep):
    """f of every item, one after the other, by the text of the paper: [class; image tokens; text tokens]."""
    features = []
    for row in range(len(found["rgb"])):
        tokens = model.image(found["rgb"][row : row + 1])
        ids = found["phrases"][row]
        ids = ids[ids >= 0]
        if keep[row] and len(ids):
            tokens = torch.cat([tokens, model.text(ids[None])], dim=1)
        features.append(model.trunk(tokens)[0])
    return torch.stack(features)


def test_training_features_are_those_of_each_item_alone():
    model, found = small_dmf(drop_text=0.0).train(), batch(PHRASES)
    out = model.train_outputs(found)
    torch.testing.assert_close(out["features"], slow_features(model, found, [True] * 6), atol=1e-5, rtol=1e-5)
    assert torch.equal(out["labels"], found["pid"])
    expected = model.classifier(model.bottleneck(out["features"]))
    torch.testing.assert_close(out["logits"], expected)


def test_text_is_dropped_for_half_of_the_items():
    model, found = small_dmf(drop_text=0.5), batch([[0, 1]] * 400)
    model.train()
    found["rgb"] = found["rgb"][:1].expand(400, -1, -1, -1)
    with torch.no_grad():
        f = model.train_outputs(found)["features"]
        alone = model.trunk(model.image(found["rgb"][:1]))
    dropped = torch.isclose(f, alone, atol=1e-5).all(1).sum().item()
    assert 150 < dropped < 250


def test_replacing_keeps_the_number_of_tokens_and_puts_every_phrase_in():
    model = small_dmf(fusion="replace", drop_text=0.0)
    image, text = torch.zeros(6, 8, DIM), torch.arange(1.0, 5).expand(6, 4)[..., None].expand(-1, -1, DIM)
    ids = batch([p or [] for p in PHRASES])["phrases"]
    joined, mask = model._joined(image, text, ids >= 0)
    assert mask is None
    assert joined.shape == image.shape
    for row, phrases in zip(joined[..., 0].tolist(), PHRASES, strict=True):
        assert sorted(value for value in row if value) == list(range(1, len(phrases or ()) + 1))


@pytest.mark.parametrize("fusion", ["concatenate", "replace"])
@pytest.mark.parametrize("depths", [(0, 0), (1, 0), (2, 1), (3, 3)])
def test_every_weight_learns(fusion, depths):
    model = small_dmf(fusion=fusion, image_depth=depths[0], trunk_depth=depths[1] or 3 - depths[0], drop_text=0.0)
    loss, summary = total_loss(model.train()(batch([[0, 1]] * 6)), LossWeights(DMF_LOSSES), 0.1)
    loss.backward()
    assert {"loss", "loss_ce", "loss_t", "acc"} == set(summary)
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_image_features_do_not_depend_on_the_text_branch():
    model, found = small_dmf().eval(), batch([None, None, None])
    del found["phrases"]
    before = model(Batch.rgb(found["rgb"]))
    with torch.no_grad():
        for tensor in (*model.text.parameters(), model.text.vectors):
            tensor.normal_()
    assert torch.equal(model(Batch.rgb(found["rgb"])), before)
    bare = small_dmf(text=False).eval()
    bare.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("text.")})
    assert torch.equal(bare(Batch.rgb(found["rgb"])), before)
    assert torch.equal(bare(found["rgb"]), before)
    torch.testing.assert_close(before.norm(dim=1), torch.ones(3))


def test_a_feature_does_not_depend_on_the_rest_of_the_batch():
    model, found = small_dmf().eval(), batch(PHRASES)
    together = model(Batch.rgb(found["rgb"]))
    alone = torch.cat([model(found["rgb"][row : row + 1]) for row in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_images_alone_start_as_the_pretrained_vit():
    """With the projection the identity and no modality embedding yet, image branch and trunk are the encoder."""
    model, frozen = small_dmf(text=False, image_depth=0).eval(), encoder()
    pictures = torch.randn(2, 3, *SIZE)
    tokens = model.image.positions(model.image.tokenizer(pictures), (4, 2))
    tokens = torch.cat([model.trunk.class_token.expand(2, 1, -1), tokens], dim=1)
    expected = nn.functional.normalize(model.trunk.norm(frozen(tokens)[:, 0]), dim=1)
    torch.testing.assert_close(model(pictures), expected)


def test_the_feature_behind_the_bottleneck():
    model = small_dmf(text=False, test_feature="after").eval()
    model.bottleneck.running_mean.normal_()
    pictures = torch.randn(2, 3, *SIZE)
    expected = nn.functional.normalize(model.bottleneck(model.trunk(model.image(pictures))), dim=1)
    torch.testing.assert_close(model(pictures), expected)


def test_text_alone_trains_on_items_with_phrases():
    model, found = small_dmf(input="text").train(), batch(PHRASES)
    out = model.train_outputs(found)
    assert out["labels"].tolist() == [0, 0, 2, 2]
    found["rgb"] = torch.zeros_like(found["rgb"])
    torch.testing.assert_close(model.train_outputs(found)["features"], out["features"])


def test_the_contrast_compares_image_alone_with_text_alone():
    model, found = small_dmf(contrast=1.0, drop_text=0.0).train(), batch(PHRASES)
    out = model.train_outputs(found)
    assert out["both"].tolist() == [True, True, False, False, True, True]
    torch.testing.assert_close(out["image_only"], model.trunk(model.image(found["rgb"])))
    torch.testing.assert_close(
        out["text_only"][1], model.trunk(model.text(torch.tensor([[3]])))[0], atol=1e-5, rtol=1e-5
    )
    _, summary = total_loss(out, LossWeights({**DMF_LOSSES, "contrast": 0.5}))
    assert summary["loss"] == pytest.approx(
        summary["loss_ce"] + summary["loss_t"] + 0.5 * summary["loss_con"], abs=1e-5
    )


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_both_optimisers_bring_the_loss_down(optimiser):
    model = small_dmf().train()
    groups = param_groups(model, 0.01 if optimiser == "sgd" else 1e-3, 1e-4, 0.1)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    stepper = torch.optim.SGD(groups, momentum=0.9) if optimiser == "sgd" else torch.optim.AdamW(groups)
    losses = []
    for _ in range(25):
        loss, summary = total_loss(model(batch([[0, 1], [0, 1], [2], [2], [3, 4], None])), LossWeights(DMF_LOSSES))
        stepper.zero_grad()
        loss.backward()
        stepper.step()
        losses.append(summary["loss"])
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        *((depth, r"aio\.dmf\.image_depth .* 3 blocks") for depth in ({"image_depth": 4}, {"image_depth": 3})),
        ({"trunk_depth": 4}, r"aio\.dmf\.image_depth .* 3 blocks"),
        ({"fusion": "replace", "size": (16, 8)}, r"aio\.dmf\.phrases \(4\) .* 2 image tokens"),
    ],
)
def test_depths_and_phrases_that_do_not_fit(choices, message):
    with pytest.raises(ConfigError, match=message):
        small_dmf(**choices)


def test_batches_that_do_not_fit():
    model = small_dmf().train()
    captioned = batch([[0], [1]])
    with pytest.raises(ModalityError, match="without a text branch"):
        small_dmf(text=False).train()(captioned)
    with pytest.raises(ModalityError, match=r"phrase 9, the model has 5"):
        model(batch([[9], [1]]))
    words = Batch({**captioned, "text": torch.zeros(2, 4)})
    del words["phrases"]
    with pytest.raises(ModalityError, match=r"model\.name"):
        model(words)
    with pytest.raises(ModalityError, match=r"rgb\+text; DMF searches with RGB images only"):
        model.eval()(captioned)
    silent = batch([[0], [1]])
    silent["present"][0, 0] = 0
    with pytest.raises(ModalityError, match="no RGB image"):
        model.train()(silent)

    found = batch([None, None])
    del found["phrases"]
    for fitting in (found, batch([[], []])):
        assert model(fitting)["features"].shape == (2, DIM)


# --- from the config


def options(**values):
    return config.parse_config({"encoder": {"weights": "random"}, **values})


def test_the_registry_builds_dmf_with_and_without_text():
    with_text, without = (build_model("dmf_tiny", 4, options(), vocabulary=v) for v in (WORDS, None))
    assert isinstance(with_text, DMF)
    assert with_text.text.vectors.shape == (5, 64)
    assert without.text is None
    chosen = with_text.loss_weights(options(dmf={"triplet": 0.5})).weights
    assert chosen == {"ce": 1.0, "soft_triplet": 0.5, "contrast": 0.0}
    names = with_text.state_dict().keys()
    assert "text.packed" in names
    assert "text.vectors" not in names  # computed anew from the phrases
    assert not [name for name in without.state_dict() if name.startswith("text.")]


def test_text_vectors_are_computed_once(monkeypatch):
    calls, embed = [], build.embed_phrases
    monkeypatch.setattr(build, "embed_phrases", lambda *args: calls.append(len(args[0])) or embed(*args))
    model = build_model("dmf_tiny", 3, options(), (32, 16), vocabulary=WORDS).train()
    for _ in range(3):
        model(batch([[0, 1], [2], [3], [4]]))
    assert calls == [5]


def test_the_toy_encoder_is_where_dmf_tiny_starts():
    model = build_model("dmf_tiny", 4, config.parse_config({"dmf": {"image_depth": 1}}))
    toy = load_toy()
    assert torch.equal(model.image.positions.table, toy.positions)
    assert torch.equal(model.trunk.class_token, toy.class_token)
    assert torch.equal(model.image.tokenizer.projection.weight, toy.stem["projection.weight"])
    ours = [*model.image.blocks, *model.trunk.blocks]
    for block, theirs in zip(ours, toy.encoder.blocks, strict=True):
        for name, value in block.named_parameters():
            assert value.requires_grad
            assert torch.equal(value, theirs.get_buffer(name))
    assert model.encoder.sha256 != build_model("dmf_tiny", 4, options()).encoder.sha256


def test_what_models_read_and_are_searched_by():
    assert readable("dmf_tiny", options()) == (Modality.RGB, Modality.TEXT)
    assert readable("dmf_tiny", options(modalities=["rgb"])) == (Modality.RGB,)
    assert searchable("dmf_tiny", options()) == (Modality.RGB,)
    everything = options(modalities=[m.value for m in MODALITIES])
    assert readable("aio_tiny", everything) == searchable("aio_tiny", everything) == tuple(MODALITIES)
    assert readable("osnet_x1_0", everything) == tuple(MODALITIES)


def test_text_alone_needs_captions():
    with pytest.raises(ConfigError, match=r"aio\.dmf\.input is 'text', but there are no captions"):
        build_model("dmf_tiny", 3, options(dmf={"input": "text"}))


def test_an_encoder_without_patches_is_refused(tmp_path):
    save_toy(tmp_path / "bare.safetensors", toy_blocks().state_dict(), {})
    with pytest.raises(EncoderError, match=r"no patch embedding.*aio\.encoder\.name"):
        build_model("dmf_tiny", 3, config.parse_config({"encoder": {"weights": str(tmp_path / "bare.safetensors")}}))


# --- stage two


@pytest.fixture(scope="module")
def stage_one(tmp_path_factory):
    """A model of stage one that has moved, and its checkpoint."""
    torch.manual_seed(4)
    model = build_model("dmf_tiny", 7, options(), (32, 16), vocabulary=WORDS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    path = tmp_path_factory.mktemp("one") / "model.pth.tar"
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}, "epoch": 1}, path)
    return model.eval(), str(path)


def test_stage_two_starts_where_stage_one_ended(stage_one):
    first, path = stage_one
    second = build_model("dmf_tiny", 3, config.parse_config({"dmf": {"start": path}}), (32, 16)).eval()
    pictures = torch.randn(3, 3, 32, 16)
    assert torch.equal(second(pictures), first(pictures))
    assert second.classifier.weight.shape == (3, 192)
    assert not torch.equal(second.classifier.weight, first.classifier.weight[:3])
    assert not [name for name in second.state_dict() if name.startswith("text.")]


@pytest.mark.parametrize(
    ("values", "size", "message"),
    [
        ({"dmf": {"image_depth": 2}}, (32, 16), r"another DMF model: it lacks 'image\.blocks\.0"),
        ({}, (64, 32), r"image\.positions\.table' of shape \[2, 192\] where \[8, 192\]"),
        ({"tokenizer": {"width": 16}}, (32, 16), r"image\.tokenizer\.stem.*of shape \[32"),
        ({"encoder": {"name": "timm:vit_tiny_patch16_224"}}, (32, 16), r"lacks .*aio\.encoder\.name"),
    ],
)
def test_stage_one_of_other_sizes_is_refused(stage_one, values, size, message):
    merged = {**values, "dmf": {**values.get("dmf", {}), "start": stage_one[1]}}
    with pytest.raises(CheckpointError, match=message):
        build_model("dmf_tiny", 3, config.parse_config(merged), size)


def test_stage_one_of_another_width_is_refused(tmp_path):
    path = tmp_path / "narrow.pth.tar"
    torch.save({"state_dict": small_dmf().state_dict()}, path)
    wide = small_dmf(text=False, dim=64)
    with pytest.raises(CheckpointError, match=r"of shape \[32\] where \[64\] is needed.*aio\.dmf\.start"):
        start_dmf_from_checkpoint(wide, str(path))


@pytest.mark.parametrize("content", ["absent", "aio", "text", "stock"])
def test_a_wrong_file_is_no_stage_one(tmp_path, content):
    path = tmp_path / "x.pth.tar"
    if content == "aio":
        torch.save({"state_dict": build_model("aio_tiny", 3, options()).state_dict()}, path)
    elif content == "stock":
        torch.save({"state_dict": {"conv1.weight": torch.ones(1)}}, path)
    elif content == "text":
        path.write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match=r"aio\.dmf\.start"):
        build_model("dmf_tiny", 3, config.parse_config({"dmf": {"start": str(path)}}))


def test_a_checkpoint_of_other_captions_is_refused(stage_one):
    other = build_model("dmf_tiny", 7, options(), (32, 16), vocabulary=Vocabulary(("red hat",)))
    with pytest.raises(CheckpointError, match=r"has 5 attribute phrases.*have 1"):
        other.load_state_dict(stage_one[0].state_dict())
