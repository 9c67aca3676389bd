"""Modalities and their traits, media of a modality, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, overload

import torch
from PIL import Image
from torch import Tensor, nn

from .errors import ModalityError
from .registry import Registry

CHANNEL_AUGMENTATION, LINE_DRAWING = "channel_augmentation", "line_drawing"
"""Built-in ways to make a modality from RGB; see :mod:`aio_plugin.synthesis`."""

MAX_MODALITIES = 16
"""Storage keeps the modalities of an item's partners in 16 bits."""


@dataclass(frozen=True, eq=False)
class Modality:
    """A kind of description of a person, with all that depends on the kind.

    The five built-in ones are attributes of the class; :func:`register_modality` adds others. Modalities are compared
    by identity, which copies and pickles keep, also in a spawned worker. Their order is that of registration, built-in
    ones first: in batches, token sequences, checkpoints and names of combinations. A model has those that
    ``aio.modalities`` names.

    Args:
        value: its name in configs, manifests and state dicts, in lower case.
        channels: of an image file: 3, or 1 if it has to be grey; 0 for captions. One channel is repeated to three, so
            that all stems have one shape and can start from a pre-trained one.
        value_range: values (low, high) of a file of one channel that become 0 and 1; others are clipped.
            None = the range of the file's type, 0 to 255 or 65535; 32-bit integers and floats, which have none, are
            refused.
        norm_mean, norm_std: 1 or 3 numbers, for images in [0, 1]; () = ``data.norm_mean`` and ``data.norm_std``.
        synthesis: how it is made from an RGB image of the person: "channel_augmentation", "line_drawing", or a function
            from an RGB image to one that is read like a file of this modality; "" = not at all.
        has_camera: whether camera ids number cameras; those of drawings and captions do not.
        label: what it is called in pictures; "" = ``value``.
        tokenizer: makes the module that turns images (B, 3, H, W) into tokens (B, H/16 * W/16, D), given D;
            None = the convolutional stem of :mod:`aio_plugin.tokenizers.image`.

    Example:
        >>> Modality.named("ir") is Modality.IR, Modality.IR.index, str(Modality.IR)
        (True, 1, 'ir')
        >>> Modality.TEXT.is_image, Modality.SKETCH.synthesis
        (False, 'line_drawing')
    """

    RGB: ClassVar[Modality]
    IR: ClassVar[Modality]
    SKETCH: ClassVar[Modality]
    TEXT: ClassVar[Modality]
    CP: ClassVar[Modality]

    value: str
    channels: int = 3
    value_range: tuple[float, float] | None = None
    norm_mean: tuple[float, ...] = ()
    norm_std: tuple[float, ...] = ()
    synthesis: str | Callable[[Image.Image], Image.Image] = ""
    has_camera: bool = True
    label: str = ""
    tokenizer: Callable[[int], nn.Module] | None = None

    def __post_init__(self) -> None:
        for name in ("norm_mean", "norm_std"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        object.__setattr__(self, "label", self.label or self.value)

    @staticmethod
    def named(name: str) -> Modality:
        """The registered modality of that name; raises ModalityError, which names the nearest."""
        return REGISTRY[name]

    @property
    def index(self) -> int:
        """Position in the order of modalities; raises ModalityError if it is not registered."""
        try:
            return MODALITIES.positions[self]
        except KeyError:
            raise ModalityError(f"Modality {self} is not registered; pass it to register_modality.") from None

    @property
    def is_image(self) -> bool:
        """Whether it is read from an image file, not from a caption."""
        return self.channels > 0

    @cached_property
    def normalisation(self) -> Tensor | None:
        """(2, 3) mean and std of its own, for images in [0, 1]; None = those of the config."""
        return torch.tensor([self.norm_mean, self.norm_std]).expand(2, 3) if self.norm_mean else None

    def __str__(self) -> str:
        return self.value

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.value, MODALITIES.added())


Modality.RGB = Modality("rgb")
Modality.IR = Modality("ir", synthesis=CHANNEL_AUGMENTATION)
Modality.SKETCH = Modality("sketch", synthesis=LINE_DRAWING, has_camera=False)
Modality.TEXT = Modality("text", channels=0, has_camera=False)
Modality.CP = Modality("cp", has_camera=False, label="colour pencil")
BUILT_IN = ("RGB", "IR", "SKETCH", "TEXT", "CP")

