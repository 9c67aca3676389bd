"""A frozen encoder in eight bits: rounded as said, computed as before, and no matrix of full size kept."""

import copy
import sys

import pytest
import torch
from torch import nn

from aio_plugin import config
from aio_plugin.encoders.blocks import Affine
from aio_plugin.encoders.frozen import FrozenEncoder
from aio_plugin.encoders.quantised import KINDS
from aio_plugin.errors import ConfigError, EncoderError
from aio_plugin.models.build import build_model
from aio_plugin.options import merge

from .helpers import blocks
from .test_frozen import GROUPS, of_lengths

pytestmark = pytest.mark.filterwarnings("ignore")  # torchao's, about what it has no GPU for


def matrices(encoder):
    return {name: m.weight for name, m in encoder.blocks.named_modules() if isinstance(m, nn.Linear)}


def quantised(kind, **options):
    """An encoder in eight bits, and one of the same rounded weights in float32."""
    encoder = FrozenEncoder(blocks(**options), "toy")
    rounded = copy.deepcopy(encoder)
    encoder.quantise(kind)
    for name, weight in matrices(encoder).items():
        rounded.blocks.get_submodule(name).weight = weight.dequantize()
    return encoder, rounded


@pytest.mark.parametrize(("kind", "step"), [("int8", 1 / 127 / 2), ("fp8", 2**-4)])
def test_every_weight_is_rounded_to_the_nearest(kind, step):
    encoder = FrozenEncoder(blocks(), "toy")
    before = {name: weight.clone() for name, weight in matrices(encoder).items()}
    encoder.quantise(kind)
    for name, weight in matrices(encoder).items():
        error = (weight.dequantize() - before[name]).abs()
        of = before[name].abs().amax(1, keepdim=True) if kind == "int8" else before[name].abs() + 1e-4
        assert bool((error <= 1.01 * step * of).all())
        assert bool((error > 0).any())


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_as_its_rounded_weights_do(kind):
    encoder, rounded = quantised(kind)
    outputs, gradients = [], []
    for each in (encoder, rounded):
        given = of_lengths(GROUPS)
        found = each.read(given)
        outputs += [found]
        gradients += [torch.autograd.grad(sum(f.square().sum() for f in found), [g.tokens for g in given])]
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        tokens = torch.randn(2, 5, 24)
        torch.testing.assert_close(encoder(tokens), rounded(tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_a_map(kind):
    encoder = FrozenEncoder(blocks(), "toy").quantise(kind)
    weight = encoder.blocks[0].attn.qkv.weight
    affine = Affine(weight, torch.randn(72), torch.randn(72))
    x = torch.randn(3, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(affine, x)
    whole = (x @ weight.dequantize().double().T + affine.bias.double())[:, :24]
    torch.testing.assert_close(affine.split(24)[0](x), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_little_memory(kind):
    encoder = FrozenEncoder(blocks(depth=3), "toy")
    before = sum(weight.nbytes for weight in matrices(encoder).values())
    encoder.quantise(kind)
    sizes = []
    for weight in matrices(encoder).values():
        names, _ = weight.__tensor_flatten__()
        sizes.append(sum(getattr(weight, name).nbytes for name in names))
    assert sum(sizes) < 0.4 * before  # a scale a row is much for rows of 24
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        encoder.read(of_lengths([([5, 5], True)]))
    assert saved
    assert not any(
        tensor.dim() == 2 and tensor.shape in {w.shape for w in matrices(encoder).values()} for tensor in saved
    )


def test_half_precision_leaves_it_alone():
    encoder, rounded = quantised("int8")
    given = of_lengths([([5, 5], True)])
    with torch.autocast("cpu", torch.bfloat16):
        expected = rounded.read(given)
        torch.testing.assert_close(encoder.hold(torch.bfloat16).read(given), expected, atol=0, rtol=0)


def test_it_is_the_same_encoder():
    random = {"encoder": {"weights": "random"}, "text": {"weights": "random"}}
    torch.manual_seed(0)
    whole = build_model("aio_tiny", 3, config.parse_config(random), (32, 16))
    options = config.parse_config(merge(random, {"encoder": {"quantise": "int8"}}))
    torch.manual_seed(0)
    model = build_model("aio_tiny", 3, options, (32, 16))
    assert model.encoder.sha256 == whole.encoder.sha256
    assert not model.load_state_dict(whole.state_dict()).missing_keys
    assert not any("int8" in str(value.dtype) for name, value in model.state_dict().items() if "identity" not in name)


def test_what_does_not_go(monkeypatch):
    with pytest.raises(EncoderError, match="aio.encoder.quantise is 'int9'.*int8"):
        FrozenEncoder(blocks(), "toy").quantise("int9")
    with pytest.raises(EncoderError, match="not plain ViT blocks"):
        FrozenEncoder(nn.Sequential(nn.Linear(4, 4)), "toy").quantise("int8")
    compiled = FrozenEncoder(blocks(), "toy")
    compiled.compute(compiled=True)
    with pytest.raises(ConfigError, match="cannot be combined"):
        compiled.quantise("int8")
    options = config.parse_config({"encoder": {"weights": "random", "quantise": "fp8"}, "text": {"weights": "random"}})
    with pytest.raises(ConfigError, match="aio.encoder.quantise is for AIO models"):
        build_model("dmf_tiny", 3, options, (32, 16))
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(ConfigError, match="pip install torchao"):
        FrozenEncoder(blocks(), "toy").quantise("fp8")
