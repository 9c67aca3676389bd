"""Identities, cameras and removal keys of any integer or string type, as int64 that are equal where the labels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ProtocolError

IntArray = NDArray[np.int64]
LabelColumn: TypeAlias = Sequence[Any] | NDArray[Any] | Tensor
"""(N,) integers of any size, strings or bytes."""

_KINDS = {int: "whole numbers", str: "strings", bytes: "bytes"}
_BITS_SHOWN, _LENGTH_SHOWN = 256, 60


def joint_labels(query: LabelColumn, gallery: LabelColumn, what: str) -> tuple[IntArray, IntArray]:
    """Labels of the queries (Q,) and the gallery (G,) as int64: equal where the labels are, negative where they are.

    Integers that all fit are themselves. Others, and strings, are numbered together: the numbers of two calls
    do not compare.

    Args:
        query, gallery: integers of any size, strings or bytes.
        what: the labels, for messages: "identities".

    Raises:
        ProtocolError: they are not one-dimensional, or not of one of these types.

    Example:
        >>> joint_labels([2**70, -5], [-5, 7, 2**70], "identities")
        (array([ 0, -2]), array([-2,  2,  0]))
    """
    (q_kind, q), (g_kind, g) = (_column(side, f"{n} {what}") for n, side in (("query", query), ("gallery", gallery)))
    if isinstance(q, np.ndarray) and isinstance(g, np.ndarray):
        return q, g
    if q_kind is not g_kind and len(q) and len(g):
        raise ProtocolError(
            f"The query {what} are {_KINDS[q_kind]}, the gallery {what} {_KINDS[g_kind]}, so none of them are equal. "
            f"Read both alike."
        )
    values = [*_plain(q), *_plain(g)]
    code = {value: ~n if isinstance(value, int) and value < 0 else n for n, value in enumerate(dict.fromkeys(values))}
    codes = np.fromiter(map(code.__getitem__, values), np.int64, len(values))
    return codes[: len(q)], codes[len(q) :]


def shown(label: Any) -> str:
    """A label for a message, of bounded length: as it is written in Python, without the wrapping of its type."""
    label = _scalar(label)
    if isinstance(label, int) and label.bit_length() > _BITS_SHOWN:  # Python refuses to print the longest
        return f"an integer of {label.bit_length():,} bits"
    return repr(label[:_LENGTH_SHOWN] if isinstance(label, str | bytes) else label)[: 2 * _LENGTH_SHOWN]


def _column(values: LabelColumn, what: str) -> tuple[type, IntArray | list[Any]]:
    """The type of labels, and the labels as int64 or, where they are not integers that fit, as a list."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    if hasattr(values, "__array__"):
        array = np.asarray(values)
        if array.ndim != 1:
            raise ProtocolError(f"The {what} must be one-dimensional, one for every image; got shape {array.shape}.")
        fits = array.dtype.kind == "i" or (array.dtype.kind == "u" and array.max(initial=0) <= np.iinfo(np.int64).max)
        if fits or not array.size:
            return int, array.astype(np.int64, copy=False)
        # Python's own values are exact; they are judged one by one below.
        values = array.tolist()
    if isinstance(values, str | bytes) or not hasattr(values, "__getitem__"):
        raise ProtocolError(f"The {what} must be a sequence, one for every image; got {shown(values)}.")
    labels = list(values)
    if any(issubclass(each, np.generic | np.ndarray | Tensor) for each in set(map(type, labels))):
        labels = list(map(_scalar, labels))
    kinds = {
        each: next((k for k in _KINDS if issubclass(each, k) and each is not bool), None) for each in _types(labels)
    }
    first = next(iter(kinds.values()), int)
    wrong = next((each for each, kind in kinds.items() if kind is None or kind is not first), None)
    if wrong is not None:
        example = next(label for label in labels if type(label) is wrong)
        hint = ", to integers if they are whole numbers" if wrong is float else ""
        raise ProtocolError(
            f"The {what} must be whole numbers or strings, all of one type; got {wrong.__name__} {shown(example)}. "
            f"Convert them first{hint}."
        )
    assert first is not None
    if first is int:
        try:
            return int, np.array(labels, np.int64)
        except OverflowError:
            pass
    return first, labels


def _types(labels: list[Any]) -> dict[type, None]:
    return dict.fromkeys(map(type, labels))


def _scalar(label: Any) -> Any:
    """The Python value of a numpy scalar or of a tensor or array without dimensions; anything else as it is."""
    return label.item() if isinstance(label, np.generic | np.ndarray | Tensor) and label.ndim == 0 else label


def _plain(column: IntArray | list[Any]) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column
