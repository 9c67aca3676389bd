"""The assembled model: its invariants, its sequences against a plain version, its outputs."""

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from aio_plugin.losses.criterion import LossWeights, total_loss
from aio_plugin.modality import MODALITIES, Batch, Modality
from aio_plugin.models.aio import FOUR
from aio_plugin.models.sequence import ImagePositions, draw_combination, resize_positions
from aio_plugin.tokenizers.bpe import lengths

from .helpers import AIO_LOSSES, DIM, SIZE, masked, small_aio, small_batch

ALL = [list(p) for p in itertools.product([0, 1], repeat=4) if any(p)]
RGB, IR, SKETCH, TEXT, CP = MODALITIES


def plain_feature(model, batch, index):
    """One item's feature written straight from the paper: one sequence, no batching, no padding, no mask."""
    parts = []
    present = [m for m in MODALITIES if batch["present"][index, m.index]]
    for m in present:
        if m.is_image:
            tokens = model.tokenizers[m.value](batch[m.value][index : index + 1])
            tokens = tokens + model.positions[m.value].table
        else:
            ids = batch["text"][index : index + 1]
            ids = ids[:, : int(lengths(ids))]
            tokens = model.tokenizers[m.value](ids) + model.positions[m.value].table[: ids.shape[1]]
        parts.append(tokens)
    if len(present) == 1:
        slot = model.modalities.index(present[0])
        token = model.class_tokens.single[slot]
    else:
        slot, token = len(model.modalities), model.class_tokens.multimodal
    sequence = torch.cat([token.expand(1, 1, DIM), *parts], dim=1)
    z = model.norm(model.encoder(sequence))[:, 0]
    return F.normalize(model.bnneck(z, torch.tensor([slot])), dim=1)[0]


