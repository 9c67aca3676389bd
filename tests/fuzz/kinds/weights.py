"""Weight files and checkpoints, damaged, read by every way in."""

import contextlib
import functools
import io
import os
import pickle
import zipfile

import torch
from safetensors.torch import load_file, save_file

from aio_plugin.encoders.files import read_file
from aio_plugin.models.complexity import TRAINING_ONLY

from .. import mutate
from ..guard import Wrong
from .base import Kind

HTML = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"


@functools.cache
def small():
    """A small state dict."""
    torch.manual_seed(0)
    return {
        "a.weight": torch.randn(4, 3),
        "a.bias": torch.randn(4),
        "n": torch.tensor(7),
        "half": torch.randn(2, 2).half(),
    }


@functools.cache
def built():
    """A model of AIO, its optimiser and scheduler, and their states as they are after training."""
    import aio_plugin
    from aio_plugin.host.torchreid_import import import_torchreid
    from tests.tools import trained

    aio_plugin.register()
    torchreid, cfg = import_torchreid(), trained.config("/nowhere")
    torch.manual_seed(0)
    model = torchreid.models.build_model("aio_tiny", num_classes=7, loss=cfg.loss.name)
    optimizer = torchreid.optim.build_optimizer(model, optim="adamw", lr=0.002)
    scheduler = torchreid.optim.build_lr_scheduler(optimizer, lr_scheduler="multi_step", stepsize=[3], max_epoch=9)
    states = {"state_dict": model, "optimizer": optimizer, "scheduler": scheduler}
    before = {key: copied(each.state_dict()) for key, each in states.items()}
    for value in before["state_dict"].values():
        if value.is_floating_point():
            value += 0.01
    return torchreid, model, optimizer, scheduler, {**before, "epoch": 3, "rank1": 0.5}


def copied(state):
    """A copy of a state dict that shares nothing with it."""
    out = io.BytesIO()
    torch.save(state, out)
    return torch.load(io.BytesIO(out.getvalue()), weights_only=False)


def saved(content, legacy=False):
    """The bytes of ``torch.save``."""
    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


def odd_tensor(rng, like):
    """A tensor that is not what is expected in the place of ``like``."""
    like = like if isinstance(like, torch.Tensor) else torch.zeros(2, 2)
    make = rng.choice(
        (lambda: torch.full_like(like.float(), float("nan")), lambda: like.flatten()[:1], lambda: like[None],
         lambda: like.to(torch.complex64),
         lambda: like.double(), lambda: like.to(torch.int8), lambda: torch.empty(0), lambda: like.float().to_sparse(),
         lambda: torch.zeros(1).expand(1 << 40), lambda: like.to(torch.bfloat16), lambda: torch.empty(3, device="meta"),
         lambda: torch.full_like(like.float(), float("inf")), lambda: torch.nn.Parameter(like.float()),
         lambda: like.to(torch.bool))
    )  # fmt: skip
    return make()


