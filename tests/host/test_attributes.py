"""``aio.test.attributes``: a test measures the attribute decoder on captions that it was not trained on."""

import json
import random
import zlib

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from aio_plugin.errors import ConfigError
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.masking import mask_attributes
from aio_plugin.host.weights import load_weights
from aio_plugin.modality import Modality
from aio_plugin.tokenizers.bpe import words
from aio_plugin.tokenizers.image import patch_grid

from ..datasets.miniatures import text as text_sets
from .helpers import build_engine, config


@pytest.fixture
def engine(registered, tmp_path):
    """Builds the engine of a config with CUHK-PEDES in miniature: 8 captions of 4 test photos."""
    text_sets.cuhk_pedes(tmp_path)

    def build(targets=("cuhk_pedes", "cuhk_pedes@rgb"), name="aio_tiny", sources="cuhk_pedes", **aio):
        cfg = config(tmp_path, **{"text": {"length": 20}, **aio, "test": {"attributes": True, **aio.get("test", {})}})
        cfg.data.sources, cfg.data.targets, cfg.model.name = [sources], list(targets), name
        cfg.train.batch_size, cfg.test.batch_size = 2, 3
        torch.manual_seed(0)
        return build_engine(registered, cfg)

    return build


def entries_of(engine, folder):
    """Every target's entry in its file of results."""
    engine.test(save_dir=str(folder), dist_metric="cosine", ranks=[1])
    files = [json.loads(file.read_text()) for file in sorted((folder / "results").glob("*.json"))]
    return {entry["target"]: entry for each in files for entry in each["targets"]}


@torch.no_grad()
def slow(engine):
    """Cross-entropy and success of every masked word, caption by caption, straight from the paper."""
    model, manager = engine.model.eval(), engine.datamanager
    target = manager.test_targets["cuhk_pedes"]
    rgb, text = model.slot(Modality.RGB), model.slot(Modality.TEXT)
    for item in target.query:
        rng = random.Random(zlib.crc32(item.media.rsplit("/", 1)[-1].encode()))
        _, ids, labels = mask_attributes(words(item.media.caption), Lexicon.load(), rng, 0.5, 10, 20)
        ids = ids[: int((ids != 0).sum())]
        photo = manager.transform_te(Image.open(target.gallery[item.source].media).convert("RGB"))[None]
        patches = model.positions["rgb"](model.tokenizers["rgb"](photo), patch_grid(*photo.shape[-2:]))
        z = model.norm(model.encoder(model.class_tokens.before(patches, rgb)))[0, 0]
        tokens = model.positions["text"](model.tokenizers["text"](ids[None]))
        read = model.norm(model.encoder(model.class_tokens.before(tokens, text)))[0, 1:]
        for place in (labels >= 0).nonzero().flatten().tolist():
            logits = model.attributes(torch.cat([z, read[place]]))
            yield float(F.cross_entropy(logits, labels[place])), int(logits.argmax()) == int(labels[place])


def test_it_equals_a_slow_loop_every_time_and_changes_nothing_else(engine, tmp_path):
    made = engine()
    first = entries_of(made, tmp_path / "one")
    losses, hits = zip(*slow(made), strict=True)
    found = first["cuhk_pedes"]["attributes"]
    assert (found["captions"], found["words"]) == (8, len(losses))
    assert found["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert found["accuracy"] == pytest.approx(sum(hits) / len(hits))
    assert "attributes" not in first["cuhk_pedes@rgb"], "which has no captions"
    assert entries_of(made, tmp_path / "two") == first
    without = entries_of(engine(test={"attributes": False}), tmp_path / "three")
    del first["cuhk_pedes"]["attributes"]
    assert without == first


def test_the_decoder_is_not_measured_before_it_is_trained(engine, tmp_path):
    made = engine(targets=["cuhk_pedes"])
    made.results.column = "before"
    assert "attributes" not in entries_of(made, tmp_path)["cuhk_pedes"]


def test_weights_without_a_decoder_are_told(engine, tmp_path, capsys):
    made = engine(targets=["cuhk_pedes"])
    state = {name: value for name, value in made.model.state_dict().items() if not name.startswith("attributes.")}
    torch.save({"state_dict": state}, tmp_path / "weights.pth")
    made.model.sources = ()  # as of a test
    load_weights(made.model, tmp_path / "weights.pth")
    assert "attributes" not in entries_of(made, tmp_path)["cuhk_pedes"]
    assert f"not measured, as {tmp_path / 'weights.pth'} holds no attribute decoder" in capsys.readouterr().out


def test_captions_without_attribute_words_are_told(engine, tmp_path, capsys):
    (tmp_path / "lexicon.json").write_text('["zebra"]')
    made = engine(targets=["cuhk_pedes"], attributes={"lexicon": str(tmp_path / "lexicon.json")})
    assert "attributes" not in entries_of(made, tmp_path)["cuhk_pedes"]
    assert "the captions of cuhk_pedes have no word of aio.attributes.lexicon" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"loss": {"va": 0.0}}, {"name": "dmf_tiny", "dmf": {"triplet": 0.0}}])
def test_a_model_without_a_decoder_is_refused(engine, options):
    with pytest.raises(ConfigError, match=r"aio.test.attributes is True, but the model has no attribute decoder. Set"):
        engine(**options, targets=["cuhk_pedes@rgb"])


def test_targets_without_captioned_photos_are_told(engine):
    with pytest.warns(UserWarning, match="no target is searched by captions alone whose photos are in its gallery"):
        assert engine(targets=["cuhk_pedes@rgb"]).datamanager.caption_loaders == {}
