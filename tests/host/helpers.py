"""torchreid's data managers and models with what the host tests have in common, and comparison of saved trees."""

import torch


def data_manager(torchreid, root, sources="market1501", **options):
    sizes = {"height": 64, "width": 32, "batch_size_train": 4, "batch_size_test": 16}
    return torchreid.data.ImageDataManager(
        **{"root": str(root), "sources": sources, "workers": 0, "use_gpu": False, **sizes, **options}
    )


def build_model(torchreid, name="aio_tiny", classes=5, **options):
    return torchreid.models.build_model(name, num_classes=classes, pretrained=False, use_gpu=False, **options)


def leaves(value, path=""):
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


def same(one, two):
    """Whether two trees of dictionaries and lists are equal, tensors to the last bit."""
    first, second = dict(leaves(one)), dict(leaves(two))
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )
