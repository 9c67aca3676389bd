"""RSTPReid: five photos of MSMT17 a person, two captions each (Zhu et al., DSSL, arXiv:2109.05534).

Some captions are noise, and equal sentences are written of different people: who is shown stands in ``id`` alone.
"""

from __future__ import annotations

from ..reading.text_sets import CameraPattern, CaptionedSet, captioned_adapter

SET = CaptionedSet(
    name="rstpreid",
    folder="RSTPReid",
    annotations=("data_captions.json",),
    about="with the split, on one long line",
    image="<pid, 4 digits>_c<camera>_<n, 4 digits>.jpg",
    published={
        "train": {"train ids": 3_701, "train images": 18_505, "train captions": 37_010},
        "val": {"val ids": 200, "val images": 1_000, "val captions": 2_000},
        "test": {"test ids": 200, "test images": 1_000, "test captions": 2_000},
    },
    path_key="img_path",
    cameras=CameraPattern(r"\d{4}_c(?P<camera>0?[1-9]|1[0-5])_\d{4}\.jpg", "0000_c14_0031.jpg", 15),
)
ADAPTER = captioned_adapter(SET)
