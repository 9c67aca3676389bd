"""What makes training fast changes nothing: ours equals the method written plainly, however it is computed."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aio_plugin.encoders.pack import Sequences
from aio_plugin.losses.criterion import LossWeights, total_loss
from benchmarks.speed import flops
from benchmarks.speed.plain import Plain
from benchmarks.speed.table import details, markdown

from .helpers import AIO_LOSSES, DIM, masked, small_aio, small_batch

ALL = [[1, 1, 1, 1]] * 5


def masked_batch():
    return masked(small_batch(ALL), (0, 4, 4), (0, 5, 5), (1, 2, 3), (3, 6, 9))


def losses_and_gradients(model, batch, seed):
    torch.manual_seed(seed)
    loss, summary = total_loss(model(batch), LossWeights({**AIO_LOSSES, "triplet": 0.1, "infonce": 0.2}))
    model.zero_grad()
    loss.backward()
    return summary, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("seed", range(4))  # which modalities are joined
def test_ours_is_the_method_written_plainly(seed):
    ours, batch = small_aio().train(), masked_batch()
    frozen, trained = Plain(ours).train(), Plain(ours, trained=True).train()
    summary, gradients = losses_and_gradients(ours, batch, seed)
    for other in (frozen, trained):
        expected_summary, expected = losses_and_gradients(other, batch, seed)
        assert summary == pytest.approx(expected_summary, rel=1e-5)
        assert gradients.keys() == {name for name in expected if not name.startswith("blocks.")}
        for name, gradient in gradients.items():
            torch.testing.assert_close(
                gradient, expected[name], atol=1e-5, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
            )
    assert any(name.startswith("blocks.") for name in expected)
    assert not any(p.requires_grad for name, p in frozen.named_parameters() if name.startswith("blocks."))


@torch.no_grad()
def test_the_plain_method_finds_the_same_features():
    ours, batch = small_aio().eval(), small_batch(ALL)
    torch.testing.assert_close(Plain(ours).eval()(batch), ours(batch), atol=1e-5, rtol=1e-4)


def test_checkpointing_changes_neither_losses_nor_gradients():
    model, batch = small_aio().train(), masked_batch()
    summary, expected = losses_and_gradients(model, batch, 1)
    model = small_aio().train()
    model.compute(checkpointed=True)
    again, gradients = losses_and_gradients(model, batch, 1)
    assert again == summary
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], atol=0, rtol=0)


@pytest.mark.slow
def test_compilation_changes_neither_features_nor_gradients():
    torch._dynamo.reset()
    model, batch = small_aio().train(), masked_batch()
    compiled = small_aio().train()
    compiled.compute(compiled=True)
    for seed in range(3):
        summary, expected = losses_and_gradients(model, batch, seed)
        again, gradients = losses_and_gradients(compiled, batch, seed)
        assert again == pytest.approx(summary, rel=1e-5)
        for name, gradient in gradients.items():  # a ReLU's input that is almost 0 falls on one side or the other
            assert (gradient - expected[name]).norm() <= 5e-3 * expected[name].norm(), name
    with torch.no_grad():
        torch.testing.assert_close(compiled.eval()(batch), model.eval()(batch), atol=1e-5, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 8  # not one for each block and stem


def test_weights_held_in_bfloat16_give_the_bits_that_autocast_gives():
    model, batch = small_aio().eval(), small_batch(ALL)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(batch)
        size = _bytes(model.encoder)
        model.encoder.hold(torch.bfloat16)
        assert torch.equal(model(batch), expected)
    assert _bytes(model.encoder) < 0.55 * size
    before = model.encoder.sha256
    with torch.no_grad():  # without autocast too they are what is computed with
        torch.testing.assert_close(model(batch), expected, atol=0.05, rtol=0.05)
    assert model.encoder.sha256 == before


@pytest.mark.parametrize("held", [True, False])
def test_held_weights_are_not_cast_again(held):
    encoder = small_aio().encoder
    if held:
        encoder.hold(torch.bfloat16)
    shapes = {tuple(w.shape) for w in encoder.buffers() if w.dim() == 2}
    given = Sequences(torch.randn(3, 7, DIM, requires_grad=True))
    with torch.profiler.profile(record_shapes=True) as found, torch.autocast("cpu", torch.bfloat16):
        encoder.read([given])[0].sum().backward()
    casts = {tuple(event.input_shapes[0]) for event in found.events() if event.name == "aten::_to_copy"}
    assert (3 * 7, DIM) in casts  # what the norms give
    assert bool(shapes & casts) != held


@pytest.mark.parametrize("seed", range(3))
def test_the_operations_counted_are_those_of_a_step(seed, monkeypatch):
    """The benchmark's formulas against torch's own counter, on ours, which computes nothing else."""
    model, batch = small_aio().train(), masked_batch()
    for key in ("text", "masked_text", "attributes"):
        batch[key] = batch[key][:, :40]
    given = []
    read = model.encoder.read
    monkeypatch.setattr(model.encoder, "read", lambda found: given.extend(found) or read(found))
    torch.manual_seed(seed)
    model(batch)
    counted = flops.sequences(model, batch, seed)
    assert sorted((e.tokens, e.read) for e in counted) == sorted(
        (n, n if each.whole else 1)
        for each in given
        for n in ([each.tokens.shape[1]] * len(each.tokens) if each.mask is None else each.mask.sum(1).tolist())
    )
    detached = [Sequences(each.tokens.detach().requires_grad_(), each.mask, each.whole) for each in given]
    with FlopCounterMode(display=False) as counter:
        sum(out.sum() for out in read(detached)).backward()
    assert counter.get_total_flops() == flops.of_encoder(model, counted)
    with FlopCounterMode(display=False) as counter:
        sum(model.tokenizers[name](batch[name]).sum() for name in ("rgb", "ir", "sketch")).backward()
    assert counter.get_total_flops() == flops.of_stems(model, batch)


def test_the_tables_of_a_measurement():
    row = {"persons_per_second": 2.0, "tokens_per_second": 100.0, "flops_per_second": 4e9, "memory_mib": 5.0}
    queries = {"ours": {"1": 1.0, "2": 2.0, "3": 3.0, "4": 3.5}, "plain": {str(n): 4.0 for n in range(1, 5)}}
    document = {
        "hardware": {"gpus": [], "processor": "a processor"},
        "packages": {"torch": "2.0"},
        "threads": 1,
        "setting": {"device": "cpu", "image": [64, 32], "model": "aio_tiny", "batch": 4, "precision": "fp32"},
        "ceiling_flops_per_second": 1e10,
        "training": {"ours": row, "trained": {**row, "memory_mib": None}},
        "scaling": [{"persons": 2, "image": [64, 32], "tokens_a_person": 20.0, "ours": 3.0, "trained": None}],
        "inference": {"paper_ms": {"1": 10.0, "2": 20.0, "4": 177.0}, "queries_1": queries},
    }
    table = markdown(document)
    assert "| this package | 2 | 100 | 5 | 40 % |" in table
    assert "| plainly, encoder trained | 2 | 100 | too much | 40 % |" in table
    assert "| 2 | 64 x 32 | 20 | 3 | out of memory |" in details(document)
    assert "| this package, 1 at a time | 1 | 2 | 3 | 3.5 | 3.50 |" in table


def _bytes(module):
    return sum(buffer.nbytes for buffer in module.buffers())
