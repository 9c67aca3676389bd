"""A person's modalities: real partners first, synthetic ones where asked, missing ones masked."""

import pickle
import random

import pytest
import torch
from PIL import Image

from aio_plugin.errors import DatasetError, MediaError
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.modality import MISSING, MODALITIES, REAL, SYNTHETIC, Item, Media
from aio_plugin.synthesis.sketch import Sketcher
from aio_plugin.training.images import read_image
from aio_plugin.training.media import MediaReader, QueryDataset, collate
from aio_plugin.training.person_dataset import Draw, PersonDataset, Source, choose_media
from aio_plugin.training.randomness import mix, seeded

from .helpers import batch_of

RGB, IR, SKETCH, TEXT, CP = MODALITIES


def to_tensor(image):
    return torch.tensor(list(image.resize((16, 32)).tobytes()), dtype=torch.float32).reshape(32, 16, 3).permute(2, 0, 1)


@pytest.fixture
def files(tmp_path):
    for name, color in {"a": "red", "b": "green", "i": "gray", "s": "white"}.items():
        Image.new("RGB", (16, 32), color).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture
def reader(files):
    return MediaReader(to_tensor, 77, Sketcher("", files / "cache"), Lexicon.load())


def items(files):
    own = Media("notes.json#0.0", TEXT, "a man in a red shirt")
    return [
        Item(Media(str(files / "a.png"), partners=(own,)), 0, 0),
        Item(Media(str(files / "b.png")), 0, 1),
        Item(Media(str(files / "i.png"), IR), 1, 2),
        Item(Media(str(files / "b.png")), 1, 1),
        Item(Media(str(files / "s.png"), SKETCH), 2, 0),
        Item(Media(str(files / "a.png")), 2, 0),
    ]


def drawn(source, reader, **options):
    """The batch of all three persons."""
    dataset = PersonDataset([source], reader)
    return collate([dataset[Draw(0, person, seed=3, **options)] for person in range(3)])


def test_real_partners_come_first_and_synthetic_ones_fill_in(files, reader):
    source = Source("x", items(files), first_pid=10)
    assert [p.pid for p in source.persons] == [10, 11, 12]
    batch = drawn(source, reader, synthetic=(IR, SKETCH))
    present = batch["present"].tolist()
    assert present[1] == [REAL, REAL, SYNTHETIC, MISSING, MISSING]
    assert present[2] == [REAL, SYNTHETIC, REAL, MISSING, MISSING]
    assert set(batch) >= {"rgb", "ir", "sketch"}
    bare = drawn(source, reader)
    assert bare["present"][:, 1:3].tolist() == [[0, 0], [REAL, 0], [0, REAL]]
    assert bare["ir"][0].eq(0).all()
    assert not bare["ir"][1].eq(0).all()


def test_synthetic_partners_of_another_photo(files):
    photos = [Media(str(files / name)) for name in ("a.png", "b.png", "i.png")]
    source = Source("x", [Item(photo, 0, camera) for camera, photo in enumerate(photos)])
    seen = set()

    class Names:
        def entries(self, media, rng):
            anchor, *made = media
            assert [m.modality for m in made] == [IR, SKETCH]
            assert all(m.synthetic and str(m) != str(anchor) for m in made)
            seen.update((str(anchor), str(m)) for m in made)
            return {}

    dataset = PersonDataset([source], Names(), other_photos=True)
    for seed in range(60):
        dataset[Draw(0, 0, seed, synthetic=(IR, SKETCH))]
    assert seen == {(str(one), str(two)) for one in photos for two in photos if one is not two}
    alone = choose_media(photos[0], {}, (IR,), random.Random(0))
    assert [str(m) for m in alone] == [str(photos[0])] * 2


def test_captions_belong_to_their_photo(files):
    first, second = items(files)[:2]
    rng = random.Random(0)
    assert [m.modality for m in choose_media(first.media, {}, (), rng)] == [RGB, TEXT]
    assert [m.modality for m in choose_media(second.media, {}, (), rng)] == [RGB]


