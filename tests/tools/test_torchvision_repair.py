"""torchvision without its compiled operators is imported, by this package and, after the repair, by any program."""

import subprocess
import sys

import pytest

from aio_plugin.tools import torchvision_repair

BROKEN = """
import torch
print("imported")
if not hasattr(torch.ops.torchvision, "nms"):
    raise RuntimeError("operator torchvision::nms does not exist")
"""
USE = "import torchvision, torchvision.parts; from importlib.resources import files; files('torchvision').joinpath('x')"


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Runs code beside a torchvision whose submodule is as given."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("from . import parts\n")

    def run(code, parts=BROKEN):
        (tmp_path / "torchvision" / "parts.py").write_text(parts)
        code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; {code}"
        return subprocess.run([sys.executable, "-S", "-c", f"import site; {code}"], capture_output=True, text=True)

    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    return run


@pytest.mark.parametrize(
    ("repair", "parts", "imported", "fault"),
    [
        ("pass", BROKEN, 1, "operator torchvision::nms does not exist"),
        ("SITE", BROKEN, 2, ""),
        ("import aio_plugin.torchvision_import as t; t.repair_torchvision(); t.repair_torchvision()", BROKEN, 2, ""),
        ("SITE", "print('imported')", 1, ""),
        ("SITE", "print('imported')\nraise RuntimeError('another')", 1, "another"),
    ],
)
def test_what_is_broken_is_repaired_and_nothing_else(python, tmp_path, repair, parts, imported, fault):
    """``-S``: of the environment's own site-packages no .pth file is read, only this one."""
    (tmp_path / torchvision_repair.FILE).write_text(torchvision_repair.LINE)
    done = python(f"{repair.replace('SITE', f'site.addsitedir({str(tmp_path)!r})')}; {USE}", parts)
    assert done.stdout.count("imported") == imported
    assert (fault in done.stderr.splitlines()[-1]) if fault else done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("before", "after", "code", "written"),
    [
        ("", "", 0, False),
        ("RuntimeError: operator torchvision::nms does not exist", "", 0, True),
        ("RuntimeError: operator torchvision::nms does not exist", "another fault", 1, True),
        ("ModuleNotFoundError: No module named 'torchvision'", "", 1, False),
    ],
)
def test_the_file_is_written_where_it_helps(monkeypatch, tmp_path, capsys, before, after, code, written):
    faults = iter([before, after])
    monkeypatch.setattr(torchvision_repair, "import_fault", lambda module: next(faults))
    monkeypatch.setattr(torchvision_repair.sysconfig, "get_path", lambda name: str(tmp_path))
    assert torchvision_repair.main() == code
    assert (tmp_path / torchvision_repair.FILE).exists() == written
    assert bool(capsys.readouterr().err) == bool(code)
