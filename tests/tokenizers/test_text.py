import torch

from aio_plugin.tokenizers.bpe import MASK_ID
from aio_plugin.tokenizers.text import TextTokenizer


def test_equals_slow_form():
    torch.manual_seed(0)
    made = TextTokenizer(5, 3, vocabulary=11)
    ids = torch.tensor([[1, MASK_ID, 10], [0, 0, MASK_ID]])
    out = made(ids)
    assert out.shape == (2, 3, 5)
    for b in range(2):
        for t in range(3):
            row = made.mask[0] if ids[b, t] == MASK_ID else made.embedding.weight[ids[b, t]]
            torch.testing.assert_close(out[b, t], made.projection.weight[:, :, 0] @ row + made.projection.bias)


def test_starts_as_the_embedding_when_widths_agree():
    made = TextTokenizer(4, 4, vocabulary=7)
    ids = torch.arange(7)[None]
    assert torch.equal(made(ids)[0], made.embedding.weight)


def test_masked_words_train_the_mask_and_no_word():
    made = TextTokenizer(4, 4, vocabulary=7)
    made(torch.full((1, 2), MASK_ID)).sum().backward()
    assert made.mask.grad.abs().sum() > 0
    assert made.embedding.weight.grad.abs().sum() == 0
