"""A user's manifest in miniature: four modalities, named people and cameras, a query of two media, CRLF, a BOM."""

import csv
import io
import json
from pathlib import Path

from .files import image, write

COLUMNS = ("path", "caption", "pid", "camid", "modality", "split", "source", "group")


def row(modality, pid, split, path="", camid="", source="", group="", caption=""):
    return dict(zip(COLUMNS, (path, caption, pid, camid, modality, split, source, group), strict=True))


MANIFEST = [
    row("rgb", "zoe", "train", "a/2.jpg", "hall"),
    row("rgb", "anna", "train", "a/1.jpg", "yard"),
    row("ir", "anna", "train", "a/1.png", "hall"),
    row("sketch", "anna", "train", "a/1s.png", source="a/1.jpg"),
    row("text", "anna", "train", caption="A woman, red coat.", source="a/1.jpg"),
    row("text", "zoe", "train", caption='She said "hi",\r\nthen left.'),
    row("rgb", "ben", "gallery", "b/7.jpg", "hall"),
    row("rgb", "ben", "gallery", "b/8.jpg", "yard"),
    row("rgb", "carl", "gallery", "c/1.bmp", "hall"),
    row("sketch", "ben", "query", "b/7s.png", source="b/7.jpg", group="q1"),
    row("text", "ben", "query", caption="A tall man, grey bag.", source="b/7.jpg", group="q1"),
    row("ir", "ben", "query", "b/9.png", "hall"),
    row("RGB", "carl", "query", "c/2.jpg", "hall"),
    row("text", "carl", "query", caption="A man.", source="c/1.bmp"),
]


def as_csv(rows, columns=COLUMNS):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: each[name] for name in columns} for each in rows)
    return "\ufeff" + out.getvalue()


def as_jsonl(rows):
    return "".join(json.dumps({k: v or None for k, v in each.items()}, ensure_ascii=False) + "\n\n" for each in rows)


def manifest(root, rows=MANIFEST, name="manifest.csv", folder="manifest", write_rows=None):
    base = Path(root) / folder
    for each in rows:
        if each["path"]:
            image(base / each["path"], "RGB" if each["modality"].lower() == "rgb" else "L")
    write(base / name, (write_rows or (as_jsonl if name.endswith(".jsonl") else as_csv))(rows))
    return base


BUILDERS = {"manifest": manifest}
