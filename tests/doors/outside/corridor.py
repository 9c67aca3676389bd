"""A dataset with infrared images and a protocol of its own, in one file.

``corridor/{train,query,gallery}/{rgb,ir}/<person>_<camera>_<number>.png``: people walk past two cameras, one by day
and one by night. A query is an infrared image; only images of the other camera are searched.
"""

from pathlib import Path

import numpy as np

import aio_plugin
from aio_plugin.config import Option
from aio_plugin.datasets.base import Splits, relabel
from aio_plugin.errors import IncompleteError
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.protocols.base import Protocol, Trial


class OtherCamera(Protocol):
    """One trial a camera: its infrared images against the images of the other one."""

    name = "corridor, infrared against the other camera, rank-k counts identities"
    dataset = "corridor"
    cmc = "identity"

    def trials(self, query, gallery):
        for camera in sorted({item.camid for item in query}):
            asked = np.array([i for i, item in enumerate(query) if item.camid == camera])
            searched = np.array([i for i, item in enumerate(gallery) if item.camid != camera])
            nothing = np.full(len(asked), -1), np.full(len(searched), -1)
            yield Trial(f"camera {camera + 1}", asked, searched, *nothing)


def items(folder, *modalities, least=0):
    found = []
    for modality in modalities:
        for path in sorted((folder / modality.value).glob("*.png")):
            person, camera, _ = map(int, path.stem.split("_"))
            if person >= least:
                found.append(Item(Media(str(path), modality), person, camera - 1))
    return found


@aio_plugin.register_dataset(
    "corridor",
    folder="corridor",
    make_protocol=lambda root, options, query=None: OtherCamera(),
    queries=((Modality.IR,),),
    options=(Option("first_person", 0, "number of the first person to train on"),),
)
def corridor(root, options, query):
    """Read the corridor."""
    home = Path(root) / "corridor"
    if not home.is_dir():
        raise IncompleteError(f"There is no folder {home}; data.root must contain corridor/.")
    return Splits(
        train=relabel(items(home / "train", Modality.RGB, Modality.IR, least=options.get("first_person", 0))),
        query=items(home / "query", Modality.IR),
        gallery=items(home / "gallery", Modality.RGB),
        notes=["corridor is made up"],
    )
