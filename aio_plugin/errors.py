"""The errors a user can meet. Each message says what is wrong and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def printable(text: str, lines: bool = True) -> str:
    """The text without characters that a terminal would obey: control characters, escapes, bidirectional overrides and
    whatever else is not printed stand as Python writes them.

    Args:
        lines: whether line breaks stay; names of files and captions stand on one line.

    >>> print(printable("a\x1b[31m\u202eb.jpg"))
    a\\x1b[31m\\u202eb.jpg
    """
    if text.isprintable():
        return text
    kept = "\n" if lines else ""
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


class AIOError(Exception):
    """Base of all errors of this package; the message can be printed whatever it quotes."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ModalityError(AIOError, ValueError):
    """A modality is unknown, missing or in the wrong place."""


class ConfigError(AIOError, KeyError):
    """A config key or value is wrong."""

    def __str__(self) -> str:  # KeyError would print the repr
        return printable(str(self.args[0])) if self.args else ""


class ValueConfigError(ConfigError, ValueError):
    """A config value that torch or torchreid refuses, who raise a ValueError for it."""


class DatasetError(AIOError, RuntimeError):
    """A dataset on disk is not what its layout promises."""


class IncompleteError(DatasetError):
    """A file or folder that a dataset cannot be read without is missing."""


class OtherFormError(IncompleteError):
    """A dataset lies in another of its forms than the one asked for."""


class MediaError(AIOError, RuntimeError):
    """An image or caption cannot be read."""


class CacheError(MediaError):
    """What was computed cannot be kept on disk."""


class WriteError(AIOError, OSError):
    """A file cannot be written; made of errno, strerror and filename."""

    def __str__(self) -> str:
        return printable(
            f"{self.filename} cannot be written: {self.strerror}. Free disk space, or choose another place."
        )


class LockedError(AIOError, RuntimeError):
    """Another process uses a file or folder."""


class WorkerError(AIOError, RuntimeError):
    """A process that loads data died."""


class ProtocolError(AIOError, ValueError):
    """Queries and gallery cannot be scored as the protocol asks."""


class EncoderError(AIOError, RuntimeError):
    """An encoder is unknown, its weights are absent, or they are not the ones expected."""


class CheckpointError(AIOError, RuntimeError):
    """A checkpoint does not fit the model."""


class GalleryError(AIOError, RuntimeError):
    """An index of pictures is absent, damaged, of another model, or cannot be asked so."""


class NoGalleryError(GalleryError):
    """There is no such index."""


class CalibrationError(AIOError, ValueError):
    """Scores cannot be made probabilities: pairs are too few, or a calibration is of another model."""


class HostError(AIOError, RuntimeError):
    """torchreid is absent, is another package of that name, or cannot do what is asked."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the known name nearest to ``name``, or the known names.

    >>> nearest("scketch", ["ir", "rgb", "sketch"])
    " Did you mean 'sketch'?"
    >>> nearest("sound", ["ir", "rgb"])
    ' Known are: ir, rgb.'
    """
    known = sorted(known)
    match = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {match[0]!r}?" if match else f" Known are: {', '.join(known)}."
