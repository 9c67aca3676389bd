"""A result on the console, in torchreid's own words."""

from __future__ import annotations

from collections.abc import Iterable

from ..evaluation.score import Result


def print_result(result: Result, ranks: Iterable[int]) -> None:
    """torchreid's block with mINP, and the same of every variant of the protocol under its name."""
    ranks = list(ranks)
    print("** Results **")
    _print_numbers(result, ranks)
    for variant in result.variants:
        print(f"** Results: {variant.protocol} **")
        _print_numbers(variant, ranks)


def _print_numbers(result: Result, ranks: Iterable[int]) -> None:
    print(f"mAP: {result.mAP:.1%}")
    print(f"mINP: {result.mINP:.1%}")
    print("CMC curve")
    for rank in ranks:
        print(f"Rank-{rank:<3}: {result.rank(rank):.1%}")
