"""A depth modality from outside the package: one file, one call, and it trains and is searched with like the others."""

import copy
import csv
import importlib
import json
import pickle
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.config import parse_config
from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import ConfigError, MediaError
from aio_plugin.modality import MODALITIES, REGISTRY, Item, Media, Modality
from aio_plugin.models.build import build_model
from aio_plugin.tools.dataset_check import check_folder
from aio_plugin.training.loader import BatchLoader
from aio_plugin.training.media import MediaReader, QueryDataset
from aio_plugin.training.transforms import Compose, Normalize, RandomGrayscale, Resize, ToTensor, pad_crop

from ..training.helpers import batch_of
from .conftest import OUTSIDE

FILE = "tests.doors.outside.depth"
FIVE = ["rgb", "ir", "sketch", "text", "depth"]
COLUMNS = ("path", "caption", "pid", "camid", "modality", "split", "source")
SIZE = (64, 32)
LAST = [ToTensor(), Normalize([0.5] * 3, [0.5] * 3)]
PLAIN = Compose([Resize(SIZE), *LAST])
TRAINING = Compose([Resize(SIZE), pad_crop(*SIZE), RandomGrayscale(0.5), *LAST])
ERASED = Compose([Resize(SIZE), *LAST, lambda image: image])  # normalised in the worker, like torchreid's random_erase


@pytest.fixture
def depth():
    return importlib.import_module(FILE).DEPTH


