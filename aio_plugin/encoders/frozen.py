"""A stack of transformer blocks whose weights never change (AIO Sec. 3.2, 4.1: all backbone parameters frozen)."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EncoderError

NAME_BYTES, HASH_BYTES = 64, 32


class FrozenEncoder(nn.Module):
    """Transformer blocks, frozen: gradients pass through to the tokens, no training reaches the weights.

    The weights are buffers, not Parameters, and stay in eval mode, so that nothing that thaws Parameters,
    steps an optimiser or calls ``train()`` touches them; they follow ``.to()``. A checkpoint holds no copy of
    them but ``identity``, a uint8 buffer of name and SHA-256; loading one of another encoder is an error.

    Shape: tokens (B, N, D) -> (B, N, D).

    Args:
        blocks: modules of (B, N, D) -> (B, N, D), timm's ``Block`` or like it. They are changed in place.
        name: what the encoder is called in configs and errors.

    Attributes:
        dim: D.
        name: as given.
        sha256: 64 hex digits, over names, shapes and float32 values of all weights.
    """

    identity: Tensor

    def __init__(self, blocks: nn.Sequential | nn.ModuleList, name: str) -> None:
        super().__init__()
        self.name = name
        self.dim = _width(blocks, name)
        self.sha256 = fingerprint(blocks)
        self.masks = [_takes_mask(block) for block in blocks]
        self.blocks = nn.ModuleList(blocks)
        _freeze(self.blocks)
        self.register_buffer("identity", _pack(name, self.sha256))
        self.eval()

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode ``tokens`` (B, N, D).

        Args:
            mask: (B, N) bool, True for tokens, False for padding, which nobody attends to. The output at
                padding means nothing.

        Raises:
            EncoderError: there is padding, and the blocks cannot be told so.
        """
        if mask is None or bool(mask.all()):
            for block in self.blocks:
                tokens = block(tokens)
            return tokens
        if not all(self.masks):
            raise EncoderError(
                f"The blocks of encoder {self.name!r} take no attention mask, so captions of different lengths cannot "
                "share a batch; set aio.encoder.name to an encoder of plain ViT blocks, like 'open_clip:ViT-B-16'."
            )
        attend = mask[:, None, None, :]  # every query of every head sees the same keys
        for block in self.blocks:
            tokens = block(tokens, attn_mask=attend)
        return tokens

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Stay in eval mode, whatever ``mode`` asks for."""
        return super().train(False)

    def extra_repr(self) -> str:
        """Name and the head of the hash, for ``print(model)``."""
        return f"{self.name}, sha256={self.sha256[:12]}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        given = state_dict.get(f"{prefix}identity")
        if given is not None and not torch.equal(given.cpu(), self.identity.cpu()):
            raise EncoderError(
                f"The checkpoint was trained on encoder {describe_identity(given)}, the model has "
                f"{describe_identity(self.identity)}; set aio.encoder.name and aio.encoder.weights to the encoder of "
                "the checkpoint."
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


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
    """``'name' (sha256 0123456789ab)`` of an ``identity`` buffer; says so if it is not one."""
    if identity.dtype != torch.uint8 or identity.shape != (NAME_BYTES + HASH_BYTES,):
        return "of an unknown kind"
    raw = bytes(identity.tolist())
    name = raw[:NAME_BYTES].rstrip(b"\0").decode("utf-8", errors="replace")
    return f"{name!r} (sha256 {raw[NAME_BYTES:].hex()[:12]})"


def _pack(name: str, sha256: str) -> Tensor:
    raw = name.encode("utf-8")[:NAME_BYTES].ljust(NAME_BYTES, b"\0") + bytes.fromhex(sha256)
    return torch.tensor(list(raw), dtype=torch.uint8)


def _freeze(module: nn.Module) -> None:
    """Turn every Parameter below ``module`` into a buffer that stays out of the state dict."""
    for child in module.modules():
        for name, parameter in list(child._parameters.items()):
            if parameter is not None:
                del child._parameters[name]
                child.register_buffer(name, parameter.detach().clone())
        child._non_persistent_buffers_set.update(child._buffers)


def _width(blocks: nn.Module, name: str) -> int:
    for module in blocks.modules():
        if isinstance(module, nn.Linear):
            return module.in_features
    raise EncoderError(f"Encoder {name!r} has no transformer blocks; set aio.encoder.name to a ViT.")


def _takes_mask(block: nn.Module) -> bool:
    return "attn_mask" in inspect.signature(block.forward).parameters
