"""What can be computed with what is there, and what is said to be missing."""

import shutil

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.host.targets import split_target
from benchmarks.paper_tables import __main__ as runner
from benchmarks.paper_tables import tables
from benchmarks.paper_tables.presence import Bench
from benchmarks.paper_tables.scales import REAL, TOY
from benchmarks.paper_tables.spec import Score


@pytest.fixture(scope="module")
def some(toy_world, tmp_path_factory):
    """A root with four of the datasets, not marked as a toy world."""
    root = tmp_path_factory.mktemp("some")
    for folder in ("market1501", "SYSU-MM01", "CUHK-PEDES", "PKU-Sketch"):
        shutil.copytree(toy_world / folder, root / folder)
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name in ("laion2b_vit_b16.safetensors", "Meta-Transformer_base_patch16_encoder.pth"):
        (folder / name).write_bytes(b"")
    return folder


def real(root, weights, tmp_path):
    return Bench(REAL, root, weights, tmp_path)


def cells(bench, name):
    return {(row, column): bench.missing(cell) for row, column, cell in tables(bench.scale)[name]}


def test_counts_need_their_dataset_alone(some, tmp_path):
    found = cells(real(some, None, tmp_path), "aio3")
    names = ("Market1501", "SYSU-MM01", "PKU-Sketch", "CUHK-PEDES", "Tri-CUHK-PEDES")
    assert {row for (row, _), faults in found.items() if not faults} == {f"{name} (test)" for name in names}
    (fault,) = found["LLCM (train)", "ids"]
    assert fault == "llcm: DIR/LLCM is not complete."


def test_everything_that_is_missing_is_said(some, tmp_path):
    faults = cells(real(some, None, tmp_path), "aio7")["AIO", "I->R SYSU-MM01"]
    assert [fault.partition(":")[0] for fault in faults] == ["synth_pedes", "llcm", "mask1k", "weights"]
    assert "Meta-Transformer_base_patch16_encoder(.safetensors|.pt|.pth|.bin)" in faults[-1]


def test_a_whole_root_and_its_weights(toy_world, weights, tmp_path):
    """Table 7 and 4 can be had; of 5 only the rows whose files are there."""
    bench = real(toy_world, weights, tmp_path)
    assert not any(cells(bench, "aio7").values())
    assert {row for (row, _), faults in cells(bench, "aio4").items() if faults} == {"Base"}
    assert {row for (row, _), faults in cells(bench, "aio5").items() if not faults} == {
        f"LAION ({whose})" for whose in ("Meta-Transformer", "open_clip")
    }
    faults = cells(bench, "aio5")["Uni-Perceiver v2", "R->R"]
    assert len(faults) == 1
    assert "uni_perceiver_v2_vit_b16" in faults[0]


def test_times_need_nothing(tmp_path):
    assert not any(cells(real(tmp_path, None, tmp_path), "aio9").values())


def test_dmf_needs_both_stages(toy_world, weights, tmp_path):
    faults = cells(real(toy_world, weights, tmp_path), "dmf")["RandPerson: DMF", "Market-1501"]
    assert [fault.partition(":")[0] for fault in faults] == ["randperson", "finegpr_c"]


def test_tables_share_runs(toy_world, tmp_path):
    """Tables 6, 7, 8, the seeds and the protocols are further tests of one training."""
    bench = Bench(TOY, toy_world, None, tmp_path)
    made = tables(TOY)
    folders = {
        name: {bench.run(cell.training, 1).folder for _, _, cell in made[name] if isinstance(cell, Score)}
        for name in made
    }
    assert folders["aio6"] == folders["aio7"] == folders["aio8"] == folders["seeds"] == folders["protocols"]
    assert folders["aio7"] <= folders["aio4"]
    assert folders["aio7"] <= folders["aio5"]
    assert len(folders["dmf"] & folders["dmf_ablation"]) == 1
    assert not folders["aio4"] & folders["dmf"]


def test_weights_and_sketcher_reach_the_run(toy_world, weights, tmp_path):
    bench = real(toy_world, weights, tmp_path)
    training = next(cell.training for *_, cell in tables(REAL)["aio7"])
    assert bench.run(training, 3).settings == {
        "data.root": toy_world,
        "train.seed": 3,
        "aio.encoder.name": "meta_transformer:base_patch16",
        "aio.encoder.weights": weights / "Meta-Transformer_base_patch16_encoder.pth",
        "aio.text.weights": weights / "laion2b_vit_b16.safetensors",
    }
    (weights / "sk_model.pth").write_bytes(b"")
    assert bench.run(training, 3).settings["aio.synthesis.lineart"] == weights / "sk_model.pth"
    (weights / "sk_model.pth").unlink()


def test_variants_are_those_of_the_protocols(toy_world):
    for table in tables(TOY).values():
        for _, _, cell in table:
            if isinstance(cell, Score) and cell.variant:
                name, query = split_target(cell.target)
                variants = ADAPTERS[name].protocol(str(toy_world), {}, query).variants
                assert sum(cell.variant in variant.name for variant in variants) == 1


def command(*arguments):
    return runner.main(list(map(str, arguments)))


def test_only_what_can_be_had_is_written(some, tmp_path, capsys):
    results = tmp_path / "results"
    code = command("--root", some, "--results", results, "--runs", tmp_path / "runs", "--table", "3", "4", "7")
    said = capsys.readouterr().out
    assert code == 0
    assert sorted(path.name for path in (results / "real").iterdir()) == ["aio3.json", "aio3.md"]
    assert "aio7: 0 of 4 cells can be computed, not written" in said
    assert "synth_pedes: DIR/SYNTH-PEDES is not complete. (aio3, aio4, aio7)" in said
    assert "| Market1501 (test) | ids | 1,501 |" in (results / "real" / "aio3.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "TOY"], "is a toy world, whose numbers are no results; add --toy"),
        (["--root", "TOY/nowhere"], "There is no folder"),
        ([], "--root DIR is missing"),
        (["--root", "SOME", "--table", "sysu"], "Unknown table 'sysu'"),
        (["--root", "SOME", "--set", "train.lr"], "pairs of KEY and VALUE"),
        (["--root", "SOME", "--set", "train.lr", "1"], "give --results another folder"),
        (["--root", "SOME", "--toy"], "give --results another folder"),
        (["--root", "SOME", "--toy", "--check"], "is not empty and not a toy world"),
    ],
)
def test_mistakes(arguments, words, toy_world, some, capsys):
    places = {"TOY": str(toy_world), "TOY/nowhere": str(toy_world / "nowhere"), "SOME": str(some)}
    assert command(*(places.get(argument, argument) for argument in arguments)) == 2
    assert words in capsys.readouterr().err


def test_a_toy_world_counts_as_toy(toy_world, tmp_path):
    code = command("--toy", "--root", toy_world, "--results", tmp_path, "--runs", tmp_path / "runs", "--table", "3")
    text = (tmp_path / "toy" / "aio3.md").read_text()
    assert code == 0
    assert text.startswith("**TOY DATA: ")
    assert "1,501" not in text
    assert not (tmp_path / "real").exists()
    assert command("--toy", "--root", toy_world, "--results", tmp_path, "--table", "3", "--check") == 0
