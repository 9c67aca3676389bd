"""Modalities and their traits: what can be registered, and that every trait does something."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import aio_plugin
from aio_plugin.config import parse_config
from aio_plugin.errors import ConfigError, ModalityError
from aio_plugin.evaluation.queries import compose, needed
from aio_plugin.evaluation.tiles import label_of
from aio_plugin.modality import MAX_MODALITIES, MODALITIES, REGISTRY, Item, Media, Modality, parse_combination
from aio_plugin.models.build import build_model
from aio_plugin.registry import RegistryError
from aio_plugin.synthesis.channel import CHOICES, channel_augment
from aio_plugin.training.media import MediaReader
from aio_plugin.training.stages import parse_stages
from aio_plugin.training.transforms import Compose, Normalize, Resize, ToTensor

from .training.helpers import batch_of

TRANSFORM = Compose([Resize((64, 32)), ToTensor(), Normalize([0.5] * 3, [0.25] * 3)])


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    for name in REGISTRY.outside():
        REGISTRY.unregister(name)


@pytest.mark.parametrize(
    ("name", "traits", "problem"),
    [
        ("Depth", {}, "lower case"),
        ("pid", {}, "reserved"),
        ("keys", {}, "reserved"),  # what a ModuleDict could not hold
        ("depth", {"channels": 2}, "2 channels; images have 1 or 3"),
        ("depth", {"channels": 0}, "0 channels"),
        ("depth", {"value_range": (0, 9)}, "one channel alone"),
        ("depth", {"channels": 1, "value_range": (9, 9)}, "give .low, high."),
        ("depth", {"norm_mean": [0.5]}, "1 or 3 numbers each"),
        ("depth", {"norm_mean": [0.5], "norm_std": [0]}, "without 0"),
        ("depth", {"norm_mean": [0.5] * 2, "norm_std": [1] * 2}, "1 or 3 numbers each"),
        ("depth", {"synthesis": "line"}, "give 'channel_augmentation', 'line_drawing' or a function"),
    ],
)
def test_wrong_traits_are_refused(name, traits, problem):
    with pytest.raises(ModalityError, match=f"{name!r} cannot be registered: .*{problem}"):
        aio_plugin.register_modality(name, **traits)
    assert len(MODALITIES) == 5


def test_a_name_is_taken_once():
    depth = aio_plugin.register_modality("depth", channels=1)
    assert aio_plugin.register_modality("depth", channels=1) is depth
    assert aio_plugin.register_modality(depth) is depth
    with pytest.raises(RegistryError, match="modality 'depth' already"):
        aio_plugin.register_modality("depth", channels=3)
    with pytest.raises(RegistryError, match=r"modality 'ir' already \(built in\)"):
        aio_plugin.register_modality("ir")


def test_there_are_as_many_as_storage_has_bits_for():
    for number in range(MAX_MODALITIES - 5):
        assert aio_plugin.register_modality(f"m{number}").index == 5 + number
    with pytest.raises(ModalityError, match="16 modalities already"):
        aio_plugin.register_modality("one-more")


def test_one_that_is_not_registered_has_no_place():
    with pytest.raises(ModalityError, match="depth is not registered"):
        Modality("depth").index  # noqa: B018
    with pytest.raises(ModalityError, match=r"Unknown modality 'infrared'\."):
        Modality.named("infrared")


def test_the_names_are_those_that_configs_may_use():
    assert [str(modality) for modality in MODALITIES] == ["rgb", "ir", "sketch", "text", "cp"]
    depth = aio_plugin.register_modality("depth", channels=1)
    assert parse_combination("depth+rgb") == (Modality.RGB, depth)
    assert parse_config({"modalities": ["depth", "rgb"]}).modalities
    REGISTRY.unregister("depth")
    with pytest.raises(ConfigError, match="'depth'"):
        parse_config({"modalities": ["depth", "rgb"]})


def inverted(image):
    return Image.fromarray(255 - np.asarray(image.convert("L")))


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_one_is_made_from_rgb_by_a_function_of_its_own(photo):
    negative = aio_plugin.register_modality("negative", channels=1, synthesis=inverted)
    assert needed((negative,), [(Modality.RGB,)]) == (Modality.RGB,)
    (query,) = compose([Item(Media(photo), 1, 0)], (negative,), True)
    assert (query.media.modality, query.media.synthetic) == (negative, True)
    stages = [{"epochs": 1, "sources": {"market1501": {"synthetic": ["negative"]}}}]
    assert parse_stages(stages, ["market1501"], 4)[0].shares[0].synthetic == (negative,)
    reader = MediaReader(TRANSFORM, 77)
    expected = TRANSFORM(inverted(Image.open(photo)).convert("RGB"))
    assert torch.equal(batch_of(reader, [query.media])["negative"][0], expected)
    assert np.array_equal(np.asarray(reader.picture(query.media))[..., 0], np.asarray(inverted(Image.open(photo))))


def test_channel_augmentation_draws_for_each_modality_that_is_made_so(photo):
    thermal = aio_plugin.register_modality("thermal", synthesis="channel_augmentation")
    media = [Media(photo), Media(photo, Modality.IR, synthetic=True), Media(photo, thermal, synthetic=True)]
    batch = batch_of(MediaReader(TRANSFORM, 77), media)
    rng = random.Random(0)
    for name in ("ir", "thermal"):
        grey = channel_augment(Image.open(photo).convert("RGB"), rng.randrange(CHOICES))
        assert torch.equal(batch[name][0], TRANSFORM(grey))


def test_what_cannot_be_made_is_not_read_as_a_photo(photo):
    with pytest.raises(ModalityError, match="cp cannot be made from RGB"):
        batch_of(MediaReader(TRANSFORM, 77), [Media(photo, Modality.CP, synthetic=True)])


def test_a_normalisation_of_its_own(photo):
    warm = aio_plugin.register_modality("warm", norm_mean=[0.1, 0.2, 0.3], norm_std=[1, 2, 3])
    own = Compose([Resize((64, 32)), ToTensor(), Normalize([0.1, 0.2, 0.3], [1, 2, 3])])
    for transform in (TRANSFORM, Compose([*TRANSFORM.transforms, lambda tensor: tensor])):
        batch = batch_of(MediaReader(transform, 77), [Media(photo), Media(photo, warm)])
        assert torch.equal(batch["rgb"][0], TRANSFORM(Image.open(photo)))
        assert torch.equal(batch["warm"][0], own(Image.open(photo)))
    with pytest.raises(ModalityError, match="no Normalize step"):
        batch_of(MediaReader(ToTensor(), 77), [Media(photo, warm)])


class Patches(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.projection = nn.Conv2d(3, dim, 16, 16)

    def forward(self, images):
        return self.projection(images).flatten(2).transpose(1, 2)


@pytest.mark.parametrize("start", ["fresh", "pretrained"])
def test_a_stem_of_its_own(photo, start):
    depth = aio_plugin.register_modality("depth", tokenizer=Patches)
    model = build_model("aio_tiny", 3, parse_config({"modalities": ["rgb", "depth"], "tokenizer": {"start": start}}))
    assert isinstance(model.tokenizers["depth"], Patches)
    feature = model.eval()(batch_of(MediaReader(TRANSFORM, 77), [Media(photo, depth)]))
    assert feature.shape == (1, model.feature_dim)


def test_a_label_is_what_pictures_say(photo):
    depth = aio_plugin.register_modality("depth", label="depth camera")
    assert label_of(Media(photo, depth)) == "depth camera"
    assert label_of(Media(photo, Modality.IR, synthetic=True)) == "ir, synthetic"
