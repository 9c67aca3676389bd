"""The attribute decoder learns (AIO Eq. 5): its rate, the warm-up of its gradient, and an easy case."""

import random

import pytest
import torch
import torch.nn.functional as F

from aio_plugin.config import parse_config
from aio_plugin.evaluation.attributes import MaskedWords
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.masking import mask_attributes
from aio_plugin.losses.criterion import aio_weights, total_loss
from aio_plugin.modality import MODALITIES, Batch, Modality
from aio_plugin.tokenizers.bpe import words
from aio_plugin.training.optimisation import param_groups

from ..models.helpers import SIZE, masked, small_aio, small_batch

COLOURS = {"red": (1.0, 0, 0), "green": (0, 1.0, 0), "blue": (0, 0, 1.0), "white": (1.0, 1.0, 1.0)}
LEXICON = Lexicon.load()
OPTIONS = parse_config({"loss": {"fb": 0.0, "infonce": 1.0}})


def coats(size, rng):
    """A batch of persons in coats of four colours, and captions in which both words are masked."""
    names = rng.choices(list(COLOURS), k=size)
    texts = [mask_attributes(words(f"in a {n} coat"), LEXICON, rng, 1.0, 10, 8) for n in names]
    present = torch.zeros(size, len(MODALITIES), dtype=torch.uint8)
    present[:, [Modality.RGB.index, Modality.TEXT.index]] = 1
    colours = torch.tensor([COLOURS[n] for n in names])[..., None, None]
    ids, hidden, labels = map(torch.stack, zip(*texts, strict=True))
    images = colours + 0.5 * torch.randn(size, 3, *SIZE)
    pids = torch.tensor([list(COLOURS).index(n) for n in names])
    return Batch(present=present, pid=pids, rgb=images, text=ids, masked_text=hidden, attributes=labels)


def test_it_beats_the_frequencies_of_words_in_200_steps_of_an_easy_case():
    """On photos that it was not trained on, at the demo's rates and weights.

    The frequencies of words alone give 1.39, of words at their places 0.69.
    """
    torch.manual_seed(0)
    model, rng = small_aio().train(), random.Random(0)
    groups = param_groups(model, 0.002, 1e-4, 0.1, True, ["classifier"], 0.25, OPTIONS.attributes.lr_mult)
    optimizer = torch.optim.AdamW(groups)
    for _ in range(200):
        loss, _ = total_loss(model(coats(16, rng)), aio_weights(OPTIONS))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, labels = torch.no_grad()(model.eval().attribute_outputs)(coats(256, rng)).values()
    found = MaskedWords.of(F.cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels, labels, 256)
    assert found.frequency_loss == pytest.approx(1.39, abs=0.02)
    assert found.loss < 0.3
    assert found.accuracy > 0.9


def test_its_gradient_is_held_back_until_it_has_learned():
    model, batch = small_aio().train(), masked(small_batch([[1, 0, 0, 1]] * 4), (1, 2, 0), (2, 3, 5))
    found = {}
    for epoch in (0.0, 1.0, 2.0, 5.0):
        model.attributes.warm_up(epoch, 2.0)
        model.zero_grad()
        model(batch)["attribute_logits"].sum().backward()
        found[epoch] = model.tokenizers["text"].mask.grad.clone(), model.attributes[0].weight.grad.clone()
    assert not found[0.0][0].any()
    torch.testing.assert_close(found[1.0][0], found[2.0][0] / 2)
    assert torch.equal(found[2.0][0], found[5.0][0])
    assert all(torch.equal(own, found[0.0][1]) for _, own in found.values())  # the decoder itself learns at once
    model.attributes.warm_up(0.0, 0.0)
    assert model.attributes.passed == 1


@pytest.mark.parametrize("staged", [False, True])
def test_its_rate_is_its_own(staged):
    model = small_aio()
    groups = param_groups(model, 1.0, 0.5, 0.1, staged, ["classifier"], 0.01, decoder_lr_mult=3.0)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert {rates[id(p)] for p in model.attributes.parameters()} == {3.0}
    assert rates[id(model.norm.weight)] == (0.01 if staged else 1.0)
