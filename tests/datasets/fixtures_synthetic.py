"""FineGPR(-C), MALS, LUPerson-T and UFine6926/3C in miniature, in their real layouts, with real copies' oddities."""

import json
from pathlib import Path

from .fixtures import image, junk, write

# -- FineGPR: ids with gaps, the full folder holds other persons and scenes than the subset ----------------------------

FINEGPR_SUBSET = [f"{pid}_c{view}_w03_l05_p0{scene}.jpg" for pid, scene in (("0001", 3), ("0003", 8), ("0010", 1))
                  for view in ("01", "10", "19", "28")]  # fmt: skip
FINEGPR_FULL = [f"{pid}_c{view}_w{weather}_l{light}_p0{scene}.jpg"
                for pid, scene in (("0001", 1), ("0003", 6)) for view in ("01", "36")
                for weather in ("01", "07") for light in ("02", "05")]  # fmt: skip
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
    return "\r\n".join(f"ImageName:{name}, the caption is: {text}" for name, text in captions) + "\r\n\r\n"


def as_pairs(captions=FINEGPR_CAPTIONS, gap="\t"):
    return "\ufeff" + "\r\n".join(f"FineGPR_subset/{name}{gap}{text}" for name, text in captions)


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
    for name in FINEGPR_SUBSET:
        image(base / "FineGPR_subset" / name)
    for name in FINEGPR_FULL:
        image(base / "FineGPR" / name[:4] / name)
    (base / "FineGPR/0004").mkdir(exist_ok=True)
    write(base / "README.md", "# FineGPR")
    junk(base)
    junk(base / "FineGPR_subset")
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
        for record in records:
            image(base / images / record["image"])
        write(base / annotations / name, json.dumps(records))
    junk(base / annotations)
    return base


# -- LUPerson-T: flat, no identities -----------------------------------------------------------------------------------

LUPERSON_T_RECORDS = [
    {"file_path": f"{n:06d}_0004.jpg", "captions": [f"A pedestrian {n}.", f"Someone {n}. ", " "][: 2 + n % 2]}
    for n in (3, 1, 12)
]


def luperson_t(root, records=None):
    base = Path(root) / "LUPerson-T"
    records = LUPERSON_T_RECORDS if records is None else records
    for record in records:
        image(base / "images" / record["file_path"])
    write(base / "LuPerson_caption_all_some_2v.json", json.dumps(records))
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
    base = Path(root) / folder
    records = UFINE6926_RECORDS if records is None else records
    for record in records:
        image(base / record["file_path"])
    write(base / file, json.dumps(records, indent=1).replace("\n", "\r\n"))
    junk(base)
    return base


def ufine3c(root, records=None):
    return ufine6926(root, UFINE3C_RECORDS if records is None else records, "anno.json", "UFine3C")


SYNTHETIC_BUILDERS = {
    "finegpr": finegpr,
    "finegpr_c": finegpr_c,
    "mals": mals,
    "luperson_t": luperson_t,
    "ufine6926": ufine6926,
    "ufine3c": ufine3c,
}
