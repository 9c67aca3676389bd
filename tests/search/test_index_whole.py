"""A trained model's index in use: the figures of a target, several processes, and no torchreid."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.evaluation.score import score
from aio_plugin.host.inference import test_data as data_of_target
from aio_plugin.search.gallery import Gallery

from ..tools import trained
from .conftest import IMAGES
from .fakes import FakeModel, write_pictures
from .fakes import run as run_model
from .test_index_faults import HOLD, checked

pytest.importorskip("lancedb")
REPO = Path(__file__).parents[2]
RUN = "import sys; from tests.search.fakes import FakeModel, run\nmodel = FakeModel()\n"
RUN += "code = run(model, *sys.argv[1:])\nprint(len(model.encoded), 'encoded here', file=sys.stderr)\nsys.exit(code)"


@pytest.mark.slow
def test_figures_through_an_index_are_those_of_main(run, toy_world, tmp_path):
    weights, out = run / "model" / "last.pth.tar", tmp_path / "people.lance"
    testing = ("model.load_weights", weights, "test.evaluate", True, "aio.test.pixels", False)
    testing += ("aio.test.attributes", False, *(part for item in IMAGES.items() for part in item))
    arguments = (*testing, "data.targets", "['market1501']", "data.save_dir", tmp_path / "log")
    assert trained.command("main", toy_world, *arguments) == 0
    (target,) = json.loads((tmp_path / "log" / "results.json").read_text())["targets"]
    tested = data_of_target(trained.config(toy_world), "market1501")[1]
    aio_plugin.unregister()
    rows = [{"path": str(item.media), "pid": item.pid, "camera": item.camid} for item in tested.gallery]
    (toy_world / "gallery.jsonl").write_text("\n".join(map(json.dumps, rows)))
    line = ["index", "--weights", str(weights), "--images", str(toy_world / "gallery.jsonl"), "--out", str(out)]
    assert main([*line, "--device", "cpu"]) == 0
    gallery, model = Gallery(out), aio_plugin.load(weights, "cpu")
    gallery.require_model(model.digest)
    paths = {path: row for row, path in enumerate(gallery.column("path").to_pylist())}
    order = [paths[os.path.relpath(item.media, toy_world)] for item in tested.gallery]
    assert order == sorted(order)
    assert gallery.column("pid").take(order).to_pylist() == [str(item.pid) for item in tested.gallery]
    queries = model.encode([item.media for item in tested.query])
    result = score(queries, gallery.vectors[torch.tensor(order)], tested.query, tested.gallery, tested.protocol)
    expected = target["results"]["after"]["mean"]
    assert result.mAP == pytest.approx(expected["mAP"], abs=1e-6)
    assert result.mINP == pytest.approx(expected["mINP"], abs=1e-6)
    for rank in (1, 5, 10, 20):
        assert result.rank(rank) == pytest.approx(expected[f"rank-{rank}"], abs=1e-6)
    cosines = (queries @ gallery.vectors.T).numpy()
    hits = gallery.search(queries, 10)
    assert np.allclose(hits.scores, -np.sort(-cosines)[:, :10], atol=1e-6)


def torchrun(script, *arguments):
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    env = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*line, *map(str, arguments)], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_two_processes_share_the_work(tmp_path):
    folder, out, script = write_pictures(tmp_path / "pictures", 41), tmp_path / "people.lance", tmp_path / "run.py"
    script.write_text(RUN)
    (folder / "bad.png").write_bytes(b"")
    code, printed, errors = torchrun(script, "--images", folder, "--out", out, "--pattern", "c{camera}_{}_t{track}.png")
    assert code == 1, errors
    assert "41 pictures added" in printed
    assert "1 refused" in printed
    assert printed.count("rows of 8 values") == 1
    assert sorted(line for line in errors.splitlines() if line.endswith("encoded here")) == [
        "20 encoded here",
        "21 encoded here",
    ]
    assert len(checked(out)) == 41
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out / ".lock")], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        code, _, errors = torchrun(script, "--images", folder, "--out", out)
        first.kill()
    assert code == 1
    assert errors.count("is in use by another run") == 2


@pytest.mark.slow
def test_two_workers_of_a_local_ray_cluster(tmp_path, capsys, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    folder, out = write_pictures(tmp_path / "pictures", 40), tmp_path / "people.lance"
    (folder / "bad.png").write_bytes(b"")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert run_model(FakeModel(), "--images", folder, "--out", out, "--ray", 2) == 1
        printed = capsys.readouterr()
        assert "40 pictures added" in printed.out
        assert "bad.png" in printed.err
        assert len(checked(out)) == 40
        assert run_model(FakeModel(), "--images", folder, "--out", out, "--ray", 2) == 1
        assert "0 pictures added, 0 encoded anew, 0 with new values, 40 unchanged" in capsys.readouterr().out
    finally:
        ray.shutdown()


def test_search_works_without_torchreid(run, tmp_path):
    code = "import sys; sys.modules['torchreid'] = None\n"
    code += "from aio_plugin.search import ann, exact, filters, cluster, gallery, indexing, pictures, store"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPO, check=False).returncode == 0
