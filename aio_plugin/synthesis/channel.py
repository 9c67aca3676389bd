"""Infrared from RGB: channel augmentation (AIO Sec. 3.2).

Ye et al., Channel Augmentation for Visible-Infrared Re-Identification, TPAMI 2024. Of its cases AIO's Fig. 3
shows those that leave a grey image: one channel copied to all three, or the luma. It is applied after normalisation,
as in the authors' code: the channels keep the mean and std of one colour, where those of an infrared file have three.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ModalityError

LUMA = (0.2989, 0.5870, 0.1140)

CHOICES = 4
"""Red, green, blue, luma."""


def channel_augment(images: Tensor, choice: Tensor | int) -> Tensor:
    """Grey images that hold one channel of ``images``, or their luma, three times.

    Args:
        images: (..., 3, H, W), float, normalised or not.
        choice: 0, 1, 2 = that channel, 3 = luma; one number for all images, or a tensor (...) of one each.

    Raises:
        ModalityError: the images do not have three channels, or a choice is not one of the four.

    Example:
        >>> channel_augment(torch.tensor([0.1, 0.2, 0.3])[:, None, None], 2).flatten().tolist()
        [0.30000001192092896, 0.30000001192092896, 0.30000001192092896]
    """
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ModalityError(f"Channel augmentation takes images (..., 3, H, W), got {tuple(images.shape)}.")
    chosen = torch.as_tensor(choice, device=images.device)
    if bool(((chosen < 0) | (chosen >= CHOICES)).any()):
        raise ModalityError(f"Channel augmentation has choices 0 to {CHOICES - 1}, got {choice}.")
    return _grey(images, chosen).expand_as(images).clone()


def augment_chosen(images: Tensor, choice: Tensor) -> Tensor:
    """As :func:`channel_augment`, but images with a negative choice stay as they are, and nothing is checked.

    On a GPU, where checking a number means to wait for it, this does not wait.

    Args:
        images: (B, 3, H, W), float.
        choice: (B,) integers below ``CHOICES``.
    """
    grey = _grey(images, choice.clamp(min=0))
    return torch.where((choice >= 0)[:, None, None, None], grey, images)


def _grey(images: Tensor, chosen: Tensor) -> Tensor:
    table = torch.cat([torch.eye(3), torch.tensor([LUMA])]).to(images.device, images.dtype, non_blocking=True)
    return (images * table[chosen][..., None, None]).sum(-3, keepdim=True)
