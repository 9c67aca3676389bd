"""Legs, garments and shoes, and the patterns on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..scene import ImageArray
from .canvas import Label, Labels
from .figure import Figure


def legs(figure: Figure) -> None:
    """Draws both legs in trousers, shorts or skin, and the shoes; the far leg first."""
    for which, bottom, skin, shoe in (
        (-1, Label.BOTTOM_FAR, Label.SKIN_FAR, Label.SHOE_FAR),
        (1, Label.BOTTOM, Label.SKIN, Label.SHOE),
    ):
        if not figure.side:
            bottom, skin, shoe = Label.BOTTOM, Label.SKIN, Label.SHOE
        _leg(figure, which, bottom, skin)
        _shoe(figure, which, shoe)


def _leg(figure: Figure, which: int, bottom: Label, skin: Label) -> None:
    worn = figure.person.bottom
    path, wide = figure.leg(which), figure.person.width
    (hx, hy), (kx, ky), _ = path
    if worn == "trousers":
        figure.limb(bottom, path, 4.9 * wide, 3.2)
    elif worn == "wide trousers":
        figure.limb(bottom, path, 4.6 * wide, 6.2)
    else:
        figure.limb(skin, path, 3.8 * wide, 2.2)
    if worn == "shorts":
        knee = (hx + 0.8 * (kx - hx), hy + 0.8 * (ky - hy))
        figure.limb(bottom, [(hx, hy), knee], 5.0 * wide, 5.6 * wide)


def _shoe(figure: Figure, which: int, label: Label) -> None:
    x, y = figure.leg(which)[-1]
    kind = figure.person.shoes
    toe = 2.4 if figure.side else 0.4 * which
    rx = 5.4 if figure.side else 3.6
    wears_trousers = "trousers" in figure.person.bottom
    if kind == "boots" and not wears_trousers:
        figure.box(label, x, y - 5, 3.3, 7.5)
    elif kind == "boots":
        figure.box(label, x, y - 0.5, 3.8, 3.4)
    figure.ellipse(label, x + toe, y + 2.6, rx, 3.0)
    if kind == "trainers":
        figure.box(Label.SOLE, x + toe, y + 4.6, rx, 1.2)


def bottom(figure: Figure) -> None:
    """Draws the hips of trousers, or a skirt."""
    worn, hip = figure.person.bottom, figure.hip
    label = Label.TOP if worn == "dress" else Label.BOTTOM
    if worn in ("skirt", "long skirt", "dress"):
        end = {"skirt": 67.0, "long skirt": 86.0, "dress": 74.0}[worn]
        flare = hip + (4.5 if worn == "long skirt" else 5.0)
        sway = 1.2 * figure.pose.stride
        points = [(-figure.waist, 44), (figure.waist, 44), (hip + 1, 54), (flare + sway, end), (-flare + sway, end)]
        figure.polygon(label, [*points, (-hip - 1, 54)])
    else:
        figure.polygon(label, [(-figure.waist, 44), (figure.waist, 44), (hip, 55), (0, 58), (-hip, 55)])


def torso(figure: Figure) -> None:
    """Draws the upper garment without sleeves, its collar, closure and logo."""
    hem = figure.hem
    shoulder, waist, hip = figure.shoulder, figure.waist, figure.hip
    outline = [(-shoulder + 3, 18), (shoulder - 3, 18), (shoulder, 21.5), (waist, 40)]
    low = waist if hem < 50 else hip + 1 + (hem - 54) * 0.10
    outline += [(low, hem), (-low, hem), (-waist, 40), (-shoulder, 21.5)]
    figure.polygon(Label.TOP, outline)
    if figure.pose.view != "back":
        _closure(figure, low)
        _logo(figure)
    _collar(figure)


def _closure(figure: Figure, low: float) -> None:
    kind, hem = figure.person.closure, figure.hem
    if figure.side:
        if kind == "open":
            figure.polygon(Label.INNER, [(figure.shoulder, 21.5), (figure.waist, 40), (low, hem), (3.5, hem), (4, 20)])
        return
    if kind == "open":
        figure.polygon(Label.INNER, [(-2.6, 18), (2.6, 18), (4.8, min(hem, 52)), (-4.8, min(hem, 52))])
    elif kind == "zip":
        figure.line(Label.INNER, [(0, 18), (0, hem)], 1.6)
    elif kind == "buttons":
        figure.line(Label.SEAM, [(1.6, 18), (1.6, hem)], 0.6)
        for y in range(23, int(hem), 6):
            figure.ellipse(Label.INNER, 0, y, 1.0, 1.0)


def _logo(figure: Figure) -> None:
    kind = figure.person.logo
    x, y, r = (3.4 if figure.side else 0.0), 30.0, 4.6
    rx = 2.6 if figure.side else r
    if kind == "circle":
        figure.ellipse(Label.LOGO, x, y, rx, r)
    elif kind == "square":
        figure.box(Label.LOGO, x, y, rx * 0.9, r * 0.9)
    elif kind == "triangle":
        figure.polygon(Label.LOGO, [(x - rx, y + r), (x + rx, y + r), (x, y - r)])
    elif kind == "cross":
        figure.box(Label.LOGO, x, y, rx, 1.5)
        figure.box(Label.LOGO, x, y, 1.5, r)
    elif kind == "bar":
        figure.box(Label.LOGO, x, y + 1, rx * 1.5, 1.9)


def _collar(figure: Figure) -> None:
    kind, back = figure.person.collar, figure.pose.view == "back"
    x = 1.5 if figure.side else 0.0
    if kind == "hood" and back:
        figure.polygon(Label.SLEEVE_FAR, [(-6.5, 17), (6.5, 17), (4.5, 25), (0, 28), (-4.5, 25)])
    elif kind == "hood":
        figure.ellipse(Label.SLEEVE_FAR, x - (3.5 if figure.side else 0), 18, 7.0, 3.2)
    elif kind == "collar":
        for which in (-1, 1):
            figure.polygon(Label.INNER, [(x, 20), (x + which * 5.2, 17), (x + which * 4.4, 23.5)])
    elif kind == "v-neck" and not back:
        figure.polygon(Label.SKIN, [(x - 4.4, 17.5), (x + 4.4, 17.5), (x, 26)])
    elif kind == "round" and not back:
        figure.ellipse(Label.SKIN, x, 18, 4.4, 2.2)


def arm(figure: Figure, which: int, sleeve: Label, skin: Label) -> None:
    """Draws an arm in its sleeve."""
    kind = figure.person.sleeves
    start, elbow, hand = figure.arm(which)
    figure.ellipse(skin, hand[0], hand[1] + 0.5, 2.2, 2.4)
    figure.limb(skin, [start, elbow, hand], 2.5, 1.9)
    if kind == "long":
        figure.limb(sleeve, [start, elbow, hand], 3.6, 2.8)
    elif kind == "short":
        figure.limb(sleeve, [start, (0.6 * elbow[0] + 0.4 * start[0], 0.6 * elbow[1] + 0.4 * start[1])], 3.7, 3.9)


def patterned(figure: Figure) -> Labels:
    """The finished labels, with the second colour of every pattern."""
    person, labels = figure.person, figure.labels()
    x, y = figure.grid()
    bold = person.pattern_size == "bold"
    upper: tuple[Label, ...] = (Label.SLEEVE, Label.SLEEVE_FAR)
    if person.pattern != "raglan":
        upper = (Label.TOP, *upper)
    lower = (Label.BOTTOM, Label.BOTTOM_FAR)
    for mask, parts in (
        (pattern_mask(person.pattern, x, y, bold, figure.waist), upper),
        (pattern_mask(person.bottom_pattern, x, y, False, figure.hip), lower),
    ):
        for part in parts if mask is not None else ():
            labels[(labels == part) & mask] = part + 1
    return labels


def pattern_mask(name: str, x: ImageArray, y: ImageArray, bold: bool, half: float) -> NDArray[np.bool_] | None:
    """(H, W) True where a pattern has its second colour, None for a plain garment.

    Args:
        name: one of the patterns of :mod:`.wardrobe`.
        x, y: body units (1, W) and (H, 1) of the pixels.
        bold: larger repeats.
        half: half width of the garment, for what lies at its sides.
    """
    shape = (y.shape[0], x.shape[1])
    repeat = 9.0 if bold else 5.6
    if name == "plain":
        return None
    if name == "stripes":
        mask = np.mod(y, repeat) < 0.45 * repeat
    elif name == "pinstripes":
        mask = np.mod(x + 50 * repeat + 0.25 * repeat, repeat) < 0.4 * repeat
    elif name == "checks":
        mask = (np.mod(x + 50 * repeat, repeat) < 0.5 * repeat) ^ (np.mod(y, repeat) < 0.5 * repeat)
    elif name == "dots":
        row = np.floor(y / repeat)
        dx = np.mod(x + 0.5 * repeat * np.mod(row, 2), repeat) - 0.5 * repeat
        mask = dx**2 + (np.mod(y, repeat) - 0.5 * repeat) ** 2 < (0.32 * repeat) ** 2
    elif name == "diagonal":
        mask = np.mod(x + y + 50 * repeat, 1.4 * repeat) < 0.6 * repeat
    elif name == "half":
        mask = y > (34.0 if bold else 29.0)
    elif name == "sides":
        mask = x > 0
    elif name == "raglan":
        mask = np.ones((1, 1), dtype=bool)
    elif name == "side stripe":
        mask = np.abs(x) > 0.72 * half
    else:
        raise ValueError(f"No pattern is called {name!r}; add it here and in wardrobe.py.")
    return np.broadcast_to(mask, shape)
