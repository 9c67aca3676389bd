"""The memory-mapped index: the same photos at once, and never those of another source or of a damaged file."""

import contextlib
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.reading import checks
from aio_plugin.datasets.storage import index, mmap_arrays
from aio_plugin.datasets.storage.columns import columns_of
from aio_plugin.datasets.storage.mmap_arrays import ABOUT, MappedArrays, save_arrays
from aio_plugin.datasets.storage.stored_photos import PhotoStore
from aio_plugin.datasets.text import synth_pedes
from aio_plugin.errors import ConfigError, DatasetError

from ..miniatures import text as made
from ..miniatures.files import image
from ..miniatures.text import SYNTH_RECORDS

FILE = "synthpedes_dataset.json"
RECORDS = [*SYNTH_RECORDS[:-1], {**SYNTH_RECORDS[-1], "captions": ["", " ", "last"]}]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root whose annotations are large enough for an index."""
    monkeypatch.setattr(index, "SMALLEST", 0)
    made.synth_pedes(tmp_path, RECORDS)
    return tmp_path


@pytest.fixture
def parses(monkeypatch):
    """Counts how often the annotations are read."""
    calls = []
    parse = synth_pedes.store_photos
    monkeypatch.setattr(synth_pedes, "store_photos", lambda *args: calls.append(args) or parse(*args))
    return calls


def read(root, **options):
    return ADAPTERS["synth_pedes"].read(str(root), options, None)


def told(items):
    return [(i.pid, i.camid, i.source, str(i.media), [(str(p), p.caption) for p in i.media.partners]) for i in items]


def place(root):
    return next(root.glob(".aio_cache/annotations/synth_pedes-*"))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_second_reading_is_the_first(root, parses):
    plain = read(root, index="off")
    assert not (root / ".aio_cache").exists()
    assert isinstance(plain.train.arrays, dict)
    first, second = read(root), read(root)
    assert len(parses) == 2
    assert isinstance(first.train.arrays, MappedArrays)
    assert isinstance(second.train.arrays, MappedArrays)
    assert told(plain.train) == told(first.train) == told(second.train)
    assert told(second.train)[-1][-1] == [(f"{root}/SYNTH-PEDES/{FILE}#8.2", "last")]
    assert plain.found == first.found == second.found
    assert plain.notes == first.notes == second.notes
    assert {*os.listdir(place(root).parent)} == {place(root).name, ".lock"}


def test_its_files_are_of_a_known_format(root):
    read(root)
    assert np.load(place(root) / "pids.npy").tolist() == [2] * 3 + [0] * 3 + [1] * 3
    assert np.load(place(root) / "text.npy").tobytes().startswith(b"Part2/50/1.jpgPerson 50 photo 1 caption 0")


def append(root):
    (root / "SYNTH-PEDES" / FILE).write_text(json.dumps([*RECORDS, RECORDS[0]]))


def swap(root):
    """Other content; size and time stay."""
    file = root / "SYNTH-PEDES" / FILE
    times = file.stat()
    file.write_bytes(file.read_bytes().replace(b"caption 1", b"caption 9", 1))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def swap_deep_inside(root):
    """As :func:`swap`, in a file of megabytes, far from its ends."""
    swap(root)


def touch(root):
    os.utime(root / "SYNTH-PEDES" / FILE)


def later_version(root):
    index.VERSION += 1


@pytest.mark.parametrize("change", [append, swap, swap_deep_inside, touch, later_version])
def test_a_changed_source_or_index_is_read_anew(root, parses, change, monkeypatch):
    monkeypatch.setattr(index, "VERSION", index.VERSION)
    if change is swap_deep_inside:
        (root / "SYNTH-PEDES" / FILE).write_text(f"[{' ' * 100_000}{json.dumps(RECORDS)[1:]}{' ' * 3_000_000}")
    read(root)
    change(root)
    expected = told(read(root, index="off").train)
    parses.clear()
    assert told(read(root).train) == expected
    assert len(parses) == 1
    assert told(read(root).train) == expected
    assert len(parses) == 1


def test_a_source_that_changes_while_it_is_read_leaves_no_index(root, monkeypatch):
    photos = PhotoStore.photos
    monkeypatch.setattr(PhotoStore, "photos", lambda self, files: (append(root), photos(self, files))[1])
    assert len(read(root).train) == len(RECORDS)
    assert not (root / ".aio_cache").exists()


def test_a_data_root_that_moved_keeps_its_index(root, parses, tmp_path_factory):
    read(root)
    moved = tmp_path_factory.mktemp("elsewhere") / "data"
    root.rename(moved)
    assert told(read(moved).train)[0][3] == f"{moved}/SYNTH-PEDES/Part2/50/1.jpg"
    assert len(parses) == 1
    moved.rename(root)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A root, its index, the bytes of its files, and its items."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SMALLEST", 0)
        root = tmp_path_factory.mktemp("root")
        made.synth_pedes(root, RECORDS)
        expected = told(read(root).train)
    return root, place(root), contents(place(root)), expected


def rewritten(sound):
    """The index after the root was read: whatever it was replaced by does not change the items."""
    root, path, files, expected = sound
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SMALLEST", 0)
        warnings.simplefilter("error")
        assert told(read(root).train) == expected
    assert contents(path) == files


def any_byte(files):
    return st.sampled_from([(name, at) for name, data in files.items() for at in range(len(data))])


@settings(deadline=None, max_examples=60)
@given(data=st.data(), flip=st.integers(1, 255))
def test_a_damaged_byte_is_noticed(sound, data, flip):
    _, path, files, _ = sound
    name, at = data.draw(any_byte(files))
    content = files[name]
    (path / name).write_bytes(content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :])
    rewritten(sound)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_cut_file_is_noticed(sound, data):
    _, path, files, _ = sound
    name, at = data.draw(any_byte(files))
    (path / name).write_bytes(files[name][:at])
    rewritten(sound)


@pytest.mark.parametrize("name", [ABOUT, "text.npy"])
def test_an_absent_file_is_noticed(sound, name):
    (sound[1] / name).unlink()
    rewritten(sound)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path.parents[3] / "kept")],
)
def test_a_link_or_pipe_in_the_index_is_not_opened(root, make):
    expected = told(read(root).train)
    for name in (ABOUT, "text.npy", "../.lock"):
        path, kept = place(root) / name, root / "kept"
        content = path.read_bytes()
        kept.write_bytes(content)
        path.unlink()
        make(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert told(read(root).train) == expected
        assert kept.read_bytes() == content
        assert path.is_file() != (name == "../.lock")


ABOUTS = [
    b"",
    b"\xff" * 16,
    b"[" * 100_000,
    *(b"[]", b"7", b"{}"),
    b'{"about": {}, "arrays": [], "digest": ""}',
    b'{"about": {}, "arrays": 3, "digest": ""}',
    b'{"about": {}, "arrays": [[]], "digest": ""}',
    b'{"about": 3, "arrays": [], "digest": ""}',
    b'{"about": {}, "arrays": ["labels"], "digest": ""}',
    b'{"about": {}, "arrays": [], "digest": 3}',
]


@pytest.mark.parametrize("content", ABOUTS)
def test_a_description_that_is_none(sound, content):
    (sound[1] / ABOUT).write_bytes(content)
    rewritten(sound)


def test_a_description_of_other_things(sound):
    _, path, _, _ = sound
    for about in (3, [], {}, {"source": {}, "images": True}):
        content = {"arrays": {}, "about": about, "digest": mmap_arrays._digest({}, about)}
        (path / ABOUT).write_text(json.dumps(content))
        rewritten(sound)


def test_an_index_that_was_being_written_is_rebuilt(root, parses, monkeypatch):
    """A run that is killed before any of the files leaves no index."""
    written, expected = mmap_arrays.written_whole, told(read(root).train)
    for name in contents(place(root)):

        def stop(path, name=name):
            if path.name == name:
                raise KeyboardInterrupt
            return written(path)

        touch(root)
        with monkeypatch.context() as patch:
            patch.setattr(mmap_arrays, "written_whole", stop)
            with pytest.raises(KeyboardInterrupt):
                read(root)
        parses.clear()
        assert told(read(root).train) == expected
        assert len(parses) == 1


def test_a_file_in_the_index_s_place_is_no_crash(root):
    read(root)
    path = place(root)
    shutil.rmtree(path)
    path.write_text("")
    with pytest.warns(UserWarning, match="cannot be kept"):
        assert len(read(root).train) == 9


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_root_by_its_rights(root):
    os.chmod(root, 0o500)
    try:
        with pytest.warns(UserWarning, match="cannot be kept"):
            assert len(read(root).train) == 9
    finally:
        os.chmod(root, 0o700)


def test_a_root_that_cannot_be_written_gets_one_warning(root, parses, monkeypatch):
    def refuse(path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(mmap_arrays, "written_whole", refuse)
    with pytest.warns(
        UserWarning, match=r"cannot be kept in .*\.aio_cache.*Read-only.*aio.datasets.synth_pedes.index"
    ) as caught:
        splits = read(root)
    assert len(caught) == 1
    assert len(splits.train) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(root, index="off")


def test_another_folder_can_be_named(root, parses, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    read(root, index=str(folder))
    assert told(read(root, index=str(folder)).train) == told(read(root, index="off").train)
    assert len(parses) == 2
    assert not (root / ".aio_cache").exists()
    with pytest.raises(ConfigError, match="synth_pedes.index"):
        read(root, index=3)


def test_small_annotations_and_surveys_get_no_index(tmp_path):
    made.synth_pedes(tmp_path)
    assert len(read(tmp_path).train) == 9
    assert not (tmp_path / ".aio_cache").exists()
    assert ADAPTERS["synth_pedes"].survey == ({"index": "off"},), "a survey looks at the disk"


def test_images_are_looked_for_once(root, parses):
    (root / "SYNTH-PEDES/Part1/7/2.jpg").unlink()
    for _ in range(2):
        with pytest.raises(DatasetError, match="Part1 1 of 6"):
            read(root)
    assert not (root / ".aio_cache").exists()
    assert [len(read(root, check_images=False).train) for _ in range(2)] == [9, 9]
    assert len(parses) == 3, "what was not looked for is not in the index"
    with checks.tolerating_absences() as absences:
        read(root)
    assert len(absences) == 1
    with pytest.raises(DatasetError, match="Part1 1 of 6"):
        read(root)
    image(root / "SYNTH-PEDES/Part1/7/2.jpg")
    read(root)
    parses.clear()
    read(root)
    read(root, check_images=False)
    assert parses == []


def test_it_pickles_as_its_path(root):
    train = read(root).train
    data = pickle.dumps(train)
    assert b"photo 1" not in data
    assert told(pickle.loads(data)) == told(train)
    append(root)
    read(root)
    with pytest.raises(DatasetError, match="rebuilt while in use"):
        pickle.loads(data)
    shutil.rmtree(place(root))
    with pytest.raises(DatasetError, match="removed or damaged"):
        pickle.loads(data)


def test_columns_are_those_of_the_items(root):
    train = read(root).train
    records = [{**RECORDS[0], "captions": captions} for captions in ([], ["", " "], ["a"], [])]
    made.synth_pedes(root, records)
    for photos in (train, read(root).train):
        for ours, slow in zip(photos.columns(), columns_of(list(photos)), strict=True):
            assert ours.tolist() == slow.tolist()


def test_mapped_arrays_are_those_saved(tmp_path):
    arrays = {
        "b": np.arange(5, dtype=np.uint8),
        "a": np.arange(3, dtype=np.int32),
        "none": np.empty(0, np.int32),
        "c": np.arange(2, dtype=np.uint64) + 2**63,
    }
    save_arrays(str(tmp_path / "x" / "y"), arrays, {"n": [1, "ä"]})
    found = MappedArrays(str(tmp_path / "x" / "y"))
    assert found.about == {"n": [1, "ä"]}
    assert {*found} == {*arrays}
    assert len(found) == 4
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].tolist() == array.tolist()
        assert found[name].ctypes.data % array.itemsize == 0
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 1


def test_a_flipped_bit_anywhere_in_large_arrays_is_noticed(tmp_path):
    arrays = {"text": np.zeros(3_000_000, np.uint8), "starts": np.arange(100_000, dtype=np.uint64)}
    folder, draw = tmp_path / "x", random.Random(0)
    save_arrays(str(folder), arrays, {})
    for _ in range(60):
        file = folder / f"{draw.choice([*arrays])}.npy"
        at, bit = draw.randrange(file.stat().st_size), 1 << draw.randrange(8)
        for bits in (bit, 0):  # and back
            with open(file, "r+b") as opened:
                opened.seek(at)
                byte = opened.read(1)[0]
                opened.seek(at)
                opened.write(bytes([byte ^ bit]))
            if bits:
                with pytest.raises(ValueError, match=r"\.npy is damaged"):
                    MappedArrays(str(folder))
    MappedArrays(str(folder))


def test_the_digest_of_photos_is_of_their_items_wherever_they_are_kept(root, tmp_path_factory):
    mapped, parsed = read(root).train, read(root, index="off").train
    moved = tmp_path_factory.mktemp("elsewhere") / "data"
    shutil.copytree(root, moved)
    assert mapped.digest() == parsed.digest() == read(moved).train.digest()
    made.synth_pedes(root, [*RECORDS[1:], RECORDS[0]])
    assert read(root).train.digest() != mapped.digest(), "another order"


TOGETHER = """
import os, sys
from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.storage import index
index.SMALLEST = 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(30):
    train = ADAPTERS["synth_pedes"].read(sys.argv[1], {}, None).train
    print(type(train.arrays).__name__, train.digest())
    os.utime(sys.argv[2])
"""


def test_processes_that_build_one_index_at_once(root):
    """Each changes the source's time after every reading, so that all rebuild it all the time."""
    expected = read(root, index="off").train.digest()
    line = [sys.executable, "-W", "error", "-c", TOGETHER, str(root), str(root / "SYNTH-PEDES" / FILE)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(line, **pipes)) for _ in range(2)]
        for process in running:
            assert process.stdout.readline() == "ready\n"
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate() for process in running]
    for printed, errors in outputs:
        assert errors == ""
        assert {line.split()[1] for line in printed.splitlines()} == {expected}
        assert len(printed.splitlines()) == 30
    assert read(root).train.digest() == expected
    assert {path.suffix for path in place(root).iterdir()} == {".npy", ".json"}


def test_what_a_killed_build_left_is_removed(root):
    read(root)
    (place(root) / ABOUT).unlink()
    (place(root) / ".text.npy.12345.tmp").write_bytes(b"half")
    read(root)
    assert {path.suffix for path in place(root).iterdir()} == {".npy", ".json"}
