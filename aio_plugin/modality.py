"""What a picture of a person can be made of: modalities, media and batches of them."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .errors import ModalityError


class Modality(enum.Enum):
    """A kind of description of a person.

    The order of the members is the order of modalities everywhere: in batches, in
    token sequences and in names of combinations. A new modality is a new member here, at the end
    (checkpoints count in this order), and a tokenizer in :mod:`aio_plugin.tokenizers` if it is no image.
    A model has those that ``aio.modalities`` names.
    """

    RGB = "rgb"
    IR = "ir"
    SKETCH = "sketch"
    TEXT = "text"
    CP = "cp"
    """A colour pencil drawing (ORBench)."""

    @property
    def index(self) -> int:
        """Position in the order of modalities."""
        return MODALITIES.index(self)

    @property
    def is_image(self) -> bool:
        """Whether it is read from an image file; text is the one that is not."""
        return self is not Modality.TEXT

    def __str__(self) -> str:
        return self.value


MODALITIES: tuple[Modality, ...] = tuple(Modality)

MISSING, REAL, SYNTHETIC = 0, 1, 2
"""What ``Batch["present"]`` says of a modality of an item."""


class Media(str):
    """A path that knows its modality.

    torchreid's data lists are tuples ``(path, pid, camid, dsetid)`` whose first field its
    samplers, collation and pictures treat as a ``str``. A ``Media`` is that ``str`` and more;
    a plain ``str`` counts as an RGB image.

    Args:
        path: the image file; for text, the annotation file followed by ``#`` and a number.
        modality: what the file shows.
        caption: the sentence, for text only.
        partners: other media of the same person that belong to this one: the captions written
            for a photo, or the further modalities of one multimodal query.
        synthetic: the modality is not on disk but made from the RGB image at ``path``.
    """

    modality: Modality
    caption: str | None
    partners: tuple[Media, ...]
    synthetic: bool

    def __new__(  # noqa: D102 -- the class says it
        cls,
        path: str,
        modality: Modality = Modality.RGB,
        caption: str | None = None,
        partners: Iterable[Media] = (),
        synthetic: bool = False,
    ) -> Media:
        if (caption is not None) != (modality is Modality.TEXT):
            raise ModalityError(f"{path}: a caption belongs to text, and text needs one (got {modality}).")
        self = super().__new__(cls, path)
        self.modality = modality
        self.caption = caption
        self.partners = tuple(partners)
        self.synthetic = synthetic
        return self

    @classmethod
    def of(cls, path: str) -> Media:
        """``path`` as a Media: itself if it is one, else an RGB image."""
        return path if isinstance(path, cls) else cls(path)

    @property
    def parts(self) -> tuple[Media, ...]:
        """This and its partners, in the order of modalities."""
        return tuple(sorted((self, *self.partners), key=lambda m: m.modality.index))

    @property
    def combination(self) -> Combination:
        """The modalities of this and its partners, in the order they stand in."""
        return (self.modality, *(partner.modality for partner in self.partners))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.modality, self.caption, self.partners, self.synthetic)

    def __deepcopy__(self, memo: dict[int, Any]) -> Media:
        return self  # immutable, like the str it is

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.__reduce__()[1]  # type: ignore[no-any-return]


class Item(NamedTuple):
    """One entry of a dataset's split.

    ``pid`` is relabelled to 0..n-1 by sorted raw identity in a training split and raw elsewhere.
    ``camid`` is 0-based. ``source`` is the index of the photo that a caption or sketch was made
    from, in the order of the test photos; -1 where there is none or it does not matter.
    """

    media: Media
    pid: int
    camid: int
    source: int = -1


Combination = tuple[Modality, ...]


def parse_combination(text: str) -> Combination:
    """``"text+sketch"`` -> ``(SKETCH, TEXT)``: the modalities named, once each, in order.

    Raises:
        ModalityError: a name is unknown or stands twice.
    """
    return in_order(parse_written(text))


def in_order(modalities: Iterable[Modality]) -> Combination:
    """The same modalities in the order of modalities."""
    return tuple(sorted(modalities, key=lambda m: m.index))


def parse_written(text: str) -> Combination:
    """``"text+sketch"`` -> ``(TEXT, SKETCH)``: as :func:`parse_combination`, in the order written."""
    names = [name.strip().lower() for name in text.split("+")]
    known = {m.value: m for m in MODALITIES}
    for name in names:
        if name not in known:
            raise ModalityError(f"Unknown modality {name!r} in {text!r}; known are {', '.join(known)}.")
    if len(set(names)) != len(names):
        raise ModalityError(f"A modality stands twice in {text!r}.")
    return tuple(known[name] for name in names)


def format_combination(combination: Sequence[Modality]) -> str:
    """``(SKETCH, TEXT)`` -> ``"sketch+text"``."""
    return "+".join(m.value for m in combination)


TEXT_KEYS = ("text", "masked_text", "attributes", "phrases")
"""What a Batch holds of captions."""


class Batch(dict[str, Any]):
    """What the loader gives and the model takes.

    A dict, so that torchreid's engines can index it, DataParallel can scatter it along dimension
    0 and collation can build it; with ``cuda()``, because torchreid calls that.

    Keys:
        ``"rgb"`` and every other image modality: (B, 3, H, W) float images, normalised. A key is
            there when at least one item has the modality; rows of items without it hold zeros and
            are never read.
        ``"text"``: (B, L) int64 BPE tokens, 0 after the end token.
        ``"masked_text"``, ``"attributes"``: (B, L) the same with attribute words replaced by
            the mask token, and the attribute class of every replaced token (-1 elsewhere).
        ``"phrases"``: (B, P) int64 attribute phrases in place of ``"text"``, for DMF; -1 where there is none.
        ``"present"``: (B, M) uint8, one column for each of MODALITIES: MISSING, REAL or SYNTHETIC.
        ``"pid"``, ``"camid"``, ``"dsetid"``: (B,) int64.
        ``"impath"``: list of B media.
        ``"whole"``, ``"rows"``: in a part of a batch, ``"present"`` of the whole (B', M), and the items' rows (B,)
            there, so that what is drawn at random does not depend on how the batch was divided.
        ``"everywhere"``: image modalities that every rank has to tokenise, be it no image, as some rank has them
            and batch normalisation counts the images of all.
    """

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch with every tensor on ``device``."""
        return Batch(
            {
                key: value.to(device, non_blocking=non_blocking) if isinstance(value, Tensor) else value
                for key, value in self.items()
            }
        )

    def cuda(self, non_blocking: bool = True) -> Batch:
        """The same batch on the current CUDA device."""
        return self.to("cuda", non_blocking)

    def pin_memory(self) -> Batch:
        """The same batch with every tensor in page-locked memory (DataLoader calls it)."""
        return Batch({k: v.pin_memory() if isinstance(v, Tensor) else v for k, v in self.items()})

    def taken(self, items: Sequence[int]) -> Batch:
        """The batch of these ``items`` alone, in their order, without keys of modalities that none of them has."""
        index = torch.tensor(items, dtype=torch.long)
        taken = Batch(
            {
                key: value[index.to(value.device)] if isinstance(value, Tensor) else [value[item] for item in items]
                for key, value in self.items()
            }
        )
        for modality in MODALITIES:
            if not taken.has(modality).any():
                for key in (modality.value,) if modality.is_image else TEXT_KEYS:
                    taken.pop(key, None)
        return taken

    def has(self, modality: Modality) -> Tensor:
        """(B,) bool: which items have the modality, real or synthetic."""
        present: Tensor = self["present"]
        return present[:, modality.index] != MISSING

    @classmethod
    def rgb(cls, images: Tensor) -> Batch:
        """RGB images (B, 3, H, W) alone, as a batch."""
        present = torch.zeros(len(images), len(MODALITIES), dtype=torch.uint8, device=images.device)
        present[:, Modality.RGB.index] = REAL
        return cls({Modality.RGB.value: images, "present": present})
