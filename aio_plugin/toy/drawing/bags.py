"""Bags."""

from __future__ import annotations

from .canvas import Label
from .figure import Figure


def behind(figure: Figure) -> None:
    """Draws the part of a bag behind the body."""
    bag = figure.person.bag
    if bag == "backpack" and figure.side:
        x = -figure.shoulder - 3.2
        figure.ellipse(Label.BAG, x, 34, 6.4, 13)
        figure.ellipse(Label.BAG_DETAIL, x - 2.4, 39, 3.4, 5.5)
    elif bag == "backpack" and figure.front:
        figure.box(Label.BAG, 0, 30, figure.shoulder + 0.8, 11)
    elif bag == "suitcase":
        _suitcase(figure)


def _suitcase(figure: Figure) -> None:
    x = -19.0 if figure.side else figure.shoulder + 7.5
    hand = figure.arm(-1)[-1] if figure.side else figure.arm(1)[-1]
    figure.line(Label.STRAP, [hand, (x - 2, 70)], 1.4)
    figure.box(Label.BAG, x, 82, 6.4, 13.5)
    for y in (77.5, 86.5):
        figure.box(Label.BAG_DETAIL, x, y, 6.4, 0.8)
    for dx in (-4.0, 4.0):
        figure.ellipse(Label.SOLE, x + dx, 97, 1.7, 1.7)


def straps(figure: Figure) -> None:
    """Draws straps on the torso, and the backpack seen from behind."""
    bag = figure.person.bag
    if bag == "backpack" and figure.front:
        for which in (-1, 1):
            figure.line(Label.STRAP, [(which * 6.4, 18.5), (which * 7.0, 40)], 2.4)
    elif bag == "backpack" and figure.side:
        figure.line(Label.STRAP, [(-5.5, 20), (1.5, 20), (1.5, 36), (-5.5, 42)], 2.0)
    elif bag == "backpack":
        figure.box(Label.BAG, 0, 35, 8.6, 12)
        figure.ellipse(Label.BAG, 0, 23.5, 8.6, 4.5)
        figure.box(Label.BAG_DETAIL, 0, 40, 6.2, 4.4)
    elif bag == "shoulder bag" and not figure.side:
        figure.line(Label.STRAP, [(-7.0, 18.5), (figure.hip + 0.5, 52)], 2.0)
    elif bag == "shoulder bag":
        figure.line(Label.STRAP, [(0.5, 18.5), (-1.5, 52)], 2.0)


def before(figure: Figure) -> None:
    """Draws bags in front of the body and arms."""
    bag = figure.person.bag
    if bag == "shoulder bag":
        x = -1.5 if figure.side else figure.hip + 2.0
        figure.box(Label.BAG, x, 56, 7.2, 6.4)
        figure.polygon(Label.BAG_DETAIL, [(x - 7.2, 49.6), (x + 7.2, 49.6), (x + 5.0, 55), (x - 5.0, 55)])
    elif bag == "handbag":
        x, y = figure.arm(1)[-1] if figure.side else figure.arm(-1)[-1]
        figure.line(Label.STRAP, [(x - 3.2, y + 7), (x - 1, y), (x + 1, y), (x + 3.2, y + 7)], 1.2)
        figure.polygon(Label.BAG, [(x - 5, y + 6), (x + 5, y + 6), (x + 6.8, y + 17), (x - 6.8, y + 17)])
        figure.box(Label.BAG_DETAIL, x, y + 8, 1.6, 1.6)