RESERVED = frozenset({"present", "pid", "camid", "dsetid", "impath", "whole", "rows", "everywhere", "masked_text"})
RESERVED |= {"attributes", "phrases", "normalisation", "gaps"}
"""Keys of a batch that are not modalities."""


def _check(name: str, modality: object) -> None:
    """Refuse what cannot be a modality of that name."""
    problem = ""
    if not isinstance(modality, Modality) or modality.value != name:
        raise ModalityError(f"Modality {name!r} is {modality!r}, not a Modality of that name.")
    if name != name.lower() or name in RESERVED or hasattr(nn.ModuleDict, name):
        problem = "its name is not in lower case or is reserved; choose another"
    elif modality.channels not in (1, 3):
        problem = f"it has {modality.channels} channels; images have 1 or 3"
    elif modality.value_range is not None and not (
        modality.channels == 1 and modality.value_range[0] < modality.value_range[1]
    ):
        problem = f"value_range is {modality.value_range}; give (low, high), for images of one channel alone"
    elif not len(modality.norm_mean) == len(modality.norm_std) in (0, 1, 3) or not all(modality.norm_std):
        problem = "norm_mean and norm_std are 1 or 3 numbers each, norm_std without 0"
    elif isinstance(modality.synthesis, str) and modality.synthesis not in ("", CHANNEL_AUGMENTATION, LINE_DRAWING):
        problem = f"synthesis is {modality.synthesis!r}; give {CHANNEL_AUGMENTATION!r}, {LINE_DRAWING!r} or a function"
    elif name not in REGISTRY and len(REGISTRY) >= MAX_MODALITIES:
        problem = f"there are {MAX_MODALITIES} modalities already"
    if problem:
        raise ModalityError(f"Modality {name!r} cannot be registered: {problem}.")


REGISTRY: Registry[Modality] = Registry(
    "modality",
    "aio_plugin.modalities",
    {name.lower(): f"{__name__}:Modality.{name}" for name in BUILT_IN},
    _check,
    ModalityError,
)


def register_modality(modality: Modality | str, **traits: Any) -> Modality:
    """See :func:`aio_plugin.register_modality`."""
    added = Modality(modality, **traits) if isinstance(modality, str) else modality
    known = REGISTRY.get(added.value)
    if known is not None and _traits(known) == _traits(added):
        return known
    REGISTRY.register(added.value, added)
    return added


def _traits(modality: Modality) -> dict[str, Any]:
    return {trait.name: getattr(modality, trait.name) for trait in fields(modality)}


class _Modalities(Sequence[Modality]):
    """A live view of the registered modalities in their order."""

    def __init__(self) -> None:
        self._positions: dict[Modality, int] = {}
        REGISTRY.subscribe(lambda name: self._positions.clear())

    @property
    def positions(self) -> Mapping[Modality, int]:
        """Modality -> index, in order."""
        if not self._positions:
            self._positions.update({modality: index for index, modality in enumerate(dict(REGISTRY.items()).values())})
        return self._positions

    def added(self) -> tuple[dict[str, Any], ...]:
        """The traits of the modalities that are not built in, in their order."""
        return tuple(_traits(modality) for modality in self[len(BUILT_IN) :])

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> Modality: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Modality, ...]: ...
    def __getitem__(self, index: int | slice) -> Modality | tuple[Modality, ...]:
        return tuple(self.positions)[index]

    def __iter__(self) -> Iterator[Modality]:
        return iter(self[:])

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (None, self.added())


MODALITIES = _Modalities()
"""All modalities, including those registered later. Unpickling it registers them, in the same order."""


