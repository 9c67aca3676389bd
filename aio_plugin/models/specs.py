"""The models by their torchreid names, and what each reads. Light to import: no model is."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..config import AIOConfig, modalities
from ..modality import MODALITIES, Combination, Modality


@dataclass(frozen=True)
class Spec:
    """What a model's name stands for where the config does not say otherwise.

    Attributes:
        encoder: ``aio.encoder.name``; '' where the config has to name it.
        image_size: height and width in pixels.
        stem_width: channels of the image stems.
        text_width: width of the word embedding.
        reads: the modalities that the method can read, of ``aio.modalities``.
        queries: the modalities that a trained model can search with.
        text_encoder: of DMF, where the image encoder's file holds none.
    """

    encoder: str
    image_size: tuple[int, int] = (384, 192)
    stem_width: int = 64
    text_width: int = 512
    reads: Collection[Modality] = MODALITIES
    queries: Collection[Modality] = MODALITIES
    text_encoder: str = ""


_dmf = functools.partial(Spec, reads=(Modality.RGB, Modality.TEXT), queries=(Modality.RGB,))

SPECS: Mapping[str, Spec] = {
    "aio": Spec(""),
    "aio_vit_b16": Spec("open_clip:ViT-B-16"),
    "aio_vit_l14": Spec("open_clip:ViT-L-14", text_width=768),
    "aio_tiny": Spec("toy", image_size=(128, 64), stem_width=32, text_width=64),
    "dmf_vit_b16": _dmf("open_clip:ViT-B-16", image_size=(256, 128), text_encoder="open_clip:ViT-B-16"),
    "dmf_tiny": _dmf("toy", image_size=(128, 64), stem_width=32, text_encoder="toy"),
}
NAMES = tuple(SPECS)
DMF_NAMES = tuple(name for name, spec in SPECS.items() if spec.text_encoder)


def readable(name: str, options: AIOConfig) -> Combination:
    """Of ``aio.modalities`` what the model called ``name`` trains on; a name that is not ours reads all of them."""
    reads: Collection[Modality] = SPECS[name].reads if name in SPECS else MODALITIES
    return tuple(modality for modality in modalities(options) if modality in reads)


def searchable(name: str, options: AIOConfig) -> Combination:
    """Of :func:`readable` what the model called ``name`` takes as query and gallery."""
    queries: Collection[Modality] = SPECS[name].queries if name in SPECS else MODALITIES
    return tuple(modality for modality in readable(name, options) if modality in queries)
