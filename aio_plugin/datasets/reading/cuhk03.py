"""CUHK03: five pairs of cameras (Li et al., CVPR 2014). Its folder, and the names of its images.

Boxes are drawn by hand ("labeled") or by a detector ("detected"). Code disagrees which is meant by
CUHK03, so the names of the datasets say.
"""

from __future__ import annotations

import re

from ...modality import Combination, Item, Media, Modality
from .layouts import Part, Tree
from .lists import Names

FOLDER = "cuhk03"
BOXES = ("detected", "labeled")
QUERIES: tuple[Combination, ...] = ((Modality.RGB,),)
EXTRACT = (
    "The images are extracted from cuhk-03.mat once, by torchreid's own dataset cuhk03 for one: "
    "torchreid.data.ImageDataManager(root=..., sources='cuhk03')."
)


def tree_of(name: str, root: str, boxes: str, file: str, remark: str) -> Tree:
    """The dataset's folder, which must have the extracted images and ``file``."""
    images = Part(f"{images_of(boxes)}/<pair>_<person>_<view>_<n>.png", "extracted from cuhk-03.mat")
    return Tree(name, root, FOLDER, (images, Part(file, remark)))


def images_of(boxes: str) -> str:
    """The folder of the extracted images."""
    return f"images_{boxes}"


def names_of(name: str) -> Names:
    """The names that everyone's extraction gives: the camera pair, the person in it, the view, the image."""
    pattern = r"(?P<pair>[1-5])_(?P<person>\d{3})_(?P<view>[12])_\d{2}\.png"
    return Names(pattern, f"{name} images", "1_001_1_01.png")


def person_id(pair: int, person: int) -> int:
    """One number for a person, who is identified by a camera pair and a number in it."""
    return pair * 1000 + person


def image_item(path: str, match: re.Match[str]) -> Item:
    """The item of an image whose name matched; its camera is the view."""
    return Item(Media(path), person_id(int(match["pair"]), int(match["person"])), int(match["view"]) - 1)
