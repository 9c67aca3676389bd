"""The installation: torchreid and other packages, CUDA devices, encoder weights on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ..datasets import ADAPTERS
from ..encoders import ENCODERS, NAMES
from ..encoders.clip import TAGS
from ..encoders.meta_transformer import VARIANTS
from ..encoders.toy import NAME as TOY
from ..encoders.toy import load_toy
from ..errors import EncoderError, HostError
from ..evaluation.environment import hardware, package_versions
from ..host.torchreid_import import distribution
from ..losses import LOSSES
from ..modality import REGISTRY as MODALITY_REGISTRY
from ..registry import Registry, RegistryError
from ..torchvision_import import SYMPTOM
from .report import Section
from .torchvision_repair import import_fault

NEEDED = ("torch", "torchvision", "timm", "open_clip_torch")
REGISTRIES: tuple[Registry[Any], ...] = (ADAPTERS, ENCODERS, MODALITY_REGISTRY, LOSSES)
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors", "pytorch_model.bin")


def packages() -> Section:
    """Versions of the packages, and the devices."""
    section = Section("packages")
    versions = package_versions()
    try:
        section.facts.append(f"torchreid: {distribution()}")
    except HostError as error:
        section.problems.append(str(error))
    section.facts += (f"{name}: {version}" for name, version in versions.items() if name != "torchreid")
    section.problems += (f"{name} is not installed: pip install {name}" for name in NEEDED if name not in versions)
    section.problems += _unimportable(versions)
    gpus = ", ".join(hardware()["gpus"]) or "no GPU, training and testing run on the CPU"
    cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
    section.facts.append(f"devices: {gpus} ({cuda})")
    return section


def _unimportable(versions: Mapping[str, str]) -> Iterator[str]:
    """A problem for each package that other programs cannot import, which this package may have repaired for itself."""
    for package, module in (("open_clip_torch", "open_clip"), ("torchvision", "torchvision")):
        fault = import_fault(module) if package in versions else "not installed"
        if not fault:
            return  # open_clip imports torchvision
        if package in versions:
            remedy = f"`pip install --force-reinstall {package}`"
            if SYMPTOM in fault:
                remedy = "torchvision's build for this torch, or run `python -m aio_plugin.tools.torchvision_repair`"
            yield f"{module} cannot be imported without this package: {fault}. Install {remedy}."


def encoders() -> Section:
    """Where the weights of each encoder are on disk; nothing is downloaded."""
    section = Section("encoders")
    for name in NAMES:
        if name != TOY:
            section.facts.append(f"{name}: {weights_path(name) or 'not on disk; downloaded when a config names it'}")
            continue
        try:
            load_toy()
            section.facts.append(f"{name}: shipped, hash verified")
        except EncoderError as error:
            section.problems.append(str(error))
    return section


def plugins() -> Iterator[Section]:
    """What is registered from outside and where it comes from; no section if nothing is."""
    section = Section("registered from outside")
    for registry in REGISTRIES:
        for name, origin in registry.outside().items():
            try:
                registry[name]
                section.facts.append(f"{registry.kind} {name}: {origin}")
            except RegistryError as error:
                section.problems.append(str(error))
    if section.facts or section.problems:
        yield section


def weights_path(name: str) -> str | None:
    """Path of the published weights of an encoder of :data:`NAMES`; None if they are not downloaded."""
    from huggingface_hub import try_to_load_from_cache

    family, _, model = name.partition(":")
    if family == "meta_transformer":
        file = Path(torch.hub.get_dir()) / "checkpoints" / VARIANTS[model].file
        return str(file) if file.is_file() else None
    repository = _clip_repository(model) if family == "open_clip" else _timm_repository(model)
    paths = (try_to_load_from_cache(repository, file) for file in HUB_FILES if repository)
    return next((path for path in paths if isinstance(path, str)), None)


def _clip_repository(model: str) -> str:
    from open_clip import get_pretrained_cfg

    return str(dict(get_pretrained_cfg(model, TAGS[model])).get("hf_hub", "")).rstrip("/")


def _timm_repository(model: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(model)
    return str(config.hf_hub_id or "") if config else ""
