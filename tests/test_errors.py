"""What is printed does not command the terminal, whatever files and captions are called."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin import errors
from aio_plugin.__main__ import main
from aio_plugin.errors import printable
from aio_plugin.tools import installation
from aio_plugin.tools.report import Section

HOSTILE = "a\x1b[31m\x07\r\u202e\u2066\u200b\x9b\ud800\x7fb"
ESCAPED = r"a\x1b[31m\x07\r\u202e\u2066\u200b\x9b\ud800\x7fb"
ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
ERRORS.remove(errors.WriteError)


@given(st.text(st.characters()) | st.text("a \n\x1b\u202e\u00e4\u4e2d"))
def test_printable_text_is_printable_and_stays_as_it_is(text):
    escaped = printable(text)
    assert all(line.isprintable() for line in escaped.split("\n"))
    assert escaped.count("\n") == text.count("\n")
    assert printable(text, lines=False).isprintable()
    assert printable(escaped) == escaped
    if text.isprintable():
        assert escaped == text


@pytest.mark.parametrize("error", ERRORS)
def test_messages_of_errors_are_escaped(error):
    assert str(error(f"{HOSTILE}\n  second line")) == f"{ESCAPED}\n  second line"
    assert str(error()) == ""


def test_a_file_that_cannot_be_written_is_named_escaped():
    assert str(errors.WriteError(28, "No space left on device", HOSTILE)).startswith(f"{ESCAPED} cannot be written: No")


def test_the_command_line_prints_an_error_escaped(capsys):
    assert main(["doctor", "--root", HOSTILE]) == 2
    assert ESCAPED in capsys.readouterr().err


def test_names_that_the_terminal_cannot_encode_are_printed(tmp_path, monkeypatch):
    for part in ("packages", "encoders"):
        monkeypatch.setattr(installation, part, lambda part=part: Section(part))
    (tmp_path / "SYSU-MM01").mkdir()
    (tmp_path / "SYSU-MM01" / "ä\u4e2d.jpg").write_bytes(b"")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["doctor", "--fast", "--root", str(tmp_path)]) == 1
    assert rb"\xe4\u4e2d.jpg" in sys.stdout.buffer.getvalue()
