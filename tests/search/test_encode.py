"""Features of media of every kind: what they are does not depend on how, beside what, or in which order they come."""

import torch


def test_lists_by_modality_and_descriptions_are_the_same(model, photos):
    captions = ["a man in a red coat", None, "a woman"]
    found = model.encode(rgb=photos[:3], text=captions)
    described = [{"rgb": p, "text": c} for p, c in zip(photos[:3], captions, strict=True)]
    assert torch.equal(found, model.encode(described))
    assert found.shape == (3, model.dim)
    assert torch.allclose(found.norm(dim=1), torch.ones(3))
