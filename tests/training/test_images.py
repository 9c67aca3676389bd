"""Image files decoded: 8 bits as ever, more bits at their full range, and values without a range are refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from aio_plugin.errors import MediaError
from aio_plugin.modality import Media, Modality
from aio_plugin.synthesis.sketch import Sketcher
from aio_plugin.training.images import as_modality, decode_image, read_image
from aio_plugin.training.media import MediaReader
from aio_plugin.training.transforms import Compose, Normalize, Resize, ToTensor

from .helpers import batch_of

RAMP = np.arange(6000, dtype=np.uint16).reshape(100, 60)
TRANSFORM = Compose([Resize((100, 60)), ToTensor(), Normalize([0.5] * 3, [0.25] * 3)])
DEPTH = Modality("depth", channels=1, value_range=(-1, 10))


@pytest.fixture
def saved(tmp_path):
    def save(array, name="a.tiff"):
        Image.fromarray(array).save(tmp_path / name)
        return str(tmp_path / name)

    return save


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1", "CMYK", "YCbCr"])
def test_8_bits_are_what_pil_converts_them_to(mode, tmp_path):
    path = tmp_path / "a.tiff"
    pixels = np.random.default_rng(0).integers(0, 255, (20, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    for medium in (str(path), Media(str(path), Modality.IR)):
        assert np.array_equal(np.asarray(decode_image(medium)), expected)
        assert np.array_equal(np.asarray(read_image(medium)), expected)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
@pytest.mark.parametrize("modality", [Modality.RGB, Modality.IR])
def test_thermal_images_of_16_bits_keep_every_level(saved, name, modality):
    path = Media(saved(RAMP, name), modality)
    values = np.asarray(decode_image(path))
    np.testing.assert_allclose(values, RAMP / 65535, rtol=1e-6)
    assert len(np.unique(values)) == 6000
    assert np.array_equal(np.asarray(read_image(path))[..., 0], (RAMP / 65535 * 255).round().astype(np.uint8))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_both_byte_orders(saved, order):
    np.testing.assert_allclose(np.asarray(decode_image(saved(RAMP.astype(order)))), RAMP / 65535, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_a_declared_range_holds_whatever_the_type(saved, kind):
    levels = np.array([[0, 1, 7], [9, 10, 200]]).astype(kind)
    values = np.asarray(decode_image(Media(saved(levels), DEPTH)))
    np.testing.assert_allclose(values, ((levels + 1.0) / 11).clip(0, 1), atol=1e-6)


def test_8_bits_hold_a_range_of_0_to_255_alone(saved):
    path = saved(np.array([[0, 5, 20]], np.uint8))
    near = Modality("near", channels=1, value_range=(0, 10))
    np.testing.assert_allclose(np.asarray(decode_image(Media(path, near))), [[0, 0.5, 1]])
    with pytest.raises(MediaError, match=r"with values from -1 to 10\. 8 bits .*: save the values with 16 bits"):
        decode_image(Media(path, DEPTH))


def test_large_whole_numbers_lose_nothing_before_they_are_scaled(saved):
    levels = np.array([[2**30, 2**30 + 1, 2**30 + 2]], np.int32)
    modality = Modality("far", channels=1, value_range=(2**30, 2**30 + 2))
    assert np.asarray(decode_image(Media(saved(levels), modality))).tolist() == [[0, 0.5, 1]]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
@pytest.mark.parametrize("modality", [Modality.IR, Modality("grey", channels=1)])
def test_types_without_a_range_are_refused_with_the_cure(saved, kind, modality):
    path = saved(RAMP.astype(kind))
    with pytest.raises(MediaError, match=r"value_range=\(low, high\).*register_modality") as caught:
        decode_image(Media(path, modality))
    assert str(caught.value).startswith(f"Cannot read the image {path!r} (mode ")


def test_colours_are_not_one_channel(saved):
    path = saved(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(MediaError, match=r"\(mode RGB\) as grey, which has one channel\. Save it as a grey image"):
        decode_image(Media(path, Modality("grey", channels=1)))


def test_what_is_synthesised_is_decoded_as_the_photo_that_it_is_made_from(saved):
    assert decode_image(Media(saved(np.zeros((4, 4, 3), np.uint8)), DEPTH, synthetic=True)).mode == "RGB"


def test_files_of_8_and_16_bits_stand_in_one_batch(saved):
    fine = Media(saved(RAMP), Modality.IR)
    coarse = Media(saved((RAMP // 256).astype(np.uint8), "b.png"), Modality.IR)
    reader = MediaReader(TRANSFORM, 77)
    batch = batch_of(reader, [fine], [coarse], [Media(str(coarse))])["ir"]
    for row, medium in zip(batch, (fine, coarse), strict=False):
        torch.testing.assert_close(row, batch_of(reader, [medium])["ir"][0])
    torch.testing.assert_close(batch[0], torch.from_numpy(RAMP / 65535 / 0.25 - 2).float().expand(3, -1, -1))
    assert not batch[2].any()


def test_a_photo_of_16_bits_is_drawn_and_augmented(saved):
    photo = saved(RAMP * 10)
    media = [Media(photo), Media(photo, Modality.IR, synthetic=True), Media(photo, Modality.SKETCH, synthetic=True)]
    reader = MediaReader(TRANSFORM, 77, Sketcher())
    batch = batch_of(reader, media)
    assert batch["rgb"].shape == batch["ir"].shape == batch["sketch"].shape == (1, 3, 100, 60)
    torch.testing.assert_close(batch["ir"], batch["rgb"], rtol=0.001, atol=0.001)  # grey, so any channel is the luma
    assert np.array_equal(np.asarray(reader.picture(media[2])), np.asarray(Sketcher()(photo, read_image)))


def test_an_image_that_a_function_makes_is_read_like_a_file():
    with pytest.raises(MediaError, match="a.jpg.*mode F"):
        as_modality(Image.new("F", (4, 4)), Modality.CP, "a.jpg")
