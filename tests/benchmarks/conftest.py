"""The command line played by a fake."""

import pytest

from benchmarks.paper_tables import runs

from .made_up import Commands


@pytest.fixture
def commands(monkeypatch):
    fake = Commands()
    monkeypatch.setattr(runs, "_follow", fake)
    return fake
