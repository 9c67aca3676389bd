"""Damage of any kind to bytes, parsed values, lists of lines and trees of files; all choices are those of ``rng``."""

import copy
import json
import os
import re
import shutil
from pathlib import Path

TOKENS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\r", b"\n\n", b"\t", b" ", b'"', b"'",
    b",", b";", b"{", b"[",
    b"}", b"]", b"..", b"/", b"\\", b"-1", b"0", b"1e999", b"9" * 25, b"9" * 5000, b"nan", b"null", b"true", b"0x1",
    b"\x1b[2J",
    b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\\ud800", b"\\u0000", b"../../outside/canary.txt", b"/etc/passwd",
    b"A" * 100_000,
)  # fmt: skip
WHOLE = (
    b"", b"\0" * 4096, b"<html><body>404 Not Found</body></html>", b"version https://git-lfs.github.com/spec/v1\n",
    b"[" * 100_000, b'{"a":' * 50_000, b"[" * 20_000 + b"]" * 20_000, b"\x1f\x8b\x08\0", b"\x80\x04.",
    b"PK\x03\x04", b"%!PS-Adobe-3.0 EPSF\n",
    b"1" * 1_000_000, b'"' + b"a" * 3_000_000, b"\n" * 100_000,
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "a\0b.jpg", "../../outside/canary.txt", "/etc/passwd", "..\\x.jpg", "C:\\x.jpg",
    "\\\\host\\share\\x.jpg", ".", "..", "/",
    "\ud800", "\u202egpj.exe", "\x1b]0;title\x07", "e\u0301", "A" * 100_000, "a/" * 3000 + "b.jpg", "0", "-1",
    "1e5", "\u0663", "nan", "true",
    "x" * 300 + ".jpg", "%s%n", "{0}", "\r\n", "<script>alert(1)</script>", "file:///etc/passwd",
    "http://127.0.0.1/x.jpg", "data:,x",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    7,
    2**31,
    2**53 + 1,
    2**62,
    2**63,
    2**64,
    2**70,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
)


class Runs:
    """What runs code when it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def hostile(rng):
    """A value that nobody expects."""
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(TEXTS)
    if kind < 5:
        return rng.choice(NUMBERS)
    if kind == 5:
        return rng.choice((None, True, False, [], {}, [None], {"": None}, [[]], ["a", 1]))
    value = rng.choice((1, "a", []))
    for _ in range(rng.choice((2, 30, 900))):
        value = [value] if kind == 6 else {"a": value}
    return value


def damaged_bytes(rng, data):
    """The bytes after one to three kinds of damage."""
    if rng.random() < 0.06:
        return rng.choice(WHOLE)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(BYTES)(rng, data) if data else rng.choice(TOKENS)
    return data


def _truncated(rng, data):
    return data[: rng.randrange(len(data))]


def _flipped(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _inserted(rng, data):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _span(rng, data):
    at = rng.randrange(len(data))
    return at, min(len(data), at + rng.choice((1, 2, 8, 64, 512)))


def _overwritten(rng, data):
    at, end = _span(rng, data)
    return data[:at] + bytes(rng.choice((0, 255, rng.randrange(256))) for _ in range(end - at)) + data[end:]


def _removed(rng, data):
    at, end = _span(rng, data)
    return data[:at] + data[end:]


def _moved(rng, data):
    at, end = _span(rng, data)
    to = rng.randrange(len(data))
    return data[:to] + data[at:end] + data[to:]


def _renumbered(rng, data):
    """One of the numbers in a text is another."""
    found = list(re.finditer(rb"\d+", data[: 1 << 20]))
    if not found:
        return _flipped(rng, data)
    match = rng.choice(found)
    number = rng.choice(
        (b"0", b"-1", b"1", b"9" * 25, b"9" * 5000, b"1.5", b"1e400", b"", str(int(match[0][:9]) + 1).encode())
    )
    return data[: match.start()] + number + data[match.end() :]


def _lines(rng, data):
    lines = data.splitlines(keepends=True)
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 1:
        lines.insert(at, lines[other])
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        lines[at] = rng.choice(
            (b"\n", b"nonsense\n", b"#\n", b"\0\n", b"a b c d e f\n", b"," * 100 + b"\n", b"x" * 200_000 + b"\n")
        )
    else:
        lines[at] = lines[at].replace(b" ", rng.choice((b"\t", b"  ", b"", b"\xc2\xa0")), 1)
    return b"".join(lines)


def _encoded(rng, data):
    text = data.decode("utf-8", "replace")
    return rng.choice(
        (lambda: text.encode("utf-16"), lambda: text.encode("utf-8-sig"), lambda: text.encode("latin-1", "replace"),
         lambda: data.replace(b"\n", b"\r\n"), lambda: data.replace(b"\n", b"\r"), lambda: data + data,
         lambda: data.upper())
    )()  # fmt: skip


BYTES = (
    _truncated,
    _flipped,
    _flipped,
    _inserted,
    _inserted,
    _overwritten,
    _removed,
    _moved,
    _renumbered,
    _lines,
    _lines,
    _encoded,
)


def damaged_value(rng, value):
    """A copy of parsed JSON in which one to three places are others."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = [(holder, key) for holder, key in _places(value)]
        if not places:
            return hostile(rng)
        holder, key = rng.choice(places)
        kind, many = rng.randrange(8), list(holder) if isinstance(holder, dict) else range(len(holder))
        if kind == 0:
            del holder[key]
        elif kind == 1:
            other = rng.choice(many)
            holder[key], holder[other] = holder[other], holder[key]
        elif kind == 2 and isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
        elif kind == 2:
            holder[rng.choice(("id", "file_path", "split", "captions", "x", "", "ID", "__class__"))] = holder.pop(key)
        elif kind == 3 and isinstance(holder[key], str):
            holder[key] = damaged_bytes(rng, holder[key].encode("utf-8", "surrogatepass")).decode(
                "utf-8", "surrogateescape"
            )
        elif kind == 3 and type(holder[key]) is int:
            holder[key] += rng.choice((1, -1, 1 << 31, 0.0))
        elif kind == 4:
            holder[key] = rng.choice(([holder[key]], str(holder[key]), {"a": holder[key]}))
        else:
            holder[key] = hostile(rng)
    return value


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(items)[:200]:
        yield value, key
        yield from _places(each)


