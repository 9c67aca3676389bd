import json

import pytest
import torch

from aio_plugin.encoders import toy
from aio_plugin.encoders.pretrained import load_encoder
from aio_plugin.encoders.toy import save_toy
from aio_plugin.errors import EncoderError
from aio_plugin.tokenizers.image import ImageTokenizer


@pytest.fixture
def written(tmp_path, monkeypatch):
    torch.manual_seed(1)
    blocks = toy.toy_blocks()
    stem = ImageTokenizer(192, 8)
    start = {
        "class_token": torch.randn(192),
        "positions": torch.randn(32, 192),
        "grid": torch.tensor([8, 4]),
        "word_ids": torch.tensor([49406, 5, 49407]),
        "word_rows": torch.randn(3, 16),
        "text_class_token": torch.randn(192),
        **{f"stem.{key}": value for key, value in stem.state_dict().items()},
    }
    path = tmp_path / "toy.safetensors"
    sha256 = save_toy(path, blocks.state_dict(), start)
    monkeypatch.setattr(toy, "FILE", path)
    return path, sha256, blocks, start


def test_round_trip(written):
    path, sha256, blocks, start = written
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] == sha256
    pretrained = load_encoder("toy")
    tokens = torch.randn(1, 5, 192)
    torch.testing.assert_close(pretrained.encoder(tokens), blocks.half().float().eval()(tokens), atol=1e-5, rtol=1e-5)
    assert pretrained.grid == (8, 4)
    for key in ("class_token", "positions"):
        assert torch.equal(getattr(pretrained, key), start[key].half().float())
    assert set(pretrained.start) == {"text_class_token"}
    ImageTokenizer(192, 8).load_state_dict(pretrained.stem, strict=True)


def test_word_embedding_is_sparse_on_disk(written):
    path, _, _, start = written
    table = load_encoder("toy").word_embedding
    assert table.shape == (49408, 16)
    assert torch.equal(table[start["word_ids"]], start["word_rows"].half().float())
    assert table[6].abs().sum() > 0  # an unknown word starts random
    assert torch.equal(table, load_encoder("toy", str(path)).word_embedding)
    assert path.stat().st_size < 4e6


def test_a_changed_file(written):
    path, *_ = written
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(EncoderError, match="not that of the package"):
        load_encoder("toy")
    load_encoder("toy", str(path))  # a file of one's own is not held to the hash
    path.unlink()
    with pytest.raises(EncoderError, match=r"missing.*aio\.encoder\.weights"):
        load_encoder("toy")


def test_values_beyond_half_precision(tmp_path):
    with pytest.raises(EncoderError, match="half precision"):
        save_toy(tmp_path / "x.safetensors", {}, {"class_token": torch.tensor([1e6])})


def test_the_shipped_file_is_whole():
    if not toy.FILE.is_file():
        pytest.skip("the toy encoder has not been trained yet")
    assert toy.FILE.stat().st_size <= 8e6
    assert load_encoder("toy").encoder.sha256 != load_encoder("toy", "random").encoder.sha256
