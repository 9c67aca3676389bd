"""What two processes do in test_distributed: each saves what it found, and the test compares that with one process."""

import copy

import torch
import torch.distributed as dist

from aio_plugin.heads.classification import BNNeck
from aio_plugin.losses.binding import feature_binding
from aio_plugin.losses.criterion import LossWeights
from aio_plugin.losses.shards import anywhere, gather_rows, mean_of_all
from aio_plugin.training import distributed
from aio_plugin.training.batch_norm import average_statistics, synchronise
from aio_plugin.training.sampler import batches_of, rows_of
from aio_plugin.training.step import Step, StepOptions

from ..models import test_dmf
from ..models.helpers import masked, small_aio, small_batch

WORLD = 2
ROWS = ((0, 2), (2, 7))  # not the same number
PRESENT = [
    [1, 1, 1, 1],
    [1, 0, 0, 1],
    [1, 2, 2, 1],
    [1, 0, 1, 1],
    [1, 1, 1, 0],
    [1, 0, 1, 1],
    [1, 1, 1, 1],
    [1, 0, 0, 1],
]
"""Rank 1 has every second of the persons: no infrared image among them, and one of eight without text."""
PHRASES = [[0, 1, 2], [3], None, None, [4, 1], None, [2], None]
"""Nor has it any text but one phrase."""
AIO_WEIGHTS = LossWeights({"ce": 1.0, "fb": 1.0, "va": 0.3, "infonce": 0.5, "triplet": 0.5})
DMF_WEIGHTS = LossWeights({"ce": 1.0, "soft_triplet": 1.0, "contrast": 0.5})


def double(model):
    """The model in float64, the encoder included."""
    return model.double().train()


def binding_inputs():
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(7, 3, 5, generator=generator, dtype=torch.float64)
    present = torch.rand(7, 3, generator=generator) < 0.7
    present[:, 0] = True
    return z, present, torch.tensor([0, 1, 0, 2, 1, 3, 4])


def norm_inputs():
    """Rows (7, 6) of which rank 0 has the first two, and slots of which it has but one."""
    generator = torch.Generator().manual_seed(2)
    return torch.randn(7, 6, generator=generator, dtype=torch.float64) * 3 + 1, torch.tensor([1, 1, 0, 1, 0, 3, 0])


def norms(synced):
    torch.manual_seed(4)
    plain, neck = torch.nn.BatchNorm1d(6).double().train(), BNNeck(6, 4, "per_modality").double().train()
    if synced:
        both = torch.nn.ModuleList([plain, neck])
        synchronise(both)
        plain, neck = both
    return plain, neck


def normed(rows, synced=False):
    """Outputs, gradients and statistics of a batch norm and of a neck for these rows."""
    features, slots = norm_inputs()
    features, slots = features[rows].requires_grad_(), slots[rows]
    plain, neck = norms(synced)
    out = plain(features), neck(features, slots)
    weights = torch.arange(1, 43, dtype=torch.float64).view(7, 6)[rows].cos()
    (out[0] * weights).sum().backward(retain_graph=True)
    (out[1] * weights).sum().backward()
    parameters = {name: p.grad for module in (plain, neck) for name, p in module.named_parameters()}
    states = {**plain.state_dict(), **neck.state_dict()}
    return {"out": [o.detach() for o in out], "features": features.grad, "parameters": parameters, "states": states}


def aio_world(bnneck="per_modality"):
    """Model and batch (8 items, two of each person); weights and images in float64."""
    model = double(small_aio(bnneck=bnneck))
    batch = small_batch(PRESENT)
    batch["pid"] = torch.arange(8) // 2
    batch["impath"] = [f"{item}.jpg" for item in range(8)]
    masked(batch)["attributes"][:, 2] = torch.arange(8)
    for key, value in batch.items():
        if torch.is_tensor(value) and value.is_floating_point():
            batch[key] = value.double()
    return model, batch


