"""The registry behind datasets, encoders, modalities and losses."""

import subprocess
import sys

import pytest

from aio_plugin.errors import DatasetError
from aio_plugin.registry import Registry, RegistryError

from .conftest import install

GROUP = "aio_plugin.joiners"


@pytest.fixture
def registry():
    return Registry("joiner", GROUP, {"path": "os.path:join"}, error=DatasetError)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs made-up packages: name, version, code of its module, and its entry points by name."""
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name, version, code, **points: install(tmp_path, name, version, code, **{GROUP: points})
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


def test_what_is_registered_is_found_and_forgotten(registry):
    registry.register("plus", "+".join)
    assert registry["plus"](("a", "b")) == "a+b"
    assert tuple(registry) == ("path", "plus")
    assert "plus" in registry
    assert len(registry) == 2
    assert registry.origin("path") == "built in"
    assert registry.origin("plus") == f"registered by {__name__} ({__file__})"
    assert registry.outside() == {"plus": registry.origin("plus")}
    registry.unregister("plus")
    assert tuple(registry) == ("path",)
    assert registry.get("plus") is None


def test_a_taken_name_is_refused_with_its_origin(registry):
    registry.register("plus", "+".join)
    with pytest.raises(RegistryError, match=rf"joiner 'plus' already \(registered by {__name__} "):
        registry.register("plus", "-".join)
    with pytest.raises(RegistryError, match=r"joiner 'path' already \(built in\)"):
        registry.register("path", "-".join)
    registry.register("path", "-".join, replace=True)
    assert registry["path"]("ab") == "a-b"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a@b", "a/b", "-a", None])
def test_a_name_that_a_config_could_not_spell_is_refused(registry, name):
    with pytest.raises(RegistryError, match="cannot name a joiner"):
        registry.register(name, "+".join)


def test_an_unknown_name_names_the_nearest(registry):
    with pytest.raises(DatasetError, match=r"Unknown joiner 'paht'\. Did you mean 'path'\?"):
        registry["paht"]


def test_built_in_values_are_imported_when_asked_for():
    code = (
        "import sys; from aio_plugin.registry import Registry; r = Registry('x', built_in={'a': 'wave:open'});"
        "assert 'a' in r and list(r) == ['a'] and 'wave' not in sys.modules; r['a']; assert 'wave' in sys.modules;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_subscribers_hear_of_every_change_and_can_refuse(registry):
    heard = []
    stop = registry.subscribe(lambda name: heard.append((name, name in registry)))
    registry.register("plus", "+".join)
    registry.unregister("plus")
    assert heard == [("plus", True), ("plus", False)]
    stop()

    def refuse(name):
        raise ValueError(name)

    registry.subscribe(refuse)
    with pytest.raises(ValueError, match="plus"):
        registry.register("plus", "+".join)
    assert "plus" not in registry
    with pytest.raises(ValueError, match="path"):
        registry.register("path", "+".join, replace=True)
    assert registry.origin("path") == "built in"


def test_an_installed_package_is_found_by_itself(registry, package):
    package("dashes", "1.2", "dash = '-'.join\nMORE = {'dot': '.'.join}", dash="dash", dot="MORE")
    assert tuple(registry) == ("path", "dash", "dot")
    assert "dashes" not in sys.modules
    assert registry.origin("dash") == "entry point of dashes 1.2"
    assert registry["dash"]("ab") == "a-b"
    assert registry["dot"]("ab") == "a.b"


def test_a_broken_entry_point_is_named_and_harms_no_other(registry, package):
    package("broken", "0.1", "import no_such_module", dash="dash")
    package("whole", "0.2", "dot = '.'.join", dot="dot")
    with pytest.raises(RegistryError, match=rf"'dash' \(entry point of broken 0.1, group {GROUP}\) .*no_such_module"):
        registry["dash"]
    with pytest.warns(UserWarning, match="'dash' .*broken 0.1.* left out"):
        assert list(dict(registry.items())) == ["path", "dot"]


def test_an_entry_point_does_not_take_a_built_in_name(registry, package):
    package("greedy", "3", "join = None", path="join")
    with pytest.warns(UserWarning, match=rf"'path' of greedy 3 \(entry point group {GROUP}\) .*\(built in\)"):
        assert registry.origin("path") == "built in"


def test_a_value_of_the_wrong_kind_is_refused(package):
    def check(name, value):
        if not callable(value):
            raise TypeError(f"{name} is not a function")

    registry = Registry("joiner", GROUP, check=check)
    with pytest.raises(TypeError, match="plus is not a function"):
        registry.register("plus", 1)
    assert not registry
    package("dashes", "1.2", "dash = 1", dash="dash")
    registry = Registry("joiner", GROUP, check=check)
    with pytest.raises(RegistryError, match=r"dashes 1\.2.* TypeError: dash is not a function"):
        registry["dash"]


def test_registering_imports_nothing_heavy():
    code = (
        "import sys, aio_plugin; aio_plugin.register_loss('x', len); aio_plugin.register_encoder('x', len);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
