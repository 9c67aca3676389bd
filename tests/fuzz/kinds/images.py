"""Image files of every format, damaged, decoded as the loader does."""

import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from aio_plugin.training.images import read_image

from .. import mutate
from ..guard import Wrong
from .base import Kind

Image.init()
SIZE = (48, 40)
FORMATS = {
    "jpg": ("JPEG", "RGB"), "grey.jpg": ("JPEG", "L"), "cmyk.jpg": ("JPEG", "CMYK"), "png": ("PNG", "RGB"),
    "grey.png": ("PNG", "L"),
    "palette.png": ("PNG", "P"), "bit.png": ("PNG", "1"), "alpha.png": ("PNG", "RGBA"), "16.png": ("PNG", "I;16"),
    "bmp": ("BMP", "RGB"),
    "tif": ("TIFF", "RGB"), "16.tif": ("TIFF", "I;16"), "float.tif": ("TIFF", "F"), "32.tif": ("TIFF", "I"),
    "gif": ("GIF", "P"),
    "webp": ("WEBP", "RGB"), "ppm": ("PPM", "RGB"), "eps": ("EPS", "RGB"), "tga": ("TGA", "RGB"),
    "ico": ("ICO", "RGBA"), "jp2": ("JPEG2000", "RGB"),
    "pcx": ("PCX", "RGB"), "dds": ("DDS", "RGB"), "sgi": ("SGI", "RGB"),
}  # fmt: skip
REFERENCE = (
    "JPEG",
    "PNG",
    "BMP",
    "TIFF",
    "GIF",
    "WEBP",
    "PPM",
    "MPO",
    "TGA",
    "ICO",
    "JPEG2000",
    "PCX",
    "DDS",
    "SGI",
    "DIB",
)
EIGHT_BITS = ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "YCbCr", "PA")


@functools.cache
def picture(mode):
    """A picture with edges and a slope."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    if mode in ("I;16", "I", "F"):
        return Image.fromarray((x * 120 + y * 7).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    colours = np.stack([x * 5, y * 6, (x // 8 + y // 8) % 2 * 200], axis=2).astype(np.uint8)
    return Image.fromarray(colours).convert(mode)


@functools.cache
def encoded(name, orientation=0):
    """A file of a format of FORMATS."""
    kind, mode = FORMATS[name]
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} if orientation and kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    picture(mode).save(out, kind, **options)
    return out.getvalue()


def huge(rng, data):
    """A PNG or BMP that declares an enormous size."""
    wide, high = rng.choice(((60_000, 60_000), (2**31 - 1, 1), (9_000, 9_000), (1, 70_000), (0, 0), (16_000, 12_000)))
    if data.startswith(b"\x89PNG"):
        header = b"IHDR" + struct.pack(">II", wide, high) + data[24:29]
        return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    if data.startswith(b"BM"):
        return data[:18] + struct.pack("<ii", wide, high) + data[26:]
    at = data.find(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", high & 0xFFFF, wide & 0xFFFF) + data[at + 9 :] if at > 0 else data


def bomb(rng, data):
    """A small file of very many pixels."""
    side = rng.choice((4_000, 9_000, 13_000))
    rows = zlib.compress(b"\0" * (1 + side // 8) * side, 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def text_chunk(rng, data):
    """A PNG with a compressed text chunk that is large when it is unpacked."""
    if not data.startswith(b"\x89PNG"):
        return data
    content = b"iCCP" + b"a\0\0" + zlib.compress(b"A" * rng.choice((1_000, 10_000_000)), 9)
    return (
        data[:33] + struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content)) + data[33:]
    )


def run(rng, lab):
    """One file: read, and what came of it compared with PIL's own decoding of the formats that are harmless."""
    name = rng.choice(sorted(FORMATS))
    orientation = rng.choice((0, 0, 0, *range(1, 9)))
    data = original = encoded(name, orientation)
    damage = rng.randrange(10)
    if damage < 6:
        data = mutate.damaged_bytes(rng, data)
    elif damage == 6:
        data = huge(rng, data)
    elif damage == 7:
        data = rng.choice((bomb, text_chunk))(rng, data)
    suffix = rng.choice((name.rsplit(".", 1)[-1], "jpg", "png", "bmp"))
    path = lab.case / f"picture.{suffix}"
    path.write_bytes(data)
    size = rng.choice((None, (24, 12)))
    with lab.guard.on():
        image = read_image(str(path), size)
    if image.mode != "RGB":
        raise Wrong(f"mode {image.mode}")
    if size is None:
        compare(path, image)
    return "same" if data == original else "other"


def compare(path, image):
    """Raise Wrong if PIL reads other pixels than ``image`` from the file, or none."""
    try:
        # not by its path: Pillow maps uncompressed TIFFs with such an orientation into memory wrongly then
        with open(path, "rb") as file, Image.open(file, formats=REFERENCE) as opened:
            opened.load()
            mode, turned = opened.mode, ImageOps.exif_transpose(opened)
    except Exception as error:
        raise Wrong(f"read, though PIL cannot: {error}") from error
    if mode in EIGHT_BITS:
        expected = np.asarray(turned.convert("RGB"), np.int16)
    elif mode.startswith("I;16"):
        expected = np.repeat((np.asarray(turned, np.float64) / 257).round()[:, :, None], 3, 2)
    else:
        raise Wrong(f"values of mode {mode} became bytes")
    pixels = np.asarray(image, np.int16)
    if pixels.shape != expected.shape or np.abs(pixels - expected).max() > 1:
        raise Wrong(f"mode {mode}: other pixels than PIL's")


KINDS = [Kind("images", run, weight=16)]
