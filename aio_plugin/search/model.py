"""A trained model that turns pictures and captions into features, and says how similar they are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from ..errors import AIOError, CalibrationError, MediaError
from ..evaluation.features import feature_function
from ..metrics.distance import feature_rows, similarities
from ..modality import Batch, Combination, Item, format_combination
from ..models.aio import AIO
from ..models.dmf import DMF
from ..models.feature_settings import DATA_KEYS, Settings
from ..models.weights import state_digest, tested_part
from ..synthesis.sketch import Sketcher
from ..training.loader import BatchLoader
from ..training.media import MediaReader, QueryDataset, stack
from ..training.step import out_of_memory_explained
from .items import Description, Medium, items_of, joined

if TYPE_CHECKING:
    from .calibration import Calibrations, Verdict

BATCH_SIZE = 100
"""torchreid's ``test.batch_size``."""

NAMED = 10
"""Unreadable items that a message names, at most."""

PLACES, UNREADABLE = "places", "unreadable"


class Encoded(NamedTuple):
    """Features of some of the items that were given.

    Attributes:
        places: their positions among all items.
        features: (len(places), D), float32, of unit length, on the CPU.
        unreadable: position -> what is wrong, of items that have no feature.
    """

    places: list[int]
    features: Tensor
    unreadable: dict[int, str]


def media_reader(
    settings: Settings, text_length: int, sketcher: Sketcher | None = None, normalised: bool = True
) -> MediaReader:
    """The reader of a model's media: images resized and normalised as testing does it."""
    from torchvision.transforms import Compose, Normalize, Resize, ToTensor

    height, width, mean, std = (settings[key] for key in DATA_KEYS)
    steps = [Resize((height, width)), ToTensor(), *([Normalize(mean, std)] if normalised else [])]
    return MediaReader(Compose(steps), text_length, sketcher)


