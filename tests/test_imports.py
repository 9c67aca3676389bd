"""Who may know whom: imports between packages go one way, only ``host`` knows torchreid, nobody knows ``toy``."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import aio_plugin

ROOT = Path(aio_plugin.__file__).parent
LAYERS = [
    {"modality", "config", "keys", "errors", "registry", "torchvision_import", "atomic_write"},
    {"tokenizers", "encoders", "synthesis", "losses", "metrics"},
    {"heads", "models", "protocols"},
    {"datasets", "training", "evaluation"},
    {"toy"},
    {"host"},
    {"tools", "__main__", "__init__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imports(path):
    """Absolute names of everything that a file imports, inside functions too."""
    package = ["aio_plugin", *path.relative_to(ROOT).with_suffix("").parts][:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            if module == "aio_plugin" or not node.module:
                yield from (f"{module}.{alias.name}" for alias in node.names)


def edges():
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).with_suffix("").parts[0]
        for name in imports(path):
            yield part, path, name.split(".")


def test_arrows_go_one_way():
    inside = {
        (part, name[1])
        for part, _, name in edges()
        if name[0] == "aio_plugin" and len(name) > 1 and name[1] in RANK and name[1] != part
    }
    upwards = sorted((a, b) for a, b in inside if RANK[b] > RANK[a])
    assert upwards == []
    graph = {}
    for a, b in inside:
        graph.setdefault(a, set()).add(b)
    TopologicalSorter(graph).prepare()  # raises CycleError on a circle


def test_only_host_knows_torchreid():
    strangers = [
        str(path.relative_to(ROOT)) for part, path, name in edges() if name[0] == "torchreid" and part != "host"
    ]
    assert strangers == []


def test_nothing_but_the_command_line_imports_the_toy_world():
    strangers = {part for part, _, name in edges() if name[:2] == ["aio_plugin", "toy"]} - {"toy", "__main__"}
    assert strangers == set()


def test_every_package_has_a_layer():
    packages = {p.name for p in ROOT.iterdir() if (p / "__init__.py").exists()} | {p.stem for p in ROOT.glob("*.py")}
    assert packages == set(RANK)


@pytest.mark.parametrize("name", ["torch", "torchreid", "timm", "open_clip", "numpy"])
def test_importing_the_package_imports_nothing_heavy(name):
    code = f"import sys, aio_plugin; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
