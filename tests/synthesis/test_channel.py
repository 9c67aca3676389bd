import numpy as np
import pytest
from PIL import Image

from aio_plugin.synthesis.channel import CHOICES, channel_augment


@pytest.mark.parametrize("choice", range(CHOICES))
def test_one_channel_or_the_luma_three_times(choice):
    pixels = np.random.default_rng(choice).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    found = np.asarray(channel_augment(Image.fromarray(pixels), choice))
    luma = pixels @ [0.299, 0.587, 0.114]
    expected = luma if choice == 3 else pixels[..., choice]
    assert np.abs(found - expected[..., None]).max() <= (0.51 if choice == 3 else 0)


@pytest.mark.parametrize("choice", range(CHOICES))
@pytest.mark.parametrize("mode", ["RGB", "F"])
def test_a_grey_photo_is_its_own_infrared(mode, choice):
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert(mode)
    assert np.array_equal(np.asarray(channel_augment(grey, choice)), np.asarray(grey))
