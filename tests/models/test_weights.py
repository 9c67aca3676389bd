"""Tensors of a checkpoint adapted for fine-tuning: what is kept computes what it computed before."""

import pytest
import torch

from aio_plugin.config import parse_config
from aio_plugin.heads.vocabulary import Vocabulary
from aio_plugin.models.build import build_model
from aio_plugin.models.weights import fit_weights
from aio_plugin.tokenizers.bpe import encode

from .helpers import small_batch

RANDOM = {"encoder": {"weights": "random"}, "tokenizer": {"width": 8}, "text": {"width": 16}}


def built(modalities=("rgb", "text"), size=(64, 32), classes=5, name="aio_tiny", seed=0, **more):
    torch.manual_seed(seed)
    text = {"width": 16, **more.pop("text", {})}
    model = build_model(
        name, classes, parse_config({**RANDOM, "modalities": [*modalities], "text": text, **more}), size
    )
    with torch.no_grad():
        for value in (*model.parameters(), *(b for n, b in model.named_buffers() if "running" in n)):
            value += 0.05 * torch.rand_like(value)
    return model.eval()


def adapted(old, new, adapt=True, trained=True, same_people=False):
    trained = old.feature_settings if trained else None
    return fit_weights(new, old.state_dict(), trained, same_people, adapt)


@torch.no_grad()
def features(model, *rows):
    return model(small_batch([list(row) for row in rows]))


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("bnneck", ["shared", "per_modality"])
def test_more_modalities_leave_the_features_of_the_others(bnneck, recorded):
    old, new = built(bnneck=bnneck), built(["rgb", "ir", "text", "cp"], seed=1, bnneck=bnneck)
    fitted = adapted(old, new, trained=recorded)
    assert fitted.faults == []
    assert fitted.left_out == ["classifier"]
    assert {"class_tokens.single[ir]", "class_tokens.single[cp]", "positions.ir.table"} <= set(fitted.fresh)
    assert ("bnneck.necks.1.weight" in fitted.fresh) == (bnneck == "per_modality")
    assert fitted.resized == []
    new.load_state_dict(fitted.state, strict=False)
    rows = (1, 0, 0, 0), (0, 0, 0, 1), (1, 0, 0, 1)
    assert torch.equal(features(new, *rows), features(old, *rows))


def test_fewer_modalities_are_refused():
    fitted = adapted(built(["rgb", "ir", "text"]), built())
    assert any("unexpected tensor" in fault for fault in fitted.faults)
    assert fitted.fresh == []


@pytest.mark.parametrize("name", ["aio_tiny", "dmf_tiny"])
def test_position_tables_are_interpolated(name):
    modalities = ("rgb", "text") if name == "aio_tiny" else ("rgb",)
    old, new = (built(modalities, size=size, name=name, seed=seed) for seed, size in enumerate([(64, 32), (96, 64)]))
    assert adapted(old, new, adapt=False).faults
    assert adapted(old, new, trained=False).faults, "the old size is not known"
    fitted = adapted(old, new)
    assert (fitted.faults, fitted.fresh) == ([], [])
    assert [each.rpartition(".")[2] for each in fitted.resized] == ["table"]
    new.load_state_dict(fitted.state, strict=False)
    images = torch.rand(2, 3, 96, 64)
    with torch.no_grad():
        assert torch.equal(new(images), old(images))


@pytest.mark.parametrize(("length", "fresh"), [(16, []), (40, ["positions.text.table[24:]"])])
def test_text_positions_are_cut_or_extended(length, fresh):
    old, new = built(text={"length": 24}), built(text={"length": length}, seed=1)
    fitted = adapted(old, new)
    assert (fitted.faults, fitted.resized, fitted.fresh) == ([], ["positions.text.table"], fresh)
    new.load_state_dict(fitted.state, strict=False)
    batch = small_batch([[0, 0, 0, 1]])
    batch["text"] = encode(["a man in a red coat"], 16)
    with torch.no_grad():
        assert torch.equal(new(batch), old(batch))


@pytest.mark.parametrize("same_people", [True, False])
def test_the_classifier_is_kept_for_the_same_people_only(same_people):
    fitted = adapted(built(), built(seed=1), same_people=same_people)
    assert fitted.left_out == ([] if same_people else ["classifier"])
    assert ("classifier.weight" in fitted.state) == same_people
    assert adapted(built(), built(classes=6), same_people=True).left_out == ["classifier"]


def test_another_width_is_not_adapted():
    wrong = adapted(built(), built(tokenizer={"width": 16})).faults
    assert len(wrong) == 1
    assert "of shape" in wrong[0]


@pytest.mark.parametrize(
    ("phrases", "left_out"), [(("red hat",), []), (("red bag",), ["text"]), (("a", "b"), ["text"])]
)
def test_a_dmfs_text_branch_is_kept_for_the_same_phrases_only(phrases, left_out):
    options = parse_config({"encoder": {"weights": "random"}})
    models = [build_model("dmf_tiny", 5, options, vocabulary=Vocabulary(each)) for each in (("red hat",), phrases)]
    fitted = fit_weights(models[1], models[0].state_dict(), models[0].feature_settings, True, adapt=False)
    assert (fitted.left_out, fitted.faults) == (left_out, [])
    image_only = build_model("dmf_tiny", 5, options)
    assert fit_weights(image_only, models[0].state_dict(), None, True, adapt=False).left_out == ["text"]
