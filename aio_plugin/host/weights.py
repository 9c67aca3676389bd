"""Weights and training states into AIO models: read safely, compared with the config, and loaded or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..encoders.files import WeightsFile, read_weights, state_dict_faults
from ..encoders.frozen import FrozenEncoder
from ..errors import CheckpointError, ConfigError, printable
from ..models.feature_settings import DATA_KEYS, data_settings, describe_differences, differing, read_record
from ..models.weights import RESIZABLE, FittedWeights, fit_weights, inferred_settings
from ..outside_files import file_sha256
from .checkpoint_record import code_notice, run_faults
from .run_config import RunConfig, config_of, unwrap

FINE_TUNE = "aio.train.fine_tune"
CURE = "Set these keys to the values of the training, or leave them out of the config to take them from the file."
ON_PURPOSE = f"To start from it with other sizes, more modalities or other persons, set {FINE_TUNE} to True."
KINDS = frozenset({"momentum", "betas", "alpha"})
"""Keys of an optimiser's groups that tell its kind."""
_ALIKE: Mapping[type, type] = {bool: float, int: float, type(None): float, tuple: list}
"""Types of an optimiser's settings that may stand for one another."""


@dataclass(frozen=True)
class LoadedWeights:
    """What a model started from: its attribute ``loaded_weights``.

    Attributes:
        entry: for results: ``file``, ``sha256``, number of tensors ``kept``, names of those ``resized``, parts that are
            ``fresh``, and whether the file has its settings ``recorded``.
        untested: what of the fresh parts features depend on.
        features: the settings that the file records.
        fine_tune: whether fresh parts are meant to be.
    """

    entry: Mapping[str, Any]
    untested: tuple[str, ...] = ()
    features: Mapping[str, Any] | None = None
    fine_tune: bool = False


def load_weights(model: Any, path: str | Path, key: str = "model.load_weights") -> None:
    """Load the weights in a checkpoint or an export into an AIO model, wrapped or not.

    Parts that features do not depend on may differ if the model is not trained. With ``aio.train.fine_tune``,
    :mod:`aio_plugin.models.weights` adapts what may differ.

    Args:
        key: the config key or option that names the file, for errors.

    Raises:
        EncoderError: there is no such file, or it cannot be read safely as weights.
        CheckpointError: it does not fit the model and its config; the model is as it was.
    """
    bare, config = unwrap(model), config_of(model)
    file = read_weights(path, key)
    record = read_record(file.content, str(path))
    features = record and record["features"]
    _check_encoder(bare, file)
    sources = getattr(bare, "sources", ())
    training = bool(sources) and not config.setting("test.evaluate", False)
    fine_tune = config.options().train.fine_tune
    same = bool(record and record["run"].get("sources") == sources)
    others = bool(record and training and not same)
    fitted = fit_weights(bare, file.state, features, same if fine_tune else not others, fine_tune)
    wrong = _wrong_settings(bare, config, features or inferred_settings(file.state), fine_tune)
    cure = CURE if wrong and features else "Use the config of its training."
    if not wrong and fitted.faults:
        wrong = f"the file {', '.join(fitted.faults)}"
    if not wrong and training and fitted.left_out and not fine_tune:
        people = " (its persons are those of other data.sources)" if "classifier" in fitted.left_out and others else ""
        wrong = f"its {' and '.join(fitted.left_out)} cannot be trained on{people}"
    if wrong:
        cure = cure if fine_tune else f"{cure} {ON_PURPOSE}"
        raise CheckpointError(f"{path} does not fit model {_name(bare)!r} of the config: {wrong}. {cure}")
    bare.load_state_dict(fitted.state, strict=False)
    bare.loaded_weights = _loaded(path, fitted, features, fine_tune)
    print(printable(f'Successfully loaded pretrained weights from "{path}"'))
    _report(bare.loaded_weights.entry)


def recorded(path: str | Path, key: str) -> dict[str, Any] | None:
    """The record of a file of weights, see :mod:`aio_plugin.models.feature_settings`; None where it has none."""
    return read_record(read_weights(path, key, mmap=True).content, str(path))


def _check_encoder(model: Any, file: WeightsFile) -> None:
    """Raise EncoderError if ``file`` was trained on another encoder than that of ``model``."""
    if isinstance(model.encoder, FrozenEncoder):
        model.encoder.require(file.state.get("encoder.identity"))


def _name(model: Any) -> str:
    return str(model.feature_settings.get("model.name", type(model).__name__))


def _wrong_settings(model: Any, config: RunConfig, trained: Mapping[str, Any], fine_tune: bool) -> str:
    """How the settings of ``model`` differ from those that weights were ``trained`` with, '' if they do not."""
    current = {**model.feature_settings, **config_data_settings(config)}
    keys = differing(current, trained)
    if fine_tune:
        more = set(trained.get("aio.modalities", ())) <= set(current.get("aio.modalities", ()))
        keys = [key for key in keys if not (key in RESIZABLE or (key == "aio.modalities" and more))]
    return describe_differences(keys, current, trained)


def config_data_settings(config: RunConfig) -> dict[str, Any]:
    """The settings of images in a config; none where it does not have all of them."""
    values = [config.setting(key, None) for key in DATA_KEYS]
    return {} if None in values else data_settings(*values)


def _loaded(path: str | Path, fitted: FittedWeights, features: Any, fine_tune: bool) -> LoadedWeights:
    entry = {
        "file": str(path),
        "sha256": file_sha256(Path(path).expanduser()),
        "kept": len(fitted.state) - len(fitted.resized),
        "resized": fitted.resized,
        "fresh": [*fitted.left_out, *fitted.fresh],
        "recorded": features is not None,
    }
    return LoadedWeights(entry, tuple(fitted.fresh), features, fine_tune)


