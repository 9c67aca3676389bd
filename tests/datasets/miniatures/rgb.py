"""The RGB-only datasets in miniature, in their real layouts, with the oddities that real copies have."""

import pickle
from pathlib import Path

import h5py
import lmdb
import numpy as np
from scipy.io import savemat

from aio_plugin.toy.layouts.cuhk03_np import ListedImage, new_protocol
from aio_plugin.toy.layouts.market1501 import box_name
from aio_plugin.toy.layouts.randperson import picture_name

from .files import encoded, image, images, junk, write

# -- MSMT17: test pids restart at 0, a two-digit last field, "_ex", CRLF; person 9 is a distractor -------------------

MSMT17_LISTS = {
    "train": ["0000/0000_000_01_0303morning_0008_0.jpg 0", "0003/0003_001_15_0302noon_1525_10_ex.jpg 3"] * 2
    + ["0000/0000_002_04_0303afternoon_0008_10.jpg 0"],
    "val": ["0000/0000_003_02_0303morning_0010_1.jpg 0", "0003/0003_001_15_0302noon_1525_10_ex.jpg 3"],
    "query": ["0001/0001_001_07_0303noon_0456_1.jpg 1", "0000/0000_000_01_0303morning_0008_0.jpg 0"],
    "gallery": [
        "0000/0000_001_01_0303morning_0018_0.jpg 0",
        "0000/0000_002_02_0303morning_0028_0_ex.jpg 0",
        "0001/0001_002_08_0303noon_0456_2.jpg 1",
        "0009/0009_000_08_0303noon_0456_2.jpg 9",
    ],
}


def msmt17(root, version="v1", folder=None, lists=MSMT17_LISTS):
    base = Path(root) / (folder or f"MSMT17_{version.upper()}")
    train, test = ("train", "test") if version == "v1" else ("mask_train_v2", "mask_test_v2")
    for part, lines in lists.items():
        images(base / (train if part in ("train", "val") else test), [line.split()[0] for line in lines])
        write(base / f"list_{part}.txt", "\r\n".join(lines) + "\r\n\r\n")
    junk(base / train / "0000")
    return base


# -- CUHK03: numbers not renumbered after empty cells, a person seen by one view only ----------------------------------

CUHK03_IMAGES = {
    (1, 1): ("1_01", "1_03", "2_06"),
    (1, 2): ("1_01", "2_07", "2_08"),
    (1, 17): ("1_02", "2_06"),
    (2, 1): ("1_01", "1_05", "2_10"),
    (5, 3): ("2_06",),
    (5, 4): ("1_04", "2_06"),
}
CUHK03_TRAIN = ((1, 2), (5, 4), (2, 1))
CUHK03_TESTSETS = [((1, 1), (1, 17), (5, 3)), ((1, 2), (1, 1), (2, 1))]


def cuhk03_names():
    return [f"{pair}_{no:03d}_{rest}.png" for (pair, no), rests in CUHK03_IMAGES.items() for rest in rests]


def cuhk03_images(root, boxes):
    base = Path(root) / "cuhk03"
    images(base / f"images_{boxes}", cuhk03_names())
    junk(base / f"images_{boxes}")
    return base


def cuhk03_config(**changes):
    """What is in a cuhk03_new_protocol_config_*.mat, in small integers."""
    labels = {person: label for label, person in enumerate(sorted(CUHK03_IMAGES), 1)}
    listed, asked = [], {(1, 1), (1, 17)}
    for name in cuhk03_names():
        person = int(name[0]), int(name[2:5])
        part = "train" if person in CUHK03_TRAIN else "query" if person in asked else "gallery"
        asked.discard(person)
        listed.append(ListedImage(labels[person], name, int(name[6]), part))
    columns = new_protocol(listed)
    config = {name: column if column.dtype == object else column.astype(np.uint16) for name, column in columns.items()}
    return {key: value for key, value in {**config, **changes}.items() if value is not None}


def cuhk03_np(boxes):
    def build(root):
        base = cuhk03_images(root, boxes)
        savemat(base / f"cuhk03_new_protocol_config_{boxes}.mat", cuhk03_config())
        return base

    return build


def cuhk03_packaged(root, boxes="labeled", folder="CUHK03-NP"):
    base = Path(root) / folder
    parts = {
        "bounding_box_train": ["0001_c1_1.png", "0001_c2_6.png", "0007_c1_3.jpg"],
        "query": ["0003_c1_22.png", "0004_c2_27.png"],
        "bounding_box_test": ["0003_c1_21.png", "0003_c2_29.png", "0004_c1_23.jpg"],
    }
    for part, names in parts.items():
        images(base / boxes / part, names)
        junk(base / boxes / part)
    return base


