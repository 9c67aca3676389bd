"""From files to batches: equal to torchvision item by item, decoded once, errors with names."""

import io
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aio_plugin.errors import MediaError
from aio_plugin.modality import MODALITIES, Item, Media
from aio_plugin.synthesis.channel import CHOICES, channel_augment
from aio_plugin.synthesis.sketch import Sketcher
from aio_plugin.training import media as media_module
from aio_plugin.training.images import decode_image, read_image
from aio_plugin.training.loader import BatchLoader
from aio_plugin.training.media import MediaReader, QueryDataset, collate, stack
from aio_plugin.training.randomness import seeded
from aio_plugin.training.transforms import Compose, Normalize, Resize, ToTensor, pad_crop, split_transform

# importable only once aio_plugin.training.transforms is imported
from torchvision.transforms import ColorJitter, RandomErasing, RandomHorizontalFlip  # isort: skip

RGB, IR, SKETCH, TEXT, _ = MODALITIES
LAST = [ToTensor(), Normalize([0.48, 0.45, 0.4], [0.26, 0.25, 0.27])]
TRANSFORMS = {
    "test": Compose([Resize((48, 24)), *LAST]),
    "train": Compose([Resize((48, 24)), pad_crop(48, 24), RandomHorizontalFlip(), ColorJitter(0.2), *LAST]),
    "erased": Compose([Resize((48, 24)), RandomHorizontalFlip(), *LAST, RandomErasing(1.0)]),
    "no size": Compose([RandomHorizontalFlip(), *LAST]),
    "one side": Compose([Resize(24), *LAST]),
    "unknown": lambda image: ToTensor()(image.resize((24, 48))),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for name, mode in (("a.jpg", "RGB"), ("b.png", "RGB"), ("c.jpg", "L"), ("d.png", "P"), ("e.png", "RGBA")):
        Image.fromarray(rng.integers(0, 255, (48, 24, 3), dtype=np.uint8)).convert(mode).save(folder / name)
    return [str(path) for path in sorted(folder.iterdir())]


def bundles(files):
    """Media of five items: with real, synthetic and no infrared, sketch and text."""
    a, b, c, d, e = files
    return [
        [Media(a), Media(a, IR, synthetic=True), Media(a, SKETCH, synthetic=True), Media("x#1", TEXT, "a red coat")],
        [Media(b), Media(c, IR)],
        [Media(c), Media(c, IR, synthetic=True), Media(d, SKETCH)],
        [Media(d, IR, synthetic=True), Media(d, SKETCH, synthetic=True)],
        [Media(e)],
    ]


def by_hand(transform, media, rng):
    """The images of one item, each by itself, from file to normalised tensor."""
    found = {}
    for medium in media:
        if medium.modality is TEXT:
            continue
        image = Image.open(medium).convert("RGB")
        if medium.synthetic and medium.modality is SKETCH:
            image = Sketcher()(str(medium), lambda _, photo=image: photo)
        if medium.synthetic and medium.modality is IR:
            image = channel_augment(image, rng.randrange(CHOICES))
        found[medium.modality.value] = transform(image)
    return found


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_batch_is_what_its_items_are_by_themselves(name, files, tmp_path):
    transform, reader = TRANSFORMS[name], MediaReader(TRANSFORMS[name], 77, Sketcher("", tmp_path))
    for _ in range(2):  # the second time sketches come from the cache
        entries, expected = [], []
        for number, media in enumerate(bundles(files)):
            with seeded(number) as rng:
                entry = reader.entries(media, rng)
            entries.append({**entry, "pid": 0, "camid": 0, "dsetid": 0, "impath": media[0]})
            with seeded(number) as rng:
                expected.append(by_hand(transform, media, rng))
        batch = collate(entries)
        for modality in ("rgb", "ir", "sketch"):
            for row, each in zip(batch[modality], expected, strict=True):
                assert torch.equal(row, each.get(modality, torch.zeros(3, 48, 24)))
        assert {"normalisation", "gaps"}.isdisjoint(batch)
        assert batch["ir"].dtype == torch.float32
        assert all(batch[modality].is_contiguous() for modality in ("rgb", "ir", "sketch"))


def test_workers_give_bytes(files):
    reader = MediaReader(TRANSFORMS["train"], 77)
    entry = {**reader.entries([Media(files[0])], random.Random(0)), "pid": 0, "camid": 0, "dsetid": 0, "impath": ""}
    assert stack([entry])["rgb"].dtype == torch.uint8
    assert split_transform(TRANSFORMS["erased"]).normalisation is None
    assert split_transform(pickle.loads(pickle.dumps(TRANSFORMS["train"]))).size == (48, 24)


def test_an_image_is_decoded_and_resized_once(files, monkeypatch, tmp_path):
    read, resized = [], []

    class Counted(Resize):
        def forward(self, img):
            resized.append(img.size)
            return super().forward(img)

    reader = MediaReader(Compose([Counted((48, 24)), *LAST]), 77, Sketcher("", tmp_path))
    media = bundles(files)[0]
    reader.entries(media, random.Random(0))  # draws the sketch
    monkeypatch.setattr(media_module, "decode_image", lambda *given: read.append(given) or decode_image(*given))
    resized.clear()
    reader.entries(media, random.Random(0))
    assert len(read) == 1
    assert len(resized) == 2  # the photo, the drawing


@pytest.mark.parametrize("more", [[], [RandomErasing(0.0)]], ids=["by the batch", "by the worker"])
def test_a_grey_photo_and_its_synthetic_infrared_are_the_same_picture(more, files):
    """After normalisation too, wherever it is done, so that no stem can tell them apart; "c.jpg" is grey."""
    reader = MediaReader(Compose([Resize((48, 24)), *LAST, *more]), 77)
    for seed in range(8):
        entry = reader.entries([Media(files[2]), Media(files[2], IR, synthetic=True)], random.Random(seed))
        batch = collate([{**entry, "pid": 0, "camid": 0, "dsetid": 0, "impath": files[2]}])
        assert torch.equal(batch["ir"], batch["rgb"])


def jpeg(path, width, height, **options):
    """A photo-like JPEG: waves of all lengths."""
    y, x = np.mgrid[:height, :width] / height
    waves = [np.sin(2 * np.pi * k * (x + y / 3)) / k for k in (1, 2, 5, 11, 23)]
    pixels = 128 + 50 * np.stack([sum(waves), sum(waves[1:]), sum(waves[::2])], 2)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, **options)
    return str(path)