@pytest.mark.parametrize("modalities", [FOUR, MODALITIES], ids=["four", "five"])
@pytest.mark.parametrize("bnneck", ["shared", "per_modality"])
@torch.no_grad()
def test_every_combination_beside_all_others_equals_the_plain_version(bnneck, modalities):
    """Twice each, with captions of other lengths."""
    model = small_aio(bnneck=bnneck, modalities=modalities).eval()
    batch = small_batch([list(p) for p in itertools.product([0, 1], repeat=len(modalities)) if any(p)] * 2)
    features = model(batch)
    for index in range(len(batch["present"])):
        torch.testing.assert_close(features[index], plain_feature(model, batch, index), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_what_a_missing_row_holds_is_never_read():
    model = small_aio().eval()
    batch = small_batch([[1, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]])
    dirty = Batch({k: v.clone() for k, v in batch.items()})
    for modality in (Modality.IR, Modality.SKETCH):
        dirty[modality.value][batch["present"][:, modality.index] == 0] = float("nan")
    assert torch.equal(model(batch), model(dirty))


@torch.no_grad()
def test_bare_images_are_rgb():
    model = small_aio().eval()
    images = torch.randn(3, 3, *SIZE)
    assert torch.equal(model(images), model(Batch.rgb(images)))
    model.train()
    assert model(images).shape == (3, 5)
    logits, features = small_aio(loss="triplet").train()(images)
    assert logits.shape == (3, 5)
    assert features.shape == (3, DIM)


@torch.no_grad()
def test_another_image_size_interpolates_positions():
    model = small_aio().eval()
    assert model(torch.randn(2, 3, 64, 32)).shape == (2, DIM)
    positions = ImagePositions(3, (2, 1))
    tokens = torch.zeros(1, 2, 3)
    assert torch.equal(positions(tokens, (2, 1))[0], positions.table)
    constant = torch.full((6, 3), 2.0)
    torch.testing.assert_close(resize_positions(constant, (3, 2), (5, 4)), torch.full((20, 3), 2.0))


@pytest.mark.parametrize(
    ("modalities", "bnneck", "present"),
    [
        (FOUR, "shared", [[1, 1, 1, 1], [1, 2, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]]),
        (MODALITIES, "per_modality", [[1, 1, 1, 1, 1]] * 6 + [[1, 0, 0, 0, 2]]),
        ((RGB, TEXT, CP), "shared", [[1, 0, 0, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 1, 0]]),
    ],
    ids=["four", "five", "three"],
)
def test_train_outputs_have_what_the_losses_need(modalities, bnneck, present):
    model, batch = small_aio(bnneck=bnneck, modalities=modalities).train(), masked(small_batch(present), (0, 4, 3))
    out = model(batch)
    single = sum(map(bool, itertools.chain(*present)))
    several = sum(sum(map(bool, row)) > 1 for row in present)
    assert len(out["logits"]) == len(out["labels"]) == len(out["features"]) == single + several
    assert out["present"].tolist() == [[bool(row[modality.index]) for modality in modalities] for row in present]
    assert out["attribute_labels"].tolist() == [3]
    assert torch.equal(out["z"].any(-1), out["present"])
    loss, summary = total_loss(out, LossWeights({**AIO_LOSSES, "infonce": 0.5, "triplet": 0.1}), smoothing=0.1)
    parts = {"loss_ce": 1, "loss_fb": 1, "loss_va": 0.3, "loss_nce": 0.5, "loss_t": 0.1}
    assert summary["loss"] == pytest.approx(sum(w * summary[k] for k, w in parts.items()), rel=1e-5)
    loss.backward()
    untouched = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert untouched == set()


def test_a_masked_word_is_predicted_from_its_own_persons_photo():
    model = small_aio().train()
    batch = masked(small_batch([[1, 0, 0, 1], [1, 0, 0, 1]]), (1, 2, 0))
    batch["rgb"].requires_grad_()
    for module in model.modules():  # batch statistics would mix the photos
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    model(batch)["attribute_logits"].sum().backward()
    assert not batch["rgb"].grad[0].any()
    assert batch["rgb"].grad[1].any()


@torch.no_grad()
def test_masked_words_alone_give_what_training_gives_of_them():
    model = small_aio().eval()
    batch = masked(small_batch([[1, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1]]), (1, 2, 0), (2, 1, 7), (2, 3, 5))
    whole, alone = model.train_outputs(batch), model.attribute_outputs(batch)
    assert alone["attribute_labels"].tolist() == whole["attribute_labels"].tolist() == [0, 7, 5]
    torch.testing.assert_close(alone["attribute_logits"], whole["attribute_logits"])


def test_the_encoder_never_changes_and_is_in_no_checkpoint():
    model = small_aio()
    before = copy.deepcopy(dict(model.encoder.named_buffers()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    for step in range(3):
        loss, _ = total_loss(model(small_batch([[1, 1, 1, 1]] * 4, seed=step)), LossWeights(AIO_LOSSES))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.encoder.named_buffers())
    assert [name for name in model.state_dict() if name.startswith("encoder.")] == ["encoder.identity"]


def test_combinations_are_two_to_four_of_what_is_there_and_may_lack_rgb():
    torch.manual_seed(0)
    available = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()
    sizes, without_rgb = set(), 0
    for _ in range(200):
        chosen = draw_combination(available, 2, 4)
        assert not (chosen & ~available).any()
        assert chosen[1].tolist() == [True, False, False, True, False]
        assert not chosen[2].any()
        assert torch.equal(chosen[0], chosen[3])
        sizes.add(int(chosen[0].sum()))
        without_rgb += not chosen[0, 0]
    assert sizes == {2, 3, 4}
    assert 20 < without_rgb < 120


@pytest.mark.parametrize("bnneck", ["shared", "per_modality"])
def test_a_modality_that_starts_from_rgb_has_its_features(bnneck):
    model, images = small_aio(bnneck=bnneck).eval(), torch.randn(3, 3, *SIZE)
    as_ir, as_sketch = (Batch.rgb(images) for _ in range(2))
    for batch, modality in ((as_ir, IR), (as_sketch, SKETCH)):
        batch[modality.value] = batch.pop("rgb")
        batch["present"] = torch.zeros_like(batch["present"])
        batch["present"][:, modality.index] = 1
    with torch.no_grad():
        sketch = model(as_sketch)
        model.start_from_rgb(IR)
        assert torch.equal(model(as_ir), model(images))
        assert torch.equal(model(as_sketch), sketch)
        assert not torch.allclose(sketch, model(images))


def test_a_batch_of_one_trains():
    model = small_aio().train()
    with pytest.warns(UserWarning, match="one|single"):
        loss, _ = total_loss(model(small_batch([[1, 0, 0, 0]])), LossWeights(AIO_LOSSES))
    assert torch.isfinite(loss)


def test_state_dict_round_trip_gives_the_same_features():
    first, second = small_aio().eval(), small_aio().eval()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
        batch = small_batch(ALL)
        assert not torch.allclose(first(batch), second(batch))
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(batch), second(batch))
