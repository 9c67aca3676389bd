"""Pickles from outside, read without running anything: plain values only."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO, NoReturn

from ...errors import DatasetError


class _Plain(pickle.Unpickler):
    """Makes lists, dictionaries, strings, bytes and numbers, and nothing that has to be looked up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and a list of keys needs no code")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("it refers to an object outside itself")


def load_plain(path: str) -> Any:
    """The value in a pickle file of lists, dictionaries, strings, bytes and numbers.

    Raises:
        DatasetError: it is no pickle, is cut short, or would need to import anything.
    """
    try:
        with open(path, "rb") as file:
            return _load(file)
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error}. Restore the file.") from error
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _refused(path, error) from error
    except (OverflowError, MemoryError, RecursionError) as error:
        raise _refused(path, error) from error


def _load(file: BinaryIO) -> Any:
    return _Plain(file).load()


def _refused(path: str, error: BaseException) -> DatasetError:
    reason = str(error) or type(error).__name__
    return DatasetError(f"{path} is not a pickle of plain values: {reason}. Get the file from its source again.")