def _report(entry: Mapping[str, Any]) -> None:
    if not entry["recorded"]:
        print("** The file does not record its settings; that its tensors fit is all that is known")
    for part in ("resized", "fresh"):
        if entry[part]:
            print(f"** {part.capitalize()}, of {entry['kept']} tensors kept: {', '.join(entry[part])}")


def check_use(model: Any, images: Mapping[str, Any], test_only: bool) -> None:
    """Check that the weights that ``model`` was loaded with serve a run.

    Args:
        images: size and normalisation of the images that the run tests with.
        test_only: whether it does not train.

    Raises:
        CheckpointError: they do not, and what to do.
        ConfigError: it is to be fine-tuned, and no weights were loaded.
    """
    loaded: LoadedWeights | None = getattr(unwrap(model), "loaded_weights", None)
    if loaded is None and not test_only and config_of(model).options().train.fine_tune:
        raise ConfigError(f"{FINE_TUNE} is True, but no weights were loaded; set model.load_weights to a checkpoint.")
    if loaded is None:
        return
    file = loaded.entry["file"]
    keys = [key for key in differing(images, loaded.features or {}) if not (loaded.fine_tune and key in RESIZABLE)]
    if keys:
        raise CheckpointError(
            f"{file} does not fit the data manager: {describe_differences(keys, images, loaded.features or {})}. Set "
            "them as in training."
        )
    if test_only and loaded.untested:
        raise CheckpointError(
            f"{file} lacks parts of the model that features depend on, so it cannot be tested: "
            f"{', '.join(loaded.untested)}. Train it first (test.evaluate False), or set aio.modalities and "
            "aio.text.length as in training."
        )
    if not test_only and loaded.entry["fresh"] and not loaded.fine_tune:
        fresh = " and ".join(loaded.entry["fresh"])
        raise CheckpointError(f"{file} does not fit the training: its {fresh} could not be loaded. {ON_PURPOSE}")


def resume_training(path: str | Path, model: nn.Module, optimizer: Any = None, scheduler: Any = None) -> int:
    """As :func:`torchreid.utils.resume_from_checkpoint`, for an AIO model: everything fits or is refused.

    Raises:
        EncoderError: there is no such file, or it cannot be read safely.
        CheckpointError: it is not a checkpoint of this model's training.
    """
    bare = unwrap(model)
    print(printable(f'Loading checkpoint from "{path}"'))
    file = read_weights(path, "model.resume")
    epoch, record = _epoch(file, path), read_record(file.content, str(path))
    _check_encoder(bare, file)
    trained = record["features"] if record else inferred_settings(file.state)
    wrong = _wrong_settings(bare, config_of(model), trained, False)
    if not wrong and record and not config_of(model).setting("test.evaluate", False):
        wrong = run_faults(record["run"], config_of(model), getattr(bare, "sources", ()))
    wrong = wrong or ", ".join(f"the file {fault}" for fault in state_dict_faults(bare.state_dict(), file.state))
    parts = [(optimizer, "optimizer"), (scheduler, "scheduler")]
    if not wrong and optimizer is not None and "optimizer" in file.content:
        wrong = _optimizer_faults(optimizer, file.content["optimizer"])
    if not wrong and scheduler is not None and isinstance(saved := file.content.get("scheduler"), Mapping):
        wrong = _kind_faults(saved, scheduler.state_dict(), "scheduler")
    if wrong:
        raise CheckpointError(
            f"{path} is of another run: {wrong}. Resume with the config of its training; to start from its weights "
            "alone, set model.load_weights instead of model.resume."
        )
    notice = code_notice(record["run"]) if record else "** It records no run: its data and settings are not compared"
    if notice:
        print(notice)
    bare.load_state_dict(file.state)
    print("Loaded model weights")
    for part, name in parts:
        if part is not None and name in file.content:
            try:
                part.load_state_dict(file.content[name])
            except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
                raise CheckpointError(
                    f"{path}: the state of the {name} does not fit ({error}). Resume with the config of its training, "
                    "or set model.load_weights instead of model.resume."
                ) from error
            print(f"Loaded {name}")
    earlier = record and record["run"].get("weights")
    bare.loaded_weights = LoadedWeights(earlier, fine_tune=True) if earlier else None
    print(f"Last epoch = {epoch}")
    if isinstance(rank1 := file.content.get("rank1"), (int, float)):
        print(f"Last rank1 = {rank1:.1%}")
    return epoch


def _epoch(file: WeightsFile, path: str | Path) -> int:
    epoch = file.content.get("epoch")
    if not isinstance(epoch, int) or epoch < 0:
        raise CheckpointError(
            f"{path} has weights but no state of training. Set model.load_weights to it; model.resume needs a "
            "checkpoint of training."
        )
    return epoch


def _optimizer_faults(optimizer: Any, state: Any) -> str:
    """How a saved state differs from ``optimizer`` in its kind or its groups, '' if it does not."""
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        return "the state of its optimizer is damaged"
    saved, own = ([KINDS & set(group) for group in each] for each in (groups, optimizer.param_groups))
    if saved != own:
        return "it was trained with another train.optim, or other groups of parameters"
    faults = (_kind_faults(*pair, "optimizer") for pair in zip(groups, optimizer.param_groups, strict=True))
    return next(filter(None, faults), "")


def _kind_faults(saved: Any, own: Mapping[str, Any], name: str) -> str:
    """Which value of a saved state is of another type than that of the object it is for, '' if none is."""
    wrong = [key for key in own if key in saved and _kind(saved[key]) != _kind(own[key])]
    return f"the state of its {name} is damaged: {wrong[0]!r} is of another kind" if wrong else ""


def _kind(value: Any) -> type:
    return _ALIKE.get(type(value), type(value))
