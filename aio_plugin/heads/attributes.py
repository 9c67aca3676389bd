"""The decoder of vision-guided masked attribute modelling (AIO Sec. 3.4, Eq. 5).

He et al.: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
https://arxiv.org/abs/2405.04741
"""

from __future__ import annotations

from torch import Tensor, nn


class AttributeDecoder(nn.Sequential):
    """[z^R ; z^m] of every masked token to the logits of its attribute word.

    The paper says "MLPs and a classifier"; here ``hidden`` layers of width D with GELU, and a linear map.

    Args:
        dim: D.
        classes: words in the lexicon, N_A.
        hidden: hidden layers.

    Shape:
        (K, 2 D), RGB feature first -> (K, N_A).
    """

    def __init__(self, dim: int, classes: int, hidden: int = 2) -> None:
        widths = [2 * dim] + [dim] * hidden
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), nn.GELU()]
        super().__init__(*layers, nn.Linear(widths[-1], classes))

    def forward(self, pairs: Tensor) -> Tensor:
        """See the class."""
        return super().forward(pairs)  # type: ignore[no-any-return]
