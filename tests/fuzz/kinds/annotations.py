"""Datasets of every adapter, of which an annotation file, an image or a folder is damaged, read as a run reads them."""

import functools
import io
import itertools
import json
import os
import pickle
import zlib

from scipy.io import loadmat, savemat

from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality
from aio_plugin.training.images import read_image
from tests.datasets.miniatures import ADAPTERS, EVERY, combination

from .. import mutate
from ..guard import Wrong
from .base import Kind

IMAGES = (".jpg", ".png", ".bmp")
LARGEST_TRIALS = 2
UNWRITABLE = (ValueError, RecursionError, OverflowError, NotImplementedError, TypeError, IndexError)
"""What writers raise for values that their format cannot hold."""


def template(lab, name):
    """The folder of a dataset's miniature, its annotation files, its images, and what is read from it undamaged."""
    root, _ = lab.template(name, EVERY[name])
    return root


def run(name, rng, lab):
    """One dataset, damaged, read with options of its own."""
    root = lab.copy(template(lab, name))
    adapter = ADAPTERS[name]
    options = dict(rng.choice(adapter.survey or ({},)))
    query = combination(rng.choice((None, *adapter.queries)))
    before = undamaged(lab, name, json.dumps(options, sort_keys=True), query)
    if before is None:
        options, before = {}, undamaged(lab, name, "{}", query)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    annotations = [path for path in files if path.suffix.lower() not in IMAGES and not junk(path)]
    damaged = None
    if annotations and rng.random() < 0.75:
        damaged = rng.choice(annotations)
        mutate.replace(damaged, changed(rng, damaged))
    else:
        everything = places(root, name)
        weights = [8 if path in annotations else 1 for path in everything]
        mutate.damage_tree(rng, root, rng.choices(everything, weights)[0], lab.outside)
    with lab.guard.on():
        after = described(str(root), adapter, options, query)
    well_formed(after, root)
    if after == before:
        return "same"
    if after["notes"] != before["notes"]:
        return "warned"
    if damaged is not None and damaged.exists():
        same_when_rewritten(damaged, after, functools.partial(described, str(root), adapter, options, query))
    return "other"


def places(root, name):
    """Files and folders of a dataset, but for its own folder, which alone may be a link."""
    own = root / ADAPTERS[name].folder
    return sorted(path for path in root.rglob("*") if not junk(path) and not own.is_relative_to(path))


def junk(path):
    """What lies about in a miniature and belongs to no dataset."""
    return path.name.startswith(".") or path.name in ("Thumbs.db", "desktop.ini", "__MACOSX", "9999_empty.jpg")


@functools.lru_cache(maxsize=1000)
def _undamaged(root, name, options, query):
    try:
        return described(root, ADAPTERS[name], json.loads(options), query)
    except DatasetError:
        return None


def undamaged(lab, name, options, query):
    """What is read from the miniature as it is; None if it is not complete enough for the options."""
    return _undamaged(str(template(lab, name)), name, options, query)


def described(root, adapter, options, query):
    """All that is read of a dataset, without the place that it lies in."""
    splits = adapter.read(root, options, query)
    found = {"notes": [note.replace(root, "") for note in splits.notes]}
    for part in ("train", "query", "gallery"):
        found[part] = [item_facts(item, root) for item in getattr(splits, part)]
    if splits.query:
        trials = adapter.protocol(root, options, query).trials(splits.query, splits.gallery)
        found["trials"] = [
            (each.query.tolist(), each.gallery.tolist(), each.query_key.tolist(), each.gallery_key.tolist())
            for each in itertools.islice(trials, LARGEST_TRIALS)
        ]
    images = [media for part in ("train", "query") for item in getattr(splits, part)[:2] for media in item.media.parts]
    found["pixels"] = [zlib.crc32(read_image(each).tobytes()) for each in images if each.modality is not Modality.TEXT]
    return found


def item_facts(item, root):
    """The values of an item."""
    media = [
        (m.removeprefix(root), m.modality.value, m.caption, m.synthetic)
        for m in (*item.media.parts, *item.media.partners)
    ]
    return item.pid, item.camid, item.source, media


