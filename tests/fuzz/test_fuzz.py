"""A few cases of every kind, and that what is not accepted is seen."""

import pytest

from . import supervisor
from .worker import Suite


@pytest.mark.slow
def test_what_is_not_accepted_is_counted_as_failed(monkeypatch):
    monkeypatch.setattr(supervisor, "PATIENCE", 5)
    suite = Suite("tests.fuzz.misbehaving")
    kinds = supervisor.run_cases(suite, len(suite.kinds), 0)["kinds"]
    assert kinds.keys() == suite.kinds.keys()
    accepted = {name: set(counts) - {supervisor.CPU} for name, counts in kinds.items() if "failed" not in counts}
    assert accepted == {"fine refused": {"refused"}, "fine same": {"same"}, "fine shallow": {"same"}}


@pytest.mark.parametrize("cases", [60, pytest.param(5000, marks=pytest.mark.slow)])
def test_damaged_files_are_refused_or_read_rightly(cases):
    result = supervisor.run_cases(Suite(), cases, 1)
    assert result["cases"] == cases
    assert not result["failures"]
