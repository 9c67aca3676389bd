"""A toy world is written whole or not at all, and the same every time."""

import pytest

from aio_plugin.errors import DatasetError
from aio_plugin.toy.layouts import make, writer

from .people import IDS


def test_the_files_do_not_depend_on_who_draws_them_and_when(world, dmf_world, tmp_path):
    for plan_dataset in writer.SETS["all"]:
        plan = plan_dataset(IDS, 1)
        whole = world if plan_dataset in writer.SETS["aio"] else dmf_world
        for name, content in plan.files.items():
            assert (whole / name).read_bytes() == content
        for picture in plan.pictures[::-7]:  # the world was drawn forwards, in two processes
            again = tmp_path / picture.path
            again.parent.mkdir(parents=True, exist_ok=True)
            writer.draw_picture((str(tmp_path), picture))
            assert again.read_bytes() == (whole / picture.path).read_bytes()


def test_another_seed_gives_other_files():
    for plan_dataset in writer.SETS["all"]:
        one, two = plan_dataset(IDS, 1), plan_dataset(IDS, 2)
        assert not {p.key for p in one.pictures} & {p.key for p in two.pictures}


def test_an_existing_world_is_kept(world):
    before = (world / "toy.json").stat().st_mtime_ns
    assert make(world, IDS, 1, progress=False) == world
    assert (world / "toy.json").stat().st_mtime_ns == before


def test_what_is_there_is_never_overwritten(world, tmp_path):
    with pytest.raises(DatasetError, match="another toy world"):
        make(world, IDS, 2, progress=False)
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DatasetError, match="absent or empty"):
        make(tmp_path, IDS, 1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("ids", "seed"), [(0, 0), (7, 0), (8, -1)])
def test_impossible_worlds(tmp_path, ids, seed):
    with pytest.raises(DatasetError):
        make(tmp_path / "world", ids, seed, progress=False)
