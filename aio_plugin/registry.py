"""Named things that anybody can add to: datasets, encoders, modalities and losses; and the plugins that do.

A value is built in, offered by an installed package through an entry point, or registered by a call. Built-in and
offered values are imported when they are first used; their names are known without importing them.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb
from typing import Any, Generic, TypeVar

from .errors import AIOError, nearest

T = TypeVar("T")

BUILT_IN = "built in"
PLUGINS = "AIO_PLUGINS"
"""Environment variable: Python files or modules to import before anything else, separated as in PATH."""


class RegistryError(AIOError, ValueError):
    """A name is taken, or its value cannot be loaded."""


@dataclass
class _Entry:
    """Where a value comes from, and the value; None until it is loaded."""

    origin: str
    point: EntryPoint | None = None
    value: Any = None


class Registry(Generic[T]):
    """Name -> value.

    Args:
        kind: what a value is, in one word, for messages.
        group: group of the entry points that add to it, such as ``aio_plugin.datasets``.
        built_in: name -> ``"package.module:ATTRIBUTE"``. An attribute that is a mapping holds the value by its name.
        check: raises for a value that cannot be of this kind; called with name and value before a value is kept.
        error: raised for an unknown name.

    Example:
        >>> registry = Registry("joiner", built_in={"path": "os.path:join"})
        >>> registry["path"]("a", "b")
        'a/b'
        >>> registry.register("plus", "+".join)
        >>> tuple(registry), registry.origin("path")
        (('path', 'plus'), 'built in')
        >>> registry["pluss"]
        Traceback (most recent call last):
        aio_plugin.registry.RegistryError: Unknown joiner 'pluss'. Did you mean 'plus'?
    """

    def __init__(
        self,
        kind: str,
        group: str = "",
        built_in: Mapping[str, str] | None = None,
        check: Callable[[str, Any], object] | None = None,
        error: type[AIOError] = RegistryError,
    ) -> None:
        self.kind, self.group, self._check, self._error = kind, group, check, error
        self._entries = {
            name: _Entry(BUILT_IN, EntryPoint(name, where, group)) for name, where in (built_in or {}).items()
        }
        self._subscribers: list[Callable[[str], object]] = []
        self._searched = not group

    def register(self, name: str, value: T, *, replace: bool = False) -> None:
        """Let ``name`` stand for ``value``; to repeat a registration changes nothing.

        Raises:
            RegistryError: the name is not a plain word, or it is taken and ``replace`` is False.
        """
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
            raise RegistryError(f"{name!r} cannot name a {self.kind}; use letters, digits, '_' and '-'.")
        entries = self._known()
        before = entries.get(name)
        if before and not replace:
            if before.value is value:
                return
            raise RegistryError(
                f"There is a {self.kind} {name!r} already ({before.origin}); choose another name, or pass "
                "replace=True to take its place."
            )
        if self._check:
            self._check(name, value)
        entries[name] = _Entry(f"registered by {_caller()}", value=value)
        try:
            self._notify(name)
        except BaseException:
            if before:
                entries[name] = before
            else:
                del entries[name]
            raise

    def unregister(self, name: str) -> None:
        """Forget ``name``, if it is known; what a call of :meth:`register` replaced does not come back."""
        if self._known().pop(name, None):
            self._notify(name)

    def subscribe(self, callback: Callable[[str], object]) -> Callable[[], None]:
        """Call ``callback(name)`` after each change of a name: registered, replaced or, if no longer known, removed.

        An exception of the callback refuses the registration. Returns a function that ends the subscription.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def origin(self, name: str) -> str:
        """Where ``name`` comes from: "built in", "entry point of <package> <version>" or "registered by <module>"."""
        return self._entry(name).origin

    def outside(self) -> dict[str, str]:
        """Names that are not built in -> their origins."""
        return {name: entry.origin for name, entry in self._known().items() if entry.origin != BUILT_IN}

    def __getitem__(self, name: str) -> T:
        entry = self._entry(name)
        if entry.value is None:
            entry.value = self._load(name, entry)
        value: T = entry.value
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __iter__(self) -> Iterator[str]:
        """All names: built in, of entry points, registered; nothing is imported."""
        return iter(tuple(self._known()))

    def __len__(self) -> int:
        return len(self._known())

    def get(self, name: str) -> T | None:
        """The value of ``name``; None where it is unknown."""
        return self[name] if name in self else None  # noqa: SIM401 -- this is get()

    def items(self) -> ItemsView[str, T]:
        """Names and values; an entry point that cannot be loaded is left out with a warning."""
        values: dict[str, T] = {}
        for name in self:
            try:
                values[name] = self[name]
            except RegistryError as error:
                if self.origin(name) == BUILT_IN:
                    raise
                warnings.warn(f"{error} It is left out.", stacklevel=2)
        return values.items()

    def _load(self, name: str, entry: _Entry) -> Any:
        assert entry.point is not None
        try:
            value = entry.point.load()
            if isinstance(value, Mapping):
                value = value[name]
            if self._check and entry.origin != BUILT_IN:
                self._check(name, value)
        except Exception as error:  # foreign code is run, which can fail in any way
            if entry.origin == BUILT_IN:
                raise
            raise RegistryError(
                f"The {self.kind} {name!r} ({entry.origin}, group {self.group}) cannot be loaded: "
                f"{type(error).__name__}: {error}. Update or uninstall that package."
            ) from error
        return value

    def _entry(self, name: str) -> _Entry:
        entries = self._known()
        if name not in entries:
            raise self._error(f"Unknown {self.kind} {name!r}.{nearest(name, entries)}")
        return entries[name]

    def _known(self) -> dict[str, _Entry]:
        """All entries; those of installed packages are looked up at the first call."""
        if not self._searched:
            self._searched = True
            for point in entry_points(group=self.group):
                package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
                if point.name not in self._entries:
                    self._entries[point.name] = _Entry(f"entry point of {package}", point)
                else:
                    warnings.warn(
                        f"The {self.kind} {point.name!r} of {package} (entry point group {self.group}) is left out: "
                        f"the name is taken ({self._entries[point.name].origin}).",
                        stacklevel=2,
                    )
        return self._entries

    def _notify(self, name: str) -> None:
        for callback in self._subscribers:
            callback(name)


