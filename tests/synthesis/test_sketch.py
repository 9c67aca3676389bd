import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from aio_plugin.errors import EncoderError, MediaError
from aio_plugin.synthesis import sketch
from aio_plugin.synthesis.lineart import LineArtGenerator, draw_lineart, load_lineart
from aio_plugin.synthesis.sketch import Sketcher, draw_edges
from aio_plugin.training.images import read_image

RELEASED = {
    "model0.1": (64, 3, 7, 7),
    "model1.0": (128, 64, 3, 3),
    "model1.3": (256, 128, 3, 3),
    **{f"model2.{i}.conv_block.{j}": (256, 256, 3, 3) for i in range(3) for j in (1, 5)},
    "model3.0": (256, 128, 3, 3),
    "model3.3": (128, 64, 3, 3),
    "model4.1": (1, 64, 7, 7),
}
"""Names and shapes of the convolutions in sk_model.pth; each has a bias."""


def photo(path, size=(24, 48), seed=0):
    pixels = np.full((size[1], size[0], 3), (200, 190, 180), dtype=np.uint8)
    pixels[12:36, 6:18] = (170, 40, 40 + seed)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("lineart") / "sk_model.pth"
    torch.save(LineArtGenerator().state_dict(), path)
    return str(path)


def test_names_and_shapes_are_those_released():
    state = LineArtGenerator().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items() if k.endswith("weight")} == {
        f"{k}.weight": v for k, v in RELEASED.items()
    }
    assert {k.rpartition(".")[0] for k in state if k.endswith("bias")} == set(RELEASED)


def test_generator_shape_and_range():
    torch.manual_seed(0)
    out = LineArtGenerator(width=8)(torch.rand(2, 3, 24, 16))
    assert out.shape == (2, 1, 24, 16)
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("size", [(24, 48), (25, 47), (3, 9)])
def test_drawings_have_the_size_of_the_photo(size, weights):
    image = Image.new("RGB", size, (90, 120, 30))
    drawing = draw_lineart(load_lineart(weights), image, resolution=16)
    assert (drawing.size, drawing.mode) == (size, "L")


@pytest.mark.parametrize("content", [None, {"model0.1.weight": torch.ones(1)}])
def test_wrong_weights(content, tmp_path):
    path = tmp_path / "sk_model.pth"
    if content:
        torch.save(content, path)
    with pytest.raises(EncoderError, match=r"aio\.synthesis\.lineart"):
        Sketcher(str(path))


def test_edges_are_dark_on_white():
    pixels = np.full((60, 30, 3), 200, dtype=np.uint8)
    pixels[20:40, 10:20] = 60
    drawing = np.asarray(draw_edges(Image.fromarray(pixels)))
    assert drawing.shape == (60, 30)
    assert drawing[20, 15] < 60  # the border of the square, on its dark side
    assert (drawing[:10] == 255).all()
    assert drawing[30, 15] == 255  # its inside
    assert np.array_equal(drawing, np.asarray(draw_edges(Image.fromarray(pixels))))


def test_edges_between_colours_of_equal_grey():
    pixels = np.zeros((40, 40, 3), dtype=np.uint8)
    pixels[:, :20], pixels[:, 20:] = (200, 50, 50), (50, 126, 50)
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    assert abs(int(grey[0, 0]) - int(grey[0, -1])) < 5
    assert np.asarray(draw_edges(Image.fromarray(pixels)))[20].min() < 60


def test_noise_draws_no_lines():
    noisy = np.random.default_rng(0).normal(40, 5, (128, 64, 3)).clip(0, 255).astype(np.uint8)
    assert np.asarray(draw_edges(Image.fromarray(noisy))).mean() > 240


def test_drawn_once(tmp_path, monkeypatch):
    path = photo(tmp_path / "a.png")
    sketcher = Sketcher("", tmp_path / "cache")
    assert sketcher.name == "edges"
    first = sketcher(path, Image.open)
    assert (first.mode, first.size) == ("RGB", (24, 48))
    assert np.array_equal(np.asarray(first)[..., 0], np.asarray(draw_edges(Image.open(path))))
    monkeypatch.setattr(sketch, "draw_edges", lambda _: pytest.fail("drawn twice"))
    assert np.array_equal(np.asarray(sketcher(path, Image.open)), np.asarray(first))
    with pytest.raises(pytest.fail.Exception):
        Sketcher("", None)(path, Image.open)


def test_lineart_is_another_drawing(tmp_path, weights):
    path = photo(tmp_path / "a.png")
    cache = tmp_path / "cache"
    edges = Sketcher("", cache)(path, Image.open)
    lineart = Sketcher(weights, cache, resolution=16)
    assert lineart.name == "lineart"
    drawn = lineart(path, Image.open)
    assert not np.array_equal(np.asarray(drawn), np.asarray(edges))
    copied = pickle.loads(pickle.dumps(lineart))
    copied.cache = None
    assert np.array_equal(np.asarray(copied(path, Image.open)), np.asarray(drawn))
    assert len(pickle.dumps(lineart)) < 2000


