"""Datasets of the published size: names, lists and annotations as published, images of one byte that nothing opens."""

import json
import os
from itertools import combinations, islice, product
from pathlib import Path

import numpy as np
from scipy.io import savemat

from aio_plugin.toy.layouts.sysu_mm01 import permutations

_MADE = set()


def touch(*paths):
    """Files of one byte; fast, for hundreds of thousands."""
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in _MADE:
            os.makedirs(folder, exist_ok=True)
            _MADE.add(folder)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.ftruncate(descriptor, 1)
        os.close(descriptor)


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def dealt(count, persons):
    """``count`` things dealt to persons in turn: (person, how many it had before)."""
    return ((persons[at % len(persons)], at // len(persons)) for at in range(count))


CAPTION = (
    "The person number {} wears a red jacket, dark blue jeans and white shoes, and carries a grey backpack, take {}."
)


def captioned(splits, path, path_key="file_path"):
    """The records of a text set.

    Args:
        splits: split -> (identities, images, captions).
        path: (identity, number) -> path.
    """
    for split, (people, images, captions) in splits.items():
        for at, (person, number) in enumerate(dealt(images, people)):
            written = captions // images + (at < captions % images)
            texts = [CAPTION.format(person, take) for take in range(written)]
            yield {"split": split, "id": person, path_key: path(split, person, number), "captions": texts}


def text_set(base, file, records, images="imgs", sketches=None, path_key="file_path"):
    records = list(records)
    write(base / file, json.dumps(records))
    for record in records:
        touch(f"{base}/{images}/{record[path_key]}")
        if sketches:
            touch(f"{sketches}/{record[path_key]}")
    return base


CUHK_PEDES = {
    "train": (range(1, 11_004), 34_054, 68_126),
    "val": (range(11_004, 12_004), 3_078, 6_158),
    "test": (range(12_004, 13_004), 3_074, 6_156),
}
ICFG_PEDES = {"train": (range(3_102), 34_674, 34_674), "test": (range(3_102, 4_102), 19_848, 19_848)}
RSTPREID = {
    "train": (range(3_701), 18_505, 37_010),
    "val": (range(3_701, 3_901), 1_000, 2_000),
    "test": (range(3_901, 4_101), 1_000, 2_000),
}


def cuhk_pedes(root, sketches="CUHK-PEDES/imgs-sketch2"):
    records = captioned(CUHK_PEDES, lambda split, person, number: f"cam_{'ab'[person % 2]}/{person}_{number}.png")
    return text_set(root / "CUHK-PEDES", "reid_raw.json", records, sketches=sketches and root / sketches)


def icfg_pedes(root, sketches="ICFG-PEDES/imgs-sketch"):
    def path(split, person, number):
        return f"{split}/{person:04d}/{person:04d}_{number:03d}_{person % 15 + 1:02d}_0303noon_0456_{number}.jpg"

    records = captioned(ICFG_PEDES, path)
    return text_set(root / "ICFG-PEDES", "ICFG-PEDES.json", records, sketches=sketches and root / sketches)


def rstpreid(root, sketches="RSTPReid/imgs-sketch"):
    records = captioned(
        RSTPREID, lambda split, person, number: f"{person:04d}_c{number + 1}_{number:04d}.jpg", "img_path"
    )
    sketches = sketches and root / sketches
    return text_set(root / "RSTPReid", "data_captions.json", records, sketches=sketches, path_key="img_path")


def market1501(root):
    base = root / "market1501/Market-1501-v15.09.15"
    tested = range(752, 1502)

    def named(folder, count, persons, first=0):
        for at, (person, number) in enumerate(dealt(count, persons)):
            end = ".jpg.jpg" if person == 1488 else ".jpg"
            yield f"{base}/{folder}/{person:04d}_c{at % 6 + 1}s1_{number:06d}_{first + at % 90:02d}{end}"

    touch(*named("bounding_box_train", 12_936, range(1, 752)), *named("query", 3_368, tested))
    touch(*named("bounding_box_test", 15_913 - 2_798, tested, 5), *named("bounding_box_test", 2_798, [0]))
    touch(*(f"{base}/bounding_box_test/-1_c{at % 6 + 1}s1_{at:06d}_00.jpg" for at in range(3_819)))


def msmt17_v1(root):
    base = root / "MSMT17_V1"
    counts = {"train": (30_248, 1_041, 0), "val": (2_373, 1_041, 100), "query": (11_659, 3_060, 0)}
    for part, (count, people, first) in {**counts, "gallery": (82_161, 3_060, 100)}.items():
        lines = [
            f"{p:04d}/{p:04d}_{first + n:03d}_{at % 15 + 1:02d}_0303noon_{n:04d}_{at % 11}.jpg {p}"
            for at, (p, n) in enumerate(dealt(count, range(people)))
        ]
        write(base / f"list_{part}.txt", "\n".join(lines))
        folder = base / ("train" if part in ("train", "val") else "test")
        touch(*(f"{folder}/{line.split()[0]}" for line in lines))


CUHK03_NP = {"detected": (7_365, 1_400, 5_332), "labeled": (7_368, 1_400, 5_328)}


def cuhk03_np(root):
    trained, tested = range(767), range(767, 1_467)
    for boxes, (train, query, gallery) in CUHK03_NP.items():
        names, labels, parts = [], [], []
        for count, people, first in (
            (train, trained, 1),
            (query, tested, 1),
            (gallery, tested, 3),
        ):
            for person, number in dealt(count, people):
                view = number % 2 + 1
                names.append(f"{person // 800 + 1}_{person % 800 + 1:03d}_{view}_{first + number:02d}.png")
                labels.append(person + 1)
            parts.append(np.arange(len(names) - count, len(names)) + 1)
        touch(*(f"{root}/cuhk03/images_{boxes}/{name}" for name in names))
        lists = dict(zip(("train_idx", "query_idx", "gallery_idx"), parts, strict=True))
        cells = {"filelist": np.array(names, object)[:, None], "labels": np.array(labels)[:, None]}
        savemat(root / f"cuhk03/cuhk03_new_protocol_config_{boxes}.mat", cells | lists)


SYSU_TEST = {1: (1_374, 56), 2: (1_565, 56), 3: (1_883, 93), 4: (1_918, 94), 5: (1_918, 95), 6: (1_920, 96)}
"""Camera -> images and persons of the test split."""
SYSU_OTHERS = {"train": (296, 20_284, 9_929), "val": (99, 1_974, 1_980), "nowhere": (22, 1_038, 80)}
"""List -> persons, RGB images, infrared images."""


def sysu_mm01(root):
    """The counts of every camera in the permutations, and all that is published but in no list."""
    base, order = root / "SYSU-MM01", iter(np.random.default_rng(0).permutation(533) + 1)
    tested = sorted(islice(order, 96))
    counts = np.zeros((7, 534), int)
    for camera, (images, people) in SYSU_TEST.items():
        first = tested[-people:] if camera == 5 else tested[:people]
        if camera == 3:
            for persons, each in ((first[:24], 20), (first[24:56], 19), (first[56:74], 22), (first[74:], 21)):
                counts[3, persons] = each  # 1,088 images of the 56 persons who are seen indoors too
        else:
            np.add.at(counts[camera], np.resize(first, images), 1)
    write(base / "exp/test_id.txt", ",".join(map(str, tested)))
    for part, (people, rgb, infrared) in SYSU_OTHERS.items():
        persons = sorted(islice(order, people))
        for cameras, images in (((1, 2, 4, 5), rgb), ((3, 6), infrared)):
            places = list(product(cameras, persons))
            np.add.at(counts, tuple(np.resize(places, (images, 2)).T), 1)
        if part != "nowhere":
            write(base / f"exp/{part}_id.txt", ",".join(map(str, persons)))
    touch(
        *(
            f"{base}/cam{camera}/{person:04d}/{number + 1:04d}.jpg"
            for camera, person in np.argwhere(counts).tolist()
            for number in range(counts[camera, person])
        )
    )
    savemat(base / "exp/rand_perm_cam.mat", {"rand_perm_cam": permutations(counts[1:, 1:], np.random.default_rng(1))})
    return counts


def regdb(root):
    def path(folder, person, number):
        return f"{folder}/{person}/male_front_{folder[0].lower()}_{number:05d}_{person}.bmp"

    base = root / "RegDB"
    touch(*(f"{base}/{path(f, p, n)}" for f in ("Visible", "Thermal") for p in range(1, 413) for n in range(10)))
    for trial in range(1, 11):
        order = (np.random.default_rng(trial).permutation(412) + 1).tolist()
        for part, people in (("train", order[:206]), ("test", order[206:])):
            for folder in ("Visible", "Thermal"):
                rows = [f"{path(folder, p, n)} {label}" for label, p in enumerate(people) for n in range(10)]
                write(base / f"idx/{part}_{folder.lower()}_{trial}.txt", "\n".join(rows))


def llcm(root):
    base, tested = root / "LLCM", range(713, 1_064)
    write(base / "idx/test_id.txt", ",".join(map(str, tested)))
    for code, trained, searched in (("vis", 16_946, 8_680), ("nir", 13_975, 7_166)):
        lines = [
            f"{code}/{p:04d}/{p:04d}_c{at % 9 + 1:02d}_s185535_f{n:04d}_{code}.jpg {p}"
            for at, (p, n) in enumerate(dealt(trained, range(713)))
        ]
        write(base / f"idx/train_{code}.txt", "\n".join(lines))
        touch(*(f"{base}/{line.split()[0]}" for line in lines))
        cameras = [camera for camera in range(1, 10) if (code, camera) != ("nir", 3)]
        places = [(person, camera) for camera in cameras for person in tested]
        touch(
            *(
                f"{base}/test_{code}/cam{camera}/{p:04d}/{p:04d}_c{camera:02d}_s1_f{n:04d}_{code}.jpg"
                for (p, camera), n in dealt(searched, places)
            )
        )


PKU_ARTISTS = {"a": 46, "b": 20, "c": 79, "d": 33, "e": 22}


def pku_sketch(root):
    base, people = root / "PKUSketchRE-ID_V1", iter(range(1, 201))
    for artist, number in PKU_ARTISTS.items():
        write(base / f"styleAnnotation/{artist}_{number}.txt", "\n".join(map(str, islice(people, number))))
    touch(*(f"{base}/sketch/{p}.jpg" for p in range(1, 201)))
    touch(*(f"{base}/photo/{p}_{c:02d}_{p + c}.jpg" for p in range(1, 201) for c in (3, 5)))


def mask1k(root):
    base, splits = root / "MaSk1K", {"train": range(1, 499), "query": range(499, 997)}
    counts = {"A": (498, 498), "B": (347, 347), "C": (347, 347), "D": (347, 347), "E": (347, 348), "F": (497, 493)}
    for at, (split, people) in enumerate(splits.items()):
        touch(*(f"{base}/photo/{split}/{p:04d}_c{n + 1}s1_000000_00.jpg" for p in people for n in range(6)))
        for style, numbers in counts.items():
            touch(*(f"{base}/sketch/{style}/{split}/{p:04d}_{style}.jpg" for p in people[: numbers[at]]))


ORBENCH = {"NIR": 10_425, "CP": 7_200, "SK": 7_200, "TEXT": 18_050}


def orbench(root):
    base, tested = root / "ORBench", range(601, 1_001)
    folders = {"NIR": "nir", "CP": "cp", "SK": "sk"}

    def part(kind, person, number):
        return (
            f"{folders[kind]}/{person:04d}/{number}.jpg" if kind in folders else f"A person, {person}, take {number}."
        )

    images = {kind: sorted(dealt(count, tested)) for kind, count in ORBENCH.items()}
    lists = {"RGB_GALLERY": [[person, f"vis/{person:04d}/{n}.jpg"] for person in tested for n in range(10)]}
    for anchor, size in product(ORBENCH, range(4)):
        for others in combinations([kind for kind in ORBENCH if kind != anchor], size):
            rows = [[p, part(anchor, p, n), *(part(o, p, n % 18) for o in others)] for p, n in images[anchor]]
            lists["+".join((anchor, *others))] = rows
    write(base / "test_gallery_and_queries.json", json.dumps(lists))
    touch(*(f"{base}/{path}" for _, path in lists["RGB_GALLERY"]))
    touch(*(f"{base}/{part(kind, p, n)}" for kind in folders for p, n in images[kind]))
    train = [{"id": p, "file_path": f"vis/{p:04d}/0.jpg", "caption": f"A person, {p}."} for p in range(1, 601)]
    write(base / "train_annos.json", json.dumps(train))
    touch(*(f"{base}/{folder}/{p:04d}/0.jpg" for folder in ("vis", *folders.values()) for p in range(1, 601)))