def cuhk03_testsets(path, sets=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    sets = sets or [CUHK03_TESTSETS[at % 2] for at in range(20)]
    with h5py.File(path, "w") as file:
        references = [
            file.create_dataset(f"#refs#/{at}", data=np.array(persons, np.float64).T).ref
            for at, persons in enumerate(sets)
        ]
        file.create_dataset("testsets", data=np.array([references], dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)


def cuhk03_classic(boxes):
    def build(root):
        base = cuhk03_images(root, boxes)
        cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat")
        return base

    return build


# -- synthetic sets ---------------------------------------------------------------------------------------------------


def randperson(root, top="randperson_subset"):
    base = Path(root) / "RandPerson"
    shots = ((7, 10, 3, 1), (7, 0, 1, 500), (123, 1, 0, 9), (123, 4, 0, 9), (123, 4, 1, 9))  # scene 4 has one camera
    images(base / top, [picture_name(*shot) for shot in shots])
    junk(base / top)
    return base


def randperson_full(root):
    base = Path(root) / "RandPerson"
    image(base / "images/scene00/camera1/000007_s00_c01_f000500.jpg")
    image(base / "images/scene10/000003_s10_c03_f000001.jpg")
    write(base / "images/scene10/camera1_point.txt", "1 2\n")
    write(base / "images/scene10/camera2.tar.gz", "packed")
    junk(base / "images/scene00")
    return base


def clonedperson(root):
    base = Path(root) / "clonedperson"
    images(base / "train", [picture_name(700000, 2, 0, 23389), picture_name(700004, 2, 1, 23389)])
    images(base / "test/query", [picture_name(700001, 2, 0, 1), picture_name(700002, 3, 0, 1)])
    gallery = ((700001, 2), (700001, 0), (700002, 2))
    images(base / "test/gallery", [picture_name(pid, scene, 0, 101) for pid, scene in gallery])
    junk(base / "test/gallery")
    return base


def unrealperson(root):
    base = Path(root) / "UnrealPerson"
    for name in ("v1.1/images/0001_c001_17.jpg", "v2.1/images/0001_c001_18.png", "v1.2/images/0001_c003_19.jpg"):
        image(base / f"unreal_{name}")
    (base / "unreal_v4.3/images").mkdir(parents=True)
    junk(base / "unreal_v1.1/images")
    return base


# -- LUPerson-NL: a key that stands twice ------------------------------------------------------------------------------

LUPERSON_KEYS = ["00001_000009_0000100_00", "00001_000004_0000100_01", "00002_000900_0000001_00"]


def luperson_nl(root, keys=LUPERSON_KEYS, pids=(9, 4, 900), stored=None):
    base = Path(root) / "LUPerson-NL"
    (base / "lmdb").mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(base / "lmdb"), map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
        for key in stored or keys:
            transaction.put(key.encode(), encoded(".jpg"))
    (base / "keys.pkl").write_bytes(pickle.dumps({"keys": list(keys), "pids": list(pids)}))
    return base


def luperson_files(root):
    base = Path(root) / "LUPerson-NL"
    names = ("china/beijing/abc/000009_0000100_00.jpg", "china/beijing/abc/000004_0000100_01.jpg")
    images(base / "images", names)
    images(base / "images/usa", ("boston/xyz/000900_0000001_00.jpg", "new york/abc/000009_0000100_00.jpg"))
    junk(base / "images/china")
    return base


# -- Market-1501: junk boxes, distractors, a doubled suffix, a sequence of its own for every camera --------------------


def market1501(root, release="Market-1501-v15.09.15/"):
    base = Path(root) / "market1501"
    boxes = {
        "bounding_box_train": [("0002", 1, 1, 451, 3), ("0002", 2, 1, 301, 1), ("0007", 3, 3, 77419, 3)],
        "query": [("0003", 1, 6, 15971, 0), ("0001", 2, 1, 976, 0)],
        "bounding_box_test": [
            ("0001", 1, 1, 1051, 0),
            ("0003", 3, 3, 64744, 5),
            ("0003", 1, 6, 15996, 3, ".jpg.jpg"),
            ("0000", 1, 1, 151, 1),
            ("-1", 1, 1, 401, 3),
        ],
    }
    for part, fields in boxes.items():
        images(base / f"{release}{part}", [box_name(*each) for each in fields])
        junk(base / f"{release}{part}")
    return base


BUILDERS = {
    "market1501": market1501,
    "msmt17_v1": msmt17,
    "msmt17_v2": lambda root: msmt17(root, "v2"),
    "msmt17_all": msmt17,
    "cuhk03_np_detected": cuhk03_np("detected"),
    "cuhk03_np_labeled": cuhk03_np("labeled"),
    "cuhk03_classic_detected": cuhk03_classic("detected"),
    "cuhk03_classic_labeled": cuhk03_classic("labeled"),
    "randperson": randperson,
    "clonedperson": clonedperson,
    "unrealperson": unrealperson,
    "luperson_nl": luperson_nl,
}