def test_a_changed_photo_is_drawn_anew(tmp_path):
    path = photo(tmp_path / "a.png")
    sketcher = Sketcher("", tmp_path / "cache")
    before = sketcher(path, Image.open)
    photo(tmp_path / "a.png", (30, 40))
    assert sketcher(path, Image.open).size == (30, 40) != before.size


def test_a_photo_of_the_same_size_and_time_is_drawn_anew(tmp_path):
    path, other = photo(tmp_path / "a.bmp"), photo(tmp_path / "b.bmp", seed=90)
    sketcher = Sketcher("", tmp_path / "cache")
    sketcher(path, Image.open)
    times = os.stat(path)
    shutil.copyfile(other, path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert os.stat(path).st_size == times.st_size
    assert not sketcher.has(path)
    expected = np.asarray(Sketcher()(other, Image.open))
    for _ in range(2):
        assert np.array_equal(np.asarray(sketcher(path, Image.open)), expected)
    assert len(list((tmp_path / "cache").rglob("*.png"))) == 1


@pytest.mark.parametrize("take", [shutil.copytree, os.rename], ids=["copied", "moved"])
def test_the_cache_goes_with_the_data(take, tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    path = photo(tmp_path / "old" / "a.png")
    Sketcher("", tmp_path / "old" / ".cache")(path, Image.open)
    take(tmp_path / "old", tmp_path / "new")
    monkeypatch.setattr(sketch, "draw_edges", lambda _: pytest.fail("drawn twice"))
    taken = Sketcher("", tmp_path / "new" / ".cache")
    taken(str(tmp_path / "new" / "a.png"), Image.open)
    assert taken.has(str(tmp_path / "new" / "a.png"))


def test_a_flipped_bit_in_a_drawing_is_noticed(tmp_path):
    path = photo(tmp_path / "a.png")
    sketcher = Sketcher("", tmp_path / "cache")
    expected = np.asarray(sketcher(path, Image.open))
    (file,) = (tmp_path / "cache").rglob("*.png")
    kept = file.read_bytes()
    for at in range(len(kept)):
        file.write_bytes(kept[:at] + bytes([kept[at] ^ 1 << at % 8]) + kept[at + 1 :])
        assert np.array_equal(np.asarray(sketcher(path, Image.open)), expected)


def test_what_a_killed_process_left_is_removed(tmp_path):
    sketcher = Sketcher("", tmp_path / "cache")
    sketcher(photo(tmp_path / "a.png"), Image.open)
    parts = [tmp_path / "cache" / sketcher.method / f"{name}.part" for name in ("old", "new")]
    for part in parts:
        part.write_bytes(b"half a drawing")
    os.utime(parts[0], (0, 0))
    sketcher.remove_parts()
    assert [part.exists() for part in parts] == [False, True], "the new one may be being written"


@pytest.mark.parametrize("cut", [0, 1, 20, 40, 60, -3])
def test_a_broken_drawing_is_drawn_anew(cut, tmp_path):
    path = photo(tmp_path / "a.png")
    sketcher = Sketcher("", tmp_path / "cache")
    expected = np.asarray(sketcher(path, Image.open))
    (kept,) = (tmp_path / "cache").rglob("*.png")
    kept.write_bytes(kept.read_bytes()[:cut])
    assert np.array_equal(np.asarray(sketcher(path, Image.open)), expected)
    (kept,) = (tmp_path / "cache").rglob("*.png")
    assert np.array_equal(np.asarray(Image.open(kept)), expected[..., 0])


def test_many_workers(tmp_path):
    paths = [photo(tmp_path / f"{i}.png", seed=10 * i) for i in range(4)]
    expected = [np.asarray(Sketcher("", None)(path, Image.open)) for path in paths]
    sketcher = Sketcher("", tmp_path / "cache")
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda path: sketcher(path, Image.open), paths * 10))
    assert all(np.array_equal(np.asarray(d), expected[i % 4]) for i, d in enumerate(drawn))
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 4  # nothing half-written is left


def test_photos_that_cannot_be_read(tmp_path):
    sketcher = Sketcher("", tmp_path / "cache")
    with pytest.raises(MediaError, match="absent"):
        sketcher(str(tmp_path / "absent.png"), read_image)
    (tmp_path / "empty.png").touch()
    for each in (sketcher, Sketcher("", None)):
        with pytest.raises(MediaError, match="Cannot read the image .*empty"):
            each(str(tmp_path / "empty.png"), read_image)


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=r"aio\.synthesis\.cache"):
        Sketcher("", tmp_path / "file")(photo(tmp_path / "a.png"), Image.open)
