"""SYSU-MM01, LLCM and RegDB in miniature, in their real layouts, with the oddities that real copies have."""

import itertools
from pathlib import Path

import numpy as np

from aio_plugin.toy.layouts import llcm as llcm_layout
from aio_plugin.toy.layouts import sysu_mm01 as sysu_layout
from aio_plugin.toy.layouts.plan import Plan

from .files import NOBODY, image, junk, miniature, with_crlf, write

# -- SYSU-MM01: person 17 has no image under cameras 1 and 2, person 3 is for validation ------------------------

SYSU_TRAIN, SYSU_VAL, SYSU_TEST = (2, 30), (3,), (6, 10, 17)
SYSU_IMAGES = 13


def sysu_mm01(root):
    plan = Plan("miniature", "SYSU-MM01", 0)
    counts = np.zeros((6, 40), int)
    counts[:, [pid - 1 for pid in (*SYSU_TRAIN, *SYSU_VAL, *SYSU_TEST)]] = 2
    for camera, pid in itertools.product(sysu_layout.RGB, SYSU_TEST):
        counts[camera - 1, pid - 1] = 0 if pid == 17 and camera in (1, 2) else SYSU_IMAGES
    for pid, shots in enumerate(counts.T, 1):
        sysu_layout.draw_person(plan, pid, NOBODY, shots)
    sysu_layout.list_splits(plan, {"val": SYSU_VAL})
    plan.text("exp/train_id.txt", "30,2,\r\nleft over, to be ignored\r\n")
    plan.text("exp/test_id.txt", "6, 10,17\r\n")
    plan.mat("exp/rand_perm_cam.mat", {"rand_perm_cam": sysu_layout.permutations(counts, plan.rng)})
    base = miniature(root, plan)
    junk(base / "cam1/0006")
    return base


# -- LLCM: camera 3 has no infrared test images ------------------------------------------------------------------

LLCM_TRAIN, LLCM_TEST = (1, 4, 42), (3, 5, 8)


def llcm(root):
    plan = Plan("miniature", "LLCM", 0)
    for code, kind in (("vis", "rgb"), ("nir", "ir")):
        train = [[llcm_layout.photo_path(code, p, c, 101112, 10 * c + 7) for c in (5, 1)] for p in LLCM_TRAIN]
        llcm_layout.list_training(plan, code, train)
        cameras = [camera for camera in (1, 2, 3, 10) if (code, camera) != llcm_layout.EMPTY]
        shots = itertools.product(LLCM_TEST, cameras, range(2))
        test = [llcm_layout.photo_path(code, pid, camera, 185734, k, test=True) for pid, camera, k in shots]
        for path in itertools.chain(*train, test):
            plan.draw(path, NOBODY, kind, 0)
    plan.text("idx/test_id.txt", "8,3,5\r\n")
    plan.folders.append("LLCM/test_nir/cam3")
    base = miniature(root, plan)
    with_crlf(base / "idx/train_vis.txt", base / "idx/train_nir.txt")
    junk(*(base / f"test_{code}/cam{camera}/0003" for code in ("vis", "nir") for camera in (1, 2, 10)))
    return base


# -- RegDB: unpadded folders, labels of one list only, other people in every trial, a copy with some JPEGs -------------

REGDB_PIDS = (1, 3, 20, 57, 73, 168)


def regdb_split(trial):
    """(training, test) persons in the order of the lists, which is not that of the numbers."""
    turned = REGDB_PIDS[trial % 6 :] + REGDB_PIDS[: trial % 6]
    return turned[:3][::-1], turned[3:]


def regdb_name(pid, folder, k):
    sex, view = ("fe" * (pid % 2)) + "male", ("front", "back")[k % 2]
    return f"{folder}/{pid}/{sex}_{view}_{folder[0].lower()}_{pid * 37 + k:05d}_{pid}.bmp"


def regdb(root, images=2):
    base = Path(root) / "RegDB"
    for folder in ("Visible", "Thermal"):
        for pid, k in itertools.product(REGDB_PIDS, range(images)):
            path = base / regdb_name(pid, folder, k)
            image(path.with_suffix(".jpg") if pid == 20 else path, "L" if folder == "Thermal" else "RGB")
        for trial in range(1, 11):
            for part, pids in zip(("train", "test"), regdb_split(trial), strict=True):
                lines = [
                    f"{regdb_name(pid, folder, k)} {label}" for label, pid in enumerate(pids) for k in range(images)
                ]
                write(base / f"idx/{part}_{folder.lower()}_{trial}.txt", "\r\n".join(lines) + "\r\n")
    junk(base / "Visible/57")
    return base


BUILDERS = {"sysu_mm01": sysu_mm01, "llcm": llcm, "regdb": regdb}
