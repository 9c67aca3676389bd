"""Sets with captions and without sketches in miniature, in their real layouts, with the oddities of real copies."""

import itertools
import json
from pathlib import Path

from aio_plugin.toy.layouts import finegpr as finegpr_layout
from aio_plugin.toy.layouts.cuhk_pedes import record

from .files import images, junk, with_crlf, write


def captioned(base, records, file, folder="imgs", key="file_path"):
    """Photos and the list of what is said of them."""
    images(base / folder, [record[key] for record in records])
    write(base / file, json.dumps(records, ensure_ascii=False))
    return base


# -- CUHK-PEDES: back-slashes, three captions, a blank one, extra keys, three image formats -----------------------

CUHK_RECORDS = [
    record("test", 12004, "test_query/p10376_s14337.jpg", ["A man.", "Grey bag. "]),
    record("train", 9, "cam_a/123_45.bmp", ["Red coat.", "Tall man."]),
    record("train", 2, "Market\\0099_c1s1_000001_00.jpg", ["One.", "Two.", "Three."]),
    record("val", 11500, "CUHK03/1_2.png", ["Val."]),
    record("TRAIN", 9, "CUHK01/0363004.png", ["Red coat again.", "  "]),
    record("test", 12001, "CUHK01/0001.png", ["Woman.", "Dress.", "Blue dress."]),
    record("test", 12001, "cam_b/7.bmp", ["The woman."]),
    record("test", 12004, "train_query/p1.jpg", ["The man.", "With a bag."]),
]


def cuhk_pedes(root, records=CUHK_RECORDS, name="reid_raw.json"):
    base = captioned(Path(root) / "CUHK-PEDES", records, name)
    (base / name).write_bytes(b"\xef\xbb\xbf" + (base / name).read_bytes())
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
    return captioned(Path(root) / "SYNTH-PEDES", records, "synthpedes_dataset.json", ".")


# -- ICFG-PEDES: MSMT17's folders are not the split, ids are not their numbers, one name is off the pattern ---------

ICFG_RECORDS = [
    record("train", 1, "test/0627/0627_010_05_0303afternoon_1591_0.jpg", ["Red."]),
    record("train", 0, "train/0100/0100_001_03_0114noon_0100_0_ex.jpg", ["Blue. "]),
    record("train", 1, "test\\0627\\0627_011_15_0303noon_0001_10.jpg", ["Red too."]),
    record("test", 3300, "train/0101/0101_000_01_0114morning_0100_0.jpg", ["Grey."]),
    record("test", 3102, "train/0102/0102_000_02_0114morning_0100_0.jpg", ["Grey."]),
    record("test", 3102, "test/0003/renamed.jpg", ["A hat."]),
]


def icfg_pedes(root, records=ICFG_RECORDS, name="ICFG-PEDES.json"):
    base = captioned(Path(root) / "ICFG-PEDES", records, name)
    junk(base / "imgs/train")
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
    base = captioned(Path(root) / "RSTPReid", records, "data_captions.json", key="img_path")
    junk(base / "imgs")
    return base


# -- FineGPR: ids with gaps, the full folder holds other persons and scenes than the subset ----------------------------

FINEGPR_SUBSET = [
    finegpr_layout.picture_name(pid, view, 3, 5, scene)
    for pid, scene in ((1, 3), (3, 8), (10, 1))
    for view in (1, 10, 19, 28)
]
FINEGPR_FULL = [
    finegpr_layout.picture_name(pid, view, weather, light, scene)
    for (pid, scene), view, weather, light in itertools.product(((1, 1), (3, 6)), (1, 36), (1, 7), (2, 5))
]
FINEGPR_CAPTIONS = [
    ("0003_c10_w03_l05_p08.jpg", "A man with short hair, seen from the left."),
    ("0001_c28_w03_l05_p03.jpg", "A woman: red, blue; äöü."),
    ("0001_c28_w03_l05_p03.jpg", "A woman again."),
    ("0001_c28_w03_l05_p03.jpg", "A woman again."),
    ("0001_c01_w03_l05_p03.jpg", "  "),
    ("0500_c01_w03_l05_p03.jpg", "Nobody's."),
    ("0010_c19_w03_l05_p01.jpg", "A woman in a green dress on a sunny afternoon."),
]


def as_dump(captions=FINEGPR_CAPTIONS):
    return finegpr_layout.as_dump(captions).replace("\n", "\r\n") + "\r\n"


def as_pairs(captions=FINEGPR_CAPTIONS, gap="\t"):
    captions = [(f"FineGPR_subset/{name}", text) for name, text in captions]
    return "\ufeff" + finegpr_layout.as_pairs(captions).strip("\n").replace("\t", gap).replace("\n", "\r\n")


