"""Files from outside: regular files alone, within bounds that hold before they cost."""

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aio_plugin
from aio_plugin import outside_files
from aio_plugin.outside_files import lies_below, open_regular, parse_json, read_json, read_yaml, text_lines


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_bytes(b"12345")
    for name in ("fifo", "zero", "loop", ".", "none"):
        with pytest.raises(OSError):
            open_regular(tmp_path / name)
    with open_regular(tmp_path / "file", 5) as file:
        assert file.read() == b"12345"
    with pytest.raises(OSError, match="5 bytes are more than 4"):
        open_regular(tmp_path / "file", 4)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "9" * 5000, "[1", "\ud800"])
def test_json_that_cannot_be_read_is_a_value_error(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError):
        read_json(tmp_path / "x.json")
    with pytest.raises(ValueError):
        parse_json(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(OSError, match="bytes are more than"):
        read_json(tmp_path / "x.json", 1)


def test_lines_are_bounded_or_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(outside_files, "LONGEST_LINE", 6)
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbf12345\r\n\n1234567")
    lines = text_lines(tmp_path / "x.txt")
    assert [next(lines), next(lines)] == ["12345\n", "\n"]
    with pytest.raises(ValueError, match="line 3 is longer than 6 characters"):
        next(lines)
    assert list(text_lines(tmp_path / "x.txt", cut=4))[:2] == ["1234", "5\n"]


def aliases(levels):
    return "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, levels))


YAML = {
    "billion laughs": (aliases(30), "more than 100,000 values"),
    "merged laughs": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)),
        "more than 100,000 values",
    ),
    "a list of itself": ("a: &a [*a]", "more than 100,000 values"),
    "brackets": ("[" * 100_000, "nested too deeply"),
    "not YAML": ("a: [1", "expected ',' or ']'"),
    "an object": ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    "a long number": ("a: " + "1" * 5000, "digits"),
    "not UTF-8": (b"a: \xff", "utf-8"),
    "no text": ("a: \0", "unacceptable character"),
}


@pytest.mark.parametrize("kind", YAML)
def test_yaml_that_is_refused(tmp_path, kind):
    text, says = YAML[kind]
    (tmp_path / "x.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=says) as error:
        read_yaml(tmp_path / "x.yaml")
    assert "\n" not in str(error.value)


def test_yaml_with_aliases_is_read(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a {b: 1}\nc: {<<: *a, d: [*a, 2]}\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": {"b": 1}, "c": {"b": 1, "d": [{"b": 1}, 2]}}
    (tmp_path / "x.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "x.yaml") is None


def test_a_key_that_stands_twice_is_refused_where_asked(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1, {b: 1,\n b: 2}]\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": [1, {"b": 2}]}
    with pytest.raises(ValueError, match="line 2: the key 'b' stands twice"):
        read_yaml(tmp_path / "x.yaml", unique=True)


def test_what_lies_below_a_folder():
    assert lies_below("/data/x/y.jpg", "/data")
    assert lies_below("/x", "/")
    assert not lies_below("/data/../x", "/data")
    assert not lies_below("/data2/x", "/data")


def calls():
    """(file, call) of every call in the package."""
    root = Path(aio_plugin.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(root)), node


NEVER = (
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "yaml.load",
    "yaml.unsafe_load",
    "eval",
    "loadmat",
    "h5py.File",
)


def test_no_file_is_unpickled_or_evaluated():
    found = [(file, ast.unparse(call.func), ast.unparse(call)) for file, call in calls()]
    odd = {(file, name) for file, name, _ in found if name in {*NEVER, "h5py.File"}}
    assert odd == {
        ("datasets/reading/cuhk03_test_set.py", "h5py.File"),  # in a process of its own
        ("search/cluster.py", "pickle.loads"),  # what its own Ray workers return, never a file
    }
    for file, name, text in found:
        assert name != "np.load" or "allow_pickle=False" in text, file
        assert name != "torch.load" or "weights_only=True" in text or file == "host/patches/checkpoints.py"


LARGE = """
    import resource
    from pathlib import Path
    from aio_plugin.datasets.manifest.rows import read_rows
    from aio_plugin.datasets.reading.annotations import read_objects
    from aio_plugin.datasets.reading.layouts import Tree
    from aio_plugin.datasets.reading.lists import read_labelled, read_lines
    from aio_plugin.datasets.reading.luperson_keys import read_keys
    from aio_plugin.datasets.reading.matlab import read_permutations
    from aio_plugin.errors import AIOError
    from aio_plugin.heads.lexicon import Lexicon
    from aio_plugin.config import load_yaml
    from aio_plugin.training.images import read_image

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (600 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    tree = Tree("manifest", ".", ".", ())
    readers = {
        "json": lambda file: list(read_objects(file)), "coco": lambda file: list(read_objects(file, "images")),
        "txt": read_labelled, "csv": lambda file: read_rows(tree, file), "jsonl": lambda file: read_rows(tree, file),
        "pkl": read_keys, "mat": read_permutations, "lexicon": Lexicon.load, "yaml": load_yaml, "jpg": read_image,
    }
    for file in sorted(Path().iterdir()):
        try:
            readers[file.suffix[1:]](str(file))
        except AIOError as error:
            print(file.name, ascii(error)[:60])
"""


def test_large_files_take_little_memory_and_time(tmp_path):
    filled = {
        "brackets.json": b"[" * 60_000,
        "objects.json": b'[{"a":' + b'{"b":' * 60_000,
        "brackets.coco": b'{"images": ' + b"[" * 60_000,
        "brackets.jsonl": b"[" * 60_000,
        "brackets.lexicon": b"[" * 60_000,
        "digits.json": b'[{"id": ' + b"1" * (1 << 20),
        "field.csv": b'pid,modality,split,caption\n1,text,train,"' + b"x" * (200 << 20),
        "nul.csv": b"pid,modality,split\n" + bytes(1000),
        "nul.txt": bytes(1000),
        "laughs.yaml": aliases(60).encode(),
    }
    for name, content in filled.items():
        (tmp_path / name).write_bytes(content)
    for name in ("json", "coco", "txt", "csv", "jsonl", "pkl", "mat", "lexicon", "yaml", "jpg"):
        with open(tmp_path / f"zeros.{name}", "wb") as file:
            file.write({"json": b'["', "coco": b'{"images": ["'}.get(name, b"x"))
            file.truncate(1 << 30)
    code = [sys.executable, "-c", textwrap.dedent(LARGE)]
    child = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert child.returncode == 0, child.stderr[-2000:]
    refused = {line.split()[0] for line in child.stdout.splitlines()}
    assert refused == {path.name for path in tmp_path.iterdir()}
