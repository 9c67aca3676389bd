"""Raw pixels do not solve the toy world: nearest neighbours, 60 people searched."""

import numpy as np
import pytest
from PIL import Image

from aio_plugin.toy.layouts import market1501, pku_sketch, sysu_mm01
from aio_plugin.toy.layouts.writer import draw_picture


def _pixels(folder, pictures):
    rows = []
    for picture in pictures:
        (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
        draw_picture((str(folder), picture))
        small = Image.open(folder / picture.path).convert("RGB").resize((16, 32), Image.Resampling.BILINEAR)
        rows.append(np.asarray(small, dtype=np.float32).ravel())
    matrix = np.stack(rows)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def _rank1(folder, query, gallery, other_camera):
    similar = _pixels(folder, query) @ _pixels(folder, gallery).T
    same = np.array([[q.person == g.person for g in gallery] for q in query])
    if other_camera:
        similar[same & np.array([[q.by == g.by for g in gallery] for q in query])] = -1
    best = similar.argmax(axis=1)
    return float(np.mean(same[np.arange(len(query)), best]))


def _colour():
    pictures = [p for p in market1501.plan_market1501(300, 0).pictures if "/-1_" not in p.path]
    return [[p for p in pictures if f"/{part}/" in p.path] for part in ("query", "bounding_box_test")]


def _infrared():
    plan = sysu_mm01.plan_sysu_mm01(300, 0)
    test = {f"{int(n):04d}" for n in plan.files["SYSU-MM01/exp/test_id.txt"].decode().split(",")}
    pictures = [p for p in plan.pictures if p.path.split("/")[2] in test and p.path.endswith("/0001.jpg")]
    return [[p for p in pictures if p.kind == kind] for kind in ("ir", "rgb")]


def _sketches():
    pictures = pku_sketch.plan_pku_sketch(300, 0).pictures[:180]
    return [[p for p in pictures if p.kind == kind] for kind in ("sketch", "rgb")]


@pytest.mark.parametrize(("pictures", "most"), [(_colour, 0.40), (_infrared, 0.10), (_sketches, 0.10)])
def test_raw_pixels_hardly_find_the_person(tmp_path, pictures, most):
    query, gallery = pictures()
    assert len({p.person for p in query}) == 60
    assert _rank1(tmp_path, query, gallery, other_camera=pictures is _colour) < most