def _caller() -> str:
    """The module outside this package that runs right now, with its file."""
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame = frame.f_back
    name, file = frame.f_globals.get("__name__", "?"), frame.f_globals.get("__file__")
    return f"{name} ({file})" if file else str(name)


def import_plugins(names: Iterable[str] = ()) -> None:
    """Import Python files or modules whose calls of ``register_...`` add to the registries, each once.

    Those of the environment variable AIO_PLUGINS come first; ``names`` are added to it, so that processes started from
    here on import them too. A file's folder is searched for what it imports.

    Raises:
        RegistryError: there is no such file or module, or it fails; says where.
    """
    inherited = [name for name in os.environ.get(PLUGINS, "").split(os.pathsep) if name]
    every = list(dict.fromkeys([*inherited, *(os.path.abspath(name) if _is_file(name) else name for name in names)]))
    if every:
        from .torchvision_import import repair_torchvision  # imports torch, as every plugin does

        repair_torchvision()
        os.environ[PLUGINS] = os.pathsep.join(every)
    for name in every:
        try:
            _import_file(Path(name)) if _is_file(name) else import_module(name)
        except AIOError:
            raise
        except Exception as error:  # a user's code, which can fail in any way
            last = extract_tb(error.__traceback__)[-1]
            raise RegistryError(
                f"The plugin {name} cannot be imported: {type(error).__name__}: {error} ({last.filename}, line "
                f"{last.lineno}). Mend it, or take it out of --plugin and of the environment variable {PLUGINS}."
            ) from error


def _is_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def _import_file(path: Path) -> None:
    """Import a file as the module of its name, as if its folder were the last of ``sys.path``."""
    if path.suffix != ".py" or not os.path.isfile(path):
        raise RegistryError(f"There is no plugin {path}; give the path of a Python file, or the name of a module.")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    importlib.invalidate_caches()
    module = import_module(path.stem)
    if not os.path.samefile(getattr(module, "__file__", None) or os.devnull, path):
        raise RegistryError(f"The plugin {path} has the name of another module, {path.stem!r}; rename the file.")
