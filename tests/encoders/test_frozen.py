import copy
import pickle

import pytest
import torch
import torch.nn.attention.varlen as varlen
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from aio_plugin.encoders import attention
from aio_plugin.encoders.blocks import plain_block
from aio_plugin.encoders.frozen import FrozenEncoder, describe_identity, fingerprint
from aio_plugin.encoders.pack import Pack, Sequences
from aio_plugin.encoders.pretrained import load_encoder
from aio_plugin.errors import EncoderError

from .helpers import blocks, jitter


class Toy(nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        self.inner = nn.Linear(24, 24)
        self.encoder = FrozenEncoder(blocks(seed), f"toy{seed}")

    def forward(self, x):
        return self.encoder(self.inner(x))


def test_outputs_and_gradients_equal_those_of_its_blocks():
    source, tokens = blocks(), torch.randn(2, 5, 24, requires_grad=True)
    expected = copy.deepcopy(source).eval()
    encoder = FrozenEncoder(source, "toy")
    with torch.no_grad():
        assert torch.equal(encoder(tokens), expected(tokens))
    ours, theirs = encoder(tokens), expected(tokens)
    torch.testing.assert_close(ours, theirs)  # another attention kernel where gradients are due
    torch.testing.assert_close(*(torch.autograd.grad(out.square().sum(), tokens) for out in (ours, theirs)))


def test_a_norm_before_the_blocks_is_frozen_and_part_of_the_identity():
    norm, tokens = jitter(nn.LayerNorm(24)), torch.randn(2, 5, 24)
    bare, encoder = FrozenEncoder(blocks(), "toy"), FrozenEncoder(blocks(), "toy", norm)
    expected = copy.deepcopy(norm)(tokens)
    with torch.no_grad():
        assert torch.equal(encoder(tokens), bare(expected))
    assert not list(encoder.parameters())
    assert list(encoder.state_dict()) == ["identity"]
    assert encoder.sha256 not in (bare.sha256, FrozenEncoder(blocks(), "toy", nn.LayerNorm(24)).sha256)
    # checkpoints of encoders without such a norm know them by the hash of their blocks alone
    assert bare.sha256 == fingerprint(blocks())
    thawed, copies = encoder.thawed()
    assert all(parameter.requires_grad for module in (thawed, copies) for parameter in module.parameters())
    assert torch.equal(thawed(tokens), expected)


@pytest.mark.parametrize("fused", [True, False])
def test_padding_changes_nothing(fused):
    encoder = load_encoder("toy", "random").encoder
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
    before = {name: value.clone() for name, value in model.encoder.named_buffers()}
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
    after = dict(model.encoder.named_buffers())
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


def test_same_name_other_weights_and_a_foreign_identity():
    first, second = FrozenEncoder(blocks(0), "toy"), FrozenEncoder(blocks(1), "toy")
    with pytest.raises(EncoderError, match=f"{second.sha256[:12]}.*{first.sha256[:12]}"):
        first.load_state_dict(second.state_dict())
    with pytest.raises(EncoderError, match="unknown kind"):
        first.load_state_dict({"identity": torch.zeros(3)})


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


def test_blocks_that_take_no_mask_refuse_padding_alone():
    encoder = FrozenEncoder(nn.Sequential(nn.Linear(24, 24)), "linear")
    tokens, mask = torch.randn(2, 3, 24), torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(encoder(tokens, mask), encoder(tokens))
    mask[0, 2] = False
    with pytest.raises(EncoderError, match="attention mask"):
        encoder(tokens, mask)
    with pytest.raises(EncoderError, match="no transformer blocks"):
        FrozenEncoder(nn.Sequential(), "empty")


def test_a_long_name_is_cut_and_its_hash_is_not():
    encoder = FrozenEncoder(blocks(), "timm:" + "x" * 100)
    assert describe_identity(encoder.identity) == f"'timm:{'x' * 59}' (sha256 {encoder.sha256[:12]})"
    state = FrozenEncoder(blocks(), "timm:" + "x" * 59).state_dict()
    encoder.load_state_dict(state, strict=True)
    with pytest.raises(EncoderError, match="was trained on encoder"):
        FrozenEncoder(blocks(1), encoder.name).load_state_dict(state)


def of_lengths(groups, seed=0, spread=False):
    """Sequences of given lengths: a list of (lengths, whole); padding, where there is any, is noise."""
    generator = torch.Generator().manual_seed(seed)
    given = []
    for lengths, whole in groups:
        longest = max(lengths, default=3)
        tokens = torch.randn(len(lengths), longest, 24, generator=generator)
        mask = torch.arange(longest) < torch.tensor(lengths, dtype=torch.long)[:, None]
        if spread:  # padding between tokens
            order = torch.randperm(longest, generator=generator)
            tokens, mask = tokens[:, order], mask[:, order]
        given.append(Sequences(tokens.requires_grad_(), None if bool(mask.all()) else mask, whole))
    return given


def one_by_one(encoder, given):
    """The same through the encoder's forward, each sequence alone and without padding."""
    found = []
    for each in given:
        out = torch.zeros_like(each.tokens)
        for row, tokens in enumerate(each.tokens):
            keep = torch.ones(len(tokens), dtype=torch.bool) if each.mask is None else each.mask[row]
            out[row, keep] = encoder(tokens[keep][None])[0]
            first = int(keep.int().argmax())
            if not each.whole:
                out[row, 0] = out[row, first].clone()
        found.append(out if each.whole else out[:, 0])
    return found


def assert_reads_the_same(encoder, given):
    ours, expected = encoder.read(given), one_by_one(encoder, given)
    for each, mine, theirs in zip(given, ours, expected, strict=True):
        assert mine.shape == theirs.shape
        if each.whole and each.mask is not None:
            mine = mine.masked_fill(~each.mask[..., None], 0)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    weights = [torch.randn(theirs.shape, generator=torch.Generator().manual_seed(3)) for theirs in expected]
    for each, weight in zip(given, weights, strict=True):
        if each.whole and each.mask is not None:
            weight.masked_fill_(~each.mask[..., None], 0)
    tokens = [each.tokens for each in given]
    gradients, wanted = (
        torch.autograd.grad(
            sum((o * w).sum() for o, w in zip(outs, weights, strict=True)), tokens, materialize_grads=True
        )
        for outs in (ours, expected)
    )
    for mine, theirs in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


GROUPS = [([4, 4, 4], False), ([6, 2, 4], True), ([5, 6, 1], False), ([], False), ([7], True)]


LENGTHS = st.lists(st.tuples(st.lists(st.integers(1, 6), max_size=4), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(LENGTHS.filter(lambda groups: any(lengths for lengths, _ in groups)), st.booleans())
@example(GROUPS, False)
@example(GROUPS, True)
def test_reading_equals_encoding_one_by_one(groups, spread):
    assert_reads_the_same(FrozenEncoder(blocks(), "toy"), of_lengths(groups, spread=spread))


@pytest.mark.parametrize(
    ("options", "is_plain"),
    [
        ({"init_values": 0.3}, True),
        ({"qkv_bias": False}, True),
        ({"act_layer": nn.Tanh}, True),
        ({"qk_norm": True}, False),
        ({"scale_mlp_norm": True}, False),
        ({"scale_attn_norm": True}, False),
    ],
)
def test_reading_of_other_blocks(options, is_plain):
    source = jitter(blocks(**options))
    assert (plain_block(source[0]) is not None) == is_plain
    encoder = FrozenEncoder(source, "other")
    assert_reads_the_same(encoder, of_lengths(GROUPS[:3]))
    if not is_plain:
        with pytest.raises(EncoderError, match=r"aio\.train\.compile"):
            encoder.compute(checkpointed=True)


def test_checkpointed_reading_keeps_less():
    encoder, given = FrozenEncoder(blocks(depth=4), "toy"), of_lengths([([33] * 8, False)])
    kept, gradients = [], []
    for checkpointed in (False, True):
        encoder.compute(checkpointed=checkpointed)
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=saved: s.append(t.nbytes) or t, lambda t: t):
            (out,) = encoder.read(given)
        kept.append(sum(saved))
        gradients.append(torch.autograd.grad(out.square().sum(), given[0].tokens)[0])
    assert kept[1] < 0.25 * kept[0]
    torch.testing.assert_close(*gradients, atol=0, rtol=0)


def test_nothing_is_kept_that_only_gradients_of_weights_need():
    """Of a block: what both norms take, queries, keys, values, scores, and the hidden layer; no linear's input."""
    encoder, length = FrozenEncoder(blocks(depth=3), "toy"), 40
    given = of_lengths([([length] * 2, True)])
    tensors = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: tensors.setdefault(t.data_ptr(), t), lambda t: t):
        encoder.read(given)
    weights = {buffer.data_ptr() for buffer in encoder.buffers()}
    kept = sum(t.numel() for pointer, t in tensors.items() if pointer not in weights)
    tokens = 2 * length
    most = 3 * tokens * (24 * (1 + 3 + 1 + 4) + 2 * 3 * length + 8)  # scores (heads x tokens), statistics of norms
    assert kept <= 1.1 * most + tokens * 24


def test_packed_attention_gets_the_ends_of_the_sequences(monkeypatch):
    """The GPU's kernel, played by a loop over the sequences."""
    calls = []

    def loop(query, key, value, query_ends, ends, most, longest):
        assert query_ends.dtype == ends.dtype == torch.int32
        assert (most, longest) == (int(query_ends.diff().max()), int(ends.diff().max()))
        calls.append(len(query))
        out = torch.zeros_like(query)
        for q, k in zip(query_ends.long().unfold(0, 2, 1), ends.long().unfold(0, 2, 1), strict=True):
            one, other = slice(*q.tolist()), slice(*k.tolist())
            heads = [t.transpose(0, 1)[None] for t in (query[one], key[other], value[other])]
            out[one] = nn.functional.scaled_dot_product_attention(*heads)[0].transpose(0, 1)
        return out

    monkeypatch.setattr(attention, "has_varlen", lambda tokens: True)
    monkeypatch.setattr(varlen, "varlen_attn", loop)
    encoder, given = FrozenEncoder(blocks(), "toy"), of_lengths(GROUPS)
    assert_reads_the_same(encoder, given)
    assert calls == [12 + 12 + 12 + 7, 3 + 12 + 3 + 7]  # all tokens, then those that are read


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_reading_on_a_gpu(dtype):
    torch.manual_seed(0)
    encoder = load_encoder("toy", "random").encoder.cuda()
    lengths = [(each * 3, whole) for each, whole in GROUPS if each]
    given = of_lengths(lengths)
    wide = [Sequences(each.tokens.detach().repeat(1, 1, 8).cuda(), each.mask, each.whole) for each in given]
    expected = one_by_one(
        encoder, [Sequences(e.tokens, None if e.mask is None else e.mask.cuda(), e.whole) for e in wide]
    )
    with torch.autocast("cuda", dtype, enabled=dtype is torch.bfloat16):
        found = encoder.read(wide)
    for each, mine, theirs in zip(wide, found, expected, strict=True):
        if each.whole and each.mask is not None:
            mine = mine.masked_fill(~each.mask.cuda()[..., None], 0)
        tolerance = 0.05 if dtype is torch.bfloat16 else 1e-4
        torch.testing.assert_close(mine.float(), theirs, atol=tolerance, rtol=tolerance)


def test_a_pack_has_no_padding_and_lays_equal_lengths_together():
    pack = Pack(of_lengths([([2, 5, 2], False), ([5, 3], True)]))
    assert [run.length for run in pack.runs] == [2, 3, 5]
    assert [run.number for run in pack.runs] == [2, 1, 2]
    assert [(r.number, r.length, r.read) for r in pack.last_runs] == [(2, 2, 1), (1, 3, 3), (1, 5, 1), (1, 5, 5)]
    assert len(pack.take) == 17
    assert len(pack.read) == 3 + 8