def well_formed(found, root):
    """Raise Wrong unless all items are what items have to be."""
    for part in ("train", "query", "gallery"):
        for pid, camid, _, media in found[part]:
            if type(pid) is not int or type(camid) is not int or camid < 0 or pid < 0:
                raise Wrong(f"{part}: pid {pid!r}, camid {camid!r}")
            for path, modality, caption, _ in media:
                if (modality == "text") != bool(caption):
                    raise Wrong(f"{part}: a caption {caption!r:.50} of a {modality}")
                if not (root / path.split("#")[0].lstrip("/")).resolve().is_relative_to(root.resolve()):
                    raise Wrong(f"{part}: {path!r:.80} is not in the root")
    pids = {pid for pid, *_ in found["train"]}
    if pids != set(range(len(pids))):
        raise Wrong(f"training pids are {sorted(pids)[:10]}")


def changed(rng, path):
    """The content of an annotation file after damage that suits its type, or bytes of any kind."""
    data = path.read_bytes()
    if rng.random() < 0.35:
        return mutate.damaged_bytes(rng, data)
    change = {
        ".json": mutate.damaged_json,
        ".jsonl": mutate.damaged_jsonl,
        ".csv": mutate.damaged_cells,
        ".txt": mutate.damaged_cells,
        ".mat": damaged_matlab,
        ".pkl": damaged_pickle,
    }.get(path.suffix, mutate.damaged_bytes)
    try:
        return change(rng, data)
    except UNWRITABLE:
        return mutate.damaged_bytes(rng, data)


def damaged_matlab(rng, data):
    """A .mat file with other variables."""
    variables = {key: value for key, value in loadmat(io.BytesIO(data)).items() if not key.startswith("__")}
    key = rng.choice(sorted(variables))
    kind, value = rng.randrange(9), variables[key]
    if kind == 0:
        variables["x"] = variables.pop(key)
    elif kind == 1:
        variables[key] = value.T
    elif kind == 2:
        variables[key] = value[: len(value) // 2]
    elif kind == 3 and value.dtype == object:
        cell = value.reshape(-1)
        at = rng.randrange(cell.size)
        cell[at] = mutate.hostile(rng)
    elif kind == 4 and value.dtype != object:
        variables[key] = value.astype(rng.choice(("float64", "int8", "uint64", "complex128", "bool", "U3")))
    elif kind == 5 and value.dtype != object:
        value = value.astype("float64")
        value.reshape(-1)[rng.randrange(value.size)] = rng.choice((float("nan"), float("inf"), -1, 0.5, 1e300))
        variables[key] = value
    elif kind == 6:
        variables[key] = {"a": value}
    else:
        variables[key] = mutate.hostile(rng)
    out = io.BytesIO()
    savemat(out, variables, do_compression=rng.random() < 0.3)
    return out.getvalue()


PICKLES = (
    b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    b"\x80\x04\x8a\x04" + b"\xff" * 4 + b".",
    b"\x80\x04r\xff\xff\xff\x7f.",
    b"(" * 10**6,
    b"\x80\x04" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
    b"\x80\x04]\x94h\0a.",
    b"c__builtin__\neval\n.",
)
"""Long lengths, deep nesting, a list in itself, code by name."""


def damaged_pickle(rng, data):
    """A pickle of other values, or one that runs code."""
    value = pickle.loads(data)
    kind = rng.randrange(4)
    if kind == 0:
        return pickle.dumps(
            [*value, mutate.Runs(os.system, "true")] if isinstance(value, list) else mutate.Runs(eval, "1")
        )
    if kind == 1:
        return rng.choice(PICKLES)
    return pickle.dumps(
        mutate.damaged_value(rng, list(value) if isinstance(value, (list, tuple)) else value), rng.randrange(6)
    )


def same_when_rewritten(path, found, read):
    """Raise Wrong if other values are read from the file after a strict, plain reader has read and rewritten it."""
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            content = json.dumps(json.loads(data.decode("utf-8-sig"))).encode()
        except (ValueError, RecursionError) as error:
            raise Wrong(f"accepted, and Python's json refuses it: {error}") from error
    elif path.suffix in (".txt", ".csv"):
        try:
            text = data.decode("utf-8-sig")
        except ValueError as error:
            raise Wrong(f"accepted, and is not UTF-8: {error}") from error
        content = (text if path.suffix == ".csv" else text.replace("\r\n", "\n").replace("\r", "\n")).encode()
    else:
        return
    path.write_bytes(content)
    again = read()
    if again != found:
        raise Wrong("other values than from the same content, rewritten")


KINDS = [
    Kind(f"annotations {name}", functools.partial(run, name), functools.partial(template, name=name), 4)
    for name in EVERY
]
