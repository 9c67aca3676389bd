"""The published numbers: every file is of the schema, and faults are named."""

import json
import shutil

import pytest

from aio_plugin.errors import AIOError
from benchmarks.paper_tables import tables
from benchmarks.paper_tables.published_numbers import FOLDER, read_published
from benchmarks.paper_tables.scales import SCALES

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_files(name):
    found = read_published(name)
    assert found.paper
    assert found.table
    assert sum(len(row) for row in found.values.values()) >= 1


def test_known_numbers():
    """A few, typed here once more from the"""
    assert read_published("aio4").at("+ FB", "I->R") == (57.6,)
    assert read_published("aio7").at("PLIP", "T->R CUHK-PEDES") == (57.7, None)
    assert read_published("aio8").at("AIO, S+T->R", "PKU-Sketch") == (92.1, 92.2, 89.2)
    assert read_published("aio6").at("R+I+S+T", "Tri-CUHK-PEDES") == (58.6, 77.9, 86.6)
    assert read_published("aio3").at("SYNTH-PEDES (train)", "text") == (12138157,)
    assert read_published("aio9").at("4", "700 samples") == (181.32,)
    assert read_published("dmf").at("RandPerson: DMF", "MSMT17") == (52.4, 18.9)
    assert read_published("aio4").at("Base", "nowhere") is None


def test_the_papers_inconsistencies_are_noted():
    """A PKU number on Tri-CUHK-PEDES, two values of one cell, the leak, the mode."""
    for row in read_published("aio4").values:
        assert any("PKU-Sketch" in note.text for note in read_published("aio4").notes if note.concerns(row, "S+T->R"))
    assert (
        read_published("aio7").at("AIO", "S->R PKU-Sketch") != read_published("aio8").at("AIO, S->R", "PKU-Sketch")[:2]
    )
    texts = [note.text for note in read_published("aio7").notes]
    for words in ("69.8/72.8", "MaSk1K's photos", "SYSU-MM01 mode"):
        assert any(words in text for text in texts)


@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_definitions_fit_the_files(scale):
    made = tables(scale)
    assert {table.name for table in made.values() if table.printed} == set(NAMES)
    for table in made.values():
        for row, column, _ in table:
            assert column in table.columns, row
        for claim in table.claims:
            assert {claim.more, claim.less} <= set(table.cells)
        if table.printed:
            printed = read_published(table.name)
            assert table.metrics == printed.metrics
            assert set(printed.columns) <= set(table.columns)
            assert (table.unit, table.row_label) == (printed.unit, printed.row_label)


@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_the_papers_print_what_is_claimed(scale):
    for table in tables(scale).values():
        printed = read_published(table.name) if table.printed else None
        for claim in table.claims:
            if claim.printed is None or claim.column not in (None, *printed.columns):
                continue  # a premise, or about a column of ours that is claimed of the paper's own below
            more, less = (own or given for own, given in zip(claim.printed, (claim.more, claim.less), strict=True))
            for column in [claim.column] if claim.column else printed.columns:
                assert printed.at(more, column)[claim.metric] > printed.at(less, column)[claim.metric], claim


def test_claims_of_the_stand_in_column_hold_for_the_printed_one():
    printed = read_published("aio8")
    for claim in tables(SCALES["real"])["aio8"].claims:
        assert printed.at(claim.more, "PKU-Sketch") > printed.at(claim.less, "PKU-Sketch")


FAULTS = {
    "another schema": (lambda d: d.update(schema=2), "1 was expected"),
    "another name": (lambda d: d.update(name="aio5"), "named 'aio5'"),
    "a key too much": (lambda d: d.update(extra=1), "'extra' was unexpected"),
    "a key too few": (lambda d: d.pop("unit"), "'unit'"),
    "an unknown unit": (lambda d: d.update(unit="apples"), "'apples' is not one of"),
    "an unknown column": (lambda d: d["rows"][0]["values"].update(X=[1.0]), "column 'X' is unknown"),
    "too many numbers": (lambda d: d["rows"][0]["values"].update({"R->R": [1.0, 2.0]}), "must be 1 numbers"),
    "text": (lambda d: d["rows"][0]["values"].update({"R->R": ["1.0"]}), "not of type 'number'"),
    "more than all": (lambda d: d["rows"][0]["values"].update({"R->R": [101.0]}), "are not percent"),
    "a row twice": (lambda d: d["rows"].append(d["rows"][0]), "occurs twice"),
    "a note of nothing": (lambda d: d["notes"][0].update(rows=["X"]), "names 'X', which is unknown"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault, tmp_path):
    shutil.copy(FOLDER / "aio4.json", tmp_path)
    document = json.loads((tmp_path / "aio4.json").read_text())
    change, words = FAULTS[fault]
    change(document)
    (tmp_path / "aio4.json").write_text(json.dumps(document))
    with pytest.raises(AIOError, match=words) as error:
        read_published("aio4", tmp_path)
    assert str(tmp_path / "aio4.json") in str(error.value)


@pytest.mark.parametrize("content", [None, "", "[]", "{", "\x00"])
def test_no_such_file_and_no_json(content, tmp_path):
    if content is not None:
        (tmp_path / "aio4.json").write_text(content)
    with pytest.raises(AIOError, match=r"aio4\.json"):
        read_published("aio4", tmp_path)
