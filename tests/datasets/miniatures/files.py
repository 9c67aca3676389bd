"""How miniatures are written: tiny pictures, text files, what lies about in real copies, layouts of the toy world."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from aio_plugin.toy.layouts.writer import write_plans
from aio_plugin.toy.people import sample_person

FORMATS = {".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}
NOBODY = sample_person(np.random.default_rng(0))


@lru_cache
def encoded(suffix, mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (8, 16), 100).save(out, FORMATS[suffix])
    return out.getvalue()


def image(path, mode="RGB"):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(path.suffix, mode))


def images(base, names, mode="RGB"):
    for name in names:
        image(base / name.replace("\\", "/"), mode)


def write(path, content):
    """A new file of text or bytes; a hard link to what was there stays as it is."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def junk(*folders):
    """What operating systems and archivers leave behind, and an empty image."""
    for folder in map(Path, folders):
        (folder / "__MACOSX").mkdir(parents=True, exist_ok=True)
        for name in ("Thumbs.db", ".hidden.jpg", "desktop.ini", "._0001.jpg"):
            (folder / name).write_bytes(b"junk")
        (folder / "9999_empty.jpg").write_bytes(b"")


def miniature(root, plan):
    """The folder of a plan that is written with grey pictures."""

    def paint(job):
        folder, picture = job
        image(f"{folder}/{picture.path}", "RGB" if picture.kind == "rgb" else "L")

    write_plans(Path(root), [plan], paint)
    return Path(root) / plan.folder


def with_crlf(*paths):
    """Ends lines as Windows does."""
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
