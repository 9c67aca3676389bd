import copy
import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aio_plugin.errors import AIOError
from aio_plugin.evaluation import environment
from aio_plugin.evaluation.environment import git_commit, hardware, package_versions
from aio_plugin.evaluation.results import LONGEST, file_name, target_entry, validate, write_json
from aio_plugin.evaluation.table import rows, table
from aio_plugin.modality import Modality

from .helpers import results, scored, target


@pytest.fixture(scope="module")
def found():
    pixels, before, after = (scored(target(), noise, ranks=(1, 5))[0] for noise in (20, 9, 0.1))
    text, sketch = ({"pixels": each, "before": before, "after": after} for each in (None, pixels))
    return results(
        target_entry("pku_sketch", "sketch -> rgb", sketch, ["seeded splits"]),
        target_entry("tri_cuhk_pedes@ir+text", "ir+text -> rgb", text, synthetic=["ir"], leaks=["a and b overlap"]),
        config={"data": {"root": "x", "targets": ("a",)}, "when": Modality.IR, "lr": 0.1},
    )


def test_a_written_document_reads_back_and_fits_the_schema(found, tmp_path):
    path = tmp_path / "log" / "results.json"
    write_json(found, path)
    again = json.loads(path.read_text())
    assert again == found
    validate(again)
    assert [p.name for p in path.parent.iterdir()] == ["results.json"]
    assert again["config"] == {"data": {"root": "x", "targets": ["a"]}, "when": "ir", "lr": 0.1}
    assert again["targets"][1]["results"]["pixels"] is None
    assert again["targets"][0]["results"]["after"]["mean"]["rank-5"] == 1


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    write_json({"a": 1}, path)
    with pytest.raises(ValueError, match="JSON"):
        write_json({"a": math.nan}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


AFTER = ("targets", 0, "results", "after")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], 1, "schema 1 is not 2 or 3"),
        (["seed"], KeyError, "results: 'seed' is a required"),
        (["seed"], "1", "results.seed: '1' is not of type 'integer'"),
        (["seed"], True, "results.seed: True is not of type 'integer'"),
        (["colour"], "red", "results: .*'colour' was unexpected"),
        (["commit"], 5, "results.commit: 5 is not of type 'string', 'null'"),
        (["hardware", "gpus"], ["H200", 3], r"results.hardware.gpus\[1\]: 3 is not of type 'string'"),
        (["encoder"], {"name": "toy"}, "results.encoder: 'sha256' is a required"),
        (["targets", 1, "notes"], "a note", r"results.targets\[1\].notes: 'a note' is not of type 'array'"),
        (["targets", 0, "leaks"], KeyError, r"results.targets\[0\]: 'leaks' is a required"),
        (["targets", 1, "leaks"], [1], r"results.targets\[1\].leaks\[0\]: 1 is not of type 'string'"),
        ([*AFTER, "mean", "mAP"], 51.2, r"results.after.mean.mAP: 51.2 is greater than the maximum"),
        ([*AFTER, "mean", "rank-1"], "0.5", "mean.*rank-1.*: '0.5' is not of type 'number'"),
        ([*AFTER, "trials", 0, "num_valid"], None, r"trials\[0\].num_valid: None is not of type 'integer'"),
        (["targets", 0, "results", "during"], None, "results: .*'during' was unexpected"),
    ],
)
def test_the_schema_names_what_is_wrong(found, path, value, message):
    broken = node = copy.deepcopy(found)
    *way, last = path
    for key in way:
        node = node[key]
    node[last] = value
    if value is KeyError:
        del node[last]
    with pytest.raises(AIOError, match=message):
        validate(broken)


def test_what_is_no_document_is_no_document():
    for broken in (None, [], "text"):
        with pytest.raises(AIOError, match="is not of type 'object'"):
            validate(broken)


def test_files_of_schema_2_stay_readable():
    file = Path(__file__).parent / "results_of_schema_2.json"
    old = json.loads(file.read_text())
    assert old["schema"] == 2
    validate(old)
    old["schema"] = 3
    with pytest.raises(AIOError, match="is a required property"):
        validate(old)


