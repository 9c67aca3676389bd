import pytest
import torch
import torch.nn.functional as F

from aio_plugin.errors import ModalityError
from aio_plugin.tokenizers.image import IBN, ImageTokenizer, patch_grid


def slow_instance_norm(x, weight, bias):
    out = torch.empty_like(x)
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            plane = x[b, c]
            out[b, c] = (plane - plane.mean()) / (plane.var(unbiased=False) + 1e-5).sqrt() * weight[c] + bias[c]
    return out


def slow_batch_norm(x, norm, train):
    out = torch.empty_like(x)
    for c in range(x.shape[1]):
        mean, var = (
            (x[:, c].mean(), x[:, c].var(unbiased=False)) if train else (norm.running_mean[c], norm.running_var[c])
        )
        out[:, c] = (x[:, c] - mean) / (var + 1e-5).sqrt() * norm.weight[c] + norm.bias[c]
    return out


def slow_ibn(x, norm, train):
    half = x.shape[1] // 2
    return torch.cat(
        [
            slow_instance_norm(x[:, :half], norm.instance.weight, norm.instance.bias),
            slow_batch_norm(x[:, half:], norm.batch, train),
        ],
        1,
    )


def slow_tokens(images, tokenizer, train):
    """Section by section from TransReID-SSL's description, patches by explicit cutting."""
    c1, n1, _, c2, n2, _, c3, n3, _ = tokenizer.stem
    x = slow_ibn(F.conv2d(images, c1.weight, stride=2, padding=3), n1, train).clamp(min=0)
    x = slow_ibn(F.conv2d(x, c2.weight, padding=1), n2, train).clamp(min=0)
    x = slow_batch_norm(F.conv2d(x, c3.weight, padding=1), n3, train).clamp(min=0)
    rows = []
    for i in range(x.shape[2] // 8):
        for j in range(x.shape[3] // 8):
            patch = x[:, :, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8].flatten(1)
            rows.append(patch @ tokenizer.projection.weight.flatten(1).T + tokenizer.projection.bias)
    return torch.stack(rows, 1)


def tokenizer(dim=12, width=6):
    torch.manual_seed(0)
    made = ImageTokenizer(dim, width).double()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.InstanceNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made


@pytest.mark.parametrize("train", [True, False])
def test_equals_slow_form(train):
    made = tokenizer().train(train)
    images = torch.randn(3, 3, 48, 32, dtype=torch.float64)
    expected = slow_tokens(images, made, train)
    assert expected.shape == (3, 6, 12)
    torch.testing.assert_close(made(images), expected)


def test_parameters_as_in_transreid_ssl():
    made = ImageTokenizer(768)
    assert sum(p.numel() for p in made.parameters()) == 3_230_016
    assert made(torch.zeros(1, 3, 384, 192)).shape == (1, 288, 768)


@pytest.mark.parametrize("train", [True, False])
def test_of_an_odd_width_the_smaller_half_is_normalised_by_instance(train):
    norm, x = IBN(5).train(train), torch.randn(3, 5, 4, 4)
    assert (norm.instance.num_features, norm.batch.num_features) == (2, 3)
    torch.testing.assert_close(norm(x), slow_ibn(x, norm, train), rtol=1e-4, atol=1e-5)


def test_grid():
    assert patch_grid(384, 192) == (24, 12)


@pytest.mark.parametrize("size", [(380, 192), (384, 190), (0, 16), (15, 16)])
def test_sizes_that_cannot_be_cut(size):
    with pytest.raises(ModalityError, match="multiples of 16"):
        ImageTokenizer(8, 4)(torch.zeros(1, 3, *size))
