"""torchreid's tools on AIO models and multimodal datasets."""

import pytest
import torch

from aio_plugin.errors import ConfigError, ModalityError
from aio_plugin.host.data_manager import AIODataManager

from .helpers import data_manager


def _statistics(torchreid, root, sources):
    """What tools/compute_mean_std.py computes, as it does."""
    options = {"transforms": None, "norm_mean": [0.0] * 3, "norm_std": [1.0] * 3, "train_sampler": "SequentialSampler"}
    manager = data_manager(torchreid, root, sources, **options)
    images = torch.cat([data["img"] for data in manager.train_loader]).flatten(2)
    return manager, images, images.mean(2).mean(0)


def test_statistics_of_a_multimodal_source_are_of_every_image_once(registered, toy_world):
    manager, images, mean = _statistics(registered, toy_world, ["llcm", "market1501"])
    assert type(manager) is AIODataManager
    parts = [_statistics(registered, toy_world, name) for name in ("llcm", "market1501")]
    assert len(images) == sum(len(part[1]) for part in parts)
    torch.testing.assert_close(mean, sum(len(part[1]) * part[2] for part in parts) / len(images))
    listed = {str(path) for path, *_ in manager.train_loader.dataset.train}
    assert {"nir", "vis"} <= {
        path.split("/llcm/")[-1].split("/")[0] for path in map(str.lower, listed) if "llcm" in path
    }
    assert int(manager.num_train_pids) == sum(int(part[0].num_train_pids) for part in parts)


def test_a_source_without_queries_needs_no_targets(registered, toy_world):
    manager, images, _ = _statistics(registered, toy_world, "synth_pedes")
    assert len(images)
    assert manager.targets == []


def test_statistics_are_no_way_to_train(registered, toy_world):
    manager, _, _ = _statistics(registered, toy_world, "llcm")
    model = registered.models.build_model("aio_tiny", manager.num_train_pids)
    optimizer = registered.optim.build_optimizer(model)
    engine = registered.engine.ImageSoftmaxEngine(manager, model, optimizer, use_gpu=False)
    with pytest.raises(ConfigError, match="SequentialSampler is for statistics"):
        engine.run(max_epoch=1)


def test_queries_without_a_photo_have_no_activation_map(registered, toy_world):
    manager = data_manager(registered, toy_world, "llcm", targets=["cuhk_pedes", "market1501"], workers=0)
    (first, *_) = manager.test_loader["market1501"]["query"]
    assert first["img"].shape[1:] == (3, 64, 32)
    (first, *_) = manager.test_loader["cuhk_pedes"]["query"]
    with pytest.raises(ModalityError, match=r"no RGB image \(it has text\)"):
        first["img"]


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "upstream"])
def test_upstreams_tools_as_they_are(python, upstream, toy_world, tmp_path, installed):
    run, path = ("-m", "aio_plugin", "run"), () if installed else (upstream,)
    tool = str(upstream / "tools" / "visualize_actmap.py")
    for dataset, code in (("market1501", 0), ("llcm", 2)):
        where = ("--root", str(toy_world), "-d", dataset, "-m", "aio_tiny", "--height", "128", "--width", "64")
        done = python(*run, tool, *where, "--save-dir", str(tmp_path), path=path)
        assert done.returncode == code, done.stderr
        assert ("no RGB image (it has ir)" in done.stderr) == bool(code)
    assert list((tmp_path / "actmap_market1501").glob("*.jpg"))
    for dataset in ("llcm", "synth_pedes"):
        done = python(*run, str(upstream / "tools" / "compute_mean_std.py"), str(toy_world), dataset, path=path)
        assert done.returncode == 0, done.stderr
        assert "Mean: tensor([0." in done.stdout