def test_an_item_depends_on_its_draw_alone(files, reader):
    dataset = PersonDataset([Source("x", items(files))], reader)
    draw = Draw(0, 0, seed=5, synthetic=(IR, SKETCH))
    torch.manual_seed(0)
    random.seed(0)
    first = dataset[draw]
    state = random.getstate(), torch.get_rng_state()
    second = pickle.loads(pickle.dumps(dataset))[draw]
    assert first["impath"] == second["impath"]
    assert all(torch.equal(first[k], second[k]) for k in ("rgb", "ir", "sketch", "present"))
    dataset[draw]
    assert random.getstate() == state[0]
    assert torch.equal(torch.get_rng_state(), state[1])


def test_copies_of_a_person_are_different_photos(files, reader):
    dataset = PersonDataset([Source("x", items(files))], reader)
    paths = {str(dataset[Draw(0, 0, seed=9, copy=copy)]["impath"]) for copy in (0, 1)}
    assert len(paths) == 2


def test_masked_captions_pad_with_the_rest(files, reader):
    texts = [Media("#0", TEXT, "a man in a red shirt"), Media("#1", TEXT, "hm")]
    batch = batch_of(reader, *([text] for text in texts))
    masked = batch["attributes"] >= 0
    assert masked[0].any()
    assert not masked[1].any()
    assert (batch["masked_text"] != batch["text"])[0].any()


def test_persons_without_rgb_are_left_out_with_one_warning(files):
    only_ir = [Item(Media(str(files / "i.png"), IR), 7, 0)]
    with pytest.warns(UserWarning, match="1 of 4 training persons have no RGB"):
        assert len(Source("x", items(files) + only_ir).persons) == 3
    with pytest.raises(DatasetError, match="no training person has an RGB image"):
        Source("x", only_ir)


def test_gaps_are_counted_once(files):
    source = Source("x", items(files))
    with pytest.warns(UserWarning, match="2 of 3 persons have no sketch") as caught:
        source.warn_of_gaps([IR])
    assert len(caught) == 1


def test_unreadable_images_are_named(files):
    whole = (files / "a.png").read_bytes()
    for content in (b"", b"not an image", whole[:8], whole[: len(whole) // 2]):
        (files / "broken.png").write_bytes(content)
        with pytest.raises(MediaError, match=r"broken\.png"):
            read_image(str(files / "broken.png"))


def test_synthetic_queries_repeat(files, reader):
    item = Item(Media(str(files / "a.png"), RGB, partners=(Media(str(files / "a.png"), IR, synthetic=True),)), 0, 0)
    dataset = QueryDataset([item], MediaReader(to_tensor, 77))
    assert torch.equal(dataset[0]["ir"], dataset[0]["ir"])
    assert dataset[0]["present"].tolist() == [REAL, SYNTHETIC, MISSING, MISSING, MISSING]


def test_mix_and_seeded():
    assert mix(1, 2) == mix(1, 2) != mix(2, 1)
    random.seed(1)
    before = random.getstate()
    with seeded(4) as rng:
        first = random.random(), torch.rand(()).item(), rng.random()
    assert random.getstate() == before
    with seeded(4) as rng:
        assert first == (random.random(), torch.rand(()).item(), rng.random())


def test_media_of_modalities_that_the_model_has_not_got_are_left_out_and_counted(files, reader):
    pencil = Media(str(files / "s.png"), CP)
    both = [*items(files), Item(pencil, 0, 0), Item(Media(str(files / "b.png"), partners=(pencil,)), 1, 1)]
    with pytest.warns(UserWarning, match="x: text of 1 items, cp of 2 items left out, as aio.modalities"):
        source = Source("x", both, modalities=(RGB, IR, SKETCH))
    batch = drawn(source, reader)
    assert not batch["present"][:, [TEXT.index, CP.index]].any()
    assert "text" not in batch
    assert "cp" not in batch
    batch = drawn(Source("x", both), reader)
    assert batch["present"][0, CP.index] == REAL
    assert batch["cp"].shape == batch["rgb"].shape
