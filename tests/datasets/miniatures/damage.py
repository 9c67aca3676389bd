"""Changes of a miniature: each function returns what makes the change below the dataset's folder."""

import json
import os
import shutil

import numpy as np
from scipy.io import savemat

from . import files


def content(path, data):
    """The file holds ``data``, text or bytes."""
    return lambda base: files.write(base / path, data)


def cut(path, length):
    """The file ends after ``length`` bytes; a negative length counts from its end."""
    return lambda base: files.write(base / path, (base / path).read_bytes()[:length])


def lines(path, change):
    """The lines of the file that are not blank are those that ``change`` makes of them."""
    return lambda base: files.write(
        base / path, "\n".join(change([line for line in (base / path).read_text().splitlines() if line]))
    )


def parsed(path, change):
    """The JSON of the file after ``change`` worked on it; what ``change`` returns, if anything, takes its place."""

    def damage(base):
        data = json.loads((base / path).read_text("utf-8-sig"))
        files.write(base / path, json.dumps(change(data) or data))

    return damage


def record(path, number, **values):
    """Keys of a record of a JSON list have other values; None removes a key."""

    def change(records):
        merged = {**records[number], **values}
        records[number] = {key: value for key, value in merged.items() if value is not None}

    return parsed(path, change)


def more_records(path, *more):
    return parsed(path, lambda records: [*records, *(each(records) if callable(each) else each for each in more)])


def matlab(path, **variables):
    return lambda base: savemat(base / path, variables)


def gone(*paths):
    """The files or folders are absent."""

    def damage(base):
        for path in paths:
            (shutil.rmtree if (base / path).is_dir() else os.unlink)(base / path)

    return damage


def emptied(*paths):
    """The folders hold nothing."""

    def damage(base):
        gone(*paths)(base)
        for path in paths:
            (base / path).mkdir()

    return damage


def added(*paths):
    """Further images."""
    return lambda base: files.images(base, paths)


def renamed(pattern, to):
    """The images that match have other names."""

    def damage(base):
        for number, path in enumerate(sorted(base.glob(pattern))):
            if path.stat().st_size and not path.name.startswith("."):
                path.rename(path.with_name(f"{to}{number}.jpg"))

    return damage


def renamed_to(name):
    """One file or folder has another name."""
    return lambda path: lambda base: (base / path).rename((base / path).with_name(name))


def together(*changes):
    def damage(base):
        for change in changes:
            change(base)

    return damage


def column(*numbers):
    """What MATLAB calls a vector."""
    return np.array([numbers], np.uint16).T
