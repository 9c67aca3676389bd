import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aio_plugin
from aio_plugin.config import Option
from aio_plugin.datasets import ADAPTERS, all_adapters
from aio_plugin.datasets.base import Adapter, Splits
from aio_plugin.errors import ConfigError, HostError, MediaError
from aio_plugin.modality import Item, Media, Modality

from ...datasets.miniatures.rgb import market1501

RGB, IR, TEXT = (Modality.RGB,), (Modality.IR,), (Modality.TEXT,)


@pytest.fixture
def adapters(torchreid, tmp_path):
    """Three datasets of four images each, registered: all splits, training only, test only with text."""
    for number in range(4):
        Image.fromarray(np.full((64, 32, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    reads = []

    def images(root):
        modalities = (Modality.RGB, Modality.IR)
        return [Item(Media(f"{root}/{n}.png", modalities[n % 2]), n // 2, n % 2) for n in range(4)]

    def adapter(name, **parts):
        def read(root, options, query):
            reads.append(name)
            return Splits(**{part: make(root) for part, make in parts.items()})

        return Adapter(name, name, read, lambda root, options: None, (RGB,), (Option("mode", "all", "which"),))

    def captions(root):
        return [Item(Media(f"{root}/a.json#0", Modality.TEXT, "a man"), 0, 0)]

    def pairs(root):
        photo = images(root)[0]
        text = Media(f"{root}/a.json#0", Modality.TEXT, "a man")
        return [Item(Media(str(photo.media), partners=(text,)), 0, 0)]

    made = (
        adapter("whole", train=lambda r: images(r) + captions(r), query=images, gallery=images),
        adapter("train_only", train=images),
        adapter("test_only", query=images, gallery=images),
        adapter("text_query", train=images, query=captions, gallery=images),
        adapter("pair_query", train=images, query=pairs, gallery=images),
    )
    for each in made:
        aio_plugin.register_dataset(each)
    aio_plugin.register()
    yield torchreid, str(tmp_path), reads
    aio_plugin.unregister()
    for each in made:
        ADAPTERS.unregister(each.name)


def _init(torchreid, name, root, **options):
    from torchreid.data.datasets import init_image_dataset

    return init_image_dataset(name, root=root, split_id=0, market1501_500k=False, cuhk03_labeled=False, **options)


def _manager(torchreid, root, **options):
    class Mine(torchreid.data.ImageDataManager):
        """A user's own: stock behaviour, whatever the datasets."""

    return Mine(root=root, height=64, width=32, use_gpu=False, batch_size_train=2, workers=0, **options)


def test_a_stock_data_manager_reads_an_adapter_once(adapters, capsys):
    torchreid, root, reads = adapters
    manager = _manager(torchreid, root, sources="whole")
    assert isinstance(manager.train_loader.dataset, torchreid.data.ImageDataset)
    assert (manager.num_train_pids, manager.num_train_cams) == (2, 2)
    assert len(manager.train_loader.dataset) == 4, "captions are no images"
    assert reads == ["whole"]
    assert "=> Loaded whole" in capsys.readouterr().out
    batch = next(iter(manager.train_loader))
    assert batch["img"].shape == (2, 3, 64, 32)
    query = next(iter(manager.test_loader["whole"]["query"]))
    assert query["pid"].tolist() == [0, 0, 1, 1]
    assert len(manager.test_dataset["whole"]["gallery"]) == 4


def test_train_only_and_test_only_sets_work_together(adapters):
    torchreid, root, _ = adapters
    manager = _manager(torchreid, root, sources="train_only", targets="test_only")
    assert manager.num_train_pids == 2
    assert len(manager.test_loader["test_only"]["query"].dataset) == 4


def test_sources_add_up(adapters, market, tmp_path):
    torchreid, root, _ = adapters
    (tmp_path / "market1501").symlink_to(market / "market1501")
    manager = _manager(torchreid, root, sources=["whole", "market1501", "train_only"], targets="whole")
    assert manager.num_train_pids == 2 + 8 + 2
    manager = _manager(torchreid, root, sources=["market1501", "whole"], targets="whole")
    assert manager.num_train_pids == 8 + 2


@pytest.mark.parametrize("name", ["text_query", "pair_query"])
def test_queries_that_are_not_one_image_are_refused(adapters, name):
    torchreid, root, _ = adapters
    assert len(_init(torchreid, name, root, mode="train")) == 4
    with pytest.raises(HostError, match="text.*Choose an AIO model"):
        _init(torchreid, name, root, mode="query")


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("test_only", {"mode": "train"}, ConfigError, "test_only has no train list"),
        ("train_only", {"mode": "query"}, ConfigError, "train_only has no query list"),
        ("train_only", {"mode": "gallery"}, ConfigError, "train_only has no gallery list"),
        ("whole", {"mode": "train", "combineall": True}, ConfigError, "combineall"),
        ("whole", {"mode": "test"}, ValueError, "Invalid mode"),  # torchreid's own words
    ],
)
def test_lists_that_are_not_there_are_named(adapters, name, options, error, message):
    torchreid, root, _ = adapters
    with pytest.raises(error, match=message):
        _init(torchreid, name, root, **options)


def test_a_dataset_pickles_and_copies(adapters):
    torchreid, root, _ = adapters
    dataset = _init(torchreid, "whole", root, mode="train", verbose=False)
    for again in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset)):
        assert type(again) is type(dataset)
        assert again.data == dataset.data
        assert again.data[1][0].modality is Modality.IR


def test_k_transforms_give_k_views_and_an_unreadable_image_is_no_endless_loop(adapters, tmp_path):
    torchreid, root, _ = adapters
    dataset = _init(torchreid, "whole", root, mode="train", k_tfm=2, transform=lambda image: torch.zeros(1))
    assert len(dataset[0]["img"]) == 2
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(MediaError, match=r"0\.png"):
        dataset[0]


def test_market1501_stays_torchreid_s_own_and_the_adapter_lists_the_same(registered, tmp_path):
    for file in market1501(tmp_path).rglob("9999_empty.jpg"):
        file.unlink()
    stock = _init(registered, "market1501", str(tmp_path), mode="train")
    assert type(stock).__module__.startswith("torchreid.")
    splits = all_adapters()["market1501"].read(str(tmp_path), {}, None)
    raw = {path: int(Path(path).name[:4]) for path, *_ in stock.train}
    labels = {pid: label for label, pid in enumerate(sorted(set(raw.values())))}  # torchreid numbers in any order
    train = [(path, labels[raw[path]], camid) for path, _, camid, *_ in stock.train]
    for rows, items in ((train, splits.train), (stock.query, splits.query), (stock.gallery, splits.gallery)):
        assert sorted(row[:3] for row in rows) == [(str(item.media), item.pid, item.camid) for item in items]
