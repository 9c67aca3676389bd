"""Whole commands in this process: training with a value of any kind in one setting, damaged checkpoints, the doctor."""

import functools
import json
import math

import yaml

from aio_plugin.errors import AIOError
from aio_plugin.tools import installation
from aio_plugin.tools.report import Section
from tests.datasets.miniatures import EVERY

from .. import mutate
from ..guard import REPOSITORY, Wrong, unprintable
from . import annotations, weights
from .base import Kind
from .configs import leaves, whole_config
from .documents import command

CONFIG = REPOSITORY / "configs" / "toy" / "aio_tiny_toy.yaml"
SMALL = {
    "data": {"height": 32, "width": 16, "sources": ["synth_pedes"], "targets": ["cuhk_pedes"], "workers": 0},
    "train": {"batch_size": 2, "max_epoch": 1, "fixbase_epoch": 0, "print_freq": 1},
    "test": {"batch_size": 4},
    "aio": {
        "stages": [{"epochs": 1, "sources": {"synth_pedes": {"quota": 2, "synthetic": ["ir", "sketch"]}}}],
        "train": {"warmup_epochs": 0, "steps_per_epoch": 1},
        "test": {"before": False, "pixels": False, "report": True},
    },
}
"""What makes a training of one step out of the demo."""
ENDLESS = {"max_epoch", "steps_per_epoch", "workers", "epochs"}
"""Settings of which a large value is right, and takes long."""
PATHS = {"root", "cache", "index", "weights", "start", "lexicon", "load_weights", "resume", "lineart"}
"""Settings that may name places outside the data root."""


def merged(one, two):
    """Nested mappings, the second over the first."""
    both = dict(one)
    for key, value in two.items():
        both[key] = merged(one[key], value) if isinstance(value, dict) and isinstance(one.get(key), dict) else value
    return both


@functools.cache
def base():
    """The config of a training of one step."""
    return merged(yaml.safe_load(CONFIG.read_bytes()), SMALL)


def world(lab):
    """Two datasets in miniature, and a process in which torchreid does not start others to describe the machine."""
    from aio_plugin.host.torchreid_import import import_torchreid

    import_torchreid().utils.collect_env_info = lambda: ""

    def build(folder):
        for name in ("synth_pedes", "cuhk_pedes"):
            EVERY[name](folder)

    return lab.template("world", build)[0]


def value_for(rng, key, default):
    """A value that is wrong or unusual for a setting, and not one with which a run takes for ever."""
    value = mutate.hostile(rng)
    if rng.random() < 0.4 and type(default) in (int, float):
        value = type(default)(rng.choice((0, -1, 1, 2, 3, 0.5, 1e-9)))
    if key[-1] in PATHS and isinstance(value, str) and ("/" in value or "\\" in value or "." in value):
        value = "absent"
    if key[-1] == "workers" and isinstance(value, int):
        value = min(value, 0)  # a worker of the fuzzers can have none
    large = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 64
    return -1 if key[-1] in ENDLESS and (large or value is True) else value


def setting(rng, lab):
    """A training with another value of one setting."""
    root, document = lab.copy(world(lab)), base()
    for _ in range(rng.choice((1, 1, 2))):
        key, default = rng.choice([each for each in leaves(whole_config()) if each[0] != ("data", "save_dir")])
        value = value_for(rng, key, default)
        for part in reversed(key):
            value = {part: value}
        document = merged(document, value)
    trained(lab, root, document)
    return "other"


def trained(lab, root, document):
    """Run ``main`` with a config; raises what it reports."""
    file, out = lab.case / "config.yaml", lab.case / "out"
    try:
        file.write_bytes(yaml.safe_dump(document).encode("utf-8", "surrogatepass"))
    except RecursionError:  # which the values of this case cause here, not in the package
        file.write_bytes(b"[" * 2000)
    code, printed, errors = command(lab, "main", "--config-file", file, "--root", root, "data.save_dir", out)
    if unprintable(errors.replace("\r", "")):
        raise Wrong(f"control characters reach the terminal: {unprintable(errors)!r:.80}")
    results = out / "results.json"
    if code:
        if results.exists() and "after" in results.read_text():
            raise Wrong(f"exit code {code}, and results were written")
        raise AIOError(errors or printed)
    if results.exists():
        for each in json.loads(results.read_text())["targets"]:
            for result in filter(None, each["results"].values()):
                if not all(0 <= value <= 1 and math.isfinite(value) for value in result["mean"].values()):
                    raise Wrong(f"results {result['mean']}")


def started(rng, lab):
    """A test or training that starts from a damaged checkpoint."""
    root, key = lab.copy(world(lab)), rng.choice(("load_weights", "resume"))
    path = lab.case / "model.pth.tar-1"
    content = weights.built()[-1]
    path.write_bytes(weights.damaged_file(rng, content))
    trained(lab, root, merged(base(), {"model": {key: str(path)}, "test": {"evaluate": key == "load_weights"}}))
    return "other"


def doctor(rng, lab):
    """The doctor on a damaged dataset; it has to name a problem, or the data are as good as before."""
    name = rng.choice(sorted(EVERY))
    root = lab.copy(annotations.template(lab, name))
    path = rng.choice(annotations.places(root, name))
    if path.is_file() and rng.random() < 0.6:
        mutate.replace(path, mutate.damaged_bytes(rng, path.read_bytes()))
    else:
        mutate.damage_tree(rng, root, path, lab.outside)
    code, printed, errors = command(lab, "doctor", "--root", root, *rng.choice(([], ["--fast"])))
    if unprintable(printed):
        raise Wrong(f"control characters reach the terminal: {unprintable(printed)!r:.80}")
    if code not in (0, 1):
        raise AIOError(errors)
    return "warned" if code else "other"


def of_data_alone(lab):
    """The doctor's parts on packages and encoders start processes, and are the same whatever the data are."""
    installation.packages = installation.encoders = lambda: Section("packages")


KINDS = [
    Kind("run setting", setting, world, 8),
    Kind("run checkpoint", started, lambda lab: (world(lab), weights.built()), 4),
    Kind("doctor", doctor, of_data_alone, 8),
]
