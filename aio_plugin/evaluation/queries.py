"""Queries of the combination of modalities that is searched with."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ModalityError
from ..modality import Combination, Item, Media, Modality, format_combination, in_order

SYNTHESISABLE = frozenset({Modality.IR, Modality.SKETCH})
"""What can be made from an RGB image."""


def as_own(written: Combination, own: Sequence[Combination]) -> Combination:
    """What was written behind the @, as the dataset orders it.

    ORBench has a list for every modality that stands first: ``cp+text`` and ``text+cp`` differ there.
    Elsewhere they do not, and are both put into the order of modalities.
    """
    anchored = written[:1] + in_order(written[1:])
    return anchored if anchored in own else in_order(written)


def needed(wanted: Combination, own: Sequence[Combination]) -> Combination:
    """Which of a dataset's own combinations to read so that ``wanted`` can be composed of it.

    The one with the most of what is wanted, then with the least beside it: ir+text of a dataset
    that has rgb+text and rgb+sketch+text reads rgb+text, and its ir is made from the rgb.

    Raises:
        ModalityError: none will do; names those there are.
    """
    if wanted in own:
        return wanted
    fitting = [parts for parts in own if _can_make(wanted, parts)]
    if not fitting:
        known = ", ".join(map(format_combination, own))
        raise ModalityError(
            f"Queries of {format_combination(wanted)} cannot be composed: the dataset has {known}, and only "
            f"{format_combination(in_order(SYNTHESISABLE))} can be made, from rgb. "
            f"Name another combination after the @ in data.targets."
        )
    return min(fitting, key=lambda parts: (len(set(wanted) - set(parts)), len(set(parts) - set(wanted))))


def _can_make(wanted: Combination, parts: Combination) -> bool:
    missing = set(wanted) - set(parts)
    return not missing or (Modality.RGB in parts and missing <= SYNTHESISABLE)


def compose(items: Sequence[Item], combination: Combination, synthesise: bool) -> list[Item]:
    """The same queries made of exactly the modalities of ``combination``.

    Parts that are not wanted are dropped; infrared and sketches that are missing are made from the
    query's RGB image where ``synthesise`` says so.

    Returns:
        Items whose media has the first modality and the others, in order, as partners.

    Raises:
        ModalityError: a query lacks a modality that may or can not be made, or has one twice.
    """
    return [item._replace(media=_compose(item.media, combination, synthesise)) for item in items]


def _compose(media: Media, combination: Combination, synthesise: bool) -> Media:
    parts: dict[Modality, Media] = {}
    for part in media.parts:
        if part.modality in parts:
            raise ModalityError(f"{media}: the query has two parts of {part.modality}; give it one of each modality.")
        parts[part.modality] = part
    first, *others = (parts.get(modality) or _make(media, parts, modality, synthesise) for modality in combination)
    partners = [Media(str(part), part.modality, part.caption, (), part.synthetic) for part in others]
    return Media(str(first), first.modality, first.caption, partners, first.synthetic)


def _make(media: Media, parts: dict[Modality, Media], modality: Modality, synthesise: bool) -> Media:
    rgb = parts.get(Modality.RGB)
    if modality not in SYNTHESISABLE or rgb is None:
        raise ModalityError(
            f"{media}: the query has no {modality}, and it cannot be made from {format_combination(tuple(parts))}. "
            f"Name another combination after the @ in data.targets."
        )
    if not synthesise:
        raise ModalityError(
            f"{media}: the query has no {modality}. Set aio.test.synthesise: True to make it from the query's RGB "
            f"image, or name another combination after the @ in data.targets."
        )
    return Media(str(rgb), modality, synthetic=True)
