import copy
import pickle

import pytest
import torch
from torch import nn

from aio_plugin.encoders.frozen import FrozenEncoder, describe_identity, fingerprint
from aio_plugin.encoders.sources import load
from aio_plugin.errors import EncoderError
from aio_plugin.repair import repair_torchvision

repair_torchvision()
torch.set_num_threads(1)


def blocks(seed: int = 0, depth: int = 2) -> nn.Sequential:
    from timm.models.vision_transformer import Block

    torch.manual_seed(seed)
    return nn.Sequential(*[Block(24, 3, qkv_bias=True) for _ in range(depth)])


def bits(encoder: FrozenEncoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in encoder.named_buffers()}


class Toy(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.inner = nn.Linear(24, 24)
        self.encoder = FrozenEncoder(blocks(seed), f"toy{seed}")

    def forward(self, x):
        return self.encoder(self.inner(x))


def test_equals_its_blocks():
    source = blocks()
    expected = copy.deepcopy(source).eval()
    encoder, tokens = FrozenEncoder(source, "toy"), torch.randn(2, 5, 24)
    with torch.no_grad():
        assert torch.equal(encoder(tokens), expected(tokens))
    torch.testing.assert_close(encoder(tokens), expected(tokens))  # another attention kernel where gradients are due


def test_gradients_equal_those_of_its_blocks():
    source = blocks()
    expected = copy.deepcopy(source).eval()
    ours, theirs = (
        torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2)
    )
    FrozenEncoder(source, "toy")(ours).square().sum().backward()
    expected(theirs).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("fused", [True, False])
def test_padding_changes_nothing(fused):
    encoder = load("toy", "random").encoder
    for block in encoder.blocks:
        block.attn.fused_attn = fused
    short, long = torch.randn(1, 6, 192), torch.randn(1, 15, 192)
    alone = encoder(short)
    padded = torch.cat([short, 1e3 * torch.randn(1, 9, 192)], dim=1)
    mask = torch.arange(15)[None] < torch.tensor([[6], [15]])
    together = encoder(torch.cat([padded, long]), mask)
    torch.testing.assert_close(together[:1, :6], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together[1:], encoder(long), atol=1e-5, rtol=0)
    assert not torch.allclose(encoder(padded)[:, :6], alone, atol=1e-2)  # it is the mask that did it


def test_gradients_reach_the_tokens_but_not_through_padding():
    encoder = FrozenEncoder(blocks(), "toy")
    tokens = torch.randn(1, 6, 24, requires_grad=True)
    mask = torch.arange(6)[None] < 4
    encoder(tokens, mask)[:, :4].sum().backward()
    assert (tokens.grad[0, :4].abs().sum(1) > 0).all()
    assert (tokens.grad[0, 4:] == 0).all()


def test_no_training_reaches_the_weights():
    model = Toy()
    before = bits(model.encoder)
    for parameter in model.parameters():  # torchreid's open_all_layers
        parameter.requires_grad = True
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(2, 4, 24)).square().mean().backward()
        optimizer.step()
    assert not list(model.encoder.parameters())
    assert not any(module.training for module in model.encoder.modules())
    after = bits(model.encoder)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_checkpoint_holds_the_identity_and_no_weights(tmp_path):
    model = Toy()
    state = model.state_dict()
    assert [key for key in state if key.startswith("encoder")] == ["encoder.identity"]
    assert state["encoder.identity"].shape == (96,)
    torch.save(state, tmp_path / "x.pth")
    Toy().load_state_dict(torch.load(tmp_path / "x.pth", weights_only=True), strict=True)


@pytest.mark.parametrize("wrap", [False, True])
def test_checkpoint_of_another_encoder(wrap):
    model, other = Toy(0), Toy(1)
    if wrap:
        model, other = nn.DataParallel(model), nn.DataParallel(other)
    with pytest.raises(EncoderError, match=r"'toy1'.*'toy0'.*aio\.encoder\.weights"):
        model.load_state_dict(other.state_dict())


def test_same_name_other_weights():
    first, second = FrozenEncoder(blocks(0), "toy"), FrozenEncoder(blocks(1), "toy")
    with pytest.raises(EncoderError, match=f"{second.sha256[:12]}.*{first.sha256[:12]}"):
        first.load_state_dict(second.state_dict())


def test_a_foreign_identity_is_described():
    with pytest.raises(EncoderError, match="unknown kind"):
        FrozenEncoder(blocks(), "toy").load_state_dict({"identity": torch.zeros(3)})
    assert "toy" in describe_identity(FrozenEncoder(blocks(), "toy").identity)


def test_copies():
    encoder = FrozenEncoder(blocks(), "toy")
    tokens = torch.randn(1, 3, 24)
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert torch.equal(other(tokens), encoder(tokens))
        assert other.sha256 == encoder.sha256
        other.load_state_dict(encoder.state_dict(), strict=True)


def test_hash_sees_values_names_and_shapes_but_not_precision():
    same = fingerprint(nn.Linear(2, 3))
    torch.manual_seed(0)
    linear = nn.Linear(4, 4).half()
    assert fingerprint(linear) == fingerprint(copy.deepcopy(linear).float())
    changed = copy.deepcopy(linear)
    with torch.no_grad():
        changed.weight[0, 0] += 1
    reshaped = copy.deepcopy(linear)
    reshaped.weight = nn.Parameter(linear.weight.reshape(2, 8).detach())
    renamed = nn.Sequential(linear)
    assert len({same, *map(fingerprint, (linear, changed, reshaped, renamed))}) == 5


def test_moves_and_casts_but_keeps_its_identity():
    encoder = FrozenEncoder(blocks(), "toy")
    before = encoder.identity.clone()
    encoder.bfloat16()
    assert encoder.blocks[0].norm1.weight.dtype == torch.bfloat16
    assert torch.equal(encoder.identity, before)
    assert encoder(torch.randn(1, 3, 24).bfloat16()).dtype == torch.bfloat16


class Deaf(nn.Module):
    """A block that takes no mask."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(24, 24)

    def forward(self, x):
        return self.linear(x)


def test_blocks_without_masks_only_refuse_padding():
    encoder = FrozenEncoder(nn.ModuleList([Deaf()]), "deaf")
    tokens = torch.randn(2, 3, 24)
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(encoder(tokens, mask), encoder(tokens))
    mask[0, 2] = False
    with pytest.raises(EncoderError, match="attention mask"):
        encoder(tokens, mask)


def test_no_blocks():
    with pytest.raises(EncoderError, match="no transformer blocks"):
        FrozenEncoder(nn.Sequential(), "empty")


def test_a_long_name_fits():
    assert FrozenEncoder(blocks(), "timm:" + "x" * 100).identity.shape == (96,)
