"""Features of media of every kind: what they are does not depend on how, beside what, or in which order they come."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aio_plugin.errors import MediaError, ModalityError
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.search.items import LONGEST_CAPTION

CAPTIONS = ["a man in a red coat", "a woman", "two people with a blue bag and white shoes " * 20]


def close(found, expected):
    return torch.allclose(found, expected, atol=2e-6)


def described(photos):
    """Items of many combinations."""
    return [
        {"rgb": photos[0]},
        {"text": CAPTIONS[0]},
        {"ir": photos[1], "text": CAPTIONS[1]},
        {"sketch": photos[2], "ir": photos[3], "rgb": photos[4]},
        {"text": CAPTIONS[2]},
        {"rgb": photos[5], "ir": photos[0], "sketch": photos[1], "text": CAPTIONS[0]},
        {"rgb": photos[3], "text": CAPTIONS[2]},
    ]


@pytest.fixture(scope="module")
def alone(model, photos):
    """The feature of each item, computed by itself."""
    return torch.cat([model.encode(each) for each in described(photos)])


@settings(max_examples=15, deadline=None)
@given(places=st.lists(st.integers(0, 6), min_size=1, max_size=12), batch_size=st.integers(1, 5))
def test_features_do_not_depend_on_order_and_neighbours(model, photos, alone, places, batch_size):
    items = described(photos)
    found = model.encode([items[place] for place in places], batch_size=batch_size)
    assert close(found, alone[places])
    assert close(found.norm(dim=1), torch.ones(len(places)))


def test_items_differ(alone, model):
    assert alone.shape == (7, model.dim)
    assert (model.similarity(alone, alone) - torch.eye(7)).max() < 0.9999


def test_lists_by_modality_are_descriptions(model, photos):
    captions = [CAPTIONS[0], None, CAPTIONS[1]]
    found = model.encode(rgb=photos[:3], text=captions)
    expected = model.encode([{"rgb": p, "text": c} for p, c in zip(photos[:3], captions, strict=True)])
    assert torch.equal(found, expected)
    assert close(model.encode(rgb=photos[0], text=CAPTIONS[0]), found[:1])
    assert torch.equal(model.encode(rgb=tuple(photos[:3])), model.encode(photos[:3]))
    assert torch.equal(model.encode(path for path in photos), model.encode(rgb=iter(photos)))


@pytest.mark.parametrize("modality", [Modality.RGB, Modality.IR])
@pytest.mark.parametrize("size", [(80, 40, 3), (80, 40)])
def test_paths_images_arrays_media_and_items_are_the_same(model, tmp_path, modality, size):
    pixels = np.random.default_rng(1).integers(0, 255, size, np.uint8)
    Image.fromarray(pixels).save(path := tmp_path / "a.png")
    name, medium = modality.value, Media(str(path), modality)
    with Image.open(path) as image:
        kinds = [path, str(path), image, Image.fromarray(pixels), pixels, np.asfortranarray(pixels), medium]
        found = model.encode([{name: each} for each in kinds] + [medium, Item(medium, 3, 1)])
    assert close(found, found[:1].expand_as(found))
    assert torch.equal(model.encode(**{name: kinds}), found[:-2])


def test_an_image_in_memory_is_read_as_its_file_and_stays_as_it_is(model, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 255, (40, 80, 3), np.uint8)
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=turned)
    with Image.open(tmp_path / "a.jpg") as image:
        assert torch.equal(model.encode(rgb=[image]), model.encode(rgb=[tmp_path / "a.jpg"]))
        assert image.size == (80, 40)
    grey = np.random.default_rng(1).integers(0, 65535, (80, 40), np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert torch.equal(model.encode(ir=[grey]), model.encode(ir=[tmp_path / "a.png"]))


def test_images_in_memory_are_not_mixed_up(model, photos):
    images = [Image.open(path) for path in photos[:2]]
    assert torch.equal(model.encode(rgb=images[0], ir=images[1]), model.encode(rgb=photos[0], ir=photos[1]))
    found = model.encode([{"rgb": image} for image in images], workers=1)
    assert torch.equal(found, model.encode(photos[:2]))


def test_a_caption_is_cut_as_in_training(model):
    long = "a man in a red coat and " * 100
    found = model.encode(text=[long, long + "black shoes", "a man in a red coat"])
    assert torch.equal(found[0], found[1])
    assert not close(found[0], found[2])
    assert len(model.encode(text=["x" * LONGEST_CAPTION, "\U0001f600 naïve", "!~"])) == 3


def test_no_items(model):
    assert model.encode([]).shape == model.encode(rgb=[]).shape == (0, model.dim)
    assert model.encode_readable([]).places == []


REFUSED = [
    ({"items": [{"depth": "a.png"}]}, ModalityError, r"Item 0: the model does not read 'depth'.* Known are"),
    ({"items": [{"rgb": "a.png"}, {"skech": "a.png"}]}, ModalityError, "Item 1: .*'skech'.* Did you mean 'sketch'"),
    ({"items": [{"rgb": None}]}, MediaError, "Item 0 has no media; give it one of rgb"),
    ({"items": [{}]}, MediaError, "Item 0 has no media"),
    ({}, MediaError, "Give items, or lists"),
    ({"items": ["a.png"], "rgb": ["a.png"]}, MediaError, "Give items, or lists"),
    ({"rgb": ["a.png"], "text": ["a", "b"]}, MediaError, "rgb has 1, text has 2"),
    ({"rgb": ["a.png", "b.png"], "text": "a"}, MediaError, "rgb has 2, text has 1"),
    ({"items": ["a man in a red coat"]}, MediaError, r"no image 'a man.*{'text': \.\.\.} or by text="),
    ({"text": [" "]}, MediaError, "Item 0: the caption is empty"),
    ({"text": [3]}, MediaError, "caption is of type int"),
    ({"text": ["\ud83d"]}, MediaError, "half of a surrogate pair"),
    ({"text": ["x" * (LONGEST_CAPTION + 1)]}, MediaError, "10,001 characters"),
    ({"rgb": [3]}, MediaError, "'rgb' is of type int"),
    ({"rgb": [b"a.png"]}, MediaError, "'rgb' is of type bytes"),
    ({"items": [{"rgb": ["a.png", "b.png"]}]}, MediaError, "'rgb' is of type list"),
    ({"items": [{"rgb": Media("a.png", Modality.IR)}]}, ModalityError, "'rgb' is a Media of ir"),
    ({"items": [Media("a.png", partners=[Media("b.png")])]}, ModalityError, "give each modality once"),
    ({"items": [{"rgb": "a.png"}], "batch_size": 0}, MediaError, "batch_size is 0"),
]


@pytest.mark.parametrize(("given", "error", "says"), REFUSED)
def test_refused(model, given, error, says):
    with pytest.raises(error, match=says):
        model.encode(**given)


def unreadable(folder, photos):
    """Media that cannot be read, and what is said of each."""
    (folder / "text.jpg").write_text("no image")
    (folder / "cut.jpg").write_bytes(photos[0].read_bytes()[:400])
    (folder / "folder.jpg").mkdir()
    (folder / "nowhere.jpg").symlink_to(folder / "absent.jpg")
    return [
        (folder / "absent.jpg", "absent.jpg"),
        (folder / "text.jpg", "not an image of the formats"),
        (folder / "cut.jpg", "cut.jpg"),
        (folder / "folder.jpg", "folder.jpg"),
        (folder / "nowhere.jpg", "nowhere.jpg"),
        (str(folder / "a\0b.jpg"), "null"),
        (np.zeros((4, 4, 3), np.float32), "rgb of item 6"),
        (np.zeros((4, 4, 5), np.uint8), r"shape \(4, 4, 5\)"),
        (np.zeros((4,), np.uint8), r"shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "rgb of item 9"),
        (np.zeros((4, 4), np.float32), "no range of their own"),
        (np.zeros((4, 4), object), "rgb of item 11"),
        (np.broadcast_to(np.uint8(0), (1 << 14, 1 << 14)), "pixels are more than"),
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_read_is_named(model, photos, tmp_path, workers):
    bad = unreadable(tmp_path, photos)
    items = [{"rgb": medium} for medium, _ in bad] + [{"rgb": photos[0], "text": "a man"}, {"rgb": photos[1]}]
    found = model.encode_readable(items, workers=workers, batch_size=4)
    assert found.places == [13, 14]
    assert close(found.features, model.encode(items[13:]))
    assert list(found.unreadable) == list(range(13))
    for place, (_, says) in enumerate(bad):
        with pytest.raises(MediaError, match=says):
            raise MediaError(found.unreadable[place])
    with pytest.raises(MediaError, match=r"(?s)13 of 15 items cannot be read:.*item 1: .*text.jpg.*and 3 more"):
        model.encode(items, workers=workers, batch_size=4)


def test_a_stream_gives_each_item_once(model, photos, alone):
    parts = list(model.stream(described(photos), batch_size=2))
    places = [place for part in parts for place in part.places]
    assert sorted(places) == list(range(7))
    assert close(torch.cat([part.features for part in parts]), alone[places])


def test_progress_is_shown_on_stderr_when_asked(model, photos, capsys):
    model.encode(photos)
    assert capsys.readouterr() == ("", "")
    model.encode(photos, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "6/6" in err


def test_similarity_is_the_cosine(model):
    a, b = torch.randn(3, 5), torch.randn(300, 5)
    expected = torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=2)
    assert torch.allclose(model.similarity(a, b), expected, atol=1e-6)


def test_contributions_leave_one_out(model, photos, alone):
    query = described(photos)[5]
    found = model.contributions(query, alone)
    assert list(found) == ["rgb", "ir", "sketch", "text"]
    whole = model.similarity(model.encode(query), alone)[0]
    for name, values in found.items():
        rest = {key: value for key, value in query.items() if key != name}
        assert torch.allclose(values, whole - model.similarity(model.encode(rest), alone)[0], atol=1e-5)
    single = model.contributions({"text": CAPTIONS[0]}, alone)
    assert torch.allclose(single["text"], model.similarity(alone[1:2], alone)[0], atol=1e-5)
    assert model.contributions(Item(Media(str(photos[0]), partners=[Media("", Modality.TEXT, "a man")]), 0, 0), alone)
