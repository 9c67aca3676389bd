"""Every command of the READMEs can be parsed, and no two that differ share a toy world or a folder of results."""

import argparse
import importlib.util

import pytest
import yaml

from aio_plugin import __main__ as command_line
from aio_plugin.host.main import load_config
from aio_plugin.host.registration import register, unregister
from benchmarks.paper_tables import __main__ as paper_tables
from benchmarks.paper_tables.scales import SCALES

from .readme import REPO, commands, expanded

CONFIG = "configs/toy/aio_tiny_toy.yaml"
ALL = {tuple(words): None for command in commands() for words in expanded(command)}


def module_of(words):
    """The module that a command runs, and its arguments."""
    return (words[words.index("-m") + 1], list(words[words.index("-m") + 2 :])) if "-m" in words else ("", [])


def parsed(words, module="aio_plugin"):
    found, arguments = module_of(words)
    if words[0] == "aio-reid":
        found, arguments = "aio_plugin", list(words[1:])
    known = {"aio_plugin": command_line, "benchmarks.paper_tables": paper_tables}
    arguments = [CONFIG if word == "X.yaml" else "aio_tiny" if word == "MODEL" else word for word in arguments]
    return known[module]._parser().parse_args(arguments) if found == module else None


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_command_can_be_parsed(words, monkeypatch):
    monkeypatch.chdir(REPO)
    module, _ = module_of(words)
    assert not module or importlib.util.find_spec(module)
    parsed(words, "benchmarks.paper_tables")
    args = parsed(words)
    if getattr(args, "config_file", ""):
        register()
        try:
            load_config(args)
        finally:
            unregister()


def test_the_kinds_of_commands_are_here():
    kinds = {words[0] for words in ALL} | {module_of(words)[0] for words in ALL}
    assert {"pip", "torchrun", "aio_plugin", "benchmarks.paper_tables", "benchmarks.markdown"} <= kinds
    assert len(ALL) > 25


def worlds():
    """(data root, facts) of every toy world that a command makes."""
    for words in ALL:
        args = parsed(words)
        if args is not None and hasattr(args, "ids"):
            yield args.root, (args.ids, args.seed, args.sets)
    for scale in SCALES.values():
        if scale.toy:
            yield scale.root.relative_to(REPO).as_posix(), (scale.ids, paper_tables.WORLD_SEED, "all")


def test_every_root_has_one_world():
    made = {}
    for root, facts in worlds():
        made.setdefault(root, set()).add(facts)
    assert {root: facts for root, facts in made.items() if len(facts) > 1} == {}
    assert {yaml.safe_load(path.read_text())["data"]["root"] for path in REPO.glob("configs/toy/*")} <= set(made)
    assert len(made) == 5


def test_every_folder_of_results_has_one_config():
    users = {}
    for path in REPO.glob("configs/*/*.yaml"):
        users.setdefault(yaml.safe_load(path.read_text())["data"]["save_dir"], set()).add(path)
    for words in ALL:
        args = parsed(words)
        if isinstance(args, argparse.Namespace) and "data.save_dir" in getattr(args, "opts", []):
            folder = args.opts[args.opts.index("data.save_dir") + 1]
            users.setdefault(folder, set()).add(REPO / args.config_file)
    assert {folder: paths for folder, paths in users.items() if len(paths) > 1} == {}
