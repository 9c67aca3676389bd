import pytest
import torch

from aio_plugin.errors import ModalityError
from aio_plugin.synthesis.channel import channel_augment


def slow(image, choice):
    out = torch.empty_like(image)
    for i in range(image.shape[1]):
        for j in range(image.shape[2]):
            r, g, b = image[:, i, j].tolist()
            out[:, i, j] = (r, g, b, 0.2989 * r + 0.5870 * g + 0.1140 * b)[choice]
    return out


@pytest.mark.parametrize("choice", range(4))
def test_equals_slow_form(choice):
    image = torch.randn(3, 5, 4)
    expected = slow(image, choice)
    torch.testing.assert_close(channel_augment(image, choice), expected)
    if choice < 3:
        assert torch.equal(channel_augment(image, choice), expected)  # a copy, to the last bit


def test_one_choice_an_image():
    images, choice = torch.randn(2, 4, 3, 3, 3), torch.tensor([[0, 1, 2, 3], [3, 3, 1, 0]])
    out = channel_augment(images, choice)
    for b in range(2):
        for i in range(4):
            torch.testing.assert_close(out[b, i], slow(images[b, i], int(choice[b, i])))


def test_the_input_stays_as_it_was():
    image = torch.randn(3, 2, 2)
    before = image.clone()
    channel_augment(image, 1).zero_()
    assert torch.equal(image, before)


@pytest.mark.parametrize(
    ("shape", "choice", "error"),
    [
        ((1, 4, 4), 0, ModalityError),
        ((3, 4), 0, ModalityError),
        ((3, 4, 4), 4, IndexError),
        ((2, 3, 4, 4), [0, 9], IndexError),
    ],
)
def test_bad_input(shape, choice, error):
    with pytest.raises(error):
        channel_augment(torch.zeros(shape), torch.tensor(choice))
