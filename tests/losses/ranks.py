"""What two processes do in test_partial_fc: each saves what it found, and the test compares that with one process."""

import copy

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from aio_plugin.heads.classification import Classifier
from aio_plugin.losses.cross_entropy import compare, partial_cross_entropy
from aio_plugin.losses.shards import Shard, keep_state_whole

CLASSES, DIM, ROWS = 11, 6, ((0, 3), (3, 8))  # not the same number of rows
STARTS = [0, 2, 7]
CASES = {
    "plain": {},
    "smooth": {"smoothing": 0.1},
    "own": {"smoothing": 0.1, "starts": STARTS},
    "single": {"dtype": torch.float32},
    "sampled": {"smoothing": 0.1, "fraction": 0.6},
    "half": {"dtype": torch.float32, "autocast": True},
    "silent": {"rows": ((0, 0), (0, 8))},
}


def world(dtype=torch.float64):
    """Features (8, D), weight (C, D) and labels (8,), three persons of which are on both ranks."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(8, DIM, generator=generator, dtype=torch.float64) * 2
    weight = torch.randn(CLASSES, DIM, generator=generator, dtype=torch.float64)
    return features.to(dtype), weight.to(dtype), torch.tensor([0, 1, 10, 1, 0, 5, 6, 10])


def one_case(rank, smoothing=0.0, starts=None, fraction=1.0, dtype=torch.float64, autocast=False, rows=ROWS):
    features, weight, labels = world(dtype)
    shard, own = Shard.here(CLASSES), slice(*rows[rank])
    features, weight = features[own].requires_grad_(), shard.cut(weight).requires_grad_()
    starts = None if starts is None else torch.tensor(starts)
    torch.manual_seed(7)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = compare(features, weight, labels[own], shard, fraction, starts)
    loss = partial_cross_entropy(found.log_p, found.log_p_mean, smoothing)
    loss.backward()
    return {"loss": loss.detach(), "features": features.grad, "weight": weight.grad, "hit": found.hit}


class Net(torch.nn.Module):
    """A body and a classifier behind it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body, self.classifier = torch.nn.Linear(DIM, DIM), Classifier(DIM, CLASSES)

    def forward(self, features, labels):
        out = self.classifier.outputs(self.body(features), labels)
        if "logits" in out:
            return torch.nn.functional.cross_entropy(out["logits"], labels)
        return partial_cross_entropy(out["log_p"], out["log_p_mean"])


def trained(net, optimizer, steps, rows=slice(None)):
    """The losses of a few steps on the world's rows."""
    features, _, labels = world(torch.float32)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = net(features[rows], labels[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def checkpoint_of(net, optimizer):
    """A copy of both states, which further training leaves alone."""
    return copy.deepcopy({"state_dict": dict(net.state_dict()), "optimizer": optimizer.state_dict()})


def optimizer_of(net):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.05, weight_decay=0.1)
    keep_state_whole(optimizer, net.classifier.weight, net.classifier.shard)
    return optimizer


def training(rank, checkpoint):
    """Train two steps, save, and two steps more; and do the latter from a checkpoint of one process."""
    net = Net()
    net.classifier.arrange(shared=True)
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(net, ["classifier.weight"])
    wrapped, optimizer = DistributedDataParallel(net), optimizer_of(net)
    rows = slice(*ROWS[rank])
    losses = trained(wrapped, optimizer, 2, rows)
    saved = checkpoint_of(net, optimizer)
    losses += trained(wrapped, optimizer, 2, rows)
    state = torch.load(checkpoint)
    net.load_state_dict(state["state_dict"])
    optimizer.load_state_dict(state["optimizer"])
    resumed = trained(wrapped, optimizer, 2, rows)
    return {"losses": losses, "saved": saved, "resumed": resumed, "final": net.state_dict()}


def work(rank, folder):
    """Entry of every process."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=len(ROWS))
    found = {name: one_case(rank, **case) for name, case in CASES.items()}
    found["training"] = training(rank, f"{folder}/one.pth")
    torch.save(found, f"{folder}/rank{rank}.pth")
    dist.destroy_process_group()
