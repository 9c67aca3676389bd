"""The examples in the package's docstrings give what they say."""

import doctest
import importlib

import pytest

from .test_imports import MODULES, part

EXAMPLES = sorted(name for name, path in MODULES.items() if ">>> " in path.read_text())


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, capsys):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert attempted
    assert not failed, capsys.readouterr().out


def test_losses_and_metrics_have_examples():
    assert {"losses", "metrics"} <= {part(name) for name in EXAMPLES}
