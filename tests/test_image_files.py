"""Image files from outside: known formats alone, regular files, bounded sizes, the right way up."""

import io
import os
import re
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aio_plugin
from aio_plugin import image_files
from aio_plugin.errors import MediaError
from aio_plugin.modality import Media, Modality
from aio_plugin.synthesis import sketch
from aio_plugin.synthesis.sketch import Sketcher, draw_edges
from aio_plugin.training.images import decode_image, read_image

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 16\n%%EndComments\n(x) print\n%%EOF\n"
METHODS = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: np.rot90,
}
"""EXIF orientation -> what makes the upright picture from the stored one."""


def png(width, height):
    """A PNG file that says it has that size, and is cut behind its header."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + b"\0\0\0\x09IDAT"
    )


def gradient(height, width):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], 2).astype(np.uint8)


def test_images_are_opened_in_one_place():
    root = Path(aio_plugin.__file__).parent
    opening = {str(path.relative_to(root)) for path in root.rglob("*.py") if "Image.open(" in path.read_text()}
    assert opening == {"image_files.py"}


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", METHODS)
def test_photos_stand_upright(tmp_path, suffix, orientation):
    file, exif = str(tmp_path / f"a.{suffix}"), Image.Exif()
    exif[0x0112] = orientation
    stored = gradient(96, 160)
    Image.fromarray(stored).save(file, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    upright = METHODS[orientation](stored).astype(int)
    pixels = np.asarray(read_image(file)).astype(int)
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright).mean() < 3


def test_no_exif_or_an_upright_photo_are_the_bits_that_pil_decodes(tmp_path):
    for name, options in (("a.jpg", {}), ("b.jpg", {"exif": b"Exif\0\0garbage that is not a TIFF header"})):
        Image.fromarray(gradient(40, 30)).save(tmp_path / name, **options)
        with Image.open(tmp_path / name) as image:
            assert np.array_equal(np.asarray(read_image(str(tmp_path / name))), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photo_is_reduced_by_its_upright_sides(tmp_path, orientation):
    file, exif = str(tmp_path / "a.jpg"), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient(512, 256)).save(file, exif=exif)
    assert decode_image(file, (64, 32)).size == {1: (64, 128), 6: (256, 128)}[orientation]  # 4 and 2 times smaller


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_decoded_as_a_picture_of_it(tmp_path, mode):
    grey = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (8, 1))
    image, name = Image.fromarray(grey), "a.tiff" if mode in ("CMYK", "PA") else "a.png"
    if mode == "PA":
        image, name = image.convert("P"), "a.png"
        image.info["transparency"] = bytes(range(256))
        image.save(tmp_path / name, transparency=bytes(range(256)))
    elif mode == "I;16":
        Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / name)
    else:
        image.convert(mode).save(tmp_path / name)
    seen = np.asarray(read_image(str(tmp_path / name))).astype(int)
    if mode == "1":
        assert set(np.unique(seen)) == {0, 255}
    else:
        assert np.abs(seen - grey[..., None]).max() <= 1


@pytest.mark.parametrize("suffix", ["gif", "tiff", "png", "webp"])
def test_of_several_frames_the_first_is_read(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("black", "white")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], loop=0)
    assert np.asarray(read_image(str(tmp_path / f"a.{suffix}"))).max() == 0


REFUSED = {
    "EPS": (EPS, "not an image"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "PDF": (b"%PDF-1.4\n%%EOF", "not an image"),
    "a bomb": (png(60_000, 60_000), "pixels"),
    "large": (png(8192, 8193), "8192 x 8193 pixels are more than 67,108,864"),
    "no pixels": (png(0, 0), ""),
    "empty": (b"", "not an image"),
    "too few bytes of a PNG": (png(8, 8), "broken data|truncated|not an image"),
}


@pytest.fixture
def events():
    """What Python's audit hooks report of processes while the test runs."""
    seen, active = [], [True]
    sys.addaudithook(lambda name, _: seen.append(name) if active and name in STARTS else None)
    yield seen
    active.clear()


STARTS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty"}


@pytest.mark.parametrize("name", ["a.jpg", "a.eps"])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_before_it_costs(tmp_path, name, kind, events):
    content, says = REFUSED[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=f"{name}.*(?:{says})"):
        read_image(str(tmp_path / name))
    assert not events


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    for name, says in (("fifo", "Not a regular"), ("folder", "directory|regular"), ("zero", "Not a"), ("loop", "link")):
        with pytest.raises(MediaError, match=f"(?i){name}.jpg.*{says}"):
            read_image(str(tmp_path / f"{name}.jpg"))


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.bmp")
    monkeypatch.setattr(image_files, "MOST_BYTES", 12_000)
    with pytest.raises(MediaError, match="12,342 bytes are more than 12,000"):
        read_image(str(tmp_path / "a.bmp"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "webp", "gif", "ppm"])
def test_a_file_cut_short_is_refused_by_name(tmp_path, suffix):
    out = io.BytesIO()
    Image.effect_noise((60, 90), 70).convert("RGB").save(out, {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix))
    for length in (1, 10, 200, len(out.getvalue()) // 2):
        (tmp_path / f"a.{suffix}").write_bytes(out.getvalue()[:length])
        with pytest.raises(MediaError, match=f"a.{suffix}.*Replace or remove"):
            read_image(str(tmp_path / f"a.{suffix}"))


def test_a_large_photo_is_drawn_small(monkeypatch):
    photo, drawn = Image.effect_noise((90, 400), 60).convert("RGB"), []
    monkeypatch.setattr(sketch, "draw_edges", lambda image: drawn.append(image.size) or draw_edges(image))
    whole = Sketcher()("", lambda _: photo)
    assert drawn == [photo.size]
    assert np.array_equal(np.asarray(whole), np.asarray(draw_edges(photo).convert("RGB")))
    monkeypatch.setattr(sketch, "MOST_DRAWN", 9_000)
    assert Sketcher()("", lambda _: photo).size == photo.size
    assert drawn[1:] == [(45, 200)]


def test_pixels_of_many_bits_cost_no_more_than_their_bounds(tmp_path):
    depth = Modality("deep", channels=1, value_range=(0, 2**20))
    levels = np.arange(2**20, dtype=np.int32).reshape(1024, 1024)
    Image.fromarray(levels).save(tmp_path / "a.tiff")
    values = np.asarray(decode_image(Media(str(tmp_path / "a.tiff"), depth)))
    assert np.array_equal(values, (levels / 2**20).astype(np.float32))


def test_names_of_formats_are_pillow_s():
    Image.init()
    assert set(image_files.FORMATS) <= set(Image.OPEN)
    assert re.fullmatch("[A-Z]+", "".join(image_files.FORMATS))
