"""The approximate index: measured against exact search, and asked like it."""

import numpy as np
import pytest
import torch

from aio_plugin.errors import GalleryError
from aio_plugin.search import ann, gallery
from aio_plugin.search.filters import Filter
from aio_plugin.search.gallery import Gallery
from aio_plugin.search.store import IndexSettings, Store

pytest.importorskip("lancedb")
DIM = 16


def fill(store, count, start=0):
    import pyarrow as pa

    vectors = np.random.default_rng(start).normal(size=(count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        {"id": f"{n:032x}", "path": f"{n}.png", "camera": str(n % 50), "modality": "rgb", "vector": vector}
        for n, vector in enumerate(vectors, start)
    ]
    store.merge(pa.Table.from_pylist(rows, schema=store.schema))
    return torch.from_numpy(vectors)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An index of 1200 rows, 1000 of them in its approximate index."""
    store = Store.create(tmp_path_factory.mktemp("ann") / "people.lance", IndexSettings("fake", DIM, "/"))
    fill(store, 1000)
    settings = ann.build_ann(store)
    fill(store, 200, start=1000)
    return store.uri, settings


def test_recall_is_measured_and_kept(built):
    uri, settings = built
    assert settings.recall >= ann.RECALL
    assert (settings.rows, settings.queries) == (1000, ann.QUERIES)
    assert Gallery(uri).ann == settings


@pytest.mark.parametrize(
    "where", [None, Filter({"camera": ["7"]}), Filter(paths=["3.png", "1100.png"]), Filter({"camera": ["none"]})]
)
def test_it_finds_what_exact_search_finds(built, where, monkeypatch):
    uri, _ = built
    queries = torch.randn(20, DIM, generator=torch.Generator().manual_seed(5))
    exact = Gallery(uri).search(queries, 10, where, exact=True)
    monkeypatch.setattr(gallery, "best_rows", None)  # the vectors are not read
    found = Gallery(uri).search(queries, 10, where)
    assert found.rows.shape == exact.rows.shape
    same = np.mean([len({*a} & {*b}) / max(1, len(a)) for a, b in zip(found.ids, exact.ids, strict=True)])
    assert same >= 0.98 or not exact.rows.size
    for place in zip(*(found.rows == exact.rows).nonzero(), strict=True):
        assert found.scores[place] == pytest.approx(exact.scores[place], abs=1e-5)
    assert (np.diff(found.scores) <= 0).all()


def test_a_stale_recall_is_not_hidden(built):
    """New rows are searched as well."""
    uri, _ = built
    whole = Gallery(uri)
    hits = whole.search(whole.vectors[1100:1150], 1)
    assert hits.rows[:, 0].tolist() == list(range(1100, 1150))


def test_an_effort_that_does_not_suffice_is_said(tmp_path, monkeypatch):
    store = Store.create(tmp_path / "people.lance", IndexSettings("fake", DIM, "/"))
    fill(store, 300)
    wrong = ann.nearest
    calls = []

    def poor(store, settings, queries, top, where=""):
        calls.append(settings.candidates)
        found = wrong(store, settings, queries, top, where)
        return found._replace(rows=torch.where(torch.arange(top) < top // 2, found.rows, -1))

    monkeypatch.setattr(ann, "nearest", poor)
    assert ann.build_ann(store).recall < 0.6
    assert calls == [candidates for candidates, _ in ann.EFFORTS]


def test_few_rows_need_none(tmp_path):
    store = Store.create(tmp_path / "people.lance", IndexSettings("fake", DIM, "/"))
    fill(store, 100)
    with pytest.raises(GalleryError, match="--ann is for thousands"):
        ann.build_ann(store)
