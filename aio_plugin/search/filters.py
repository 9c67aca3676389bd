"""Which rows of an index are meant, by their values: as a mask over columns in memory, and in SQL for the store."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GalleryError, nearest
from .store import quoted

if TYPE_CHECKING:
    import pyarrow as pa

MOST_VALUES = 1000
"""Values and paths that a filter may name."""
LONGEST_VALUE = 4096
"""Characters."""


@dataclass(frozen=True)
class Filter:
    """Rows for which all conditions hold; one without conditions means all rows.

    Args:
        values: column of text -> the values of which a row has one; "" means rows whose value is not known. For
            example ``{"camera": ["2", "5"], "weather": ["rain"]}``.
        after, before: bounds of ``time``, from ``after`` on and up to before ``before``, see :func:`parse_time`; rows
            without a time are outside.
        paths: pictures, or folders of them, below the root.

    Raises:
        GalleryError: there are too many values, or one is too long.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    after: datetime.datetime | None = None
    before: datetime.datetime | None = None
    paths: Sequence[str] = ()

    def __post_init__(self) -> None:
        named = [*self.paths, *(value for values in self.values.values() for value in values)]
        if len(named) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in named):
            raise GalleryError(
                f"A filter names at most {MOST_VALUES} values of {LONGEST_VALUE} characters; this one has {len(named)}."
            )
        for name in ("after", "before"):
            object.__setattr__(self, name, _utc(getattr(self, name)))

    def __bool__(self) -> bool:
        return bool(self.values or self.paths or self.after or self.before)

    def mask(self, column: Callable[[str], pa.ChunkedArray], schema: pa.Schema) -> NDArray[np.bool_]:
        """(N,) whether the conditions hold for every row.

        Args:
            column: the values of a column by its name.

        Raises:
            GalleryError: there is no such column of text.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        self._require(schema)
        kept: list[Any] = []
        for name, values in self.values.items():
            known = pa.array([value or None for value in values], pa.string())
            kept.append(pc.is_in(column(name), known))
        if self.after is not None:
            kept.append(pc.greater_equal(column("time"), pa.scalar(self.after, pa.timestamp("us"))))
        if self.before is not None:
            kept.append(pc.less(column("time"), pa.scalar(self.before, pa.timestamp("us"))))
        if self.paths:
            paths = column("path")
            below = [pc.starts_with(paths, f"{path.rstrip('/')}/") for path in self.paths]
            kept.append(_any([pc.is_in(paths, pa.array(self.paths, pa.string())), *below]))
        masks = [condition.fill_null(False).to_numpy(zero_copy_only=False) for condition in kept]
        return np.logical_and.reduce(masks) if masks else np.ones(len(column("id")), np.bool_)

    def sql(self, schema: pa.Schema) -> str:
        """The same as a condition of the store; "" means all rows.

        Raises:
            GalleryError: there is no such column of text.
        """
        self._require(schema)
        return " AND ".join(f"({condition})" for condition in self._conditions())

    def _conditions(self) -> Iterator[str]:
        for name, values in self.values.items():
            known = ", ".join(quoted(value) for value in values if value)
            either = [f"`{name}` IN ({known})"] if known else []
            either += [f"`{name}` IS NULL"] if "" in values else []
            yield " OR ".join(either) or "false"
        for bound, compared in ((self.after, ">="), (self.before, "<")):
            if bound is not None:
                yield f"`time` {compared} timestamp '{bound.isoformat(' ', 'microseconds')}'"
        if self.paths:
            exact = f"`path` IN ({', '.join(map(quoted, self.paths))})"
            below = (f"starts_with(`path`, {quoted(path.rstrip('/') + '/')})" for path in self.paths)
            yield " OR ".join([exact, *below])

    def _require(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        texts = [each.name for each in schema if each.type == pa.string()]
        for name in self.values:
            if name not in texts:
                raise GalleryError(f"The index has no column {name[:80]!r} of text.{nearest(name[:80], texts)}")


def _any(masks: Sequence[Any]) -> Any:
    import pyarrow.compute as pc

    result = masks[0]
    for mask in masks[1:]:
        result = pc.or_(result, mask)
    return result


def _utc(time: datetime.datetime | None) -> datetime.datetime | None:
    """A time in UTC without a time zone; one without a zone counts as UTC."""
    return time if time is None or time.tzinfo is None else time.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def parse_time(text: str, form: str = "") -> datetime.datetime:
    """A time as it is stored, in UTC without a time zone.

    Args:
        text: ISO 8601, for example ``2024-01-31 16:30:00`` or with ``Z`` or ``+01:00`` behind, without which it counts
            as UTC; a date alone; or seconds since 1970 (or since the start of a recording).
        form: as of :meth:`datetime.datetime.strptime`, if it is another.

    Raises:
        ValueError: it is none of these.

    >>> parse_time("2024-01-31T16:30:00+01:00"), parse_time("90.5")
    (datetime.datetime(2024, 1, 31, 15, 30), datetime.datetime(1970, 1, 1, 0, 1, 30, 500000))
    >>> parse_time("31.01.24", "%d.%m.%y")
    datetime.datetime(2024, 1, 31, 0, 0)
    """
    number = text.replace(".", "", 1)
    if not form and len(text) in (8, 14) and text.isdigit() and text[:2] in ("19", "20"):
        raise ValueError(f"{text!r} may be a date or a time in seconds; write 2024-01-31 16:30:00")
    try:
        if form:
            time = datetime.datetime.strptime(text, form)
        elif number.isascii() and number.isdigit():
            time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=float(text))
        else:
            time = datetime.datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
        utc = _utc(time)
    except (OverflowError, ValueError) as error:
        wanted = f"of the form {form!r}" if form else "; write 2024-01-31 16:30:00, or seconds"
        raise ValueError(f"{text[:60]!r} is not a time {wanted}".replace(" ;", ";")) from error
    assert utc is not None
    return utc
