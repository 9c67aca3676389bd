"""ICFG-PEDES, RSTPReid, the Tri-* sets and a user's manifest in miniature, with the oddities that real copies have."""

import csv
import io
import json
from pathlib import Path

from .fixtures import caption, image, junk, write

# -- ICFG-PEDES: MSMT17's folders are not the split, ids are not their numbers, one name is off the pattern ---------

ICFG_RECORDS = [
    {"split": "train", "id": 1, "file_path": "test/0627/0627_010_05_0303afternoon_1591_0.jpg", **caption(["Red."])},
    {"split": "train", "id": 0, "file_path": "train/0100/0100_001_03_0114noon_0100_0_ex.jpg", **caption(["Blue. "])},
    {"split": "train", "id": 1, "file_path": "test\\0627\\0627_011_15_0303noon_0001_10.jpg", **caption(["Red too."])},
    {"split": "test", "id": 3300, "file_path": "train/0101/0101_000_01_0114morning_0100_0.jpg", **caption(["Grey."])},
    {"split": "test", "id": 3102, "file_path": "train/0102/0102_000_02_0114morning_0100_0.jpg", **caption(["Grey."])},
    {"split": "test", "id": 3102, "file_path": "test/0003/renamed.jpg", **caption(["A hat."])},
]


def icfg_pedes(root, records=ICFG_RECORDS, name="ICFG-PEDES.json"):
    base = Path(root) / "ICFG-PEDES"
    for record in records:
        image(base / "imgs" / record["file_path"].replace("\\", "/"))
    junk(base / "imgs/train")
    write(base / name, json.dumps(records))
    return base


# -- RSTPReid: img_path, unpadded cameras, noisy captions, equal sentences of different people ---------------------

RSTP_RECORDS = [
    {"id": 0, "img_path": "0000_c14_0031.jpg", "captions": ["穿着红色外套 def f(x):", "A man."], "split": "train"},
    {"id": 7, "img_path": "0007_c3_0002.jpg", "captions": ["A man.", "Blue jeans."], "split": "train"},
    {"id": 3800, "img_path": "3800_c1_0001.jpg", "captions": ["Val.", "Val two."], "split": "val"},
    {"id": 3901, "img_path": "3901_c15_0011.jpg", "captions": ["A man.", "Grey."], "split": "test"},
    {"id": 3901, "img_path": "3901_c5_0012.jpg", "captions": ["A man.", "Grey bag."], "split": "test"},
    {"id": 3905, "img_path": "3905_c9_0001.jpg", "captions": ["A woman.", "Dress."], "split": "test"},
]


def rstpreid(root, records=RSTP_RECORDS):
    base = Path(root) / "RSTPReid"
    for record in records:
        image(base / "imgs" / record["img_path"])
    junk(base / "imgs")
    write(base / "data_captions.json", json.dumps(records, ensure_ascii=False))
    return base


# -- Tri-*: a grey sketch of every photo ---------------------------------------------------------------------------


def tri_icfg_pedes(root, folder="imgs-sketch", records=ICFG_RECORDS):
    base = icfg_pedes(root, records)
    for record in records:
        image((base / folder / record["file_path"].replace("\\", "/")).with_suffix(".png"), "L")
    return base


def tri_rstpreid(root, folder="imgs-sketch", records=RSTP_RECORDS):
    base = rstpreid(root, records)
    for record in records:
        image(base / folder / record["img_path"], "L")
    return base


# -- a manifest: four modalities, named people and cameras, a multimodal query, CRLF, a byte order mark ------------

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


TEXT_BUILDERS = {
    "icfg_pedes": icfg_pedes,
    "rstpreid": rstpreid,
    "tri_icfg_pedes": tri_icfg_pedes,
    "tri_rstpreid": tri_rstpreid,
    "manifest": manifest,
}
