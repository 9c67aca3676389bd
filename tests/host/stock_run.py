"""A stock torchreid run as its users write it; the plug-in only where asked for. Run as a script by the tests.

stock_run.py ROOT OUT LOSS [plain | registered | unregistered]
"""

import sys
from pathlib import Path

import torch

from aio_plugin.torchvision_import import repair_torchvision

repair_torchvision()  # what a healthy torchvision needs not
import torchreid  # noqa: E402


def main(root, out, *hows):
    torch.set_num_threads(1)
    for how in hows:
        if how != "plain":
            import aio_plugin

            aio_plugin.register()
            if how == "unregistered":
                aio_plugin.unregister()
        assert (how == "plain") == ("aio_plugin.host" not in sys.modules)
        for loss in ("softmax", "triplet"):
            print(f"RUN {how} {loss}")
            run(root, Path(out) / f"{how}-{loss}", loss)


def run(root, out, loss):
    torchreid.utils.set_random_seed(1)  # an attribute on both distributions
    data = torchreid.data.ImageDataManager(
        root=root,
        sources="market1501",
        height=64,
        width=32,
        transforms=["random_flip", "random_crop", "random_erase", "color_jitter"],
        batch_size_train=8,
        batch_size_test=16,
        workers=0,
        num_instances=2,
        train_sampler="RandomIdentitySampler" if loss == "triplet" else "RandomSampler",
        use_gpu=False,
    )
    model = torchreid.models.build_model("osnet_x0_25", data.num_train_pids, loss, pretrained=False, use_gpu=False)
    optimizer = torchreid.optim.build_optimizer(model, "amsgrad", lr=0.01)
    scheduler = torchreid.optim.build_lr_scheduler(optimizer, "cosine", max_epoch=2)
    engine = torchreid.engine.ImageTripletEngine if loss == "triplet" else torchreid.engine.ImageSoftmaxEngine
    runner = engine(data, model, optimizer, scheduler=scheduler, use_gpu=False)
    assert type(runner).__module__.startswith("torchreid.")
    losses = []
    stock = runner.forward_backward
    runner.forward_backward = lambda batch: losses.append(stock(batch)) or losses[-1]
    runner.run(save_dir=str(out), max_epoch=2, eval_freq=1, print_freq=1)
    state = torch.load(out / "model" / "model.pth.tar-2", weights_only=False)
    torch.save({"losses": losses, **state, "rank1": float(state["rank1"])}, out / "run.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
