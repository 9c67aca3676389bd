"""A step in parts is a step; a gradient is clipped; what goes wrong stops training before it is in the weights."""

import pytest
import torch

from aio_plugin.errors import HostError
from aio_plugin.training.step import Step, StepOptions, out_of_memory_explained

from . import ranks


def aio():
    model, batch = ranks.aio_world()
    return ranks.frozen_norms(model), batch, ranks.AIO_WEIGHTS


def dmf():
    model, batch = ranks.dmf_world()
    return ranks.frozen_norms(model), batch, ranks.DMF_WEIGHTS


@pytest.mark.parametrize("world", [aio, dmf])
@pytest.mark.parametrize(("parts", "copies"), [(2, 1), (4, 2)])
def test_parts_equal_the_undivided_batch(world, parts, copies):
    whole, divided = (ranks.trained(*world(), copies=copies, accumulate=each) for each in (1, parts))
    for ours, theirs in zip(divided["summaries"], whole["summaries"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-10)
    torch.testing.assert_close(divided["state"], whole["state"], atol=1e-10, rtol=1e-9)


def test_running_statistics_are_counted_once_a_part():
    model, batch = ranks.aio_world("shared")
    ranks.trained(model, batch, ranks.AIO_WEIGHTS, steps=1, accumulate=2)
    assert int(model.bnneck.necks[0].num_batches_tracked) == 2


def test_a_gradient_is_shortened_to_the_norm_asked_for():
    found = []
    for most in (0.0, 0.01):
        model, batch, weights = aio()
        before = [p.detach().clone() for p in model.parameters()]
        ranks.trained(model, batch, weights, steps=1, clip_norm=most)
        found.append(
            torch.cat([(b - p.detach()).flatten() / 0.02 for b, p in zip(before, model.parameters(), strict=True)])
        )
    free, clipped = found
    assert free.norm() > 0.1
    torch.testing.assert_close(clipped.norm(), torch.tensor(0.01, dtype=torch.float64), rtol=1e-5, atol=0)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_no_number_names_term_step_and_files(accumulate):
    model, batch, weights = aio()
    batch["rgb"][3, 0, 0, 0] = torch.nan
    with pytest.raises(HostError) as error:
        ranks.trained(model, batch, weights, accumulate=accumulate)
    message = str(error.value)
    assert "loss_fb is nan" in message
    assert "epoch 1, step 1" in message
    assert "0.jpg, 1.jpg, 2.jpg, 3.jpg" in message
    assert "model.resume" in message


def test_a_gradient_that_is_no_number_does_not_reach_the_weights():
    model, batch, weights = aio()
    before = [p.detach().clone() for p in model.parameters()]
    model.norm.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(HostError, match=r"The norm of the gradient is .* at epoch 1, step 1"):
        ranks.trained(model, batch, weights)
    assert all(torch.equal(b, p.detach()) for b, p in zip(before, model.parameters(), strict=True))


def test_fp16_skips_a_step_instead_and_lowers_its_scale():
    model, batch, weights = aio()
    before = [p.detach().clone() for p in model.parameters()]
    model.norm.weight.register_hook(lambda gradient: gradient * torch.inf)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    Step(model, model, optimizer, scaler, StepOptions(weights, clip_norm=0.1))(batch, 0, 0)
    assert scaler.get_scale() == 512
    assert all(torch.equal(b, p.detach()) for b, p in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    ],
)
def test_out_of_memory_says_what_to_lower(error):
    with pytest.raises(HostError, match="Lower test.batch_size"), out_of_memory_explained("test.batch_size"):
        raise error


def test_torchs_own_message_is_known():
    with pytest.raises(HostError, match="Out of memory"), out_of_memory_explained("x"):
        torch.empty(2**60)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), out_of_memory_explained("x"):
        raise RuntimeError("shapes do not fit")
