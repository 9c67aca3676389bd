"""Sampled and shared-out cross-entropy against slow loops, torch's own, and one process."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.errors import HostError
from aio_plugin.losses.cross_entropy import compare, partial_cross_entropy, sample_classes
from aio_plugin.losses.shards import Shard

from . import slow
from .ranks import CASES, CLASSES, ROWS, STARTS, Net, checkpoint_of, optimizer_of, trained, work, world


def loss_of(features, weight, labels, smoothing=0.0, fraction=1.0, starts=None):
    found = compare(features, weight, labels, Shard(len(weight)), fraction, starts)
    return partial_cross_entropy(found.log_p, found.log_p_mean, smoothing)


@pytest.fixture
def big():
    """9 features of 7 persons among 60."""
    torch.manual_seed(5)
    features = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(60, 4, dtype=torch.float64, requires_grad=True)
    return features, weight, torch.tensor([0, 59, 3, 3, 17, 40, 0, 41, 58])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fraction_1_is_cross_entropy(big, smoothing, dtype):
    features, weight = (tensor.detach().to(dtype).requires_grad_() for tensor in big[:2])
    loss = loss_of(features, weight, big[2], smoothing)
    gradients = torch.autograd.grad(loss, (features, weight))
    theirs = F.cross_entropy(features @ weight.T, big[2], label_smoothing=smoothing)
    torch.testing.assert_close(loss, theirs)
    torch.testing.assert_close(gradients, torch.autograd.grad(theirs, (features, weight)))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.4])
def test_a_fraction_equals_the_slow_loop_over_the_sampled_classes(big, fraction, smoothing):
    features, weight, labels = big
    torch.manual_seed(11)
    columns = sample_classes(labels, 60, fraction).tolist()
    torch.manual_seed(11)
    loss = loss_of(features, weight, labels, smoothing, fraction)
    loss.backward()
    value, of_features, of_weight = slow.partial_fc(features.detach(), weight.detach(), labels, columns, smoothing)
    assert loss.item() == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(features.grad, of_features)
    torch.testing.assert_close(weight.grad, of_weight)
    touched = weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert touched == columns
    assert len(columns) == max(7, round(fraction * 60))


@pytest.mark.parametrize("starts", [None, [0, 4, 4, 8]])
@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_gradcheck(fraction, starts):
    labels, starts = torch.tensor([9, 3, 3, 0]), None if starts is None else torch.tensor(starts)

    def run(features, weight):
        torch.manual_seed(2)
        found = compare(features, weight, labels, Shard(10), fraction, starts)
        return found.log_p, found.log_p_mean

    features = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (features, weight))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_own_dataset_is_a_cross_entropy_of_each(big, smoothing):
    features, weight, labels = big
    starts = torch.tensor([0, 20, 45])
    loss = loss_of(features, weight, labels, smoothing, 1.0, starts)
    gradients = torch.autograd.grad(loss, (features, weight))
    theirs = 0.0
    for start, stop in ((0, 20), (20, 45), (45, 60)):
        rows = (labels >= start) & (labels < stop)
        logits = features[rows] @ weight[start:stop].T
        theirs += F.cross_entropy(logits, labels[rows] - start, reduction="sum", label_smoothing=smoothing) / 9
    torch.testing.assert_close(loss, theirs)
    torch.testing.assert_close(gradients, torch.autograd.grad(theirs, (features, weight)))


def test_hits_are_those_of_argmax(big):
    features, weight, labels = big
    weight = weight.detach().clone()
    weight[3] = 5 * features[2].detach()
    hit = compare(features, weight, labels, Shard(60)).hit
    assert hit.tolist() == ((features @ weight.T).argmax(1) == labels).tolist()
    assert 0 < hit.sum() < len(hit)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 50), st.floats(0.001, 0.999), st.integers(0, 99))
def test_the_sample(data, classes, fraction, seed):
    labels = torch.tensor(data.draw(st.lists(st.integers(0, classes - 1), max_size=20)), dtype=torch.long)
    torch.manual_seed(seed)
    found = sample_classes(labels, classes, fraction).tolist()
    assert set(labels.tolist()) <= set(found) <= set(range(classes))
    assert found == sorted(set(found))
    assert len(found) == max(len(set(labels.tolist())), round(fraction * classes), 1)
    torch.manual_seed(seed)
    assert sample_classes(labels, classes, fraction).tolist() == found


def test_every_negative_is_as_likely_as_every_other():
    torch.manual_seed(0)
    counts = torch.zeros(30)
    for _ in range(2000):
        counts[sample_classes(torch.tensor([4, 4, 9]), 30, 0.4)] += 1
    assert counts[[4, 9]].tolist() == [2000, 2000]
    others = counts[[c for c in range(30) if c not in (4, 9)]] / 2000
    assert (others - 10 / 28).abs().max() < 0.05


def test_no_features(big):
    features, weight, _ = big
    loss = loss_of(features[:0], weight, torch.zeros(0, dtype=torch.long), 0.1, 0.1)
    loss.backward()
    assert loss.item() == 0
    assert not weight.grad.any()


@pytest.mark.parametrize("label", [-1, 60])
@pytest.mark.parametrize("fraction", [1.0, 0.1])
def test_a_label_that_is_no_class(big, label, fraction):
    with pytest.raises(HostError, match="classes 0 to 59"):
        compare(big[0][:2], big[1], torch.tensor([3, label]), Shard(60), fraction)


def test_a_class_that_is_all_but_certain_still_learns_in_half_precision():
    """p is 1 in bfloat16 from 0.998 on, and p - 1 would be 0."""
    weight = torch.eye(4, requires_grad=True)
    features = (8.0 * torch.eye(4)[:1]).requires_grad_()
    expected = torch.autograd.grad(F.cross_entropy(features @ weight.T, torch.tensor([0])), weight)[0]
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(features, weight, torch.tensor([0]))
    found = torch.autograd.grad(loss, weight)[0]
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)


def test_shards_are_the_whole_in_order():
    table = torch.arange(22).view(11, 2)
    for ranks in (1, 2, 3, 11, 13):  # 13: some hold nothing
        parts = [Shard(11, rank, ranks) for rank in range(ranks)]
        torch.testing.assert_close(torch.cat([part.cut(table) for part in parts]), table)
        sizes = {part.stop - part.start for part in parts}
        assert max(sizes) - min(sizes) <= 1


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What both ranks found; they resume from a checkpoint that one process wrote."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.save(one_process()["saved"], folder / "one.pth")
    torch.multiprocessing.start_processes(work, (str(folder),), nprocs=len(ROWS), start_method="spawn")
    return [torch.load(folder / f"rank{rank}.pth") for rank in range(len(ROWS))]


def one_process():
    """Two steps, a checkpoint, two steps more; of the global batch, all in one process."""
    net = Net()
    optimizer = optimizer_of(net)
    losses = trained(net, optimizer, 2)
    saved = checkpoint_of(net, optimizer)
    losses += trained(net, optimizer, 2)
    return {"losses": losses, "saved": saved, "final": net.state_dict()}


@pytest.mark.parametrize("name", [name for name in CASES if name != "sampled"])
def test_two_ranks_equal_one(ranks, name):
    case = dict(CASES[name])
    dtype, rows = case.pop("dtype", torch.float64), case.pop("rows", ROWS)
    features, weight, labels = world(dtype)
    features, weight = features.requires_grad_(), weight.requires_grad_()
    starts = torch.tensor(STARTS) if "starts" in case else None
    loss = loss_of(features, weight, labels, case.get("smoothing", 0.0), 1.0, starts)
    loss.backward()
    tolerance = 0.05 if case.get("autocast") else 1e-6 if dtype is torch.float64 else 1e-5
    close = {"rtol": 10 * tolerance if case.get("autocast") else tolerance, "atol": tolerance}
    for rank, (found, (first, last)) in enumerate(zip((r[name] for r in ranks), rows, strict=True)):
        torch.testing.assert_close(found["loss"], loss.detach(), **close)
        torch.testing.assert_close(found["features"] / len(rows), features.grad[first:last], **close)
        torch.testing.assert_close(found["weight"], Shard(CLASSES, rank, len(rows)).cut(weight.grad), **close)
    assert ranks[0][name]["hit"].tolist() == ranks[1][name]["hit"].tolist()


def test_two_ranks_that_sample_equal_the_slow_loop_over_what_both_sampled(ranks):
    features, weight, labels = world()
    columns = []
    for rank in range(len(ROWS)):
        shard = Shard(CLASSES, rank, len(ROWS))
        here = labels[(labels >= shard.start) & (labels < shard.stop)] - shard.start
        torch.manual_seed(7)
        columns += (sample_classes(here, shard.stop - shard.start, 0.6) + shard.start).tolist()
    assert len(columns) < CLASSES
    loss, of_features, of_weight = slow.partial_fc(features, weight, labels, columns, 0.1)
    for rank, (first, last) in enumerate(ROWS):
        found = ranks[rank]["sampled"]
        assert found["loss"].item() == pytest.approx(loss, rel=1e-9)
        torch.testing.assert_close(found["features"] / len(ROWS), of_features[first:last])
        torch.testing.assert_close(found["weight"], Shard(CLASSES, rank, len(ROWS)).cut(of_weight))


def test_training_on_two_ranks_and_its_checkpoints_are_those_of_one_process(ranks):
    expected = one_process()
    close = {"rtol": 1e-4, "atol": 1e-5}
    for found in (rank["training"] for rank in ranks):
        assert found["losses"] == pytest.approx(expected["losses"], rel=1e-5)
        assert found["resumed"] == pytest.approx(expected["losses"][2:], rel=1e-5)
        torch.testing.assert_close(dict(found["final"]), dict(expected["final"]), **close)
        torch.testing.assert_close(found["saved"]["state_dict"], expected["saved"]["state_dict"], **close)
        ours, theirs = (state["optimizer"]["state"] for state in (found["saved"], expected["saved"]))
        torch.testing.assert_close(ours, theirs, **close)


def test_a_checkpoint_of_two_ranks_goes_on_in_one_process(ranks):
    net = Net()
    optimizer, saved = optimizer_of(net), ranks[0]["training"]["saved"]
    net.load_state_dict(saved["state_dict"])
    optimizer.load_state_dict(saved["optimizer"])
    assert trained(net, optimizer, 2) == pytest.approx(one_process()["losses"][2:], rel=1e-5)
