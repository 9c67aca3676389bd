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

    Choices are not checked, which would wait for a GPU: one of 4 or more is an IndexError.

    Args:
        images: (..., 3, H, W), float, normalised or not.
        choice: 0, 1, 2 = that channel, 3 = luma, negative = the image as it is; one number for all images, or a
            tensor (...) of one each.

    Raises:
        ModalityError: the images do not have three channels.

    Example:
        >>> channel_augment(torch.tensor([0.1, 0.2, 0.3])[:, None, None], 2).flatten().tolist()
        [0.30000001192092896, 0.30000001192092896, 0.30000001192092896]
    """
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ModalityError(f"Channel augmentation takes images (..., 3, H, W), got {tuple(images.shape)}.")
    chosen = torch.as_tensor(choice, device=images.device)
    weights = torch.cat([torch.eye(3), torch.tensor([LUMA])]).to(images.device, images.dtype, non_blocking=True)
    grey = (images * weights[chosen.clamp(min=0)][..., None, None]).sum(-3, keepdim=True)
    return torch.where((chosen >= 0)[..., None, None, None], grey, images)