class ReIDModel:
    """A trained model, see :func:`aio_plugin.load`.

    Args:
        model: an AIO or DMF with its trained weights.
        reader: decodes, resizes and normalises media as in testing.
        settings: what features depend on besides the trained tensors, by config key.
        modalities: that it takes.
        device: where features are computed.
        precision: of autocast.
        source: the file of the weights.

    Attributes:
        dim: D, values of a feature.
        image_size: height and width in pixels that images are resized to.
    """

    def __init__(
        self,
        model: AIO | DMF,
        reader: MediaReader,
        settings: Settings,
        modalities: Combination,
        *,
        device: torch.device,
        precision: torch.dtype,
        source: str = "",
    ) -> None:
        self.model, self.reader, self.settings, self.modalities = model, reader, settings, modalities
        self.device, self.precision, self.source = device, precision, source
        self.dim = int(model.feature_dim)
        self.image_size: tuple[int, int] = (settings["data.height"], settings["data.width"])
        self.features = feature_function(model, device, precision)

    def __repr__(self) -> str:
        height, width = self.image_size
        reads = format_combination(self.modalities)
        name = self.settings.get("model.name", type(self.model).__name__)
        return f"<{name}: {reads}, {height} x {width} pixels, {self.dim} values, {self.device}, {self.source!r}>"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that features depend on: the trained tensors, the encoder and the settings.

        Two models of one digest give the same features but for the last digits, which number format, device and size
        of batches change.
        """
        settings = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(f"{state_digest(tested_part(self.model))}{settings}".encode()).hexdigest()

    def encode(
        self,
        items: Iterable[Description] | Description | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = 0,
        progress: bool = False,
        **media: Iterable[Medium | None] | Medium,
    ) -> Tensor:
        """Retrieval features (B, D), float32, of unit length, on the CPU, in the order given.

        Images are given as paths, PIL images or arrays, (H, W, 3) or grey (H, W); captions as strings, which are cut
        as in training. An item has one medium of each of its modalities, and its feature does not depend on the others.

        Args:
            items: a list of ``{"sketch": path, "text": "a woman in red"}``, of images (RGB), Media or Items; or one.
            batch_size: items that are computed together, all of one combination of modalities.
            workers: processes that read images; 0 = this one.
            progress: show a bar on stderr.
            media: instead of ``items``, a list for every modality, ``rgb=[...], text=[...]``, of one length and with
                None where an item has none; or one medium each, for one item.

        Raises:
            ModalityError: a modality is not one of the model's.
            MediaError: images cannot be read; names them all. :meth:`encode_readable` leaves them out.
            HostError: there is not enough memory for a batch.
        """
        listed = items_of(items, media, self.modalities)
        features = torch.empty(len(listed), self.dim)
        wrong: dict[int, str] = {}
        for part in self._encoded(listed, batch_size, workers, progress, leave_out=False):
            features[part.places] = part.features
            wrong |= part.unreadable
        if wrong:
            lines = [f"  item {place}: {wrong[place]}" for place in sorted(wrong)[:NAMED]]
            lines += [f"  and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
            listing = "\n".join(lines)
            raise MediaError(f"{len(wrong)} of {len(listed)} items cannot be read:\n{listing}")
        return features

    def encode_readable(
        self,
        items: Iterable[Description] | Description | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = 0,
        progress: bool = False,
        **media: Iterable[Medium | None] | Medium,
    ) -> Encoded:
        """As :meth:`encode`, of the items that can be read, and what is wrong with the others."""
        listed = items_of(items, media, self.modalities)
        parts = list(self._encoded(listed, batch_size, workers, progress, leave_out=True))
        places = [place for part in parts for place in part.places]
        features = torch.cat([part.features for part in parts]) if parts else torch.empty(0, self.dim)
        order = sorted(range(len(places)), key=places.__getitem__)
        unreadable = {place: what for part in parts for place, what in part.unreadable.items()}
        return Encoded([places[at] for at in order], features[order], dict(sorted(unreadable.items())))

    def stream(
        self,
        items: Iterable[Description],
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = 0,
        progress: bool = False,
    ) -> Iterator[Encoded]:
        """As :meth:`encode_readable`, a batch at a time, in the order of computation."""
        return self._encoded(items_of(items, {}, self.modalities), batch_size, workers, progress, leave_out=True)

    def _encoded(
        self, items: Sequence[Item], batch_size: int, workers: int, progress: bool, leave_out: bool
    ) -> Iterator[Encoded]:
        """Batches of items. If unreadable ones are not to be left out, nothing is computed after the first."""
        if batch_size < 1:
            raise MediaError(f"batch_size is {batch_size}; give 1 or more.")
        groups: dict[Combination, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(item.media.combination, []).append(place)
        batches = [group[at : at + batch_size] for group in groups.values() for at in range(0, len(group), batch_size)]
        device = self.device if self.device.type == "cuda" else None
        loader = BatchLoader(
            _Readable(items, self.reader), device=device, collate=_stacked, batch_sampler=batches, num_workers=workers
        )
        spoilt = False
        with tqdm(total=len(items), unit="item", disable=not progress) as bar, out_of_memory_explained("batch_size"):
            for batch in loader:
                places, unreadable = batch.pop(PLACES), batch.pop(UNREADABLE)
                spoilt |= bool(unreadable) and not leave_out
                places = [] if spoilt else places
                yield Encoded(places, self.features(batch).cpu() if places else torch.empty(0, self.dim), unreadable)
                bar.update(len(places) + len(unreadable))

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosines (A, B) of features (A, D) and (B, D)."""
        return torch.cat([similarities(rows, "cosine") for rows in feature_rows(a, b)])

    def verify(
        self, a: Description, b: Description, calibrations: Calibrations | str | os.PathLike[str] | None = None
    ) -> Verdict:
        """Whether two descriptions are of one person.

        Args:
            a, b: each of any modalities.
            calibrations: of this model, or their file; None = the file that ``aio-reid calibrate`` wrote beside its
                weights.

        Raises:
            CalibrationError: there are none of these modalities, or they are of another model.
        """
        from .calibration import Calibrations, beside, direction_of, read_calibrations

        items = items_of([a, b], {}, self.modalities)
        known = calibrations
        if not isinstance(known, Calibrations):
            known = read_calibrations(known or beside(self.source))
        known.require_model(self.digest)
        combinations = [item.media.combination for item in items]
        calibration = known.between(combinations[0], combinations[1])
        if calibration is None:
            raise CalibrationError(
                f"There is no calibration of {direction_of(combinations[0], combinations[1])}, but of "
                f"{', '.join(known.directions)}; calibrate it too."
            )
        first, second = self.encode(items)
        return calibration.verdict(float(first @ second))

    def contributions(self, item: Description, against: Tensor) -> dict[str, Tensor]:
        """How much each modality of a query adds to its similarity with gallery features (G, D).

        Leave-one-out: with f(M) the feature of the query's modalities M, the contribution of m to a gallery feature g
        is cos(f(M), g) - cos(f(M without m), g), below 0 where m makes them less similar. Of a query of one modality it
        is cos(f(M), g).

        Returns:
            Name of the modality -> (G,).
        """
        (whole,) = items_of([item], {}, self.modalities)
        parts = whole.media.parts
        rests = [[part for part in parts if part is not left] for left in parts] if len(parts) > 1 else []
        features = self.encode([whole, *map(joined, rests)])
        cosines = self.similarity(features, against)
        without = cosines[1:] if rests else torch.zeros_like(cosines)
        return {part.modality.value: cosines[0] - rest for part, rest in zip(parts, without, strict=True)}


class _Readable(Dataset[dict[str, Any]]):
    """Entries of items, or what is wrong with them."""

    def __init__(self, items: Sequence[Item], reader: MediaReader) -> None:
        self.dataset = QueryDataset(items, reader)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> dict[str, Any]:
        try:
            return {PLACES: place, **self.dataset[place]}
        except AIOError as error:
            return {PLACES: place, UNREADABLE: str(error)}


def _stacked(entries: Sequence[dict[str, Any]]) -> Batch:
    readable = [entry for entry in entries if UNREADABLE not in entry]
    batch = stack(readable) if readable else Batch()
    batch[PLACES] = [entry[PLACES] for entry in readable]
    batch[UNREADABLE] = {entry[PLACES]: entry[UNREADABLE] for entry in entries if UNREADABLE in entry}
    return batch