def damaged_content(rng, content):
    """A copy of a nested dict with one to three other values."""
    content = dict(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder = content
        while True:
            key = rng.choice(list(holder))
            if isinstance(holder[key], dict) and holder[key] and rng.random() < 0.85:
                holder[key] = dict(holder[key])
                holder = holder[key]
                continue
            break
        kind = rng.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[rng.choice((f"{key}x", 7, "module." + str(key), None, ("a", 1), "state_dict"))] = holder.pop(key)
        elif kind < 4:
            holder[key] = odd_tensor(rng, holder[key])
        else:
            holder[key] = mutate.hostile(rng)
        if not holder:
            break
    return content


def damaged_file(rng, content):
    """The bytes of a checkpoint of ``content`` after damage, or of something else."""
    kind = rng.randrange(12)
    if kind == 0:
        return rng.choice((HTML, *mutate.WHOLE, HTML * 5000))
    if kind == 1:
        call = rng.choice(
            (
                mutate.Runs(os.system, "true"),
                mutate.Runs(eval, "1"),
                mutate.Runs(open, "/etc/passwd"),
                mutate.Runs(__import__, "os"),
            )
        )
        made = {**content, "x": call}
        return rng.choice(
            (saved(made), saved(made, True), pickle.dumps({"state_dict": {"a": call}}), pickle.dumps(call, 2))
        )
    if kind == 2:
        wrapped = content
        for _ in range(rng.choice((1, 2, 100))):
            wrapped = {rng.choice(("state_dict", "model", "x")): wrapped}
        return rng.choice(
            (
                lambda: saved(wrapped),
                lambda: saved([content]),
                lambda: saved(list(content)),
                lambda: pickle.dumps({"a": 1}),
                lambda: saved({}),
            )
        )()
    if kind < 7:
        with contextlib.suppress(RecursionError):  # of torch.save
            return saved(damaged_content(rng, content))
    data = saved(content, rng.random() < 0.2)
    if kind < 10:  # where names, types and offsets are
        start, end = rng.choice(((0, 30_000), (max(0, len(data) - 12_000), len(data)), (0, 3_000)))
        return data[:start] + mutate.damaged_bytes(rng, data[start:end]) + data[end:]
    return mutate.damaged_bytes(rng, data) if kind == 10 else data[: rng.randrange(len(data))]


def read_weights(rng, lab):
    """A small file through ``read_file``."""
    if rng.random() < 0.4:
        path = lab.case / "weights.safetensors"
        save_file(small(), path)
        data = path.read_bytes()
        path.write_bytes(mutate.damaged_bytes(rng, data[:400]) + (data[400:] if rng.random() < 0.7 else b""))
    else:
        path = lab.case / "weights.pth"
        path.write_bytes(damaged_file(rng, {"state_dict": small(), "epoch": 3} if rng.random() < 0.5 else small()))
    with lab.guard.on():
        state = read_file(str(path), "--weights")
    same = state.keys() == small().keys() and all(torch.equal(value, small()[key]) for key, value in state.items())
    if not same:
        whole(path)
    return "same" if same else "other"


def whole(path):
    """Raise Wrong if a checksum in the file is wrong."""
    if path.suffix == ".safetensors":
        load_file(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken:
            raise Wrong(f"{broken} of the file fails its checksum, and other weights were read")


def load_weights(rng, lab):
    """A checkpoint through torchreid's ``load_pretrained_weights``."""
    torchreid, model, _, _, content = built()
    path, before = checkpoint(rng, lab, content), copied(model.state_dict())
    try:
        with lab.guard.on():
            torchreid.utils.load_pretrained_weights(model, str(path))
        return loaded(path, model, content)
    finally:
        model.load_state_dict(before)


def resume(rng, lab):
    """A checkpoint through torchreid's ``resume_from_checkpoint``."""
    torchreid, model, optimizer, scheduler, content = built()
    path, before = checkpoint(rng, lab, content), [copied(each.state_dict()) for each in (model, optimizer, scheduler)]
    try:
        with lab.guard.on():
            epoch = torchreid.utils.resume_from_checkpoint(str(path), model, optimizer, scheduler)
        if type(epoch) is not int or epoch < 0:
            raise Wrong(f"epoch {epoch!r}")
        optimizer.zero_grad()
        next(model.parameters()).sum().backward()
        optimizer.step()
        scheduler.step()
        return "other" if epoch != 3 else loaded(path, model, content, trained=True)
    finally:
        for each, state in zip((model, optimizer, scheduler), before, strict=True):
            each.load_state_dict(state)
        optimizer.state.clear()


def checkpoint(rng, lab, content):
    """A damaged checkpoint in the case's folder."""
    path = lab.case / "model.pth.tar-3"
    path.write_bytes(damaged_file(rng, content if rng.random() < 0.7 else content["state_dict"]))
    return path


def loaded(path, model, content, trained=False):
    """ "same" if the model has the weights of ``content``; raises Wrong if others that the file does not say."""
    first, state = next(iter(dict(model.named_parameters()))), model.state_dict()
    if all(
        torch.equal(value, content["state_dict"][key]) for key, value in state.items() if not (trained and key == first)
    ):
        return "same"
    whole(path)
    held = torch.load(path, map_location="cpu", weights_only=True)
    held = held.get("state_dict", held)
    held = {str(key).removeprefix("module."): value for key, value in held.items()}
    left_out = model.loaded_weights.entry["fresh"] if not trained else ()
    for key, value in state.items():
        if key.startswith(tuple(f"{part}." for part in left_out)):
            continue  # features do not depend on it, and what was left out was printed
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise Wrong(f"{key} is not finite")
        free = (trained and key == first) or (key not in held and key.startswith(TRAINING_ONLY))
        if not free and (key not in held or not torch.equal(value.float(), held[key].detach().float())):
            raise Wrong(f"{key} is not what the file holds")
    return "other"


KINDS = [
    Kind("weights read_file", read_weights, weight=12),
    Kind("checkpoint load_weights", load_weights, lambda lab: built(), 8),
    Kind("checkpoint resume", resume, lambda lab: built(), 8),
]
