"""Exact search equals a slow loop, and a filter means the same in memory and in the store."""

import datetime
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.errors import GalleryError
from aio_plugin.search import exact
from aio_plugin.search.filters import Filter, parse_time
from aio_plugin.search.gallery import Gallery
from aio_plugin.search.store import IndexSettings, Store

NUMBERS = st.integers(-2, 2)  # few, so that scores are equal often, and exact in any order of summation


@given(
    st.integers(1, 4).flatmap(
        lambda dim: st.tuples(
            st.lists(st.lists(NUMBERS, min_size=dim, max_size=dim), min_size=0, max_size=3),
            st.lists(st.lists(NUMBERS, min_size=dim, max_size=dim), min_size=1, max_size=12),
            st.just(dim),
        )
    ),
    st.integers(1, 14),
    st.data(),
)
@settings(deadline=None)
def test_top_k_equals_a_slow_loop(given, top, data):
    queries, vectors, dim = given
    queries = torch.tensor(queries, dtype=torch.float32).reshape(-1, dim)
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors)))
    sizes = {"SCORES": 1, "GATHERED": 1, "FEW": 0}, {"SCORES": 4, "GATHERED": 3, "FEW": 1}, {}
    with mock.patch.multiple(exact, QUERIES=data.draw(st.integers(1, 3)), **data.draw(st.sampled_from(sizes))):
        found = exact.best_rows(
            queries, torch.tensor(vectors, dtype=torch.float32), top, None if mask is None else np.array(mask)
        )
    kept = [row for row in range(len(vectors)) if mask is None or mask[row]]
    for query, rows, scores in zip(queries.tolist(), found.rows.tolist(), found.scores.tolist(), strict=True):
        of_row = {row: sum(a * b for a, b in zip(query, vectors[row], strict=True)) for row in kept}
        slow = sorted(kept, key=lambda row: (-of_row[row], row))[:top]
        assert rows == slow
        assert scores == [of_row[row] for row in slow]


def test_blocks_are_as_numpy_sorts_the_whole():
    generator = torch.Generator().manual_seed(0)
    queries, vectors = torch.randn(300, 16, generator=generator), torch.randn(3000, 16, generator=generator)
    with mock.patch.multiple(exact, SCORES=1 << 12, QUERIES=64):
        found = exact.best_rows(queries, vectors, 20)
    whole = (queries @ vectors.T).numpy()
    assert (found.rows.numpy() == np.argsort(-whole, kind="stable")[:, :20]).all()
    np.testing.assert_allclose(found.scores.numpy(), -np.sort(-whole)[:, :20], rtol=1e-5)


WORDS = st.sampled_from(["a", "b", "a/b", "a'b", 'a"b', "a\\", "a%", "\n", "-- ", "é", "A", "a/", "\u2028", "null"])
TIMES = st.integers(-5, 5).map(lambda s: datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=s))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A store to fill, and to empty again."""
    pytest.importorskip("lancedb")
    store = Store.create(tmp_path_factory.mktemp("index") / "small.lance", IndexSettings("fake", 2, "/"))
    store.add_columns(["group", "select"])
    return store


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "path": WORDS,
                "camera": st.none() | WORDS,
                "group": st.none() | WORDS,
                "select": st.none() | WORDS,
                "time": st.none() | TIMES,
            }
        ),
        min_size=1,
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(["camera", "group", "select", "path"]), st.lists(WORDS | st.just(""), max_size=3)),
    st.none() | TIMES,
    st.none() | TIMES,
    st.lists(WORDS, max_size=2),
)
@settings(deadline=None, max_examples=40)
def test_a_filter_means_the_same_in_memory_and_in_the_store(small, rows, values, after, before, paths):
    small.delete("true")
    small.merge(table(small.schema, rows))
    small = Store(small.uri)
    where = Filter(values, after, before, paths)
    slow = [
        number
        for number, row in enumerate(rows)
        if all((row[name] or "") in wanted for name, wanted in values.items())
        and (after is None or (row["time"] is not None and row["time"] >= after))
        and (before is None or (row["time"] is not None and row["time"] < before))
        and (not paths or any(row["path"] == path or row["path"].startswith(f"{path.rstrip('/')}/") for path in paths))
    ]
    gallery = Gallery(small.uri)
    assert np.flatnonzero(gallery.mask(where)).tolist() == slow
    condition = where.sql(small.schema)
    assert small.read(["id"], condition)["id"].to_pylist() == [f"{number:032x}" for number in slow]
    assert small.count(condition) == len(slow)


def table(schema, rows):
    import pyarrow as pa

    whole = [
        {"id": f"{number:032x}", "vector": [1.0, 0.0], "modality": "rgb", **row} for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(whole, schema=schema)


def test_filters_are_bounded(small):
    for wrong in ({"camera": ["x"] * 1001}, {"camera": ["x" * 5000]}):
        with pytest.raises(GalleryError, match="names at most"):
            Filter(wrong)
    for name in ("vector", "time", "camera) or true --", "size"):
        with pytest.raises(GalleryError, match="no column"):
            Filter({name: ["x"]}).sql(small.schema)
        with pytest.raises(GalleryError, match="no column"):
            Gallery(small.uri).mask(Filter({name: ["x"]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "1e400",
        "9" * 400,
        "1" * 15 + ".",
        "-5",
        "20240131",
        "20240131120000",
        "24:00",
        "0001-01-01T00:00+05",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("features", "said"), [([[1.0, 0, 0]], r"\(Q, 2\)"), ([[0.0, 0.0]], "zero"), ([[np.nan, 1.0]], "not a number")]
)
def test_queries_that_do_not_fit(small, features, said):
    small.merge(table(small.schema, [{"path": "a"}]))
    with pytest.raises(GalleryError, match=said):
        Gallery(small.uri).search(torch.tensor(features))
    with pytest.raises(GalleryError, match="top is 0"):
        Gallery(small.uri).search(torch.ones(1, 2), top=0)
    with pytest.raises(GalleryError, match="Rows count"):
        Gallery(small.uri).values([10**9])


def test_one_query_and_an_empty_index(tmp_path):
    pytest.importorskip("lancedb")
    Store.create(tmp_path / "empty.lance", IndexSettings("fake", 2, "/"))
    hits = Gallery(tmp_path / "empty.lance").search(torch.ones(2), top=3)
    assert (hits.ids, hits.scores.shape, hits.rows.shape) == ([[]], (1, 0), (1, 0))
