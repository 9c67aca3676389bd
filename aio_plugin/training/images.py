"""Image files decoded: each once for a bundle, and large JPEGs no larger than they are needed."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from ..datasets.storage.lmdb_images import image_source
from ..errors import MediaError

DRAFTS = (8, 4, 2)
"""What libjpeg can divide an image's sides by while it decodes."""

GAP = 2.0
"""How much larger than the size wanted a drafted image is, at least."""

Resize = Callable[[Image.Image], Image.Image]


def read_image(path: str, size: tuple[int, int] | None = None) -> Image.Image:
    """The RGB image at ``path``, which may be one packed into an LMDB (:mod:`aio_plugin.datasets.storage.lmdb_images`);
    grey and palette images are replicated to three channels.

    With ``size`` a JPEG is decoded at a half, a quarter or an eighth of its sides (PIL's draft mode), as small as
    still is twice the size wanted both ways. So nothing changes for images under four times that size. Larger ones,
    resized to ``size``, differ from a full decode by about 1 grey level of 255 in the mean and 7 at most, measured on
    made-up ones with fine grain; where the sides do not divide, the far edges also move by half a pixel at most.

    Args:
        size: height and width in pixels that the image will be resized to; None = decode it in full.

    Raises:
        MediaError: the file is absent, empty, cut short or no image; names it.
        DatasetError: the LMDB cannot be opened.
    """
    source = image_source(path)
    try:
        with Image.open(source) as image:
            _draft(image, size)
            image.load()
            return image if image.mode == "RGB" else image.convert("RGB")
    except Exception as error:  # PIL's decoders fail in many ways, EOFError and struct.error among them
        raise MediaError(f"Cannot read the image {str(path)!r}: {error}. Replace or remove the file.") from error


def _draft(image: Image.Image, size: tuple[int, int] | None) -> None:
    if size is None:
        return
    ratio = min(image.height / size[0], image.width / size[1])
    scale = next((scale for scale in DRAFTS if ratio >= GAP * scale), 1)
    if scale > 1:
        image.draft(image.mode, (image.width // scale, image.height // scale))


class Resized:
    """The images of one bundle, each decoded and resized once, however many modalities are made of it.

    Args:
        resize, size: see :class:`aio_plugin.training.transforms.Parts`; without them images stay as they are.
    """

    def __init__(self, resize: Resize | None, size: tuple[int, int] | None) -> None:
        self._resize, self._size = resize, size
        self._made: dict[str, Image.Image] = {}

    def __call__(self, path: str) -> Image.Image:
        """The image at ``path``; raises what :func:`read_image` raises."""
        if path not in self._made:
            self._made[path] = self.fit(read_image(path, self._size))
        return self._made[path]

    def fit(self, image: Image.Image) -> Image.Image:
        """``image``, resized."""
        return image if self._resize is None else self._resize(image)
