"""MaSk1K and PKU-Sketch in miniature, in their real layouts, with the oddities that real copies have."""

from aio_plugin.toy.layouts import mask1k as mask1k_layout
from aio_plugin.toy.layouts import pku_sketch as pku_layout
from aio_plugin.toy.layouts.plan import Plan

from .files import NOBODY, images, junk, miniature, with_crlf, write

# -- MaSk1K: 11 is drawn in style A only, 13 never; grey sketches, ".jpg.jpg", junk and distractor photos ----------

MASK1K_TRAIN, MASK1K_TEST = (2, 7), (20, 21)


def mask1k(root):
    plan = Plan("miniature", "MaSk1K", 0)
    for split, pids in (("train", (*MASK1K_TRAIN, 11, 13)), ("query", MASK1K_TEST)):
        for pid in pids:
            for camera in (6, 1):
                plan.draw(mask1k_layout.photo_path(split, pid, camera, 1, 0), NOBODY, "rgb", 0)
        for style in mask1k_layout.HANDS:
            for pid in pids[: 3 if style == "A" else 2]:
                plan.draw(mask1k_layout.sketch_path(split, pid, style), NOBODY, "sketch", style)
    base = miniature(root, plan)
    images(base / "photo/query", ("0020_c3s1_000009_00.jpg.jpg", "-1_c3s1_000009_00.jpg", "0000_c3s1_000009_00.jpg"))
    junk(base / "photo/train", base / "sketch/A/query")
    return base


# -- PKU-Sketch: unpadded numbers, five artists ------------------------------------------------------------------

PKU_ARTISTS = {"a": range(1, 6), "b": range(6, 10), "c": range(10, 18)}


def pku_sketch(root, artists=PKU_ARTISTS):
    plan = Plan("miniature", "PKU-Sketch", 0)
    pku_layout.list_artists(plan, artists)
    for pid in (pid for pids in artists.values() for pid in pids):
        plan.draw(f"sketch/{pid}.jpg", NOBODY, "sketch", "A")
        for camera in (5, 2):
            plan.draw(pku_layout.photo_path(pid, camera, pid * 3), NOBODY, "rgb", 0)
    base = miniature(root, plan)
    with_crlf(*(base / "styleAnnotation").iterdir())
    junk(base / "sketch")
    return base


def pku_lists(base, tests, folder="idx"):
    for k, pids in enumerate(tests, 1):
        sketches = [f"sketch/{pid}.jpg {pid} 0 3" for pid in pids]
        photos = [f"photo/{pid}_05_{pid * 3}.jpg {pid} 05 0" for pid in pids]
        write(base / f"{folder}/test_sketch_{k}.txt", "\n".join(sketches * 2) + "\n")
        write(base / f"{folder}/test_visible_{k}.txt", "\r\n".join(photos) + "\r\n")


BUILDERS = {"mask1k": mask1k, "pku_sketch": pku_sketch}
