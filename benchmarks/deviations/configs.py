"""The settings of a config beside those of its paper; every deviation needs its reason in the config.

A reason is a comment on the key's line, or in the lines above it: ``# paper: 0.0001; why``, with the paper's value
in front. The papers' values stand in ``aio.yaml`` and ``dmf.yaml``.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aio_plugin.config import describe, parse_config
from aio_plugin.errors import AIOError
from aio_plugin.host.default_config import default_config
from aio_plugin.host.run_config import dataset_options
from aio_plugin.host.settings import DATASET_ARGUMENTS, DEFAULTS, UNUSED
from aio_plugin.models.specs import DMF_NAMES, SPECS
from aio_plugin.options import merge

from ..result_files import REPOSITORY

FOLDER = Path(__file__).parent
CONFIGS = REPOSITORY / "configs"
MARK = "# paper: "
DATASETS = "aio.datasets."


class Stated(NamedTuple):
    """A setting of a paper, and the place that says so."""

    value: Any
    place: str


class Deviation(NamedTuple):
    """A setting that is not the paper's; values as they are written in YAML."""

    key: str
    paper: str
    place: str
    here: str
    why: str


@dataclass(frozen=True)
class Paper:
    """What a YAML file of this folder holds.

    Attributes:
        settings: key -> what the paper says, of all configs.
        stages: name of a stage of the method -> the settings that it alone has.
        open: what the paper leaves open, as ``what``, ``choice``, ``why`` and the ``keys`` that choose it.
        code: deviations that no key decides, as ``what``, ``paper``, ``here``, ``why``.
        other: patterns of the keys that the method does not have.
    """

    settings: Mapping[str, Stated]
    stages: Mapping[str, Mapping[str, Stated]]
    open: list[dict[str, Any]]
    code: list[dict[str, Any]]
    other: list[str]

    def unclassified(self) -> list[str]:
        """The keys of a config of which the file says nothing."""
        stated = {*self.settings, *(key for stage in self.stages.values() for key in stage)}
        patterns = [*self.other, *(key for entry in [*self.open, *self.code] for key in entry.get("keys", ()))]
        return [k for k in keys() if k not in stated and not any(fnmatchcase(k, each) for each in patterns)]


@functools.cache
def paper(name: str) -> Paper:
    """``aio`` or ``dmf``."""
    found = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    stages = {stage: _stated(found[stage]) for stage in ("stage_one", "stage_two") if stage in found}
    return Paper(_stated(found["settings"]), stages, found["open"], found["code"], found["other"])


def _stated(places: Mapping[str, Mapping[str, Any]]) -> dict[str, Stated]:
    return {key: Stated(value, place) for place, settings in places.items() for key, value in settings.items()}


def keys() -> list[str]:
    """Every key that a method's config can have, but for the datasets' options and what AIO models refuse."""
    ours = [f"aio.{option.name}" for option in describe({})]
    return [key for key in DEFAULTS if key not in UNUSED and key not in DATASET_ARGUMENTS] + ours


def method(values: Mapping[str, Any]) -> str:
    """The paper of a config: ``aio`` or ``dmf``."""
    return "dmf" if values["model"]["name"] in DMF_NAMES else "aio"


def deviations(path: Path) -> list[Deviation]:
    """Where the config at ``path`` deviates from its paper.

    Raises:
        AIOError: a deviation has no reason in the config, or a reason no deviation; names all of them.
    """
    text = path.read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    comments, found, faults = dict(_reasons(text)), [], list[str]()
    own = _effective(values)
    for key, stated in _settings_of(values).items():
        expected, value = (written(_comparable(key, each)) for each in (stated.value, own[key]))
        said, _, why = comments.pop(key, "").partition("; ")
        if value == expected:
            faults += [f"{key} is {value}, as the paper has it; take out `{MARK}{said}`"] if said else []
        elif said != expected or not why:
            faults.append(f"{key} is {value}; write `{MARK}{expected}; why` behind that key, or above it")
        else:
            found.append(Deviation(key, expected, stated.place, value, why))
    faults += [f"{key or 'a line without a key'}: the paper says nothing of it; take out `{MARK}`" for key in comments]
    if faults:
        name = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
        raise AIOError(f"{name} deviates from the paper without saying so right:\n  " + "\n  ".join(faults))
    return found


def _settings_of(values: Mapping[str, Any]) -> dict[str, Stated]:
    """The paper's settings that a config of its method can have."""
    about = paper(method(values))
    stage = "stage_one" if "text" in values.get("aio", {}).get("modalities", ()) else "stage_two"
    return {
        key: stated
        for key, stated in {**about.settings, **about.stages.get(stage, {})}.items()
        if not key.startswith(DATASETS) or key.removeprefix(DATASETS).partition(".")[0] in values["data"]["sources"]
    }


def _effective(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value, with the defaults of what the config leaves out and of its model."""
    whole: Any = merge(default_config(), {**values, "aio": asdict(parse_config(values["aio"], dataset_options()))})
    names = [*DEFAULTS, *(f"aio.{option.name}" for option in describe(dataset_options()))]
    own = {key: functools.reduce(operator.getitem, key.split("."), whole) for key in names}
    spec = SPECS[values["model"]["name"]]
    for key, value in (
        ("aio.encoder.name", spec.encoder),
        ("aio.tokenizer.width", spec.stem_width),
        ("aio.dmf.text_encoder", spec.text_encoder),
    ):
        own[key] = own[key] or value
    return own


def _comparable(key: str, value: Any) -> Any:
    """What of a value the paper gives."""
    if key != "aio.stages":
        return value
    return ", then ".join(_stage(each) for each in value) or "one of all sources"


def _stage(stage: Mapping[str, Any]) -> str:
    sources = [
        f"{name} ({' '.join('+' + each for each in made)})"
        if (made := (source or {}).get("synthetic", ()))
        else str(name)
        for name, source in stage["sources"].items()
    ]
    copies = stage.get("from_rgb", ())
    start = f" ({', '.join(copies)} from rgb)" if copies else ""
    start += " in batches of one source" if stage.get("batches") == "single_source" else ""
    number = stage["epochs"]
    return f"{number} epoch{'s'[: number != 1]} of {', '.join(sources)}{start}"


def written(value: Any) -> str:
    """A value as YAML has it in one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return "''" if value == "" else str(value)


def _reasons(text: str) -> Iterator[tuple[str, str]]:
    """Dotted key and reason of every marked comment; '' as the key of one that stands at none."""
    lines = text.splitlines()
    at = {number: key for key, number in _places(yaml.compose(text, Loader=yaml.SafeLoader), "")}
    above: list[str] = []
    for number, line in enumerate(lines):
        _, mark, behind = line.partition(MARK)
        if line.lstrip().startswith(MARK):
            above = [behind]
        elif above and line.lstrip().startswith("#"):
            above.append(line.lstrip().removeprefix("#").strip())
        elif above or mark:
            yield at.get(number, ""), " ".join([*above, *([behind] if mark else [])]).strip()
            above = []
    if above:
        yield "", " ".join(above)


def _places(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    """Dotted key and line of every key of nested mappings."""
    for key, value in node.value:
        yield f"{prefix}{key.value}", key.start_mark.line
        if isinstance(value, yaml.MappingNode):
            yield from _places(value, f"{prefix}{key.value}.")
