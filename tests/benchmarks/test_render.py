"""Tables as people read them: published beside ours for real data, ours alone and marked for toy data."""

import dataclasses
import json
import re
import shutil

import pytest

from benchmarks.paper_tables import tables
from benchmarks.paper_tables.comparisons import verdict
from benchmarks.paper_tables.documents import CellValues
from benchmarks.paper_tables.published_numbers import FOLDER, read_published
from benchmarks.paper_tables.render import markdown
from benchmarks.paper_tables.scales import SCALES

from .made_up import table_document

REAL, TOY = tables(SCALES["real"]), tables(SCALES["toy"])


def cells_of(text, start, column=""):
    """The cells of the only row that begins so and is of this column."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}") and f"| {column}" in line]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def real(name, values=None, folder=FOLDER, **given):
    table = REAL[name]
    published = read_published(name, folder) if table.printed else None
    return markdown(table, table_document(table, "real", values, **given), published, "aio.json")


def test_published_ours_and_difference():
    text = real("aio7", {("AIO", "I->R SYSU-MM01"): [(0.5, 0.4), (0.6, 0.5)]})
    cells = [re.sub(r" \[[\d, ]+\]", "", cell) for cell in cells_of(text, "AIO ", "I->R")]
    assert cells == ["AIO", "I->R SYSU-MM01", "57.6 / 51.9", "55.0 ± 7.1 / 45.0 ± 7.1", "-2.6 / -6.9"]


def test_empty_cells_are_empty_and_explained():
    text = real("aio7", why="DIR/SYSU-MM01 is missing")
    *_, ours, difference = cells_of(text, "AIO ", "I->R")
    (mark,) = re.findall(r"^\[(\d+)\]$", ours)
    assert difference == ""
    assert f"{mark}. empty: DIR/SYSU-MM01 is missing" in text.splitlines()


def test_rivals_stand_as_printed():
    text = real("aio7")
    _, _, printed, ours, _ = cells_of(text, "PLIP", "T->R CUHK")
    assert "57.7 / -" in printed
    assert ours == ""


def test_a_changed_published_number_changes_the_table(tmp_path):
    values = {("AIO", "T->R CUHK-PEDES"): [(0.5, 0.4)]}
    shutil.copytree(FOLDER, tmp_path / "published")
    file = tmp_path / "published" / "aio7.json"
    file.write_text(file.read_text().replace("[53.4, 43.4]", "[52.4, 43.4]"))
    before, after = real("aio7", values), real("aio7", values, tmp_path / "published")
    assert "53.4 / 43.4" in before
    assert "-3.4 / -3.4" in before
    assert "52.4 / 43.4" in after
    assert "-2.4 / -3.4" in after


@pytest.mark.parametrize("place", [("+ VA", "R->R"), ("+ FB", "S+T->R")])
def test_what_does_not_compare_has_no_difference(place):
    text = real("aio4", {place: [(0.5,)]})
    *_, ours, difference = cells_of(text, place[0], f"{place[1]} |")
    assert "50.0" in ours
    assert re.fullmatch(r"\[\d+\]", difference)


def test_incomplete_data_has_no_difference():
    note = "sysu_mm01: found (published): test ids 80 (96). Not comparable with published results."
    text = real("aio7", {("AIO", "I->R SYSU-MM01"): [(0.5, 0.4)]}, notes=[note])
    assert re.fullmatch(r"\[\d+\]", cells_of(text, "AIO ", "I->R")[4])
    assert note in text


def numbers_of(name):
    printed = read_published(name)
    return {f"{v:.1f}" for row in printed.values.values() for values in row.values() for v in values if v}


@pytest.mark.parametrize("scale", ["toy", "toy_large"])
@pytest.mark.parametrize("name", TOY)
def test_toy_tables_are_marked_and_alone(name, scale):
    table = tables(SCALES[scale])[name]
    published = read_published(name) if table.printed else None
    values = {(row, column): [(0.111,) * len(table.metrics)] for row, column, _ in table}
    text = markdown(table, table_document(table, scale, values), published, "folder/toy.json")
    assert text.startswith("**TOY DATA: ")
    assert "no number here is comparable with a published one" in text
    assert "`folder/toy.json`" in text
    assert "toy world: ids 40, seed 0" in text
    assert "difference" not in text.split("What ")[0]
    if published is not None and published.unit == "percent":
        assert not numbers_of(name) & set(re.findall(r"\d+\.\d", text))


def test_claims_of_toys():
    rows = (("CE alone", 0.2), ("CE and FB", 0.5))
    values = {(row, c): [(x,), (x + 0.02,)] for row, x in rows for c in TOY["aio4"].columns}
    values["CE and FB", "S->R"] = [(0.1,), (0.12,)]
    values["CE and FB", "R->R"] = [(0.2,), (0.21,)]
    text = markdown(TOY["aio4"], table_document(TOY["aio4"], "toy", values), read_published("aio4"), "a/aio4.json")
    found = {line.split("(")[1].split(",")[0]: line for line in text.splitlines() if line.startswith("* FB")}
    assert found["I->R"].endswith("**confirmed**")
    assert found["S->R"].endswith("**contradicted**")
    assert found["R->R"].endswith("**undecided: within the deviation**")
    assert not [row for row in TOY["aio4"].cells if row in ("+ VA", "+ CE")]  # what VA alone does to a start


def test_verdicts_of_one_run_say_so():
    (claim, *_) = TOY["aio6"].claims
    one, two = CellValues(((0.3, 0, 0),), ("",)), CellValues(((0.2, 0, 0),), ("",))
    assert verdict(claim, one, two) == "confirmed (one run each)"
    assert verdict(claim, two, one) == "contradicted (one run each)"


def test_each_seed():
    values = {("R->R", "AIO"): [(0.1, 0.2, 0.3), (0.2, 0.3, 0.4)]}
    text = markdown(REAL["seeds"], table_document(REAL["seeds"], "real", values), None, "seeds.json")
    mean = "15.0 ± 7.1 / 25.0 ± 7.1 / 35.0 ± 7.1"
    assert cells_of(text, "R->R")[1:] == [mean, "10.0 / 20.0 / 30.0", "20.0 / 30.0 / 40.0"]


def test_origin_names_commit_hardware_and_seeds():
    text = real("aio7", {("AIO", "I->R SYSU-MM01"): [(0.5, 0.4)]})
    last = text.rstrip().splitlines()[-1]
    for words in ("cccccccccccc", "a processor, 2 cores", "seeds 1", "`aio.json`"):
        assert words in last


def test_every_table_renders_without_any_number():
    for table in REAL.values():
        document = dataclasses.replace(table_document(table, "real"), runs={})
        published = read_published(table.name) if table.printed else None
        assert "Nothing could be computed" in markdown(table, document, published, "aio.json")


def test_published_files_are_one_row_a_line():
    """So that a change of a number is a change of one line."""
    for path in FOLDER.glob("*.json"):
        rows = json.loads(path.read_text())["rows"]
        assert all(f"  {json.dumps(row, ensure_ascii=False)}" in path.read_text() for row in rows)
