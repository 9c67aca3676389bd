"""How the package is built: who may import whom, how much a folder holds, and that a type's name means one thing."""

import ast
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import aio_plugin

ROOT = Path(aio_plugin.__file__).parent
LAYERS = [
    {
        "modality",
        "config",
        "options",
        "registry",
        "errors",
        "torchvision_import",
        "atomic_write",
        "file_lock",
        "worker_processes",
        "outside_files",
        "image_files",
    },
    {"tokenizers", "encoders", "synthesis", "losses", "metrics"},
    {"heads", "models", "protocols"},
    {"datasets", "training", "evaluation"},
    {"search", "export", "toy"},
    {"host"},
    {"tools", "__main__", "__init__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
MODULES = {
    ".".join(["aio_plugin", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
FILES_PER_FOLDER = 20


def part(module):
    """The package or module right below ``aio_plugin`` that ``module`` belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def at_import(nodes):
    """The statements among ``nodes`` that run when a module is imported, those of its classes and branches too."""
    for node in nodes:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from at_import(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def imports(module, nodes):
    """Absolute names of the modules that the import statements among ``nodes`` import, or import names from."""
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for name in (f"{source}.{alias.name}" for alias in node.names):
                yield name if name in MODULES else source


def edges():
    """(importing module, imported module) over all import statements, inside functions too."""
    for module, tree in TREES.items():
        yield from ((module, name) for name in imports(module, ast.walk(tree)))


def test_arrows_go_one_way():
    inside = {(part(module), part(name)) for module, name in edges() if name in MODULES and name != "aio_plugin"}
    assert sorted((a, b) for a, b in inside if RANK[b] > RANK[a]) == []
    graph = {}
    for a, b in inside:
        if a != b:
            graph.setdefault(a, set()).add(b)
    TopologicalSorter(graph).prepare()  # raises CycleError on a circle


def test_no_module_waits_for_itself_while_it_is_imported():
    """The packages that an imported module lies in are imported too, unless the importing one lies in them."""
    graph = {}
    for module, tree in TREES.items():
        for name in imports(module, at_import(tree.body)):
            steps = name.split(".")
            packages = {".".join(steps[:end]) for end in range(1, len(steps))}
            needed = {package for package in packages if not f"{module}.".startswith(f"{package}.")} | {name}
            graph.setdefault(module, set()).update(needed & set(MODULES))
    TopologicalSorter(graph).prepare()  # raises CycleError on a circle


def test_only_host_knows_torchreid():
    strangers = {module for module, name in edges() if name.split(".")[0] == "torchreid" and part(module) != "host"}
    assert strangers == set()


def test_nothing_but_the_command_line_imports_the_toy_world():
    strangers = {part(module) for module, name in edges() if name in MODULES and part(name) == "toy"}
    assert strangers - {"toy", "__main__"} == set()


def test_every_package_has_a_layer():
    assert {part(module) for module in MODULES} <= set(RANK)


def test_no_folder_holds_too_many_files():
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values() if path.stem != "__init__")
    assert {folder for folder, count in counts.items() if count > FILES_PER_FOLDER} == set()


def types(tree):
    """Public names of the classes and type aliases at a module's level."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef) else []
        yield from (name for name in names if re.fullmatch("[A-Z][A-Z0-9]*[a-z][A-Za-z0-9]*", name))


def test_a_public_type_name_means_one_thing():
    homes = {}
    for module, tree in TREES.items():
        for name in types(tree):
            homes.setdefault(name, []).append(module)
    assert len(homes) > 100
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


@pytest.mark.parametrize("name", ["torch", "torchreid", "timm", "open_clip", "numpy"])
def test_importing_the_package_imports_nothing_heavy(name):
    code = f"import sys, aio_plugin; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