@pytest.mark.parametrize(
    ("width", "height", "decoded"),
    [
        (24, 48, 1), (48, 96, 1), (95, 400, 1), (400, 191, 1), (96, 192, 2), (191, 384, 2), (192, 384, 4),
        (383, 768, 4), (384, 768, 8), (1080, 1920, 8), (97, 193, 2),
    ],
)  # fmt: skip
def test_only_large_jpegs_are_decoded_smaller(width, height, decoded, tmp_path):
    path = jpeg(tmp_path / "a.jpg", width, height, quality=95)
    whole, drafted = read_image(path), read_image(path, (48, 24))
    assert drafted.size == (-(-width // decoded), -(-height // decoded))
    assert decoded == 1 or (drafted.width >= 48 and drafted.height >= 96)  # still twice the size wanted
    small = [np.asarray(image.resize((24, 48), Image.Resampling.BILINEAR), np.float32) for image in (whole, drafted)]
    difference = np.abs(small[0] - small[1])
    assert difference.mean() < (1 if width % decoded == height % decoded == 0 else 3)
    assert decoded > 1 or difference.max() == 0


@pytest.mark.parametrize("options", [{"format": "PNG"}, {"format": "JPEG", "progressive": True}])
def test_what_else_is_large(options, tmp_path):
    path = jpeg(tmp_path / "a.img", 400, 800, **options)
    factor = 8 if options["format"] == "JPEG" else 1
    assert read_image(path, (48, 24)).size == (400 // factor, 800 // factor)


def test_a_sketch_is_drawn_of_the_whole_photo(tmp_path):
    path, whole = jpeg(tmp_path / "a.jpg", 400, 800), Sketcher("", tmp_path / "cache")
    reader = MediaReader(TRANSFORMS["test"], 77, whole)
    media = [Media(path), Media(path, SKETCH, synthetic=True)]
    first = reader.entries(media, random.Random(0))
    (kept,) = (tmp_path / "cache").rglob("*.png")
    assert Image.open(kept).size == (400, 800)
    again = reader.entries(media, random.Random(0))
    assert all(torch.equal(first[key], again[key]) for key in ("rgb", "sketch"))


WHOLE = {}
for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 20, 3), dtype=np.uint8)).save(stream, kind)
    WHOLE[kind] = stream.getvalue()


@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_images_are_read_or_named(kind, data, tmp_path):
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, min(200, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path = tmp_path / "image"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_image(str(path), (8, 4)).mode == "RGB"
    except MediaError as error:
        said = str(error)
        assert str(path) in said  # noqa: PT017 -- some damage is harmless


class Odd(QueryDataset):
    def __getitem__(self, index):
        raise ValueError("odd")


def items(files):
    return [Item(Media(path), number, 0) for number, path in enumerate(files)]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_names_the_file(workers, files, tmp_path):
    reader = MediaReader(TRANSFORMS["test"], 77)
    batches = list(BatchLoader(QueryDataset(items(files), reader), batch_size=2, num_workers=workers))
    assert [len(batch["rgb"]) for batch in batches] == [2, 2, 1]
    assert torch.equal(batches[1]["rgb"][0], TRANSFORMS["test"](Image.open(files[2]).convert("RGB")))
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(WHOLE["JPEG"][:-200])
    bad = items([*files, str(cut)])
    with pytest.raises(MediaError) as caught:
        list(BatchLoader(QueryDataset(bad, reader), batch_size=2, num_workers=workers))
    assert str(caught.value).startswith(f"Cannot read the image {str(cut)!r}")
    assert "Traceback" not in str(caught.value)
    with pytest.raises(ValueError, match="odd"):
        list(BatchLoader(Odd(items(files), reader), batch_size=2, num_workers=workers))


KILLED = """
import os, signal, sys
from aio_plugin.__main__ import main
from aio_plugin.training.loader import BatchLoader
from aio_plugin.training.media import MediaReader, QueryDataset
from aio_plugin.training.transforms import ToTensor
from aio_plugin.modality import Item, Media
import aio_plugin.host.main as host

class Killed(QueryDataset):
    def __getitem__(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)

def run(args):
    items = [Item(Media(sys.argv[1]), 0, 0)] * 5
    for _ in BatchLoader(Killed(items, MediaReader(ToTensor(), 77)), batch_size=1, num_workers=2):
        pass

host.run_main = run
sys.exit(main(["main"]))
"""


@pytest.mark.slow
def test_a_worker_that_is_killed(files):
    """In a process of its own: torch says it by a signal, which may reach whatever runs then."""
    done = subprocess.run([sys.executable, "-c", KILLED, files[0]], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("aio-reid: A process that loads images died")
    assert "data.workers" in done.stderr
