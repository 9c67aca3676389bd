"""All-in-One multimodal person re-identification inside torchreid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import torch

    from .datasets.base import Adapter, ReadSplits
    from .encoders import LoadEncoder
    from .losses import Loss
    from .modality import Modality
    from .search.model import ReIDModel


__version__ = "0.1.0"
__all__ = [
    "__version__",
    "load",
    "register",
    "register_dataset",
    "register_encoder",
    "register_loss",
    "register_modality",
    "unregister",
]


def load(
    source: str | os.PathLike[str],
    device: str | torch.device | None = None,
    *,
    config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> ReIDModel:
    """A trained model, ready to encode pictures and captions; torchreid is not needed.

    Image size, normalisation, modalities, tokenizer, bottleneck and encoder are those that the file records, and
    features are those of testing.

    Args:
        source: the folder of a run, of whose checkpoints it takes the best (``model/model-best.pth.tar``), else the
            last (``model/last.pth.tar``); a checkpoint; a file of ``aio-reid export``, or the folder of one.
        device: "cpu", "cuda" or "cuda:1"; None = "cuda" if there is one.
        config: the config of the training, for a file that does not record its settings; or keys of the ``aio`` node
            such as ``{"encoder": {"weights": FILE}}``, where the encoder's weights lie elsewhere than in training.

    Raises:
        CheckpointError: there is no such file, it does not record its settings, is of another model, or does not fit
            ``config``.
        EncoderError: it cannot be read safely as weights, or the encoder's weights are absent or others.
        ConfigError: the device or a key of ``config`` is wrong.

    Example::

        model = aio_plugin.load("log/demo")
        gallery = model.encode(rgb=["a.jpg", "b.jpg", "c.jpg"])
        query = model.encode({"sketch": "drawing.png", "text": "a woman in a red coat"})
        print(model.similarity(query, gallery).argsort(descending=True))
    """
    from .search.loading import load

    return load(source, device, config=config)


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """Teach torchreid the names of this package. A second call changes nothing but the config.

    Args:
        config: the ``aio`` node, or a whole config with an ``aio`` key, as a mapping or a YAML file;
            for notebooks and ``FeatureExtractor``, where no config file is merged. A config file
            that is merged later and has an ``aio`` node of its own takes its place.
        exact_ranking: let torchreid's own engines count ranks as AIO's do, until :func:`unregister`; the same
            CMC and mAP without sorting the distance matrix, ties in the order of the gallery.

    Raises:
        HostError: torchreid is absent or another package of that name, or a dataset or model of
            one of our names is registered already.
        ConfigError: a key of ``config`` is unknown or a value is wrong.
    """
    from .host.registration import register

    register(config, exact_ranking=exact_ranking)


def unregister() -> None:
    """Give torchreid back the very objects it had before :func:`register`; without one, do nothing."""
    from .host.registration import unregister

    unregister()


@overload
def register_dataset(dataset: Adapter, *, replace: bool = False) -> Adapter: ...
@overload
def register_dataset(dataset: str, *, replace: bool = False, **fields: Any) -> Callable[[ReadSplits], Adapter]: ...
def register_dataset(
    dataset: Adapter | str, *, replace: bool = False, **fields: Any
) -> Adapter | Callable[[ReadSplits], Adapter]:
    """Let configs name a dataset of yours in ``data.sources`` and ``data.targets``, before or after :func:`register`.

    A package can do the same by an entry point of the group ``aio_plugin.datasets`` that refers to an adapter.

    Args:
        dataset: an adapter; or, as a decorator of its function ``read_splits``, the name alone:
            ``@register_dataset("mine", folder="mine", make_protocol=..., queries=...)``.
        replace: take the place of a dataset of that name.
        fields: of :class:`aio_plugin.datasets.Adapter`, where ``dataset`` is a name.

    Raises:
        RegistryError: the name is taken.
        DatasetError: it is not an adapter, or has an option without documentation.
    """
    from .datasets import ADAPTERS, Adapter

    if not isinstance(dataset, str):
        ADAPTERS.register(getattr(dataset, "name", ""), dataset, replace=replace)
        return dataset

    return lambda read: register_dataset(Adapter(name=dataset, read_splits=read, **fields), replace=replace)


@overload
def register_encoder(name: str, load: LoadEncoder, *, replace: bool = False) -> LoadEncoder: ...
@overload
def register_encoder(name: str, *, replace: bool = False) -> Callable[[LoadEncoder], LoadEncoder]: ...
def register_encoder(
    name: str, load: LoadEncoder | None = None, *, replace: bool = False
) -> LoadEncoder | Callable[[LoadEncoder], LoadEncoder]:
    """Let ``aio.encoder.name`` be ``name`` or ``name:<model>``; a decorator if ``load`` is omitted.

    A package can do the same by an entry point of the group ``aio_plugin.encoders`` that refers to ``load``.

    Args:
        name: of the source of encoders.
        load: ``(model, weights) -> Pretrained``: ``model`` is the part after the colon, '' without one, and
            ``weights`` is ``aio.encoder.weights``: a file, '' for the default ones, or 'random'. It returns an
            :class:`aio_plugin.encoders.pretrained.Pretrained` around a
            :class:`~aio_plugin.encoders.frozen.FrozenEncoder`, whose name results and checkpoints record.
        replace: take the place of a source of that name.

    Raises:
        RegistryError: the name is taken.
    """
    from .encoders import ENCODERS

    if load is None:
        return lambda load: register_encoder(name, load, replace=replace)
    ENCODERS.register(name, load, replace=replace)
    return load


@overload
def register_loss(name: str, loss: Loss, *, replace: bool = False) -> Loss: ...
@overload
def register_loss(name: str, *, replace: bool = False) -> Callable[[Loss], Loss]: ...
def register_loss(name: str, loss: Loss | None = None, *, replace: bool = False) -> Loss | Callable[[Loss], Loss]:
    """Let ``aio.loss.others`` name a loss of yours; a decorator if ``loss`` is omitted.

    A package can do the same by an entry point of the group ``aio_plugin.losses`` that refers to the function.

    Args:
        name: of the loss; the log calls it ``loss_<name>``.
        loss: ``(LossInputs) -> scalar tensor``, see :class:`aio_plugin.losses.criterion.LossInputs`; or None on all
            ranks where the batch has nothing to compute it from.
        replace: take the place of a loss of that name.

    Raises:
        RegistryError: the name is taken.
    """
    from .losses import LOSSES

    if loss is None:
        return lambda loss: register_loss(name, loss, replace=replace)
    LOSSES.register(name, loss, replace=replace)
    return loss


def register_modality(modality: Modality | str, **traits: Any) -> Modality:
    """Add a modality that configs, manifests and models may name from then on; returns it.

    A package can do the same by an entry point of the group ``aio_plugin.modalities`` that refers to a Modality. To
    repeat a registration changes nothing.

    Args:
        modality: its name, for example ``"depth"``, or a :class:`aio_plugin.modality.Modality`.
        traits: of :class:`aio_plugin.modality.Modality`, where ``modality`` is a name, for example
            ``channels=1, value_range=(0, 8000)`` for depth in millimetres.

    Raises:
        ModalityError: a trait is wrong, or there are too many modalities.
        RegistryError: the name is taken.
    """
    from .modality import register_modality

    return register_modality(modality, **traits)
