"""Transformer blocks whose weights never change (AIO Sec. 3.2, 4.1: all backbone parameters frozen)."""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError, EncoderError
from .attention import attention_kernel
from .blocks import ComputeOptions, encode_pack, plain_block
from .pack import Pack, Sequences
from .quantised import is_quantised, quantise

NAME_BYTES, HASH_BYTES = 64, 32


class FrozenEncoder(nn.Module):
    """Transformer blocks and the norm before them, frozen: gradients reach the tokens, no training the weights.

    The weights are buffers, not Parameters, and the blocks stay in eval mode, so that no optimiser, no unfreezing of
    Parameters and no ``train()`` changes them; they follow ``.to()``. A checkpoint holds ``identity``, a uint8 buffer
    of name and SHA-256, instead of them; loading a checkpoint of another encoder is an error.

    Shape: tokens (B, N, D) -> (B, N, D).

    Args:
        blocks: modules (B, N, D) -> (B, N, D) like timm's ``Block``; they are changed in place.
        name: the encoder's name in configs, results and errors.
        pre_norm: CLIP's norm between positions and blocks; it applies to every token, class tokens too.

    Attributes:
        dim: D.
        sha256: 64 hex digits, over names, shapes and float32 values of all weights at construction.
    """

    identity: Tensor
    _compiled = _checkpointed = False
    _held: torch.dtype | None = None

    def __init__(self, blocks: nn.Sequential | nn.ModuleList, name: str, pre_norm: nn.LayerNorm | None = None) -> None:
        super().__init__()
        self.name = name
        self.dim = _width(blocks, name)
        self.blocks, self.pre_norm = nn.ModuleList(blocks), pre_norm
        self.sha256 = fingerprint(blocks if pre_norm is None else self)
        self._thaw = _freeze(self)
        raw = name.encode("utf-8")[:NAME_BYTES].ljust(NAME_BYTES, b"\0") + bytes.fromhex(self.sha256)
        self.register_buffer("identity", torch.tensor(list(raw), dtype=torch.uint8))
        self.eval()

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode ``tokens`` (B, N, D).

        Args:
            mask: (B, N) bool, True for tokens, False for padding, which is not attended to. The output at
                padding is undefined.

        Raises:
            EncoderError: there is padding, and the blocks take no mask.
        """
        mask = None if mask is None or bool(mask.all()) else mask
        device = tokens.device.type
        held = self._held is not None and not torch.is_autocast_enabled(device)
        with torch.autocast(device, self._held, enabled=True) if held else nullcontext():
            tokens = tokens if self.pre_norm is None else self.pre_norm(tokens)
            return run_blocks(self.blocks, tokens, mask, self.name)

    def read(self, groups: Sequence[Sequences]) -> list[Tensor]:
        """Encode sequences and return the first token's output of each, or the outputs of all tokens.

        Every sequence is encoded as :meth:`forward` would encode it. With plain ViT blocks no padding is computed,
        and the last block computes only what is read.

        Returns:
            For every group (b, D), the first tokens' outputs; (b, N, D), undefined on padding, if it is whole.

        Raises:
            EncoderError: there is padding, and the blocks take no mask.
        """
        device = groups[0].tokens.device.type
        blocks = [weights for block in self.blocks if (weights := plain_block(block)) is not None]
        if len(blocks) < len(self.blocks):
            return self._read_padded(groups)
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else blocks[0].qkv.weight.dtype
        pack = Pack(groups)
        with torch.autocast(device, enabled=False):
            options = ComputeOptions(dtype, self._compiled, self._checkpointed)
            return pack.unpack(encode_pack(blocks, pack, options, self.pre_norm))

    def compute(self, compiled: bool = False, checkpointed: bool = False) -> None:
        """Choose how :meth:`read` computes.

        Args:
            compiled: use torch.compile.
            checkpointed: compute the activations of a block again for the gradient instead of keeping them.

        Raises:
            EncoderError: the blocks are not plain ViT blocks.
        """
        if compiled or checkpointed:
            cure = "Set aio.train.compile and aio.train.checkpoint_activations to False."
            self._require_plain("compiled or checkpointed", cure)
        self._compiled, self._checkpointed = compiled, checkpointed

    def _read_padded(self, groups: Sequence[Sequences]) -> list[Tensor]:
        """As :meth:`read`, by :meth:`forward`, sequences of one padded length together."""
        outputs: dict[int, Tensor] = {}
        batches: dict[tuple[int, bool], list[int]] = {}
        for index, each in enumerate(groups):
            batches.setdefault((each.tokens.shape[1], each.mask is None), []).append(index)
        for (_, bare), members in batches.items():
            tokens = torch.cat([groups[i].tokens for i in members])
            mask = None if bare else torch.cat([m for i in members if (m := groups[i].mask) is not None])
            out = self(tokens, None if mask is None else mask.to(tokens.device))
            outputs.update(zip(members, out.split([len(groups[i].tokens) for i in members]), strict=True))
        return [outputs[i] if each.whole else outputs[i][:, 0] for i, each in enumerate(groups)]

    @torch.no_grad()
    def hold(self, dtype: torch.dtype) -> FrozenEncoder:
        """Convert the matrices to ``dtype``, the type they are multiplied in: they take less memory, and autocast does
        not convert them at every use. The lost precision cannot be restored.

        Norms are not converted, and ``sha256`` does not change.
        """
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear) and not is_quantised(module.weight):
                module.to(dtype)
        self._held = dtype if dtype in (torch.bfloat16, torch.float16) else None
        return self

    @torch.no_grad()
    def quantise(self, kind: str) -> FrozenEncoder:
        """Convert the matrices to eight bits, see :mod:`.quantised`; ``sha256`` does not change.

        Raises:
            EncoderError: ``kind`` is unknown, or the blocks are not plain ViT blocks.
            ConfigError: torchao is not installed, or the encoder is compiled.
        """
        self._require_plain("quantised", "Set aio.encoder.quantise to ''.")
        if self._compiled:
            raise ConfigError("aio.encoder.quantise and aio.train.compile cannot be combined; switch one of them off.")
        quantise(self.blocks, kind)
        return self

    def _require_plain(self, verb: str, cure: str) -> None:
        if not all(map(plain_block, self.blocks)):
            raise EncoderError(
                f"The blocks of encoder {self.name!r} are not plain ViT blocks; only these can be {verb}. {cure}"
            )

    def thawed(self) -> tuple[nn.LayerNorm | None, nn.ModuleList]:
        """Copies of ``pre_norm`` and blocks with Parameters instead of buffers, for a model that trains them."""
        copied = copy.deepcopy(self)
        for place, name in self._thaw:
            module = copied.get_submodule(place)
            value = module.get_buffer(name)
            del module._buffers[name]
            module._non_persistent_buffers_set.discard(name)
            module.register_parameter(name, nn.Parameter(value))
        return copied.pre_norm, copied.blocks

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Stay in eval mode, whatever ``mode`` is."""
        return super().train(False)

    def extra_repr(self) -> str:
        """Name and the first digits of the hash, for ``print(model)``."""
        return f"{self.name}, sha256={self.sha256[:12]}"

    def require(self, identity: Tensor | None) -> None:
        """Raise EncoderError if ``identity``, of a checkpoint, is that of another encoder; None is not checked."""
        if identity is not None and not torch.equal(identity.cpu(), self.identity.cpu()):
            raise EncoderError(
                f"The checkpoint was trained on encoder {describe_identity(identity)}, the model has "
                f"{describe_identity(self.identity)}; set aio.encoder.name and aio.encoder.weights to the encoder of "
                "the checkpoint."
            )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        self.require(state_dict.get(f"{prefix}identity"))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def run_blocks(blocks: Iterable[nn.Module], tokens: Tensor, mask: Tensor | None, name: str) -> Tensor:
    """Apply ``blocks`` to ``tokens`` (B, N, D); padding, False in ``mask`` (B, N), is not attended to.

    Raises:
        EncoderError: there is a mask, and the blocks of encoder ``name`` take none.
    """
    # every query of every head sees the same keys
    options = {} if mask is None else {"attn_mask": mask[:, None, None, :]}
    with attention_kernel(tokens, tokens.shape[1]):
        for block in blocks:
            if options and "attn_mask" not in inspect.signature(block.forward).parameters:
                raise EncoderError(
                    f"The blocks of encoder {name!r} take no attention mask, so sequences of different lengths cannot "
                    "share a batch; set aio.encoder.name to an encoder of plain ViT blocks, like 'open_clip:ViT-B-16'."
                )
            tokens = block(tokens, **options)
    return tokens


