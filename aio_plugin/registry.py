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
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb
from typing import Any, Generic, NamedTuple, TypeVar, overload

from .errors import AIOError, nearest

T = TypeVar("T")
U = TypeVar("U")

BUILT_IN = "built in"
PLUGINS = "AIO_PLUGINS"
"""Environment variable: Python files or modules to import before anything else, separated as in PATH."""


class RegistryError(AIOError, ValueError):
    """A name is taken, or its value cannot be loaded."""


class _Entry(NamedTuple):
    load: Callable[[], Any]
    origin: str


class Registry(Mapping[str, T], Generic[T]):
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
        >>> registry.names(), registry.origin("path")
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
        self._entries = {name: _Entry(_importer(where, name), BUILT_IN) for name, where in (built_in or {}).items()}
        self._values: dict[str, T] = {}
        self._subscribers: list[Callable[[str], object]] = []
        self._searched = not group

    def register(self, name: str, value: T, *, replace: bool = False) -> None:
        """Let ``name`` stand for ``value``.

        Raises:
            RegistryError: the name is not a plain word, or it is taken and ``replace`` is False.
        """
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
            raise RegistryError(f"{name!r} cannot name a {self.kind}; use letters, digits, '_' and '-'.")
        known = self._known()
        if name in known and not replace:
            if self._values.get(name) is value:
                return
            raise RegistryError(
                f"There is a {self.kind} {name!r} already ({known[name].origin}); choose another name, or pass "
                "replace=True to take its place."
            )
        if self._check:
            self._check(name, value)
        before = known.get(name)
        known[name] = _Entry(lambda: value, f"registered by {_caller()}")
        self._values.pop(name, None)
        try:
            self._notify(name)
        except BaseException:
            self._restore(name, before)
            raise
        self._values[name] = value

    def unregister(self, name: str) -> None:
        """Forget ``name``, if it is known; what a call of :meth:`register` replaced does not come back."""
        if name in self._known():
            self._restore(name, None)
            self._notify(name)

    def subscribe(self, callback: Callable[[str], object]) -> Callable[[], None]:
        """Call ``callback(name)`` after each change of a name: registered, replaced or, if no longer known, removed.

        An exception of the callback refuses the registration. Returns a function that ends the subscription.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def names(self) -> tuple[str, ...]:
        """All names: built in, of entry points, registered; nothing is imported."""
        return tuple(self._known())

    def origin(self, name: str) -> str:
        """Where ``name`` comes from: "built in", "entry point of <package> <version>" or "registered by <module>"."""
        return self._entry(name).origin

    def outside(self) -> dict[str, str]:
        """Names that are not built in -> their origins."""
        return {name: entry.origin for name, entry in self._known().items() if entry.origin != BUILT_IN}

    def __getitem__(self, name: str) -> T:
        if name not in self._values:
            self._values[name] = self._load(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._known())

    @overload
    def get(self, name: str, /) -> T | None: ...
    @overload
    def get(self, name: str, /, default: T | U) -> T | U: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The value of ``name``, or ``default`` where it is unknown."""
        return self[name] if name in self else default  # noqa: SIM401 -- this is get()

    def items(self) -> ItemsView[str, T]:
        """Names and values; an entry point that cannot be loaded is left out with a warning."""
        return self._loadable().items()

    def values(self) -> ValuesView[T]:
        """The values of :meth:`items`."""
        return self._loadable().values()

    def _loadable(self) -> dict[str, T]:
        values: dict[str, T] = {}
        for name, entry in self._known().items():
            try:
                values[name] = self[name]
            except RegistryError as error:
                if entry.origin == BUILT_IN:
                    raise
                warnings.warn(f"{error} It is left out.", stacklevel=3)
        return values

    def _load(self, name: str) -> T:
        entry = self._entry(name)
        if entry.origin == BUILT_IN:
            value: T = entry.load()
            return value
        try:
            value = entry.load()
            if self._check:
                self._check(name, value)
        except Exception as error:  # foreign code is run, which can fail in any way
            raise RegistryError(
                f"The {self.kind} {name!r} ({entry.origin}, group {self.group}) cannot be loaded: "
                f"{type(error).__name__}: {error}. Update or uninstall that package."
            ) from error
        return value

    def _entry(self, name: str) -> _Entry:
        known = self._known()
        if name not in known:
            raise self._error(f"Unknown {self.kind} {name!r}.{nearest(name, known)}")
        return known[name]

    def _known(self) -> dict[str, _Entry]:
        """All entries; those of installed packages are looked up at the first call."""
        if not self._searched:
            self._searched = True
            for point in entry_points(group=self.group):
                self._offer(point)
        return self._entries

    def _offer(self, point: EntryPoint) -> None:
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
        if point.name in self._entries:
            warnings.warn(
                f"The {self.kind} {point.name!r} of {package} (entry point group {self.group}) is left out: the name "
                f"is taken ({self._entries[point.name].origin}).",
                stacklevel=2,
            )
            return
        self._entries[point.name] = _Entry(_importer(point.value, point.name), f"entry point of {package}")

    def _restore(self, name: str, before: _Entry | None) -> None:
        self._values.pop(name, None)
        if before is None:
            self._entries.pop(name, None)
        else:
            self._entries[name] = before

    def _notify(self, name: str) -> None:
        for callback in self._subscribers:
            callback(name)


def _importer(where: str, name: str) -> Callable[[], Any]:
    """What imports ``where``, written "package.module:ATTRIBUTE", and takes ``name`` of it where it is a mapping."""

    def load() -> Any:
        module, _, attributes = where.partition(":")
        value: Any = import_module(module)
        for attribute in attributes.split(".") if attributes else ():
            value = getattr(value, attribute)
        return value[name] if isinstance(value, Mapping) else value

    return load


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
    if path.suffix != ".py" or not path.is_file():
        raise RegistryError(f"There is no plugin {path}; give the path of a Python file, or the name of a module.")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    importlib.invalidate_caches()
    module = import_module(path.stem)
    if not os.path.samefile(getattr(module, "__file__", None) or os.devnull, path):
        raise RegistryError(f"The plugin {path} has the name of another module, {path.stem!r}; rename the file.")
