"""What a run is trained on: a function of seed, epoch and step alone, and of persons who are others in every source."""

import shutil

import pytest

import aio_plugin

from .helpers import data_manager, same

MANIFEST = "path,pid,camid,modality,split\n" + "".join(
    f"market1501/Market-1501-v15.09.15/bounding_box_train/{pid:04d}_c{camera}s1_{number:06d}_00.jpg,"
    f"{pid},{camera},rgb,train\n"
    for pid in range(1, 5)
    for number, camera in enumerate((1, 2, 1))
)
"""The first four persons of the made-up Market-1501, under their own numbers."""


@pytest.fixture
def root(market, tmp_path):
    shutil.copytree(market / "market1501", tmp_path / "market1501")
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "list.csv").write_text(MANIFEST)
    return tmp_path


def batches(manager, epoch, start=0, context=None):
    loader = manager.loader_at(epoch, start)
    if context:
        loader.multiprocessing_context = context
    return list(loader)


@pytest.mark.parametrize("context", ["spawn", "fork"])
def test_a_resumed_epoch_has_the_items_and_augmentations_of_a_whole_one(registered, market, context):
    """Whatever process draws them: random transforms of torchreid's, random choices of ours."""
    aio_plugin.register({"text": {"length": 20}})
    transforms = ["random_flip", "random_crop", "color_jitter", "random_erase"]
    one, workers = (data_manager(registered, market, transforms=transforms, workers=count) for count in (0, 2))
    whole = batches(one, 1)
    assert len(whole) == 2
    again = batches(workers, 1, 1, context)
    assert len(again) == 1
    assert same(dict(whole[1]), dict(again[0]))
    assert not same(dict(whole[0]), dict(whole[1]))
    assert not same(dict(batches(one, 0)[1]), dict(whole[1])), "another epoch, other augmentations"


def test_persons_with_the_same_number_are_others_in_every_source(registered, root):
    aio_plugin.register({"datasets": {"manifest": {"folder": ".", "file": "manifest/list.csv"}}})
    manager = data_manager(registered, root, ["market1501", "manifest"], targets=["market1501"])
    assert (manager.num_train_pids, manager.num_train_pids.sizes) == (12, (8, 4))
    seen = {}
    for batch in batches(manager, 0):
        for pid, dsetid, camid in zip(*(batch[key].tolist() for key in ("pid", "dsetid", "camid")), strict=True):
            seen.setdefault(dsetid, set()).add((pid, camid))
    pids, cameras = ({dsetid: {pair[at] for pair in pairs} for dsetid, pairs in seen.items()} for at in (0, 1))
    assert pids[0] <= {*range(8)}
    assert pids[1] == {*range(8, 12)}
    assert not cameras[0] & cameras[1]
    first, second = manager.training_sources
    photos = [
        {str(anchor.media).rpartition("/")[2] for anchor in source.persons[0].anchors} for source in (first, second)
    ]
    assert photos[1] < photos[0], "the same photos of the same raw number"
    assert [source.persons[0].pid for source in (first, second)] == [0, 8]
