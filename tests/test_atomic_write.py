"""A file that cannot be written is one line, and the old one stays."""

import os
import subprocess
import sys

import pytest

from aio_plugin.atomic_write import written_whole
from aio_plugin.errors import AIOError, WriteError

FULL = """
import resource, sys
from pathlib import Path
from aio_plugin.atomic_write import written_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with written_whole(Path(sys.argv[1])) as file:
    file.write(b"x" * 2000)
"""


def test_no_room(tmp_path):
    file = tmp_path / "results.json"
    file.write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL, file], capture_output=True, text=True, check=False)
    assert f"WriteError: {file} cannot be written: File too large. Free disk" in done.stderr.splitlines()[-1]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"results.json": "old"}


def test_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(AIOError, match="results.json cannot be written: Not a directory"),
        written_whole(tmp_path / "file" / "folder" / "results.json"),
    ):
        pass


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "photo.jpg"), ValueError("wrong")])
def test_other_errors_of_the_block_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as raised, written_whole(tmp_path / "x"):
        raise error
    assert raised.value is error
    assert not isinstance(error, WriteError)
    assert os.listdir(tmp_path) == []
