"""Each dataset in miniature, in its real layout, with the oddities that real copies have."""

import io
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

FORMATS = {".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}


@lru_cache
def encoded(suffix, mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (8, 16), 100).save(out, FORMATS[suffix])
    return out.getvalue()


def image(path, mode="RGB"):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(path.suffix, mode))


def junk(folder):
    """What operating systems and archivers leave behind, and an empty image."""
    folder = Path(folder)
    (folder / "__MACOSX").mkdir(parents=True, exist_ok=True)
    for name in ("Thumbs.db", ".hidden.jpg", "desktop.ini", "._0001.jpg"):
        (folder / name).write_bytes(b"junk")
    (folder / "9999_empty.jpg").write_bytes(b"")


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


# -- SYSU-MM01: person 17 has no image under cameras 1 and 2, person 3 is for validation ------------------------

SYSU_TRAIN, SYSU_VAL, SYSU_TEST = (2, 30), (3,), (6, 10, 17)
SYSU_IMAGES = 13


def sysu_mm01(root):
    base = Path(root) / "SYSU-MM01"
    permutations = np.empty((6, 1), dtype=object)
    rng = np.random.default_rng(0)
    for camera in range(1, 7):
        cells = np.empty((40, 1), dtype=object)
        cells[:, 0] = [np.zeros((0, 0), np.uint8)] * 40
        for pid in (*SYSU_TRAIN, *SYSU_VAL, *SYSU_TEST):
            if pid == 17 and camera in (1, 2):
                continue
            n = SYSU_IMAGES if pid in SYSU_TEST and camera not in (3, 6) else 2
            for k in range(1, n + 1):
                image(base / f"cam{camera}/{pid:04d}/{k:04d}.jpg", "L" if camera in (3, 6) else "RGB")
            cells[pid - 1, 0] = np.stack([rng.permutation(n) + 1 for _ in range(10)]).astype(np.uint8)
        permutations[camera - 1, 0] = cells
    junk(base / "cam1/0006")
    write(base / "exp/train_id.txt", "30,2,\r\nleft over, to be ignored\r\n")
    write(base / "exp/val_id.txt", "3\n")
    write(base / "exp/test_id.txt", "6, 10,17\r\n")
    savemat(base / "exp/rand_perm_cam.mat", {"rand_perm_cam": permutations})
    return base


# -- LLCM: camera 3 has no infrared test images ------------------------------------------------------------------

LLCM_TRAIN, LLCM_TEST = (1, 4, 42), (3, 5, 8)


def llcm(root):
    base = Path(root) / "LLCM"
    for code in ("vis", "nir"):
        lines = []
        for label, pid in enumerate(LLCM_TRAIN):
            for camera in (5, 1):
                name = f"{code}/{pid:04d}/{pid:04d}_c{camera:02d}_s101112_f{camera}7_{code}.jpg"
                image(base / name)
                lines.append(f"{name} {label}")
        write(base / f"idx/train_{code}.txt", "\r\n".join(lines) + "\r\n")
        for camera in (1, 2, 3, 10):
            folder = base / f"test_{code}/cam{camera}"
            folder.mkdir(parents=True)
            if (code, camera) == ("nir", 3):
                continue
            for pid in LLCM_TEST:
                for k in range(2):
                    image(folder / f"{pid:04d}/{pid:04d}_c{camera:02d}_s185734_f{k}_{code}.jpg")
            junk(folder / "0003")
    write(base / "idx/test_id.txt", "8,3,5\r\n")
    return base


# -- MaSk1K: 11 is drawn in style A only, 13 never; grey sketches, ".jpg.jpg", junk and distractor photos ----------

MASK1K_TRAIN, MASK1K_TEST = (2, 7), (20, 21)


def mask1k(root):
    base = Path(root) / "MaSk1K"
    for part, pids in (("train", (*MASK1K_TRAIN, 11, 13)), ("query", MASK1K_TEST)):
        for pid in pids:
            for camera in (6, 1):
                image(base / f"photo/{part}/{pid:04d}_c{camera}s1_000001_00.jpg")
        for style in "ABCDEF":
            for pid in pids[: 3 if style == "A" else 2]:
                image(base / f"sketch/{style}/{part}/{pid:04d}_{style}.jpg", "L")
    image(base / "photo/query/0020_c3s1_000009_00.jpg.jpg")
    image(base / "photo/query/-1_c3s1_000009_00.jpg")
    image(base / "photo/query/0000_c3s1_000009_00.jpg")
    junk(base / "photo/train")
    junk(base / "sketch/A/query")
    return base


