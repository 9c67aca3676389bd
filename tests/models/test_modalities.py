"""Models of other modalities than the paper's four: colour pencil is a fifth, and some are left out."""

import pytest
import torch

from aio_plugin import config
from aio_plugin.errors import ModalityError
from aio_plugin.modality import MODALITIES, Modality
from aio_plugin.models.aio import FOUR
from aio_plugin.models.build import build_model

from .helpers import DIM, small_aio, small_batch
from .test_aio import plain_feature

RGB, IR, SKETCH, TEXT, CP = MODALITIES
THREE = (RGB, TEXT, CP)
RANDOM = {"encoder": {"weights": "random"}, "text": {"weights": "random"}}


@torch.no_grad()
def test_slots_are_counted_among_the_model_s_own_modalities():
    model = small_aio(bnneck="per_modality", modalities=(CP, TEXT, RGB)).eval()
    assert model.modalities == THREE
    assert [model.slot(m) for m in (*THREE, None)] == [0, 1, 2, 3]
    assert len(model.bnneck.necks) == 4
    assert model.class_tokens.single.shape == (3, DIM)
    batch = small_batch([[1, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [1, 0, 0, 1, 1]])
    for index, feature in enumerate(model(batch)):
        torch.testing.assert_close(feature, plain_feature(model, batch, index), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_modality_that_the_model_was_not_built_with_is_an_error(mode):
    model = getattr(small_aio(modalities=(RGB, TEXT)), mode)()
    with pytest.raises(ModalityError, match=r"has ir\+cp, but the model was built with rgb\+text.*aio\.modalities"):
        model(small_batch([[1, 0, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]))
    model(small_batch([[1, 0, 0, 1, 0]] * 2))
    with pytest.raises(ModalityError, match="cp, but the model was built with"):
        getattr(small_aio(), mode)()(small_batch([[1, 0, 0, 0, 1]] * 2))


def test_a_table_of_other_columns_is_an_error():
    batch = small_batch([[1, 0, 0, 1]])
    batch["present"] = batch["present"][:, :4]
    with pytest.raises(ModalityError, match="one column for each of rgb, ir, sketch, text, cp"):
        small_aio().eval()(batch)


def test_a_model_without_rgb_is_refused():
    with pytest.raises(ModalityError, match="needs rgb"):
        small_aio(modalities=(TEXT,))


@pytest.mark.parametrize("bnneck", ["shared", "per_modality"])
def test_the_default_is_the_paper_s_four_parameter_by_parameter(bnneck):
    model = build_model("aio_tiny", 7, config.parse_config({**RANDOM, "bnneck": bnneck}))
    state = model.state_dict()
    assert model.modalities == FOUR == (RGB, IR, SKETCH, TEXT)
    assert [m.value for m in FOUR] == list(model.tokenizers) == list(model.positions) == ["rgb", "ir", "sketch", "text"]
    dim = model.feature_dim
    assert state["class_tokens.single"].shape == (4, dim)
    assert state["class_tokens.multimodal"].shape == (dim,)
    assert len(model.bnneck.necks) == (1 if bnneck == "shared" else 5)
    own = {name.split(".")[1] for name in state if name.split(".")[0] in ("tokenizers", "positions")}
    assert own == {"rgb", "ir", "sketch", "text"}
    five = build_model(
        "aio_tiny", 7, config.parse_config({**RANDOM, "bnneck": bnneck, "modalities": [m.value for m in MODALITIES]})
    )
    more = {name: value.shape for name, value in five.state_dict().items()}
    extra = {name for name in more if name not in state}
    necks = {name for name in extra if name.startswith("bnneck.necks.5.")}
    assert bool(necks) == (bnneck == "per_modality")
    assert {".".join(name.split(".")[:2]) for name in extra - necks} == {"tokenizers.cp", "positions.cp"}
    changed = {name for name, value in state.items() if more[name] != value.shape}
    assert changed == {"class_tokens.single"}


def test_a_model_without_text_has_no_words_and_no_attribute_decoder():
    model = build_model("aio_tiny", 7, config.parse_config({**RANDOM, "modalities": ["rgb", "cp"]}))
    assert list(model.tokenizers) == ["rgb", "cp"]
    assert model.attributes is None


def test_pencil_starts_from_the_stem_of_rgb():
    options = {"modalities": ["rgb", "text", "cp"], "tokenizer": {"start": "pretrained"}}
    model = build_model("aio_tiny", 7, config.parse_config(options))
    for first, second in zip(model.tokenizers["rgb"].parameters(), model.tokenizers["cp"].parameters(), strict=True):
        assert torch.equal(first, second)
    tokens = model.class_tokens.single
    assert torch.equal(tokens[0], tokens[model.slot(CP)])
    assert not torch.equal(tokens[0], tokens[model.slot(TEXT)])


def test_modalities_are_put_in_order():
    assert config.modalities(config.parse_config({"modalities": ["cp", "RGB", "text"]})) == THREE
    assert config.modalities(config.AIOConfig()) == FOUR
    assert Modality.named("cp") is CP
    assert CP.is_image