def test_names_of_files_are_safe_and_differ():
    assert file_name("tri_cuhk_pedes@rgb+ir") == "tri_cuhk_pedes@rgb+ir"
    odd = ["a/b", "a\\b", "a b", "../../a", "..", "", ".hidden", "ä", "x" * 999, "x" * 998, "a\0b", "a-b"]
    names = [file_name(name) for name in odd]
    assert len(set(names)) == len(odd)
    assert all(re.fullmatch(r"[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*", name) for name in names)
    assert max(map(len, names)) <= LONGEST + 9


def test_the_environment_is_named(tmp_path):
    assert {"python", "torch", "numpy"} <= set(package_versions())
    machine = hardware()
    assert machine["cores"] >= 1
    assert machine["processor"]


def test_a_commit_is_named_only_where_git_tracks_the_package(tmp_path):
    package = tmp_path / "venv" / "aio_plugin" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("")
    assert git_commit(package) is None, "no commit outside of git"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@y"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a stranger's"]):
        subprocess.run([*git, *command], check=True)
    assert git_commit.__wrapped__(package) is None, "somebody's repository that the package lies in"
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "it is the package's own"], check=True)
    commit = git_commit.__wrapped__(package)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    index = (tmp_path / ".git" / "index").read_bytes()
    os.utime(package)
    assert git_commit.__wrapped__(package) == commit
    package.write_text("changed")
    assert git_commit.__wrapped__(package) == f"{commit}-dirty"
    assert (tmp_path / ".git" / "index").read_bytes() == index, "the repository is only read"


def test_the_code_is_told_by_its_content(tmp_path, monkeypatch):
    shutil.copytree(environment.PACKAGE, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(environment, "PACKAGE", tmp_path / "copy")
    assert environment.code.__wrapped__() == environment.code() == results()["code"], "wherever it lies"
    with open(tmp_path / "copy" / "losses" / "binding.py", "a") as file:
        file.write("\n")
    assert environment.code.__wrapped__()["sha256"] != environment.code()["sha256"]


def test_table(found):
    lines = table(found).splitlines()
    assert lines[0].split() == ["pixels", "before", "after"]
    assert lines[1].split() == ["direction", "target", "chance", *["R1", "mAP", "mINP"] * 3]
    first, second, note = lines[3:]
    means = [found["targets"][0]["results"][c]["mean"] for c in ("pixels", "before", "after")]
    expected = [f"{100 * mean[m]:.1f}" for mean in means for m in ("rank-1", "mAP", "mINP")]
    assert first.split() == ["sketch", "->", "rgb", "pku_sketch", "16.7", *expected]
    assert second.split()[:9] == ["ir+text", "->", "rgb", "*", "tri_cuhk_pedes@ir+text", "16.7", "-", "-", "-"]
    assert note == "* with queries made from rgb: ir (sketches by edges)"
    ends = [[match.end() for match in re.finditer(r"\S+", line)][-9:] for line in (lines[1], first, second)]
    assert ends.count(ends[0]) == 3, "numbers stand below their headings"


def test_a_variant_has_a_row_and_its_name_below_the_table(found):
    with_variant = copy.deepcopy(found)
    after = with_variant["targets"][1]["results"]["after"]
    variant = {**copy.deepcopy(after), "protocol": "toy, original gallery", "variants": []}
    variant["mean"]["rank-1"], variant["mean"]["chance"] = 0.123, 0.045
    after["variants"] = [variant]
    lines = table(with_variant).splitlines()
    assert [line.split() for line in lines[3:5]] == [line.split() for line in table(found).splitlines()[3:5]]
    row = lines[5].split()
    assert row[:7] == ["ir+text", "->", "rgb", "*", "(1)", "tri_cuhk_pedes@ir+text", "4.5"]
    assert row[7:14] == [*["-"] * 6, "12.3"]
    assert lines[6] == "(1) toy, original gallery"
    assert [row.variant for row in rows(with_variant)] == ["", "", "toy, original gallery"]


def test_a_table_has_only_the_columns_there_are(found):
    only = copy.deepcopy(found)
    for entry in only["targets"]:
        entry["results"] = {"after": entry["results"]["after"]}
    assert "before" not in table(only)
    assert table(only).splitlines()[1].count("mAP") == 1
