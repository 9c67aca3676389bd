"""What is kept between runs, damaged: the index of annotations, drawings, extracted features."""

import json
import os

import numpy as np
import torch
from PIL import Image

from aio_plugin.datasets.storage import index
from aio_plugin.synthesis.sketch import Sketcher
from aio_plugin.tools.feature_file import FeatureFile, item_lines
from aio_plugin.training.images import read_image
from tests.datasets.miniatures import ADAPTERS, EVERY

from .. import mutate
from ..guard import Wrong
from .annotations import described
from .base import Kind

INDEXED = "synth_pedes"


def indexed(lab):
    """A miniature that was read once, so that its index lies beside it."""
    index.SMALLEST = 0

    def build(folder):
        EVERY[INDEXED](folder)
        described(str(folder), ADAPTERS[INDEXED], {}, None)
        assert any((folder / index.CACHE).rglob("*.npy"))

    return lab.template("index", build)[0]


def annotation_index(rng, lab):
    """A dataset whose index is damaged, or whose annotations changed behind it."""
    root = lab.copy(indexed(lab))
    adapter, source = ADAPTERS[INDEXED], rng.random() < 0.3
    files = sorted(root.glob("**/*.json") if source else (root / index.CACHE).rglob("*.*"))
    path = rng.choice([each for each in files if each.is_file() and (not source or index.CACHE not in str(each))])
    data, before = path.read_bytes(), path.stat()
    mutate.replace(path, one_edit(rng, data) if source or rng.random() < 0.7 else mutate.damaged_bytes(rng, data))
    if rng.random() < 0.7:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if rng.random() < 0.15:
        mutate.damage_tree(
            rng, root, rng.choice([each for each in (root / index.CACHE).rglob("*") if each.is_file()]), lab.outside
        )
    with lab.guard.on():
        found = described(str(root), adapter, {}, None)
        again = described(str(root), adapter, {}, None)
    if found != again:
        raise Wrong("the index that was written anew gives other items")
    if found != described(str(root), adapter, {index.OPTION.name: index.OFF}, None):
        raise Wrong("the index gives other items than its source")
    return "other" if source else "same"


def one_edit(rng, data):
    """The data with a bit or a digit changed, of the same length."""
    edited = bytearray(data)
    digits = [at for at, byte in enumerate(data) if byte in b"0123456789"]
    if digits and rng.random() < 0.5:
        at = rng.choice(digits)
        edited[at] = ord(str((int(chr(edited[at])) + 1) % 10))
    else:
        edited[rng.randrange(len(edited))] ^= 1 << rng.randrange(8)
    return bytes(edited)


def photo(lab):
    """A photo, and a folder with its drawing."""

    def build(folder):
        pixels = np.random.default_rng(0).integers(0, 255, (64, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((96, 192)).save(folder / "photo.jpg", quality=95)
        Sketcher(cache=folder / "drawings")(str(folder / "photo.jpg"), read_image)

    return lab.template("drawing", build)[0]


def drawing(rng, lab):
    """A photo whose cached drawing is damaged."""
    root = lab.copy(photo(lab))
    (file,) = (root / "drawings").rglob("*.png")
    if rng.random() < 0.8:
        data = file.read_bytes()
        mutate.replace(file, one_edit(rng, data) if rng.random() < 0.5 else mutate.damaged_bytes(rng, data))
    else:
        mutate.damage_tree(rng, root, file, lab.outside)
    path, sketcher = str(root / "photo.jpg"), Sketcher(cache=root / "drawings")
    with lab.guard.on():
        found = sketcher(path, read_image)
        sketcher.has(path)
    expected = Sketcher()(path, read_image)
    if found.size != expected.size or found.tobytes() != expected.tobytes():
        raise Wrong("another drawing than that of the photo")
    return "same"


def features(rng, lab):
    """Extracted features, half done, damaged, and resumed."""
    from tests.evaluation import helpers

    items = helpers.target().gallery
    values = torch.randn(len(items), 8, generator=torch.Generator().manual_seed(1))
    lines, about = item_lines(items, "/data"), {"rows": len(items), "dim": 8, "dtype": "float32", "weights": "x"}
    file = FeatureFile(lab.case, "gallery", lines, about)
    file.write(0, values[:9])
    file.commit(9)
    del file
    path = rng.choice(sorted(lab.case.iterdir()))
    data = path.read_bytes()
    if rng.random() < 0.8:
        data = one_edit(rng, data) if rng.random() < 0.5 else mutate.damaged_bytes(rng, data)
        if path.suffix == ".json" and rng.random() < 0.5:
            data = json.dumps(mutate.damaged_value(rng, json.loads(path.read_bytes()))).encode()
        path.write_bytes(data)
    else:
        path.unlink()
    with lab.guard.on():
        file = FeatureFile(lab.case, "gallery", lines, about)
        if file.done < len(items):
            file.write(file.done, values[file.done :])
        file.commit(len(items))
    if not np.array_equal(np.load(lab.case / "gallery.npy"), values.numpy()):
        raise Wrong("other features than those that were written")
    if (lab.case / "gallery.items.jsonl").read_bytes() != lines:
        raise Wrong("other items than those that were written")
    return "same"


KINDS = [
    Kind("cache index", annotation_index, indexed, 10),
    Kind("cache drawings", drawing, photo, 5),
    Kind("cache features", features, weight=6),
]