def fingerprint(module: nn.Module) -> str:
    """SHA-256, as 64 hex digits, over names, shapes and float32 values of a module's parameters and buffers."""
    digest = hashlib.sha256()
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().float().cpu().contiguous()
        digest.update(f"{name}{list(values.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def describe_identity(identity: Tensor) -> str:
    """``'name' (sha256 0123456789ab)`` of an ``identity`` buffer, or "of an unknown kind"."""
    if identity.dtype != torch.uint8 or identity.shape != (NAME_BYTES + HASH_BYTES,):
        return "of an unknown kind"
    name, sha256 = read_identity(identity)
    return f"{name!r} (sha256 {sha256[:12]})"


def read_identity(identity: Tensor) -> tuple[str, str]:
    """Name (its first 64 bytes) and SHA-256 of an ``identity`` buffer."""
    raw = bytes(identity.tolist())
    return raw[:NAME_BYTES].rstrip(b"\0").decode("utf-8", errors="replace"), raw[NAME_BYTES:].hex()


def _freeze(module: nn.Module) -> list[tuple[str, str]]:
    """Turn every Parameter below ``module`` into a buffer outside the state dict; return their modules and names."""
    frozen = []
    for place, child in module.named_modules():
        for name, parameter in list(child._parameters.items()):
            if parameter is not None:
                del child._parameters[name]
                child.register_buffer(name, parameter.detach().clone())
                frozen.append((place, name))
        child._non_persistent_buffers_set.update(child._buffers)
    return frozen


def _width(blocks: nn.Module, name: str) -> int:
    for module in blocks.modules():
        if isinstance(module, nn.Linear):
            return module.in_features
    raise EncoderError(f"Encoder {name!r} has no transformer blocks; set aio.encoder.name to a ViT.")
