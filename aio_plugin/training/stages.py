"""Progressive training: the sources of every stage and their shares of a batch (AIO Sec. 3.2, 4.1)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..config import SourceConfig, StageConfig
from ..errors import ConfigError, nearest
from ..modality import MODALITIES, Modality, parse_combination


@dataclass(frozen=True)
class Share:
    """A source within a stage.

    Attributes:
        source: dataset name.
        quota: its persons in every batch, or in the mean of batches of one source.
        synthetic: modalities made from RGB for persons that lack them.
    """

    source: str
    quota: int
    synthetic: tuple[Modality, ...] = ()


@dataclass(frozen=True)
class Stage:
    """``epochs`` epochs with the same shares.

    Attributes:
        from_rgb: modalities that start from RGB as it is before the first of them.
        single_source: whether every batch is of one source, and quotas are shares of the batches.
    """

    epochs: int
    shares: tuple[Share, ...]
    from_rgb: tuple[Modality, ...] = ()
    single_source: bool = False


def parse_stages(
    stages: Sequence[StageConfig],
    sources: Sequence[str],
    persons: int,
    max_epoch: int | None = None,
    modalities: Collection[Modality] = MODALITIES,
) -> tuple[Stage, ...]:
    """The stages of ``aio.stages``; an empty list is one stage of all sources.

    Args:
        sources: data.sources.
        persons: in a batch; the quotas of a stage add up to it. Without quotas it is divided evenly.
        max_epoch: train.max_epoch, to which the stages' epochs add up; None if the config lacks it.
        modalities: what the model reads, aio.modalities.

    Raises:
        ConfigError: a source or modality is unknown or the numbers do not add up.
    """
    if not stages:
        return (Stage(max_epoch or 1, _shares({name: {} for name in sources}, persons, "data.sources")),)
    parsed = []
    for number, stage in enumerate(stages, 1):
        where = f"aio.stages, stage {number}"
        for name in stage["sources"]:
            if name not in sources:
                raise ConfigError(f"{where}: source {name!r} is not in data.sources.{nearest(name, sources)}")
        copies = tuple(m for text in stage.get("from_rgb", ()) for m in parse_combination(text))
        for modality in copies:
            if modality not in modalities or modality is Modality.RGB or not modality.is_image:
                raise ConfigError(
                    f"{where}: `from_rgb` takes image modalities of aio.modalities but rgb, got {modality}."
                )
        single = stage.get("batches") == "single_source"
        parsed.append(Stage(stage["epochs"], _shares(stage["sources"], persons, where), copies, single))
    for made in {modality for stage in parsed for share in stage.shares for modality in share.synthetic}:
        if made not in modalities:
            raise ConfigError(
                f"aio.stages: {made} is to be synthetic, but aio.modalities does not name it; add it there."
            )
    total = sum(stage.epochs for stage in parsed)
    if max_epoch is not None and total != max_epoch:
        raise ConfigError(
            f"aio.stages last {total} epochs together, train.max_epoch is {max_epoch}; make them equal: set "
            f"train.max_epoch to {total} or the stages' `epochs` to other numbers. `aio.stages []` is one stage of all "
            "sources, as long as train.max_epoch."
        )
    return tuple(parsed)


def stage_at(stages: Sequence[Stage], epoch: int) -> int:
    """Index of the stage of the 0-based ``epoch``; the last one after the end."""
    ends = itertools.accumulate(stage.epochs for stage in stages)
    return min(sum(epoch >= end for end in ends), len(stages) - 1)


def starts_from_rgb(stages: Sequence[Stage], epoch: int) -> tuple[Modality, ...]:
    """The modalities that start from RGB at the beginning of the 0-based ``epoch``."""
    begins = itertools.accumulate((stage.epochs for stage in stages), initial=0)
    return next((stage.from_rgb for stage, begin in zip(stages, begins, strict=False) if begin == epoch), ())


def _shares(named: Mapping[str, SourceConfig | None], persons: int, where: str) -> tuple[Share, ...]:
    quotas = [(source or {}).get("quota") for source in named.values()]
    if all(quota is None for quota in quotas):
        quotas = [persons // len(named) + (index < persons % len(named)) for index in range(len(named))]
    counts = [quota for quota in quotas if isinstance(quota, int) and quota > 0]
    if len(counts) < len(quotas):
        raise ConfigError(f"{where}: give every source a positive `quota`, or none of them; got {quotas}.")
    if sum(counts) != persons:
        raise ConfigError(
            f"{where}: the quotas {counts} add up to {sum(counts)}, a batch holds {persons} persons "
            f"(train.batch_size, divided by sampler.num_instances for RandomIdentitySampler)."
        )
    shares = []
    for (name, source), quota in zip(named.items(), counts, strict=True):
        synthetic = tuple(m for text in (source or {}).get("synthetic", ()) for m in parse_combination(text))
        for modality in synthetic:
            if not modality.synthesis:
                others = " and ".join(str(each) for each in MODALITIES if each.synthesis)
                raise ConfigError(f"{where}, {name}: {modality} cannot be made from RGB; {others} can.")
        shares.append(Share(name, quota, synthetic))
    return tuple(shares)
