"""Config files and overrides, damaged, read as ``main`` does."""

import argparse
import ast
import functools
from collections.abc import Mapping

import yaml

from .. import mutate
from ..guard import REPOSITORY, Wrong
from .base import Kind

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
WHOLE = (
    BOMB, "a: &a {b: *a}\n", "aio: &x\n  - *x\n", "? [a, b]\n: c\n", "{" * 3000, "[" * 3000 + "]" * 3000,
    "a: !!python/object/apply:os.system [true]\n",
    "!!python/name:os.system\n", "<<: {aio: 1}\n", "aio: !!binary aGk=\n", "date: 2020-01-01\n",
    "---\na: 1\n---\nb: 2\n", "- 1\n", "7\n", "null\n",
    "aio: {stages: {epochs: 1}}\n", "data: {sources: market1501}\n", "train: 5\n", "model: []\n", "aio:\n",
    "data: {height: 1e3}\n", "train: {lr: 1_0}\n",
    "1: 2\n", "true: false\n", "aio: {1: 2}\n", "'': ''\n", "aio: {text: {length: 0x50}}\n", "a" * 1_000_000, "\t",
    "aio: {loss: {others: {a: .nan}}}\n",
)  # fmt: skip


@functools.cache
def shipped():
    """The text of every shipped config, by its path."""
    return {path: path.read_bytes() for path in sorted((REPOSITORY / "configs").glob("*/*.yaml"))}


@functools.cache
def plain(path):
    """The parsed config of a path."""
    return yaml.safe_load(shipped()[path])


def prepare(lab):
    """Register the package, as main does."""
    import aio_plugin

    aio_plugin.register()


def leaves(values, prefix=()):
    """Key paths and values of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def damaged_yaml(rng, path):
    """The bytes of a config after damage."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(WHOLE).encode()
    if kind == 1:
        return shipped()[path] + b"\n" + rng.choice(WHOLE)[:5000].encode()
    if kind < 4:
        return mutate.damaged_bytes(rng, shipped()[path])
    try:
        if kind < 6:
            return one_value(rng, plain(path))
        return yaml.safe_dump(mutate.damaged_value(rng, plain(path))).encode("utf-8", "surrogatepass")
    except (ValueError, yaml.YAMLError, RecursionError, TypeError):
        return mutate.damaged_bytes(rng, shipped()[path])


def one_value(rng, document):
    """The document with one key of the whole config set to a value of any kind."""
    keys = [key for key, _ in leaves(whole_config())]
    key, value = rng.choice(keys), mutate.hostile(rng)
    document = dict(document)
    holder = document
    for part in key[:-1]:
        holder[part] = dict(holder.get(part) or {})
        holder = holder[part]
    holder[key[-1]] = value
    return yaml.safe_dump(document).encode("utf-8", "surrogatepass")


@functools.cache
def whole_config():
    """Every key with its default."""
    from dataclasses import asdict

    from aio_plugin.config import AIOConfig, parse_config
    from aio_plugin.host.default_config import default_config
    from aio_plugin.host.run_config import dataset_options

    assert AIOConfig
    return {**default_config(), "aio": asdict(parse_config({}, dataset_options()))}


def overrides(rng):
    """A few pairs of KEY VALUE, as on the command line."""
    pairs = []
    for _ in range(rng.choice((1, 1, 2))):
        key = ".".join(map(str, rng.choice([key for key, _ in leaves(whole_config())])))
        if rng.random() < 0.3:
            key = rng.choice(
                (
                    key[:-1],
                    key + ".x",
                    "aio",
                    "",
                    ".",
                    "aio.",
                    key.upper(),
                    key.replace("aio.", ""),
                    "nodots",
                    key + "\0",
                )
            )
        value = rng.choice(
            (
                repr(mutate.hostile(rng))[:100_000],
                rng.choice(mutate.TEXTS),
                "[" * 2000,
                "1" * 6000,
                "{",
                "__import__('os')",
                "9**9**9",
                "(1,",
                "'",
                "-" * 5000 + "1",
            )
        )
        pairs += [key, value]
    return pairs[: rng.choice((len(pairs), len(pairs), len(pairs), 1))]


def run(kind, rng, lab):
    """One config, read and resolved to what every part of a run takes from it."""
    from aio_plugin.host.default_config import ARGUMENTS, arguments
    from aio_plugin.host.main import load_config
    from aio_plugin.host.run_config import RunConfig

    path = rng.choice(sorted(shipped()))
    file, opts = lab.case / "config.yaml", []
    file.write_bytes(damaged_yaml(rng, path) if kind == "file" else shipped()[path])
    if kind == "overrides":
        opts = overrides(rng)
    given = argparse.Namespace(config_file=str(file), root="", sources=None, targets=None, transforms=None, opts=opts)
    with lab.guard.on():
        cfg = load_config(given)
        RunConfig(cfg).options()
        for group in ARGUMENTS:
            arguments(cfg, group)
    if kind == "overrides":
        return "other"
    document = yaml.safe_load(file.read_bytes()) or {}
    if not isinstance(document, dict):
        raise Wrong(f"a config that is a {type(document).__name__} was accepted")
    options = {**cfg, "aio": RunConfig(cfg).document()["aio"]}
    for key, value in leaves(document):
        found = options
        for part in key:
            if not isinstance(found, Mapping) or part not in found:
                raise Wrong(f"{'.'.join(map(str, key))} was accepted and is not in the config")
            found = found[part]
        if not equal(found, value):
            raise Wrong(f"{'.'.join(map(str, key))} is {found!r:.80}, and the file says {value!r:.80}")
    return "same" if document == plain(path) else "other"


def equal(one, two):
    """Whether a setting is what the file says; yacs takes text as Python writes values, one value is a list of one."""
    if isinstance(one, (list, tuple)):
        two = two if isinstance(two, (list, tuple)) else [two]
        return len(one) == len(two) and all(map(equal, one, two))
    if isinstance(one, Mapping):
        return not two or dict(one) == dict(two)
    return one == two or (isinstance(two, str) and (str(one) == two or one == literal(two)))


def literal(text):
    """The Python value of a text; the text if it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


KINDS = [
    Kind("config file", functools.partial(run, "file"), prepare, 12),
    Kind("config overrides", functools.partial(run, "overrides"), prepare, 8),
]