def _restored(name: str | None, added: Sequence[Mapping[str, Any]]) -> Any:
    """A pickled modality (MODALITIES if ``name`` is None); registers those ``added`` in the process that pickled it."""
    for index, traits in enumerate(added, len(BUILT_IN)):
        if register_modality(Modality(**traits)).index != index:
            raise ModalityError(
                f"Modalities are registered in another order here: {', '.join(map(str, MODALITIES))}. Register them in "
                "one place that every process imports."
            )
    return MODALITIES if name is None else REGISTRY[name]


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
        if (caption is not None) is modality.is_image:
            raise ModalityError(f"{path}: a caption belongs to text, and text needs one (got {modality}).")
        self = super().__new__(cls, path)
        self.modality, self.caption, self.partners, self.synthetic = modality, caption, tuple(partners), synthetic
        return self

    @classmethod
    def of(cls, path: str) -> Media:
        """``path`` as a Media: itself if it is one, else an RGB image."""
        return path if isinstance(path, cls) else cls(path)

    @classmethod
    def joined(cls, parts: Iterable[Media]) -> Media:
        """The first of ``parts`` with the others as its only partners."""
        first, *others = (cls(str(part), part.modality, part.caption, (), part.synthetic) for part in parts)
        return cls(str(first), first.modality, first.caption, others, first.synthetic)

    @property
    def parts(self) -> tuple[Media, ...]:
        """This and its partners, in the order of modalities."""
        return tuple(sorted((self, *self.partners), key=lambda m: m.modality.index)) if self.partners else (self,)

    @property
    def combination(self) -> Combination:
        """The modalities of this and its partners, in the order they stand in."""
        return (self.modality, *(partner.modality for partner in self.partners))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.modality, self.caption, self.partners, self.synthetic)

    def __deepcopy__(self, memo: dict[int, Any]) -> Media:
        return self  # immutable, like the str it is


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
        ``"img"``: another name of ``"rgb"``, by which torchreid's own scripts ask for images.
        ``"whole"``, ``"rows"``: in a part of a batch, ``"present"`` of the whole (B', M), and the items' rows (B,)
            there, so that what is drawn at random does not depend on how the batch was divided.
        ``"everywhere"``: image modalities that every rank has to tokenise, even without images of its own, because
            some rank has them and batch normalisation is over the images of all.
    """

    TEXT_PADDING: ClassVar = {"text": 0, "masked_text": 0, "attributes": -1, "phrases": -1}
    """Keys of captions -> what follows the end of a shorter caption."""

    def __missing__(self, key: str) -> Any:
        if key != "img":
            raise KeyError(key)
        if self.has(Modality.RGB).all():
            return self[Modality.RGB.value]
        present = format_combination([modality for modality in MODALITIES if self.has(modality).any()])
        raise ModalityError(
            f"Items of the batch have no RGB image (it has {present}), and what asks for data['img'] reads RGB alone. "
            "Choose a dataset whose queries are RGB images, or AIO's engine."
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch with every tensor on ``device``."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def cuda(self, non_blocking: bool = True) -> Batch:
        """The same batch on the current CUDA device."""
        return self.to("cuda", non_blocking)

    def pin_memory(self) -> Batch:
        """The same batch with every tensor in page-locked memory (DataLoader calls it)."""
        return self._with_tensors(Tensor.pin_memory)

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch({key: change(value) if isinstance(value, Tensor) else value for key, value in self.items()})

    def taken(self, items: Sequence[int]) -> Batch:
        """The batch of these ``items``, in their order, without keys of modalities that none of them has."""
        index = torch.tensor(items, dtype=torch.long)
        taken = self._with_tensors(lambda tensor: tensor[index.to(tensor.device)])
        taken.update({k: [v[item] for item in items] for k, v in self.items() if not isinstance(v, Tensor)})
        for modality in MODALITIES:
            if not taken.has(modality).any():
                for key in (modality.value,) if modality.is_image else self.TEXT_PADDING:
                    taken.pop(key, None)
        return taken

    def has(self, modality: Modality) -> Tensor:
        """(B,) bool: which items have the modality, real or synthetic."""
        present: Tensor = self["present"]
        return present[:, modality.index] != MISSING

    @classmethod
    def rgb(cls, images: Tensor) -> Batch:
        """A batch of RGB images (B, 3, H, W) only."""
        present = torch.zeros(len(images), len(MODALITIES), dtype=torch.uint8, device=images.device)
        present[:, Modality.RGB.index] = REAL
        return cls({Modality.RGB.value: images, "present": present})
