"""From a person and a pose to the label picture that every modality is made from."""

from __future__ import annotations

from ..people import Person
from . import bags, clothes, head
from .canvas import Canvas, Label, Labels
from .figure import Figure
from .pose import Pose


def draw_labels(person: Person, pose: Pose, size: tuple[int, int]) -> Labels:
    """(2 H, 2 W) labels of a person in a picture of ``size`` (W, H) pixels; background is 0."""
    figure = Figure(Canvas(size, pose, person.height, person.width), person, pose)
    bags.behind(figure)
    if figure.side:
        clothes.arm(figure, -1, Label.SLEEVE_FAR, Label.SKIN_FAR)
    clothes.legs(figure)
    clothes.bottom(figure)
    clothes.torso(figure)
    if not figure.side:
        clothes.arm(figure, -1, Label.SLEEVE, Label.SKIN)
    head.draw(figure)
    bags.straps(figure)
    clothes.arm(figure, 1, Label.SLEEVE, Label.SKIN)
    bags.before(figure)
    return clothes.patterned(figure)
