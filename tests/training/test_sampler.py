"""Batches of distinct persons with quotas, as a function of (seed, epoch) alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.config import parse_config
from aio_plugin.errors import ConfigError, DatasetError
from aio_plugin.modality import Modality
from aio_plugin.training.sampler import PersonSampler
from aio_plugin.training.stages import Share, Stage, parse_stages, stage_at, starts_from_rgb


def stage(*quotas, single_source=False):
    return Stage(1, tuple(Share(f"s{i}", q) for i, q in enumerate(quotas)), single_source=single_source)


def sampler(sizes, quotas, single_source=False, **options):
    names = [f"s{i}" for i in range(len(sizes))]
    return PersonSampler(sizes, names, stage(*quotas, single_source=single_source), seed=7, **options)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), min_size=1, max_size=3), st.integers(0, 5))
def test_every_batch_holds_distinct_persons_and_every_person_is_seen(pairs, epoch):
    quotas = [q for q, _ in pairs]
    sizes = [q + extra for q, extra in pairs]
    s = sampler(sizes, quotas)
    s.at(epoch)
    batches = list(s)
    assert len(batches) == len(s)
    for batch in batches:
        for column, quota in enumerate(quotas):
            persons = [d.person for d in batch if d.source == column]
            assert len(persons) == len(set(persons)) == quota
    for column, size in enumerate(sizes):
        assert {d.person for b in batches for d in b if d.source == column} == set(range(size))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), min_size=1, max_size=3), st.integers(0, 40))
def test_batches_of_one_source_take_turns_by_quota(pairs, steps):
    quotas = [q for q, _ in pairs]
    persons, sizes = sum(quotas), [sum(quotas) + extra for _, extra in pairs]
    s = sampler(sizes, quotas, single_source=True, steps=steps)
    batches = list(s)
    assert len(batches) == len(s) == (steps or len(s))
    for batch in batches:
        assert len({d.source for d in batch}) == 1
        assert len({d.person for d in batch}) == len(batch) == persons
    for column, (quota, size) in enumerate(zip(quotas, sizes, strict=True)):
        turns = [batch[0].source == column for batch in batches]
        assert abs(sum(turns) - len(turns) * quota / persons) < 2  # at every length, so they are spread evenly
        if not steps:
            assert {d.person for b in batches for d in b if d.source == column} == set(range(size))


def test_a_source_smaller_than_a_batch_of_its_own():
    with pytest.raises(DatasetError, match="s1 has 5 persons, its batches ask for 6"):
        sampler([9, 5], [4, 2], single_source=True)


@pytest.mark.parametrize("single_source", [False, True])
def test_resumed_epoch_is_the_rest_of_the_undisturbed_one(single_source):
    whole, rest = (sampler([23, 9], [4, 2], single_source) for _ in range(2))
    whole.at(3)
    rest.at(3, 2)
    assert list(whole)[2:] == list(rest)
    other = sampler([23, 9], [4, 2], single_source)
    other.at(4)
    assert list(other) != list(whole)


def test_copies_of_a_person_stand_together_and_differ():
    batch = next(iter(sampler([8], [3], copies=2)))
    assert [d.copy for d in batch] == [0, 1] * 3
    assert batch[0].person == batch[1].person


def test_quota_larger_than_the_source():
    with pytest.raises(DatasetError, match="s0 has 3 persons, its batches ask for 4"):
        sampler([3], [4])


PAPER = [
    {"epochs": 4, "sources": {"a": {"quota": 8, "synthetic": ["ir", "sketch"]}}},
    {"epochs": 8, "sources": {"a": {"quota": 4, "synthetic": ["ir"]}, "b": {"quota": 4}}},
]


def test_stages_of_the_paper():
    stages = parse_stages(PAPER, ["a", "b"], 8, 12)
    assert [s.epochs for s in stages] == [4, 8]
    assert stages[0].shares == (Share("a", 8, (Modality.IR, Modality.SKETCH)),)
    assert stages[1].shares == (Share("a", 4, (Modality.IR,)), Share("b", 4))
    assert [stage_at(stages, epoch) for epoch in (0, 3, 4, 11, 12)] == [0, 0, 1, 1, 1]


def test_modalities_that_start_from_rgb_do_so_once():
    stages = [PAPER[0], {**PAPER[1], "from_rgb": ["ir", "sketch"]}]
    parsed = parse_stages(parse_config({"stages": stages}).stages, ["a", "b"], 8, 12)
    starts = [starts_from_rgb(parsed, epoch) for epoch in range(12)]
    assert starts == [(Modality.IR, Modality.SKETCH) if epoch == 4 else () for epoch in range(12)]


def test_without_stages_all_sources_share_evenly():
    (only,) = parse_stages([], ["a", "b", "c"], 8, 5)
    assert [s.quota for s in only.shares] == [3, 3, 2]
    assert only.epochs == 5


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"epochs": 4, "sources": {"c": {}}}], "source 'c' is not in data.sources"),
        ([{"epochs": 4, "source": {"a": {}}}], "unknown key 'source'. Did you mean 'sources'"),
        ([{"epochs": 0, "sources": {"a": {}}}], "`epochs`, a positive number"),
        ([{"epochs": 3, "sources": {"a": {}}}], "last 3 epochs together, train.max_epoch is 4"),
        ([{"epochs": 4, "sources": {"a": {"quota": 5}}}], "add up to 5, a batch holds 8"),
        ([{"epochs": 4, "sources": {"a": {"quota": 4}, "b": {}}}], "every source a positive `quota`"),
        ([{"epochs": 4, "sources": {"a": {"synthetic": ["text"]}}}], "text cannot be made from RGB"),
        ([{"epochs": 4, "sources": {"a": {"synth": []}}}], "unknown key 'synth'"),
        ([{"epochs": 4, "sources": {"a": {"synthetic": "ir"}}}], "`synthetic` must be a list"),
        (
            [{"epochs": 4, "sources": {"a": None}, "from_rgb": ["text"]}],
            "from_rgb` takes image modalities .*, got text",
        ),
        ([{"epochs": 4, "sources": {"a": None}, "from_rgb": ["rgb"]}], "got rgb"),
        ([{"epochs": 4, "sources": {"a": None}, "batches": "one"}], "`batches` must be mixed or single_source"),
        ([{"epochs": 4, "sources": {"a": None}, "from_rgb": "ir"}], "`from_rgb` must be a list"),
        ([{"epochs": 4, "sources": {"a": 3}}], "Stage 1, a: it must have `quota`"),
        ([{"epochs": True, "sources": {"a": None}}], "`epochs`, a positive number"),
        ([[4, "a"]], "Stage 1 must have `epochs` and `sources`"),
        ({"epochs": 4, "sources": {"a": {}}}, "aio.stages is .* must be of type list"),
    ],
)
def test_bad_stages(stages, message):
    with pytest.raises(ConfigError, match=message):
        parse_stages(parse_config({"stages": stages}).stages, ["a", "b"], 8, 4)
