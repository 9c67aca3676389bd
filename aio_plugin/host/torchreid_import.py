"""Imports torchreid: upstream's ``torchreid.data`` or PyPI's ``torchreid.reid.data``."""

from __future__ import annotations

import contextlib
import importlib
import operator
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..errors import AIOError, DatasetError, HostError
from ..torchvision_import import repair_torchvision

PYPI = "torchreid.reid"
"""The package that PyPI's distribution has upstream's modules in."""
INSTALL = (
    "Install `pip install torchreid==0.2.5`, or upstream's 1.4: `pip install setuptools wheel Cython`, then `pip "
    "install --no-build-isolation --no-deps git+https://github.com/KaiyangZhou/deep-person-reid`."
)
_REQUIRED = (
    "data.ImageDataManager data.register_image_dataset engine.ImageSoftmaxEngine engine.ImageTripletEngine "
    "models.build_model optim.build_optimizer utils.FeatureExtractor"
)


def import_torchreid() -> ModuleType:
    """The torchreid package; ``data``, ``engine``, ``models``, ``optim`` and ``utils`` are attributes of it.

    Raises:
        HostError: torchreid or one of its dependencies is not installed, or it is another package of that name.
    """
    repair_torchvision()
    try:
        torchreid = importlib.import_module("torchreid")
    except ModuleNotFoundError as error:
        if error.name == "torchreid":
            raise HostError(f"torchreid is not installed. {INSTALL}") from error
        raise HostError(
            f"torchreid cannot be imported: the package {error.name!r} is missing. Install it; if it is a module of "
            f"torchreid itself, the installation is broken or another package of that name. {INSTALL}"
        ) from error
    for name in _REQUIRED.split():
        try:
            operator.attrgetter(name)(torchreid)
        except AttributeError as error:
            folders = getattr(torchreid, "__path__", ["an unknown location"])
            where = getattr(torchreid, "__file__", None) or ", ".join(folders)
            raise HostError(
                f"The package torchreid at {where} is not the person re-identification framework, or is too old: it "
                f"has no torchreid.{name}. Uninstall it. {INSTALL}"
            ) from error
    return torchreid


def image_datasets() -> dict[str, Any]:
    """torchreid's table of image datasets: what :func:`torchreid.data.init_image_dataset` calls, by name."""
    table: dict[str, Any] = vars(sys.modules[import_torchreid().data.register_image_dataset.__module__])
    return table["__image_datasets"]  # type: ignore[no-any-return]


def dataset_folders() -> dict[str, list[str]]:
    """Folder below the data root -> names of torchreid's own datasets, of images and of videos, that lie in it."""
    tables = vars(sys.modules[import_torchreid().data.register_image_dataset.__module__])
    folders: dict[str, list[str]] = {}
    for name, dataset in {**tables["__image_datasets"], **tables.get("__video_datasets", {})}.items():
        if folder := getattr(dataset, "dataset_dir", None):
            folders.setdefault(str(folder), []).append(name)
    return folders


@contextlib.contextmanager
def unreadable_explained(dataset: str, root: str) -> Iterator[None]:
    """Turns what torchreid's datasets raise on absent or damaged files, or downloads that fail, into a DatasetError."""
    try:
        yield
    except AIOError:
        raise
    except (OSError, RuntimeError, IndexError, AttributeError) as error:
        raise DatasetError(
            f"torchreid cannot read its dataset {dataset!r} below {root!r} ({type(error).__name__}: {error}). Set "
            "data.root, or --root, to the folder that holds the dataset's folder, and look at that folder."
        ) from error


def distribution() -> str:
    """The installed torchreid, for results: ``"upstream 1.4.0"`` or ``"PyPI 0.2.5"``."""
    torchreid = import_torchreid()
    return f"{'PyPI' if is_pypi(torchreid) else 'upstream'} {torchreid.__version__}"


def is_pypi(torchreid: ModuleType) -> bool:
    """Whether this is PyPI's distribution."""
    return bool(torchreid.data.__name__ == f"{PYPI}.data")