def as_coco(captions=FINEGPR_CAPTIONS):
    names = sorted({name for name, _ in captions})
    images = [{"id": 7 * at, "file_name": name, "height": 2} for at, name in enumerate(names)]
    written = [
        {"id": at, "image_id": 7 * names.index(name), "caption": text} for at, (name, text) in enumerate(captions)
    ]
    return json.dumps({"info": {"a": []}, "annotations": written, "images": images})


def as_list(captions=FINEGPR_CAPTIONS, key="file"):
    return json.dumps([{key: name, "caption": text, "more": 1} for name, text in captions])


def finegpr(root):
    base = Path(root) / "FineGPR_Dataset"
    images(base, [f"FineGPR_subset/{name}" for name in FINEGPR_SUBSET])
    images(base, [f"FineGPR/{name[:4]}/{name}" for name in FINEGPR_FULL])
    (base / "FineGPR/0004").mkdir(exist_ok=True)
    write(base / "README.md", "# FineGPR")
    junk(base, base / "FineGPR_subset")
    return base


def finegpr_c(root, captions=None, file="captions.txt"):
    base = finegpr(root)
    write(base / file, as_dump() if captions is None else captions)
    return base


# -- MALS: many annotation files, a repeated image, a blank caption ----------------------------------------------------


def mals_record(folder, n, **changes):
    record = {
        "image": f"gene_crop/{folder}/{n}.jpg",
        "caption": f"a person of {folder}, number {n} ",
        "image_id": f"{folder}_{n}",
        "label": [1, 0, -1] * 9,
    }
    return {**record, **changes}


MALS_FILES = {
    "g_4x_attrs.json": [mals_record("4x", n) for n in (5, 0)],
    "g_c_g_a_0_attrs.json": [mals_record("c_g_a_0", n) for n in (0, 17)] + [mals_record("4x", 0, caption="again")],
    "g_i_g_a_43_attrs.json": [mals_record("i_g_a_43", 2, caption=" "), mals_record("i_g_a_43", 10)],
}


def mals(root, files=None, annotations="data/gene_attrs", images="images/MALS"):
    base = Path(root) / "MALS"
    for name, records in (MALS_FILES if files is None else files).items():
        captioned(base, records, f"{annotations}/{name}", images, "image")
    junk(base / annotations)
    return base


# -- LUPerson-T: flat, no identities -----------------------------------------------------------------------------------

LUPERSON_T_RECORDS = [
    {"file_path": f"{n:06d}_0004.jpg", "captions": [f"A pedestrian {n}.", f"Someone {n}. ", " "][: 2 + n % 2]}
    for n in (3, 1, 12)
]


def luperson_t(root, records=None):
    records = LUPERSON_T_RECORDS if records is None else records
    base = captioned(Path(root) / "LUPerson-T", records, "LuPerson_caption_all_some_2v.json", "images")
    junk(base / "images")
    return base


# -- UFine6926 and UFine3C: captions longer than CLIP reads, pids from 1 -----------------------------------------------

LONG = "The person " + "slowly " * 80 + "walks."


def ufine_record(split, pid, n, captions, **more):
    return {"split": split, "id": pid, "file_path": f"images/{n}.jpg", "captions": captions, **more}


UFINE6926_RECORDS = [
    ufine_record("train", 1, 1, [LONG, "A woman."]),
    ufine_record("test", 4927, 9, ["A man in black. ", LONG]),
    ufine_record("train", 4, 2, ["A girl.", "A girl, short."]),
    ufine_record("train", 1, 3, ["The woman.", "The woman, long."]),
    ufine_record("test", 5000, 10, ["An old man.", "An old man with a stick."]),
    ufine_record("test", 4927, 11, ["The man.", "The man with a hat."]),
]
UFINE3C_RECORDS = [
    ufine_record("test", 1, 1, ["One.", "Two.", "Three.", LONG], source="UFine6926"),
    ufine_record("test", 2, 2, ["Four."], source="MSMT17"),
    ufine_record("test", 2, 3, ["Five.", " ", "Six."], source="MSMT17"),
]


def ufine6926(root, records=None, file="UFine6926_Annotations_1024.json", folder="UFine6926"):
    records = UFINE6926_RECORDS if records is None else records
    base = captioned(Path(root) / folder, records, file, ".")
    write(base / file, json.dumps(records, indent=1))
    with_crlf(base / file)
    junk(base)
    return base


def ufine3c(root, records=None):
    return ufine6926(root, UFINE3C_RECORDS if records is None else records, "anno.json", "UFine3C")


BUILDERS = {
    "cuhk_pedes": cuhk_pedes,
    "synth_pedes": synth_pedes,
    "icfg_pedes": icfg_pedes,
    "rstpreid": rstpreid,
    "finegpr": finegpr,
    "finegpr_c": finegpr_c,
    "mals": mals,
    "luperson_t": luperson_t,
    "ufine6926": ufine6926,
    "ufine3c": ufine3c,
}
