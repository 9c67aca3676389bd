"""The tables of the README and of benchmarks/ are those of their result files, and no number stands beside them."""

import json
import re

import pytest

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.results import write_json
from benchmarks.markdown import __main__ as readme
from benchmarks.paper_tables import documents, tables
from benchmarks.paper_tables.published_numbers import FOLDER
from benchmarks.paper_tables.scales import SCALES

from .made_up import result, result_document, table_document

COMMITTED = sorted(path for scale in SCALES for path in (documents.RESULTS / scale).glob("*.json"))
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
"""A decimal that is no version."""


def test_no_table_is_stale():
    assert readme.stale(readme.files()) == []


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", COMMITTED, ids=name_of)
def test_committed_tables_are_those_of_their_files_whose_numbers_trace_to_runs(path):
    assert readme.table_of(name_of(path)) == path.with_suffix(".md").read_text()
    runs = documents.read_table(path).runs
    assert runs
    for run in runs.values():
        assert run["config"]
        assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", run["commit"])
        assert run["hardware"]["processor"]
        assert isinstance(run["seed"], int)


def outside(text):
    """What stands outside of the tables that are made."""
    return readme.BLOCK.sub("", text)


def tabled(text):
    """Lines of tables and of code blocks, but for YAML, whose numbers are settings."""
    text = re.sub(r"^```yaml\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    inside = False
    for line in text.splitlines():
        inside ^= line.startswith("```")
        if inside or line.startswith("|"):
            yield line


@pytest.mark.parametrize("path", readme.files(), ids=lambda path: path.name)
def test_no_table_has_numbers_typed_by_hand(path):
    lines = [line for line in tabled(outside(path.read_text())) if NUMBER.search(line)]
    assert lines == []


def test_the_check_finds_numbers():
    made = "<!-- table:x -->\n| 9.9 |\n<!-- /table -->\n"
    text = "| a | 12.3 |\n```\nR1  45.6\n```\n0.5 s a step\n| 1.4.x | v1.2 |\n" + made
    assert [line for line in tabled(outside(text)) if NUMBER.search(line)] == ["| a | 12.3 |", "R1  45.6"]


@pytest.fixture
def results(tmp_path):
    table = tables(SCALES["toy"])["aio7"]
    values = {("AIO", "I->R SYSU-MM01"): [(0.5, 0.4)]}
    documents.save_table(table_document(table, "toy", values), tmp_path / "toy" / "aio7.json")
    write_json(result_document({"market1501": result(0.875)}), tmp_path / "demo.json")
    return tmp_path


TEXT = "before\n<!-- table:toy/aio7 -->\nold\n<!-- /table -->\nbetween\n<!-- result:demo -->\n<!-- /result -->\nafter\n"


def test_blocks_are_made_and_the_rest_is_left(results):
    text = readme.renewed(TEXT, results)
    assert text.startswith("before\n<!-- table:toy/aio7 -->\n\n**TOY DATA")
    assert "<!-- /table -->\nbetween\n<!-- result:demo -->\n```\n" in text
    assert text.endswith("```\n<!-- /result -->\nafter\n")
    assert "50.0 / 40.0" in text
    assert "87.5" in text
    assert "old" not in text
    assert readme.renewed(text, results) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!-- table:toy/aio7 -->\n", "has no end"),
        ("<!-- /table -->\n", "has no end"),
        ("<!-- table:toy/aio7 -->\n<!-- /result -->\n", "has no end"),
        ("<!-- table: -->\n<!-- /table -->\n", "has no end"),
        ("<!-- table:toy/aio9 -->\n<!-- /table -->\n", r"aio9\.json"),
        ("<!-- seeds:full -->\n<!-- /seeds -->", "there is none"),
    ],
)
def test_blocks_that_cannot_be_made(text, says, results):
    with pytest.raises(AIOError, match=says):
        readme.renewed(text, results)


MEASURED = sorted(documents.RESULTS.glob("*.json"))


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_measurements_tell_where_they_were_made(path):
    found = json.loads(path.read_text())
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", found["commit"])
    assert found["hardware"]["processor"]
    assert found["packages"]["torch"]
    assert "config" in found or "command" in found
    assert not re.search(r'"/(home|root|tmp|work|Users)/', path.read_text())


def test_seeds_stand_side_by_side(tmp_path):
    for seed, rank1 in ((1, 0.875), (2, 0.25)):
        write_json(result_document({"market1501": result(rank1)}), tmp_path / f"demo_seed{seed}.json")
    text = readme.renewed("<!-- seeds:demo -->\n<!-- /seeds -->", tmp_path)
    assert "| seed 1 | seed 2 |" in text
    assert text.splitlines()[-2].endswith("| 87.5 | 25.0 |")
    write_json(result_document({"sysu_mm01": result(0.5)}), tmp_path / "demo_seed3.json")
    with pytest.raises(AIOError, match=r"demo_seed3.json: its targets are \['sysu_mm01'\]"):
        readme.renewed("<!-- seeds:demo -->\n<!-- /seeds -->", tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "shown"),
    [
        ("speed", "speed_2_cores", ("training", "ours", "persons_per_second"), 1234.0, "| 1234 |"),
        ("profile", "speed_2_cores", ("profile", "ours", "milliseconds"), 4321.0, "4321 ms"),
        ("ranking", "ranking_2_cores", ("sizes", "msmt17", "aio_plugin", "seconds"), 5678.0, "| 5678.00 s,"),
    ],
)
def test_measurements_are_shown(tmp_path, kind, name, path, value, shown):
    found = inner = json.loads((documents.RESULTS / f"{name}.json").read_text())
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(found))
    assert shown in readme.renewed(f"<!-- {kind}:{name} -->\n<!-- /{kind} -->", tmp_path)
    for broken in ("{", "{}"):
        file.write_text(broken)
        with pytest.raises(AIOError, match=f"{name}.json: no result that can be read"):
            readme.renewed(f"<!-- {kind}:{name} -->\n<!-- /{kind} -->", tmp_path)


def test_a_file_in_the_wrong_place_is_no_real_table(results):
    (results / "real").mkdir()
    (results / "toy" / "aio7.json").rename(results / "real" / "aio7.json")
    with pytest.raises(AIOError, match="is toy/aio7, not real/aio7"):
        readme.table_of("real/aio7", results)


def test_command(results, tmp_path, monkeypatch, capsys):
    file = tmp_path / "README.md"
    file.write_text(TEXT)
    monkeypatch.setattr(readme, "files", lambda: [file])
    monkeypatch.setattr(readme, "REPOSITORY", tmp_path)
    monkeypatch.setattr(readme, "renewed", lambda text, made=readme.renewed: made(text, results))
    assert readme.main(["--check"]) == 1
    assert file.read_text() == TEXT
    assert readme.main([]) == 0
    assert readme.main(["--check"]) == 0
    assert capsys.readouterr().out.splitlines() == ["README.md: tables are stale", "README.md: tables are made anew"]
    file.write_text("<!-- table:toy/aio7 -->\n")
    assert readme.main([]) == 2
    assert str(file) in capsys.readouterr().err


def test_published_names_are_those_of_tables():
    assert {path.stem for path in FOLDER.glob("*.json")} <= set(tables(SCALES["real"]))
