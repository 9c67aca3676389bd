"""Head, hair and hat."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Label
from .figure import Figure

Y, RX, RY = 9.0, 5.8, 7.2
"""Middle and half axes of the skull, in body units."""


def draw(figure: Figure) -> None:
    """Draws the neck, the face, the hair and the hat."""
    hat = figure.person.hat
    hair = "short" if hat != "none" and figure.person.hair in ("bun", "spiky") else figure.person.hair
    figure.box(Label.SKIN, 0, 17, 3.0, 3.5)
    if figure.person.collar == "high":
        figure.box(Label.SLEEVE, 0, 18, 4.4, 2.6)
    _HAIR[hair](figure)
    _face(figure)
    if hat != "none":
        _HATS[hat](figure)


def _skull(figure: Figure, grow: float) -> None:
    x = -1.0 if figure.side else 0.0
    figure.ellipse(Label.HAIR, x, Y - 0.6 * grow, RX + grow, RY + 0.7 * grow)


def _face(figure: Figure) -> None:
    if figure.pose.view == "back":
        return
    cropped = figure.person.hair == "cropped"
    if figure.side:
        figure.ellipse(Label.SKIN, 2.6, Y + 1.6, 4.0, RY - (0.8 if cropped else 1.8))
        figure.box(Label.FACE, 4.6, Y, 0.6, 0.6)
        return
    figure.ellipse(Label.SKIN, 0, Y + (1.4 if cropped else 2.2), RX - 0.6, RY - (1.2 if cropped else 2.0))
    for x in (-2.2, 2.2):
        figure.box(Label.FACE, x, Y + 0.6, 0.7, 0.6)


def _long(figure: Figure) -> None:
    x, half = (-3.2, 4.6) if figure.side else (0.0, 8.2)
    points = [(x - half + 1, 7), (x + half - 1, 7), (x + half, 31), (x + half - 2, 33), (x - half + 1, 33)]
    if figure.front:  # two strands before the shoulders
        for which in (-1, 1):
            figure.limb(Label.HAIR, [(which * 6.0, 6), (which * 6.8, 20), (which * 6.6, 32)], 2.0, 1.8)
    else:
        figure.polygon(Label.HAIR, points)
    _skull(figure, 1.2)


def _ponytail(figure: Figure) -> None:
    _skull(figure, 0.8)
    tail = {
        "back": [(0.0, 8.0), (0.5, 18.0), (0.0, 31.0)],
        "side": [(-6.0, 7.0), (-10.5, 13.0), (-11.0, 26.0)],
        "front": [(5.5, 5.0), (9.0, 10.0), (9.4, 23.0)],
    }[figure.pose.view]
    figure.limb(Label.HAIR, tail, 2.2, 1.3)


def _bun(figure: Figure) -> None:
    _skull(figure, 0.8)
    figure.ellipse(Label.HAIR, -5.0 if figure.side else 0.0, -0.6 if not figure.side else 1.5, 3.8, 3.6)


def _bob(figure: Figure) -> None:
    x, half = (-2.2, 6.0) if figure.side else (0.0, 8.4)
    points = [(x - half + 2, 5), (x + half - 2, 5), (x + half, 17), (x - half, 17)]
    figure.polygon(Label.HAIR, points)
    _skull(figure, 1.4)


def _curly(figure: Figure) -> None:
    figure.ellipse(Label.HAIR, -1.0 if figure.side else 0.0, Y - 2.4, 10.0, 9.4)


def _spiky(figure: Figure) -> None:
    _skull(figure, 0.6)
    for x in (-5.0, -2.4, 0.2, 2.8, 5.2):
        figure.polygon(Label.HAIR, [(x - 1.8, 4.5), (x * 1.35, -3.5), (x + 1.8, 4.5)])


_HAIR: dict[str, Callable[[Figure], None]] = {
    "cropped": lambda figure: _skull(figure, 0.1),
    "short": lambda figure: _skull(figure, 1.0),
    "long": _long,
    "ponytail": _ponytail,
    "bun": _bun,
    "bob": _bob,
    "curly": _curly,
    "spiky": _spiky,
}


def _dome(figure: Figure, half: float, top: float) -> None:
    points = [(-half, 5.5), (-half, 2.5), (-half * 0.7, top), (half * 0.7, top), (half, 2.5), (half, 5.5)]
    figure.polygon(Label.HAT, points)


def _cap(figure: Figure) -> None:
    _dome(figure, 7.2, -0.6)
    if figure.side:
        figure.limb(Label.HAT_BAND, [(5, 4.6), (9, 5.2), (13, 6.2)], 1.2, 0.9)
    elif figure.front:
        figure.ellipse(Label.HAT_BAND, 0, 5.8, 7.4, 1.7)


def _beanie(figure: Figure) -> None:
    _dome(figure, 7.4, -2.4)
    figure.box(Label.HAT_BAND, 0, 4.6, 7.6, 1.7)
    figure.ellipse(Label.HAT_BAND, 0, -3.2, 2.4, 2.3)


def _sun_hat(figure: Figure) -> None:
    _dome(figure, 6.8, -1.6)
    figure.box(Label.HAT_BAND, 0, 2.9, 7.0, 1.2)
    figure.ellipse(Label.HAT, 0, 5.2, 14.5, 1.9)


_HATS: dict[str, Callable[[Figure], None]] = {"cap": _cap, "beanie": _beanie, "sun hat": _sun_hat}
