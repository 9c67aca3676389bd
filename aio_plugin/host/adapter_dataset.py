"""A dataset of this package as one of torchreid's image datasets, for torchreid's own models and data managers.

They read single images only: they train on the images of every modality and refuse queries that are not one image.
AIO's data manager reads adapters itself.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from ..datasets import Splits
from ..errors import ConfigError, HostError
from ..modality import Item, Media
from ..training.images import read_image
from .torchreid_import import import_torchreid

DataTuple = tuple[Media, int, int, int]
"""Path, pid, camid and dsetid, as torchreid's data lists have them."""
_PLACEHOLDER: DataTuple = (Media(""), -1, -1, 0)  # torchreid's constructor reads the first entry of every list


class AdapterDataset(import_torchreid().data.ImageDataset):  # type: ignore[misc]
    """See ``torchreid.data.ImageDataset``.

    Args:
        mode: which of the splits is used: "train", "query" or "gallery".

    Raises:
        ConfigError: ``combineall`` is set, or the split is empty.
        HostError: queries or gallery hold something else than single images.
    """

    def __init__(
        self,
        name: str,
        splits: Splits,
        transform: Any = None,
        k_tfm: int = 1,
        mode: str = "train",
        combineall: bool = False,
        verbose: bool = True,
        **_: Any,  # options of torchreid's own datasets
    ) -> None:
        if combineall:
            raise ConfigError(f"data.combineall: {name} has no published combined split; set it to False.")
        parts: dict[str, Sequence[Item]] = {
            "train": [item for item in splits.train if item.media.modality.is_image],
            "query": splits.query,
            "gallery": splits.gallery,
        }
        _check(name, mode, parts.get(mode))
        lists = [[(item.media, item.pid, item.camid, 0) for item in part] for part in parts.values()]
        placeholders = [each or [_PLACEHOLDER] for each in lists]
        super().__init__(*placeholders, transform=transform, k_tfm=k_tfm, mode=mode, verbose=False)
        self.train, self.query, self.gallery = lists
        self.name, self.data = name, getattr(self, mode)
        if verbose:
            self.show_summary()

    def __getitem__(self, index: int) -> dict[str, Any]:
        path, pid, camid, dsetid = self.data[index]
        image = read_image(path)  # torchreid's own retries an unreadable file for ever
        if self.transform is not None:
            image = self._transform_image(self.transform, self.k_tfm, image)
        return {"img": image, "pid": pid, "camid": camid, "impath": path, "dsetid": dsetid}

    def show_summary(self) -> None:
        """Print torchreid's table with the name of the dataset, where torchreid has that of the class."""
        with contextlib.redirect_stdout(io.StringIO()) as text:
            super().show_summary()
        print(text.getvalue().replace(type(self).__name__, self.name, 1), end="")


def _check(name: str, mode: str, items: Sequence[Item] | None) -> None:
    if items is None:
        return  # an unknown mode, which torchreid refuses
    if not items:
        use = "use it as a target" if mode == "train" else "it is for training only"
        raise ConfigError(f"{name} has no {mode} list for torchreid's own models; {use}.")
    for item in items if mode != "train" else ():
        if item.media.partners or not item.media.modality.is_image:
            raise HostError(
                f"{name} is searched with more than single images (its first {mode} item is of "
                f"{'+'.join(str(part.modality) for part in item.media.parts)}), which torchreid's own models cannot "
                "read. Choose an AIO model and give the config an `aio:` node."
            )
