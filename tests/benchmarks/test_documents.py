"""Result files of tables: what is saved is read, and whatever is wrong with one is named with the file."""

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin.errors import AIOError
from benchmarks.paper_tables import documents, tables
from benchmarks.paper_tables.comparisons import differences
from benchmarks.paper_tables.documents import CellValues
from benchmarks.paper_tables.scales import SCALES

from .made_up import table_document

TABLE = tables(SCALES["real"])["aio7"]
CELL = ("AIO", "I->R SYSU-MM01")
VALUES = {CELL: [(0.5, 0.4), (0.6, 0.5), (0.7, 0.3)]}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "aio7.json"
    documents.save_table(table_document(TABLE, values=VALUES), path)
    return path


def test_there_and_back(saved):
    assert documents.read_table(saved) == table_document(TABLE, values=VALUES)


def test_every_number_has_seed_config_commit_and_hardware(saved):
    found = documents.read_table(saved)
    for cell in found.cells.values():
        for key in cell.runs:
            assert {"seed", "config", "commit", "hardware", "packages"} <= set(found.runs[key])
    assert found.seeds() == [1, 2, 3]


FAULTS = {
    "another schema": (lambda d: d.update(schema=7), "1 was expected"),
    "another table": (lambda d: d.update(table="aio8"), "a file of table 'aio8'"),
    "no cells": (lambda d: d.pop("cells"), "'cells'"),
    "something unknown": (lambda d: d.update(x=1), "'x' was unexpected"),
    "a toy without world": (lambda d: d.update(scale="toy"), "toy data must say that it is"),
    "real data with a world": (lambda d: d.update(world={"ids": 40}), "toy data must say that it is"),
    "a run without seed": (lambda d: d["runs"]["run-1"].pop("seed"), "'seed'"),
    "a run without hardware": (lambda d: d["runs"]["run-2"].pop("hardware"), "'hardware'"),
    "a run that is not there": (lambda d: d["runs"].pop("run-3"), "run 'run-3' is not in the file"),
    "a number more than runs": (lambda d: d["cells"][1]["values"].append([0.1, 0.1]), "need as many runs"),
    "percent": (lambda d: d["cells"][1]["values"].__setitem__(0, [50.0, 40.0]), "are not fractions"),
    "one number too few": (lambda d: d["cells"][1]["values"].__setitem__(0, [0.5]), "are not 2 numbers"),
    "text": (lambda d: d["cells"][1]["values"].__setitem__(0, [0.5, "0.4"]), "is not of type 'number'"),
    "empty and no reason": (lambda d: d["cells"][0].update(why=""), "reason why it has none"),
    "a list": (lambda d: d["runs"].update({"run-1": []}), "is not of type 'object'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault, saved):
    found = json.loads(saved.read_text())
    change, words = FAULTS[fault]
    change(found)
    saved.write_text(json.dumps(found))
    with pytest.raises(AIOError, match=words) as error:
        documents.read_table(saved)
    assert str(saved) in str(error.value)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "aio7.json"
    path.write_bytes(content)
    with pytest.raises(AIOError, match=r"aio7\.json"):
        documents.read_table(path)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_mean_and_deviation(values):
    found = CellValues(tuple((value,) for value in values), ("",) * len(values))
    assert found.mean(0) == pytest.approx(statistics.fmean(values))
    assert found.std(0) == pytest.approx(statistics.stdev(values), abs=1e-12)
    assert CellValues(((0.5,),), ("",)).std(0) is None


def moved(by):
    return [(one + by, two) for one, two in VALUES[CELL]]


def test_drift():
    before = table_document(TABLE, values=VALUES)
    assert differences(before, before) == []
    assert differences(before, table_document(TABLE, values={CELL: moved(0.1)})) == []  # 3 x 0.1 / sqrt(3)
    lines = differences(before, table_document(TABLE, values={CELL: moved(0.2)}))
    assert lines == ["aio7: AIO, I->R SYSU-MM01: rank-1 was 60.0 ± 10.0, is 80.0 ± 10.0"]
    assert "only one of the two" in differences(before, table_document(TABLE))[0]


def test_drift_of_counts_and_times():
    counts, times = (tables(SCALES["toy"])[name] for name in ("aio3", "aio9"))
    place, time = ("LLCM (train)", "ids"), ("1", "700 samples")
    old, new = (table_document(counts, "toy", {place: [(number,)]}) for number in (1064, 1063))
    assert len(differences(old, new)) == 1
    old, new = (table_document(times, "toy", {time: [(number,)]}) for number in (10.0, 100.0))
    assert differences(old, new) == []