# -- PKU-Sketch: unpadded numbers, five artists ------------------------------------------------------------------

PKU_ARTISTS = {"a": range(1, 6), "b": range(6, 10), "c": range(10, 18)}


def pku_sketch(root, artists=PKU_ARTISTS):
    base = Path(root) / "PKU-Sketch"
    for artist, pids in artists.items():
        write(base / f"styleAnnotation/{artist}_{len(pids)}.txt", "".join(f"{pid}\r\n" for pid in pids))
        for pid in pids:
            image(base / f"sketch/{pid}.jpg", "L")
            for camera in (5, 2):
                image(base / f"photo/{pid}_{camera:02d}_{pid * 3}.jpg")
    junk(base / "sketch")
    return base


def pku_lists(base, tests, folder="idx"):
    for k, pids in enumerate(tests, 1):
        sketches = [f"sketch/{pid}.jpg {pid} 0 3" for pid in pids]
        photos = [f"photo/{pid}_05_{pid * 3}.jpg {pid} 05 0" for pid in pids]
        write(base / f"{folder}/test_sketch_{k}.txt", "\n".join(sketches * 2) + "\n")
        write(base / f"{folder}/test_visible_{k}.txt", "\r\n".join(photos) + "\r\n")


# -- CUHK-PEDES: back-slashes, three captions, a blank one, extra keys, three image formats -----------------------


def caption(words):
    return {"captions": list(words), "processed_tokens": [word.lower().split() for word in words]}


CUHK_RECORDS = [
    {"split": "test", "id": 12004, "file_path": "test_query/p10376_s14337.jpg", **caption(["A man.", "Grey bag. "])},
    {"split": "train", "id": 9, "file_path": "cam_a/123_45.bmp", **caption(["Red coat.", "Tall man."])},
    {"split": "train", "id": 2, "file_path": "Market\\0099_c1s1_000001_00.jpg", **caption(["One.", "Two.", "Three."])},
    {"split": "val", "id": 11500, "file_path": "CUHK03/1_2.png", **caption(["Val."])},
    {"split": "TRAIN", "id": 9, "file_path": "CUHK01/0363004.png", **caption(["Red coat again.", "  "])},
    {"split": "test", "id": 12001, "file_path": "CUHK01/0001.png", **caption(["Woman.", "Dress.", "Blue dress."])},
    {"split": "test", "id": 12001, "file_path": "cam_b/7.bmp", **caption(["The woman."])},
    {"split": "test", "id": 12004, "file_path": "train_query/p1.jpg", **caption(["The man.", "With a bag."])},
]


def cuhk_pedes(root, records=CUHK_RECORDS, name="reid_raw.json"):
    base = Path(root) / "CUHK-PEDES"
    for record in records:
        image(base / "imgs" / record["file_path"].replace("\\", "/"))
    write(base / name, "\ufeff" + json.dumps(records))
    return base


def tri_cuhk_pedes(root, folder="imgs-sketch2", records=CUHK_RECORDS):
    base = cuhk_pedes(root, records)
    for record in records:
        path = base / folder / record["file_path"].replace("\\", "/")
        image(path.with_suffix(".png") if path.suffix == ".bmp" else path, "L")
    return base


# -- SYNTH-PEDES: identities with gaps ---------------------------------------------------------------------------

SYNTH_RECORDS = [
    {
        "id": pid,
        "file_path": f"Part{part}/{pid}/{n}.jpg",
        "attributes": ["woman,brown hair,unknown,blue jeans,white shoes,handbag"],
        "captions": [f"Person {pid} photo {n} caption {k} äß人." for k in range(2 + n % 2)],
        "prompt_caption": ["A woman."],
    }
    for part, pid in ((2, 50), (1, 7), (1, 12))
    for n in (1, 2, 3)
]


def synth_pedes(root, records=SYNTH_RECORDS):
    base = Path(root) / "SYNTH-PEDES"
    for record in records:
        image(base / record["file_path"])
    write(base / "synthpedes_dataset.json", json.dumps(records, ensure_ascii=False))
    return base


BUILDERS = {
    "synth_pedes": synth_pedes,
    "llcm": llcm,
    "mask1k": mask1k,
    "sysu_mm01": sysu_mm01,
    "pku_sketch": pku_sketch,
    "cuhk_pedes": cuhk_pedes,
    "tri_cuhk_pedes": tri_cuhk_pedes,
}
