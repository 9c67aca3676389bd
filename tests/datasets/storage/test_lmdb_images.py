"""Images in LMDB, photos by the million, damage that shows when an image is read."""

import io
import random
import tempfile
import tracemalloc

import lmdb
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aio_plugin.datasets.storage import lmdb_images as packed
from aio_plugin.datasets.storage.lmdb_file import LMDBFile
from aio_plugin.datasets.storage.stored_photos import PhotoStore
from aio_plugin.errors import DatasetError, MediaError
from aio_plugin.modality import Item, Media
from aio_plugin.training.images import read_image

from ..miniatures import read
from ..miniatures import rgb as made


def test_packed_images_are_read_as_files_are(tmp_path):
    out = io.BytesIO()
    Image.new("L", (5, 7), 40).save(out, "PNG")
    with lmdb.open(str(tmp_path / "lmdb"), map_size=1 << 22) as environment, environment.begin(write=True) as stored:
        stored.put(b"whole", out.getvalue())
        stored.put(b"cut", out.getvalue()[:-30])
        stored.put(b"text", b"no image")
    path = packed.prefix(str(tmp_path / "lmdb"))
    assert read_image(Media(f"{path}whole")).size == (5, 7)
    assert read_image(f"{path}whole").mode == "RGB"
    for key, says in (("cut", "Cannot read.*#cut"), ("text", "Cannot read.*#text"), ("none", "no image 'none'")):
        with pytest.raises(MediaError, match=says):
            read_image(f"{path}{key}")
    with pytest.raises(DatasetError, match="cannot be opened"):
        read_image(packed.prefix(str(tmp_path / "elsewhere")) + "whole")


def test_a_damaged_page_is_named(tmp_path):
    with lmdb.open(str(tmp_path), map_size=1 << 22) as environment, environment.begin(write=True) as stored:
        for number in range(100):
            stored.put(b"%03d" % number, b"x" * 300)
    with open(tmp_path / "data.mdb", "r+b") as file:
        file.seek(2 * 4096)  # the first two pages describe the file
        file.write(bytes(4096))
    with pytest.raises(DatasetError, match="is damaged: .*Restore data.mdb"):
        list(packed.held(str(tmp_path), ["001", "099"]))


@settings(deadline=None, max_examples=40)
@given(
    pairs=st.dictionaries(st.binary(min_size=1, max_size=60), st.integers(0, 9000), max_size=200),
    gone=st.integers(0, 100),
    page=st.sampled_from([0, 1]),
)
def test_what_the_library_writes_is_read(pairs, gone, page):
    values = {key: bytes([len(key)]) * size for key, size in pairs.items()}
    with tempfile.TemporaryDirectory() as folder:
        with lmdb.open(folder, map_size=1 << 24) as environment:
            for _ in range(1 + page):  # so that either description is the newer one
                with environment.begin(write=True) as stored:
                    for key, value in values.items():
                        stored.put(key, value)
            with environment.begin(write=True) as stored:
                for key in sorted(values)[:gone]:
                    stored.delete(key)
                    del values[key]
        file = LMDBFile(f"{folder}/data.mdb")
        asked = sorted({*pairs, *(key + b"x" for key in pairs), *(key[1:] for key in pairs)})
        assert {key: file.value(key) for key in asked} == {key: values.get(key) for key in asked}
        assert list(file.sizes(asked)) == [len(values.get(key, b"")) for key in asked]


def test_damage_is_our_error_or_no_matter(tmp_path):
    with lmdb.open(str(tmp_path), map_size=1 << 23) as environment, environment.begin(write=True) as stored:
        for number in range(300):
            stored.put(b"%03d" % number, b"x" * (9000 if number % 3 == 0 else 100))
    file, rng, refused = tmp_path / "data.mdb", random.Random(0), 0
    whole = file.read_bytes()
    pages = [0, 1, *(at for at in range(len(whole) // 4096) if whole[4096 * at + 10] in (1, 2))]
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 4, 30))):
            at = 4096 * rng.choice(pages) + rng.choice((rng.randrange(160), rng.randrange(4096)))
            data[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), rng.randbytes(4), bytes([data[at] ^ 4])))
        file.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
        packed._opened.cache_clear()
        try:
            list(packed.held(str(tmp_path), [f"{number:03d}" for number in range(300)]))
            for number in range(0, 300, 7):
                packed.image_source(f"{tmp_path}/data.mdb#{number:03d}")
        except (DatasetError, MediaError):
            refused += 1
    packed._opened.cache_clear()
    assert refused > 150


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_read_packed_images(tmp_path, context):
    made.luperson_nl(tmp_path)
    train = read("luperson_nl", tmp_path).train
    read_image(train[0].media)  # open here before the workers start
    loader = torch.utils.data.DataLoader(Sizes(train), batch_size=None, num_workers=1, multiprocessing_context=context)
    assert list(loader) == [[8, 16]] * 3
    assert read_image(train[2].media).size == (8, 16)


class Sizes(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return list(read_image(self.items[index].media).size)


def test_photos_are_compact_and_a_sequence():
    number = 20_000
    tracemalloc.start()
    named = ((f"{n:05d}_{n:06d}", number - n, n % 7) for n in range(number))
    photos = PhotoStore("/data/lmdb/data.mdb#", named).photos()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 45 * number
    assert photos[0] == Item(Media("/data/lmdb/data.mdb#00000_000000"), number - 1, 0)
    assert photos[-1] == photos[number - 1]
    assert photos[3:5] == [photos[3], photos[4]]
    assert photos.cameras == 7
    assert photos.arrays["identities"][0] == 1
    with pytest.raises(IndexError, match="20000 of 20000"):
        photos[number]
