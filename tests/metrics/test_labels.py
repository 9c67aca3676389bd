"""Identities and cameras of every type: exactly, or an error that says which is wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics import evaluate_distances, evaluate_features
from aio_plugin.metrics.labels import joint_labels

INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63, 2**63 + 1, 2**64 - 1, 2**70, -(2**70), 10**4000])
LABELS = st.lists(st.integers(-2, 2) | INTEGERS, max_size=9) | st.lists(st.text(max_size=3), max_size=9)


@given(LABELS, LABELS)
def test_labels_are_equal_where_the_values_are(query, gallery):
    try:
        q, g = joint_labels(query, gallery, "identities")
    except ProtocolError:
        assert {type(label) for label in query} != {type(label) for label in gallery}
        return
    assert (q[:, None] == g).tolist() == [[one == other for other in gallery] for one in query]
    for labels, codes in ((query, q), (gallery, g)):
        assert [code < 0 for code in codes] == [isinstance(label, int) and label < 0 for label in labels]


PEOPLE = [3, 1, 3, 2, 1, 2]
FORMS = {
    "a list": list,
    "a tuple": tuple,
    "int16": lambda pids: np.array(pids, np.int16),
    "uint64 above 2**63": lambda pids: np.array(pids, np.uint64) + np.uint64(2**63),
    "Python integers of any size": lambda pids: [pid + 2**70 for pid in pids],
    "neighbours that float64 cannot tell apart": lambda pids: [2**63 + pid for pid in pids[:-1]] + [pids[-1] + 2**63],
    "an object array": lambda pids: np.array([pid + 2**70 for pid in pids], object),
    "a tensor": lambda pids: torch.tensor(pids, dtype=torch.int32),
    "a tensor of uint64": lambda pids: torch.tensor(pids, dtype=torch.uint64),
    "a list of tensors and numpy integers": lambda pids: [torch.tensor(pids[0]), *np.array(pids[1:], np.int8)],
    "strings": lambda pids: [f"person {pid}" for pid in pids],
    "numpy strings": lambda pids: np.array([f"person {pid}" for pid in pids]),
    "an object array of strings": lambda pids: np.array([f"person {pid}" for pid in pids], object),
    "bytes": lambda pids: np.array([f"{pid}".encode() for pid in pids]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_type_gives_the_numbers_of_int64(form):
    distances = np.random.default_rng(0).random((2, 6))
    wanted = evaluate_distances(distances, [1, 2], PEOPLE, [0, 1], [0, 0, 0, 1, 1, 0])
    make = FORMS[form]
    people = make([1, 2, *PEOPLE])
    cameras = make([0, 1, 0, 0, 0, 1, 1, 0])
    found = evaluate_distances(distances, people[:2], people[2:], cameras[:2], cameras[2:])
    for name in ("ap", "inp", "first_rank", "num_matches", "num_left"):
        assert torch.equal(getattr(found, name), getattr(wanted, name)), name
    assert wanted.num_left.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        ([0.1, 0.2], [1], "query identities must be whole numbers or strings.*got float 0.1.*to integers if they"),
        ([1], np.array([0.5]), "gallery identities .*got float 0.5"),
        ([1], torch.tensor([1.0]), "gallery identities .*got float 1.0"),
        ([float("nan")], [1], "got float nan"),
        ([True], [1], "got bool True"),
        ([1], np.array([False]), "got bool False"),
        ([1, "1"], [1], "all of one type; got str '1'"),
        ([None], [1], "got NoneType"),
        (["1"], [1], "query identities are strings, the gallery identities whole numbers"),
        ([1], np.array([b"1"]), "query identities are whole numbers, the gallery identities bytes"),
        ([[1, 2]], [1], "got list"),
        (np.eye(2, dtype=int), [1], r"one-dimensional.* got shape \(2, 2\)"),
        (torch.tensor(3), [1], r"got shape \(\)"),
        ("ab", ["a", "b"], "must be a sequence.* got 'ab'"),
        (3, [3], "must be a sequence.* got 3"),
        ([3], {3}, r"must be a sequence.* got \{3\}"),
    ],
)
def test_other_types_are_refused(query, gallery, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate_distances(np.zeros((1, 1)), query, gallery, removal="none")


@pytest.mark.parametrize(
    ("pid", "shown"), [(2**70, str(2**70)), (10**4000, "an integer of 13,288 bits"), ("x" * 99, "'x{60}'")]
)
def test_the_identity_that_nobody_has_is_named_as_it_was_passed(pid, shown):
    with pytest.raises(ProtocolError, match=f"looks for identity {shown}\\."):
        evaluate_distances(np.zeros((1, 1)), [pid], [type(pid)()], removal="none")


def test_keys_of_a_removal_can_be_of_any_type():
    distances = np.array([[0.1, 0.2, 0.3]])
    for keys in (([5], [5, 6, -1]), ([2**70], [2**70, 6, -(2**70)]), (["a"], ["a", "b", "c"])):
        assert evaluate_distances(distances, [1], [1, 1, 2], removal=keys).num_left.tolist() == [2]
    nothing = [-(2**63)], [-(2**63), -1, -(2**70)]
    assert evaluate_distances(distances, [1], [1, 1, 2], removal=nothing).num_left.tolist() == [3]


QUERY, GALLERY = np.array([[1, 0], [1, 5]]), np.array([[9, 1], [2, 8], [10, 1]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", ">f4"])
@pytest.mark.parametrize("make", [np.asarray, lambda a: torch.from_numpy(a.astype(a.dtype.newbyteorder("=")))])
def test_features_can_be_arrays_of_any_number(dtype, make):
    wanted = evaluate_features(
        torch.from_numpy(QUERY).float(), torch.from_numpy(GALLERY).float(), [7, 8], [7, 8, 8], removal="none"
    )
    query, gallery = make(QUERY.astype(dtype)), make(GALLERY.astype(dtype))
    found = evaluate_features(query, gallery, [7, 8], [7, 8, 8], removal="none")
    assert torch.equal(found.ap, wanted.ap)


def test_features_that_cannot_be_written_to_are_read_without_a_warning(recwarn):
    gallery = GALLERY.astype(np.float32)
    gallery.flags.writeable = False
    evaluate_features(gallery[:1], gallery, [1], [1, 1, 1], removal="none")
    assert not recwarn.list


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (QUERY.astype(str), GALLERY, "query features must be real numbers, got <U"),
        (QUERY, GALLERY.astype(complex), "gallery features must be real numbers, got complex128"),
        (torch.zeros(2, 2, dtype=torch.bool), GALLERY, "query features must be real numbers, got torch.bool"),
        ([[1.0, 0.0], [1.0]], GALLERY, "query features are not an array"),
        (QUERY[:, :1], GALLERY, "with one D"),
        (QUERY[0], GALLERY, "with one D"),
        (QUERY, GALLERY[:2], "do not fit"),
        (QUERY[:1], GALLERY, "2 queries, but distances of 1"),
        (QUERY * np.array([[1.0], [np.inf]]), GALLERY, "not a number"),
        (QUERY, GALLERY * np.array([[1.0], [np.nan], [1.0]]), "not a number"),
    ],
)
def test_what_are_no_features_is_refused(query, gallery, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate_features(query, gallery, [1, 2], [1, 2, 3], removal="none")


def test_whole_distances_keep_their_order():
    """Neighbours that float32 cannot tell apart."""
    assert evaluate_distances(np.array([[2**24 + 1, 2**24]]), [1], [2, 1], removal="none").rank(1) == 1