def person(pid, number, kind):
    """A made-up picture of a person: (64, 32) levels for depth, in millimetres, else (64, 32, 3) colours."""
    rng = np.random.default_rng([pid, number])
    figure = np.outer(np.hanning(SIZE[0]), np.hanning(SIZE[1])) * (0.3 + 0.1 * (pid % 5))
    if kind == "depth":
        return (4000 + 300 * pid - 2000 * figure + rng.normal(0, 20, SIZE)).astype(np.uint16)
    colour = np.array([pid * 40 % 255, pid * 90 % 255, pid * 150 % 255]) * figure[..., None] + 60
    return (colour + rng.normal(0, 5, (*SIZE, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def world(tmp_path):
    """A data root with a manifest: 6 persons to train on in five modalities, 4 to find by depth."""
    rows = []

    for split in ("train", "query", "gallery"):
        (tmp_path / "manifest" / split).mkdir(parents=True)

    def picture(pid, number, kind, split):
        path = f"{split}/{pid}_{number}_{kind}.png"
        Image.fromarray(person(pid, number, kind)).save(tmp_path / "manifest" / path)
        rows.append({"path": path, "pid": pid, "camid": number, "modality": kind, "split": split})

    for pid in range(10):
        if pid < 6:
            for number, kind in enumerate(("rgb", "rgb", "ir", "sketch", "depth", "depth")):
                picture(pid, number, kind, "train")
            caption = f"A person in coat number {pid}."
            rows.append({"caption": caption, "pid": pid, "modality": "text", "split": "train"})
        else:
            picture(pid, 0, "depth", "query")
            picture(pid, 1, "rgb", "gallery")
    with open(tmp_path / "manifest" / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def run(world):
    """Train and test by the ordinary command; returns the exit code."""
    config = {
        "model": {"name": "aio_tiny"},
        "data": {
            "type": "image", "root": str(world), "sources": ["manifest"], "targets": ["manifest@depth"], "height": 64,
            "width": 32, "transforms": ["random_flip", "random_crop", "color_jitter", "random_grey", "random_erase"],
            "save_dir": str(world / "log"), "workers": 0,
        },
        "train": {"optim": "adamw", "lr": 0.001, "max_epoch": 2, "batch_size": 4, "print_freq": 1},
        "test": {"batch_size": 8, "dist_metric": "cosine", "eval_freq": 1},
        "aio": {"modalities": FIVE, "train": {"steps_per_epoch": 2}},
    }  # fmt: skip
    (world / "config.yaml").write_text(yaml.safe_dump(config))
    return main(["--plugin", str(OUTSIDE / "depth.py"), "main", "--config-file", str(world / "config.yaml")])


def test_depth_trains_beside_the_four_and_is_searched_with(world, capsys):
    aio_plugin.unregister()
    try:
        assert run(world) == 0, capsys.readouterr().err
    finally:
        aio_plugin.unregister()
    assert capsys.readouterr().out.count("loss_fb") >= 4
    (target,) = json.loads((world / "log" / "results.json").read_text())["targets"]
    assert target["direction"] == "depth -> rgb"
    (result,) = target["results"].values()
    assert result["num_valid"] == 4
    assert 0 < result["mean"]["mAP"] <= 1
    first, last = (
        torch.load(world / "log" / "model" / f"model.pth.tar-{epoch}", weights_only=True)["state_dict"]
        for epoch in (1, 2)
    )
    assert first["class_tokens.single"].shape[0] == 5
    own = [name for name in first if ".depth." in name and "num_batches" not in name]
    assert len(own) == len([name for name in first if ".ir." in name and "num_batches" not in name])
    assert all(not torch.equal(first[name], last[name]) for name in own)


def entry(path, modality, transform=PLAIN):
    """The batch of one image."""
    return batch_of(MediaReader(transform, 77), [Media(str(path), modality)])


@pytest.mark.parametrize("transform", [PLAIN, TRAINING, ERASED])
def test_values_reach_the_tensor_at_full_range(depth, tmp_path, transform):
    batches = []
    for level in (3000, 3001, 25000):  # steps of 1/255 of the range are 78 mm
        Image.fromarray(np.full(SIZE, level, np.uint16)).save(tmp_path / f"{level}.png")
        batches.append(entry(tmp_path / f"{level}.png", depth, transform))
    near, next_to_it, clipped = (batch["depth"][0, :, 32, 16] for batch in batches)
    assert near.shape == (3,)
    torch.testing.assert_close(near, torch.full((3,), (3000 / 20000 - 0.2) / 0.1))
    torch.testing.assert_close(next_to_it, torch.full((3,), (3001 / 20000 - 0.2) / 0.1))
    assert (next_to_it > near).all()
    torch.testing.assert_close(clipped, torch.full((3,), (1 - 0.2) / 0.1))
    assert (batches[0]["present"][0] > 0).tolist() == [modality is depth for modality in MODALITIES]


@pytest.mark.parametrize("bnneck", ["shared", "per_modality"])
def test_a_model_of_four_is_the_same_before_and_after(bnneck):
    def four():
        torch.manual_seed(0)
        return build_model("aio_tiny", 7, parse_config({"bnneck": bnneck})).eval()

    before = four()
    depth = importlib.import_module(FILE).DEPTH
    after = four()
    assert list(before.state_dict()) == list(after.state_dict())
    assert all(torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items())
    assert [name for name, _ in before.named_parameters()] == [name for name, _ in after.named_parameters()]
    images = torch.randn(2, 3, 128, 64)
    assert torch.equal(before(images), after(images))  # the one was built when there were five modalities
    assert depth.index == len(MODALITIES) - 1 == 5


def test_identity_survives_copies_pickles_and_a_second_import(depth):
    for modality in MODALITIES:
        assert copy.deepcopy(modality) is copy.copy(modality) is modality
        assert pickle.loads(pickle.dumps(modality)) is modality
        assert Modality.named(modality.value) is modality
    assert pickle.loads(pickle.dumps(MODALITIES)) is MODALITIES
    content = pickle.dumps(Modality.RGB)
    REGISTRY.unregister("depth")
    assert len(MODALITIES) == 5
    assert pickle.loads(content) is Modality.RGB
    assert [str(modality) for modality in MODALITIES] == ["rgb", "ir", "sketch", "text", "cp", "depth"]
    assert Modality.named("depth") is not depth
    sys.modules.pop(FILE)
    assert importlib.import_module(FILE).DEPTH is Modality.named("depth")


def test_a_spawned_worker_has_it_too(depth, world):
    item = Item(Media(str(world / "manifest" / "query" / "6_0_depth.png"), depth), 0, 0)
    photo = Item(Media(str(world / "manifest" / "gallery" / "6_1_rgb.png")), 0, 0)
    dataset = QueryDataset([photo, item], MediaReader(PLAIN, 77))
    loader = BatchLoader(dataset, batch_size=1, num_workers=1, multiprocessing_context="spawn")
    first, second = loader
    assert first["present"].tolist() == [[1, 0, 0, 0, 0, 0]]
    assert second["present"].tolist() == [[0, 0, 0, 0, 0, 1]]
    assert torch.equal(second["depth"], entry(item.media, depth)["depth"])


def test_the_doctor_opens_its_images_as_training_does(depth, world):
    def unreadable():
        report = check_folder("manifest", [ADAPTERS["manifest"]], str(world), check_counts=False, fast=False)
        return [problem for problem in report.problems if "cannot be read" in problem]

    assert unreadable() == []
    Image.fromarray(person(6, 0, "rgb")).save(world / "manifest" / "query" / "6_0_depth.png")
    assert "6_0_depth.png' (mode RGB) as depth" in unreadable()[0]


def test_what_was_registered_is_an_unknown_name_afterwards():
    with pytest.raises(ConfigError, match="Unknown modality 'depth'"):
        parse_config({"modalities": FIVE})


@pytest.mark.parametrize(
    ("image", "cure"),
    [
        (Image.new("RGB", (8, 8)), r"\(mode RGB\) as depth, which has one channel.*Save it as a grey image"),
        (Image.new("L", (8, 8)), r"\(mode L\) as depth.*from 0 to 20000.*save the values with 16 bits"),
        (Image.fromarray(np.full((8, 8), np.nan, np.float32)), "not finite"),
    ],
)
def test_files_that_do_not_fit_are_refused(depth, tmp_path, image, cure):
    image.save(tmp_path / "a.tiff")
    with pytest.raises(MediaError, match=cure) as caught:
        entry(tmp_path / "a.tiff", depth)
    assert str(tmp_path / "a.tiff") in str(caught.value)
