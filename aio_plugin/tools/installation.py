"""What datasets and models are used with: torchreid, torch, CUDA, and encoders on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from ..encoders.clip import TAGS
from ..encoders.meta_transformer import VARIANTS
from ..encoders.sources import NAMES
from ..encoders.toy import NAME as TOY
from ..encoders.toy import load_toy
from ..errors import EncoderError, HostError
from ..evaluation.environment import hardware, package_versions
from ..host.torchreid_import import distribution
from .findings import Block

NEEDED = ("torch", "torchvision", "timm", "open_clip_torch")
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors", "pytorch_model.bin")


def packages() -> Block:
    """Versions, the torchreid that is used, and the devices."""
    block = Block("packages")
    versions = package_versions()
    try:
        block.tell([f"torchreid: {distribution()}"])
    except HostError as error:
        block.blame([str(error)])
    block.tell(f"{name}: {version}" for name, version in versions.items() if name != "torchreid")
    block.blame(f"{name} is not installed: pip install {name}" for name in NEEDED if name not in versions)
    gpus = hardware()["gpus"]
    cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
    block.tell([f"devices: {', '.join(gpus) if gpus else 'no GPU, training and testing run on the CPU'} ({cuda})"])
    return block


def encoders() -> Block:
    """Which weights of encoders are on disk; nothing is downloaded."""
    block = Block("encoders")
    for name in NAMES:
        if name == TOY:
            try:
                load_toy()
            except EncoderError as error:
                block.blame([str(error)])
            else:
                block.tell([f"{name}: shipped, its hash holds"])
        else:
            place = on_disk(name)
            block.tell([f"{name}: {place or 'not on disk, downloaded when a config names it'}"])
    return block


def on_disk(name: str) -> str | None:
    """Where the published weights of an encoder of :data:`NAMES` lie; None if they were not downloaded yet."""
    family, _, model = name.partition(":")
    if family == "meta_transformer":
        file = Path(torch.hub.get_dir()) / "checkpoints" / VARIANTS[model].file
        return str(file) if file.is_file() else None
    repository = _clip_repository(model) if family == "open_clip" else _timm_repository(model)
    return _cached(repository)


def _clip_repository(model: str) -> str:
    from open_clip import get_pretrained_cfg

    return str(dict(get_pretrained_cfg(model, TAGS[model])).get("hf_hub", "")).rstrip("/")


def _timm_repository(model: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(model)
    return str(config.hf_hub_id or "") if config else ""


def _cached(repository: str) -> str | None:
    """The weights of a repository in the hub's cache, whichever of the usual names they have."""
    from huggingface_hub import try_to_load_from_cache

    for file in HUB_FILES if repository else ():
        found = try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return found
    return None
