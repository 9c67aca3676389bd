"""Infrared from RGB: channel augmentation (AIO Sec. 3.2).

Ye et al., Channel Augmentation for Visible-Infrared Re-Identification, TPAMI 2024. Of its cases AIO's Fig. 3
shows those that leave a grey image: one channel copied to all three, or the luma. The authors' code applies it after
normalisation, where the three channels of a synthetic image are equal and those of an infrared file are not, so that
a stem can tell them apart; here it is applied to pixels.
"""

from __future__ import annotations

from PIL import Image

CHOICES = 4
"""Red, green, blue, luma."""


def channel_augment(image: Image.Image, choice: int) -> Image.Image:
    """A grey image that holds one channel of ``image``, or its luma, three times.

    Args:
        image: of mode RGB; of any other mode it is grey already and returned as it is.
        choice: 0, 1, 2 = that channel, 3 = luma.

    Example:
        >>> channel_augment(Image.new("RGB", (1, 1), (10, 20, 30)), 2).getpixel((0, 0))
        (30, 30, 30)
    """
    if image.mode != "RGB":
        return image
    grey = image.convert("L") if choice == CHOICES - 1 else image.getchannel(choice)
    return Image.merge("RGB", [grey] * 3)
