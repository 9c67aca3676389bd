"""RGBNT201, ORBench and the Tri-* sets in miniature, in their real layouts, with the oddities that real copies have."""

import itertools
import json
from pathlib import Path

from .files import image, images, junk, write
from .text import CUHK_RECORDS, ICFG_RECORDS, RSTP_RECORDS, cuhk_pedes, icfg_pedes, rstpreid

# -- RGBNT201: one name in three folders, one near-infrared picture missing in training --------------------------------

RGBNT_TRAIN, RGBNT_TEST = (258, 3), (7, 41)
RGBNT_MISSING = "000258_cam2_1_01.jpg"


def rgbnt201(root):
    base = Path(root) / "RGBNT201"
    for split, pids in (("train_171", RGBNT_TRAIN), ("test", RGBNT_TEST)):
        for folder, pid, camera, k in itertools.product(("RGB", "NI", "TI"), pids, (1, 2), range(2)):
            name = f"{pid:06d}_cam{camera}_{k}_0{k % 2}.jpg"
            if (folder, name) != ("NI", RGBNT_MISSING):
                image(base / split / folder / name, "RGB" if folder == "RGB" else "L")
    junk(base / "test/RGB")
    return base


# -- ORBench: ids that are not folders, a caption that looks like a path, a person without colour pencil ---------------

ORBENCH_TRAIN = {"0031": 1, "0002": 2, "0900": 3}
ORBENCH_TEST = {731: "0731", 5: "0005"}
ORBENCH_NAMES = ("NIR", "CP", "SK", "TEXT")
ORBENCH_FOLDERS = {"NIR": "nir", "CP": "cp", "SK": "sk"}


def orbench_keys():
    """The 32 names that ORBench's code asks for."""
    return [
        "+".join((anchor, *others))
        for size in range(4)
        for anchor in ORBENCH_NAMES
        for others in itertools.combinations([name for name in ORBENCH_NAMES if name != anchor], size)
    ]


def orbench_lists():
    lists = {"RGB_GALLERY": [[pid, f"vis/{folder}/{k}.jpg"] for pid, folder in ORBENCH_TEST.items() for k in range(3)]}
    for key in orbench_keys():
        lists[key] = []
        for number, (pid, folder) in enumerate(ORBENCH_TEST.items()):
            for k in range(2 if key.startswith("NIR") else 1 + number):
                values = [
                    f"Person {pid}, {key} {k}, as in cp/0001/1.jpg" if name == "TEXT" else f"{code}/{folder}/{k}.jpg"
                    for name in key.split("+")
                    for code in [ORBENCH_FOLDERS.get(name)]
                ]
                lists[key].append([pid, *values])
    return lists


ORBENCH_RECORDS = [
    {"id": pid, "file_path": f"vis/{folder}/{k}.jpg", "caption": f" Folder {folder} photo {k}. ", "split": "train"}
    for folder, pid in ORBENCH_TRAIN.items()
    for k in range(2)
]


def orbench(root, records=ORBENCH_RECORDS, lists=None):
    base = Path(root) / "ORBench"
    for folder in (*ORBENCH_TRAIN, *ORBENCH_TEST.values()):
        for code, mode in (("vis", "RGB"), ("nir", "L"), ("cp", "RGB"), ("sk", "L")):
            if (code, folder) != ("cp", "0900"):
                for k in range(3):
                    image(base / code / folder / f"{k}.jpg", mode)
    (base / "cp/0900").mkdir()
    junk(base / "sk/0031")
    write(base / "train_annos.json", json.dumps(records))
    write(base / "test_gallery_and_queries.json", json.dumps(orbench_lists() if lists is None else lists))
    return base


# -- Tri-*: a grey sketch of every photo; never a BMP, and not a JPEG for ICFG-PEDES ----------------------------------


def tri_cuhk_pedes(root, folder="imgs-sketch2", records=CUHK_RECORDS):
    base = cuhk_pedes(root, records)
    images(base / folder, [record["file_path"].replace(".bmp", ".png") for record in records], "L")
    return base


def tri_icfg_pedes(root, folder="imgs-sketch", records=ICFG_RECORDS):
    base = icfg_pedes(root, records)
    images(base / folder, [record["file_path"].replace(".jpg", ".png") for record in records], "L")
    return base


def tri_rstpreid(root, folder="imgs-sketch", records=RSTP_RECORDS):
    base = rstpreid(root, records)
    images(base / folder, [record["img_path"] for record in records], "L")
    return base


BUILDERS = {
    "rgbnt201": rgbnt201,
    **dict.fromkeys(("orbench", "orbench_one", "orbench_two", "orbench_three", "orbench_four"), orbench),
    "tri_cuhk_pedes": tri_cuhk_pedes,
    "tri_icfg_pedes": tri_icfg_pedes,
    "tri_rstpreid": tri_rstpreid,
}
