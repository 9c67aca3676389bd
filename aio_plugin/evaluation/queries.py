"""Queries of the combination of modalities that is searched with."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ModalityError
from ..modality import MODALITIES, Combination, Item, Media, Modality, format_combination, in_order


def as_own(written: Combination, own: Sequence[Combination]) -> Combination:
    """The combination written after the @, in the order of the dataset's own combinations.

    ORBench has a list for every modality that stands first: ``cp+text`` and ``text+cp`` differ there.
    Elsewhere they do not, and both are put into the order of modalities.
    """
    anchored = written[:1] + in_order(written[1:])
    return anchored if anchored in own else in_order(written)


def needed(wanted: Combination, own: Sequence[Combination]) -> Combination:
    """The one of a dataset's own combinations that ``wanted`` is composed from.

    It has the most of the modalities wanted, then the fewest others: ir+text of a dataset
    that has rgb+text and rgb+sketch+text reads rgb+text, and its ir is made from the rgb.

    Raises:
        ModalityError: there is none; lists the dataset's combinations.
    """
    if wanted in own:
        return wanted
    fitting = [parts for parts in own if _can_make(wanted, parts)]
    if not fitting:
        known = ", ".join(map(format_combination, own))
        raise ModalityError(
            f"Queries of {format_combination(wanted)} cannot be composed: the dataset has {known}, and only "
            f"{format_combination([m for m in MODALITIES if m.synthesis])} can be made, from rgb. "
            f"Name another combination after the @ in data.targets."
        )
    return min(fitting, key=lambda parts: (len(set(wanted) - set(parts)), len(set(parts) - set(wanted))))


def _can_make(wanted: Combination, parts: Combination) -> bool:
    missing = set(wanted) - set(parts)
    return not missing or (Modality.RGB in parts and all(modality.synthesis for modality in missing))


def compose(items: Sequence[Item], combination: Combination, synthesise: bool) -> list[Item]:
    """The same queries made of exactly the modalities of ``combination``.

    Parts that are not wanted are dropped; missing ones that can be made from the query's RGB image are, if
    ``synthesise`` says so.

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
    return Media.joined(parts.get(modality) or _make(media, parts, modality, synthesise) for modality in combination)


def _make(media: Media, parts: dict[Modality, Media], modality: Modality, synthesise: bool) -> Media:
    rgb = parts.get(Modality.RGB)
    if not modality.synthesis or rgb is None:
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
