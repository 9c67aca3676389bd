"""Two processes train and test as one does: against one process, and against what one process may do slowly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin.errors import ConfigError, HostError
from aio_plugin.losses.binding import feature_binding
from aio_plugin.training import distributed
from aio_plugin.training.sampler import PersonSampler, batches_of, check_division, rows_of
from aio_plugin.training.stages import Share, Stage

from . import ranks


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found."""
    folder = str(tmp_path_factory.mktemp("ranks"))
    torch.multiprocessing.start_processes(ranks.work, (folder,), nprocs=ranks.WORLD, start_method="spawn")
    return [torch.load(f"{folder}/rank{rank}.pth", weights_only=False) for rank in range(ranks.WORLD)]


def test_feature_binding_sees_all_rows_and_every_rank_gets_its_gradient(found):
    z, present, pids = ranks.binding_inputs()
    z.requires_grad_()
    loss = feature_binding(z, present, pids)
    loss.backward()
    for rank, each in enumerate(found):
        torch.testing.assert_close(each["gathered"]["loss"], loss.detach())
        torch.testing.assert_close(each["gathered"]["z"] / ranks.WORLD, z.grad[slice(*ranks.ROWS[rank])])


def test_means_of_all_count_rows_and_not_ranks(found):
    assert [float(each["gathered"]["mean"]) for each in found] == [3.0, 3.0]  # of 1 to 5, all on rank 1
    torch.testing.assert_close(found[1]["gathered"]["rows"] / ranks.WORLD, torch.full((5,), 0.2, dtype=torch.float64))
    assert [each["gathered"]["anywhere"] for each in found] == [[True, False]] * 2


@pytest.mark.parametrize("kind", ["normed", "empty"])
def test_batch_norm_is_that_of_all_rows(found, kind):
    whole, parts = ranks.normed(slice(0, 7)), [each[kind] for each in found]
    for index in range(2):
        torch.testing.assert_close(torch.cat([part["out"][index] for part in parts]), whole["out"][index])
    torch.testing.assert_close(torch.cat([part["features"] for part in parts]), whole["features"])
    for part in parts:
        torch.testing.assert_close(part["states"], whole["states"])
    for name, gradient in whole["parameters"].items():
        theirs = [part["parameters"][name] for part in parts]
        assert (gradient is None) == all(each is None for each in theirs), name
        if gradient is not None:
            torch.testing.assert_close(sum(each for each in theirs if each is not None), gradient)


@pytest.mark.parametrize("name", ranks.CASES)
def test_two_processes_train_as_one(found, name):
    one = ranks.case(name, accumulate=1)
    for each in found:
        for theirs, ours in zip(each[name]["summaries"], one["summaries"], strict=True):
            assert theirs == pytest.approx(ours, abs=1e-10)
        torch.testing.assert_close(each[name]["state"], one["state"], atol=1e-10, rtol=1e-9)


def test_one_process_trains_on_what_the_cases_are_about():
    one = ranks.case("aio")
    assert {"loss_ce", "loss_fb", "loss_va", "loss_nce", "loss_t", "acc"} < one["summaries"][0].keys()
    assert {"loss_t", "loss_con"} < ranks.case("dmf")["summaries"][0].keys()
    ir = [row[1] for row in ranks.PRESENT]
    assert not any(ir[row] for row in rows_of(1, 2, 8, 1)), "rank 1 has no infrared image"


def test_the_ranks_agree_when_each_takes_its_batch_in_parts(found):
    first, second = (each["parts"] for each in found)
    assert first["summaries"] == second["summaries"]
    torch.testing.assert_close(first["state"], second["state"], atol=0, rtol=0)


def test_features_come_together_in_their_order(found):
    whole, single = found[0]["tested"]
    assert whole.tolist() == [[float(item)] * 3 for item in range(7)]
    assert single.tolist() == [[0.0] * 3]
    assert found[1]["tested"] == [None, None]


def test_statistics_are_averaged_and_rank_0_is_heard(found):
    assert [each["averaged"].tolist() for each in found] == [[0.5, 0.5]] * 2
    assert [each["from_main"] for each in found] == [0, 0]


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
def test_rows_of_all_ranks_are_the_batch(world, each, copies):
    persons = world * each
    parts = [rows_of(rank, world, persons, copies) for rank in range(world)]
    assert sorted(row for part in parts for row in part) == list(range(persons * copies))
    assert len({len(part) for part in parts}) == 1
    for rank, part in enumerate(parts):
        assert [row // copies % world for row in part] == [rank] * len(part), "a person stays on one rank"


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 2), st.integers(0, 3), st.integers(0, 2))
def test_shards_of_all_ranks_are_the_batches_of_one_process(world, each, copies, epoch, start):
    quotas = (world * each, world)
    stage = Stage(1, tuple(Share(f"s{i}", quota) for i, quota in enumerate(quotas)))

    def sampler(*place):
        made = PersonSampler([quota + 5 for quota in quotas], ["s0", "s1"], stage, 7, copies, 4, *place)
        made.at(epoch, start)
        return list(made)

    shards = [sampler(rank, world) for rank in range(world)]
    for whole, *parts in zip(sampler(), *shards, strict=True):
        persons = [whole[i : i + copies] for i in range(0, len(whole), copies)]
        dealt = [[part[i : i + copies] for i in range(0, len(part), copies)] for part in parts]
        assert [person for round in zip(*dealt, strict=True) for person in round] == persons


@given(st.integers(0, 40), st.integers(1, 7), st.integers(1, 5))
def test_tests_are_shared_out_by_whole_batches(items, size, world):
    alone = batches_of(items, size)
    assert [item for batch in alone for item in batch] == list(range(items))
    dealt = [batches_of(items, size, rank, world) for rank in range(world)]
    assert sorted(batch for part in dealt for batch in part) == alone


def test_a_batch_that_cannot_be_shared_is_refused():
    check_division(12, 3, 2)
    with pytest.raises(ConfigError, match=r"10 persons .* 4 processes cannot share evenly; make it a multiple of 4"):
        check_division(10, 4, 1)
    with pytest.raises(ConfigError, match=r"in 4 parts each \(aio.train.accumulate\); make it a multiple of 8"):
        check_division(12, 2, 4)


def test_a_script_that_torchrun_started_has_to_be_connected(monkeypatch):
    distributed.require_group()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(HostError, match="-m aio_plugin run SCRIPT"):
        distributed.require_group()
