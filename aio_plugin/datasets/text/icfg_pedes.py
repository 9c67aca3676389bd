"""ICFG-PEDES: photos of MSMT17 with one long caption each (Ding et al., arXiv:2107.12666).

The folders ``imgs/train`` and ``imgs/test`` are MSMT17's and say nothing of the split, which stands in the
annotations; nor are the identities there the numbers of MSMT17's folders. There is no validation split.
"""

from __future__ import annotations

from ..reading.text_sets import CameraPattern, CaptionedSet, captioned_adapter
from ..rgb.msmt17 import PATTERN

SET = CaptionedSet(
    name="icfg_pedes",
    folder="ICFG-PEDES",
    annotations=("ICFG-PEDES.json", "ICFG_PEDES.json"),
    about="or ICFG_PEDES.json; with the split",
    image="<train|test>/<MSMT17's folder>/<MSMT17's name>.jpg",
    published={
        "train": {"train ids": 3_102, "train images": 34_674, "train captions": 34_674},
        "test": {"test ids": 1_000, "test images": 19_848, "test captions": 19_848},
    },
    cameras=CameraPattern(PATTERN, "0627/0627_010_05_0303afternoon_1591_0.jpg", 15),
)
ADAPTER = captioned_adapter(SET)