def damaged_json(rng, data):
    """The bytes of a JSON file, damaged as bytes or as values."""
    if rng.random() < 0.4:
        return damaged_bytes(rng, data)
    return json.dumps(damaged_value(rng, json.loads(data.decode("utf-8-sig"))), ensure_ascii=rng.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def damaged_jsonl(rng, data):
    """The same for a file with an object on each line."""
    lines = data.decode("utf-8-sig").splitlines()
    at = rng.choice([number for number, line in enumerate(lines) if line.strip()])
    lines[at] = damaged_json(rng, lines[at].encode()).decode("utf-8", "surrogateescape")
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def damaged_cells(rng, data):
    """A table of text of which a cell is another."""
    lines = data.decode("utf-8-sig").splitlines()
    at = rng.randrange(len(lines))
    cells = re.split(r"([,\s]+)", lines[at])
    cells[rng.randrange(len(cells))] = rng.choice((*TEXTS, *map(str, NUMBERS)))
    lines[at] = "".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def replace(path, data):
    """A new file in the place of a link or a file, which keeps what other names it has."""
    path.unlink()
    path.write_bytes(data)


def damage_tree(rng, root, path, outside):
    """Something else than before at ``path``, a file or folder below ``root``. Links out lead to ``outside``."""
    name = rng.choice(TREE)
    if name == "rename":
        new = rng.choice(
            (
                "\x1b[31mred",
                "a\nb",
                "\u202egpj",
                "x" * 200,
                b"\xff\xfe",
                " ",
                "-rf",
                "0" * 30,
                "copy of " + path.name[:99],
                "...",
            )
        )
        target = os.path.join(os.fsencode(path.parent), os.fsencode(new) + os.fsencode(path.suffix))
        if not os.path.lexists(target):
            os.rename(path, target)
        return
    kept = outside / "moved"
    if kept.is_dir():
        shutil.rmtree(kept)
    kept.unlink(missing_ok=True)
    shutil.move(path, kept)
    if name == "link out":
        path.symlink_to(kept)
    elif name == "link to the canary":
        path.symlink_to(outside / "canary.txt")
    elif name == "relative link out":
        path.symlink_to(os.path.relpath(kept, path.parent))
    elif name == "link in":
        inside = root / f"moved{path.suffix}"
        shutil.move(kept, inside)
        path.symlink_to(inside)
    elif name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        (path / "x").mkdir(parents=True)
    elif name == "file":
        path.write_bytes(b"file")
    elif name == "itself":
        path.symlink_to(path)
    elif name == "device":
        path.symlink_to(rng.choice(("/dev/zero", "/dev/full", "/dev/stdin")))
    elif name == "dangling":
        path.symlink_to(Path("nowhere") / path.name)
    elif name == "above":
        path.symlink_to("..")


TREE = (
    "rename", "link out", "link to the canary", "relative link out", "link in", "fifo", "folder", "file", "itself",
    "device", "dangling",
    "above", "gone",
)  # fmt: skip