def frozen_norms(model):
    """``model``, whose batch normalisation goes by its running statistics even in train mode."""
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.train = lambda mode=True, module=module: module
            module.training = False
    return model


def sharded_world():
    """The same with a classifier whose rows are shared out; batch normalisation by running statistics."""
    model, batch = aio_world()
    model.classifier.arrange(shared=True)
    torch.nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, ["classifier.weight"])
    return frozen_norms(model), batch


def dmf_world():
    model = double(test_dmf.small_dmf(contrast=True))
    batch = test_dmf.batch(PHRASES)
    batch["rgb"] = batch["rgb"].double()
    batch["impath"] = [f"{item}.jpg" for item in range(8)]
    return model, batch


def trained(model, batch, weights, steps=3, **settings):
    """The losses of a few steps of SGD, and the weights after them."""
    optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.5)
    scaler = torch.amp.GradScaler(enabled=False)
    step = Step(model, model, optimizer, scaler, StepOptions(weights, 0.1, **settings))
    summaries = [step(batch, 0, index) for index in range(steps)]
    return {"summaries": summaries, "state": copy.deepcopy(dict(model.state_dict()))}


CASES = {
    "aio": (aio_world, AIO_WEIGHTS, {}),
    "aio copies": (aio_world, AIO_WEIGHTS, {"copies": 2, "clip_norm": 0.3}),
    "aio shared": (lambda: aio_world("shared"), AIO_WEIGHTS, {}),
    "aio sharded, in parts": (sharded_world, AIO_WEIGHTS, {"accumulate": 2, "clip_norm": 0.3}),
    "dmf": (dmf_world, DMF_WEIGHTS, {}),
}


def case(name, **more):
    make, weights, settings = CASES[name]
    model, batch = make()
    copies = settings.get("copies", 1)
    batch = batch.taken(rows_of(distributed.rank(), distributed.world_size(), 8 // copies, copies))
    return trained(model, batch, weights, **{**settings, **more})


def gathered(rank):
    z, present, pids = binding_inputs()
    own = slice(*ROWS[rank])
    mine = z[own].clone().requires_grad_()
    loss = feature_binding(*gather_rows(mine, present[own], pids[own]))
    loss.backward()
    rows = torch.arange(1.0, 1 + len(mine), dtype=torch.float64, requires_grad=True) if rank else None
    mean = rows.mean() if rank else torch.zeros((), dtype=torch.float64, requires_grad=True)
    all_rows = mean_of_all(mean, len(mine) if rank else 0)
    all_rows.backward()
    return {
        "loss": loss.detach(),
        "z": mine.grad,
        "mean": all_rows.detach(),
        "rows": None if rows is None else rows.grad,
        "anywhere": [anywhere(rank == 1, z), anywhere(False, z)],
    }


def tested(rank):
    """Rows of seven items in batches of two, brought together; then of one item, which rank 1 has no batch of."""
    found = []
    for items in (7, 1):
        places = [item for batch in batches_of(items, 2, rank, WORLD) for item in batch]
        rows = torch.tensor(places)[:, None] * torch.ones(3) if places else None
        found.append(distributed.gather_rows(rows, distributed.all_gather(places)))
    return found


def averaged(rank):
    norm = torch.nn.BatchNorm1d(2)
    norm.running_mean.fill_(rank)
    average_statistics(norm)
    return norm.running_mean


def work(rank, folder):
    """Entry of every process."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD)
    rows = slice(0, 2) if rank == 0 else slice(2, 7)
    found = {"gathered": gathered(rank), "normed": normed(rows, synced=True), "tested": tested(rank)}
    found["empty"] = normed(slice(0, 7 * rank), synced=True)
    found["averaged"] = averaged(rank)
    found["from_main"] = distributed.broadcast(rank)
    found.update({name: case(name) for name in CASES})
    found["parts"] = case("aio copies", copies=1, accumulate=2)
    torch.save(found, f"{folder}/rank{rank}.pth")
    dist.destroy_process_group()
