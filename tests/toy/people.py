"""What the tests of the toy world share."""

import dataclasses
import re

import numpy as np

from aio_plugin.toy.drawing.pose import Pose
from aio_plugin.toy.people import ToyPerson

IDS = 8
POSES = [Pose(view, mirror, 0.5, 0.5, 0.0, 0.9, 0.0, 0.0) for view, mirror in (("front", 1), ("back", -1), ("side", 1))]
NOT_SHAPE = {f.name for f in dataclasses.fields(ToyPerson) if re.search("colour|material|accent|skin|seed", f.name)}


def rng(seed=0):
    return np.random.default_rng(seed)
