"""From the cosine of two pictures to how likely they show one person: fitted on labelled pairs, kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from ..atomic_write import written_whole
from ..errors import CalibrationError
from ..modality import Combination, format_combination
from ..outside_files import read_json
from .pairs import FOLDS, LabelledPairs

SCHEMA = 1
LEAST_FALSE = 30
"""False accepts that a rate is to be measured by ("rule of 30": within 30 % at 90 % confidence, if pairs were
independent; Doddington et al., Speech Communication 31, 2000)."""
BINS = 15
"""Of probabilities, for the calibration error."""
STEPS = 20_000
"""Bins of cosines that a fit sees: 1e-4 wide."""

Scores = NDArray[np.floating[Any]]


class Verdict(NamedTuple):
    """Whether two descriptions are of one person.

    Attributes:
        score: their cosine.
        probability: see :meth:`Calibration.probability`.
        same: whether the score reaches the threshold; otherwise they count as people unknown to each other.
    """

    score: float
    probability: float
    same: bool


@dataclass(frozen=True)
class Calibration:
    """What a cosine means, for one direction of search, such as ``text -> rgb``: the cosines of directions differ.

    Attributes:
        slope, intercept: of the log odds.
        far: the false-accept rate asked for.
        threshold: least cosine that counts as the same person: of the pairs of different people, a share of at most
            ``far`` reaches it.
        positives, negatives, persons: pairs of one person and of two that it was made from, and how many people.
        held_out: means over folds, each of people that the fit has not seen: ``far``, ``tar`` (share of the pairs of
            one person that reach the threshold) and ``calibration_error``.
    """

    slope: float
    intercept: float
    far: float
    threshold: float
    positives: int
    negatives: int
    persons: int
    held_out: Mapping[str, float]

    def probability(self, score: Scores | float) -> Any:
        """That a pair of this cosine is of one person, if before looking it is as likely as not.

        For other odds before looking, multiply: with one person in a thousand, p / (1 - p) / 999 are the odds.
        """
        return expit(self.slope * np.asarray(score, np.float64) + self.intercept)

    def verdict(self, score: float) -> Verdict:
        """Of a pair of this cosine."""
        return Verdict(score, float(self.probability(score)), score >= self.threshold)


def direction_of(query: Combination, gallery: Combination) -> str:
    """A direction of search as results name it: ``rgb+text -> rgb``."""
    return f"{format_combination(query)} -> {format_combination(gallery)}"


def beside(source: str) -> Path:
    """The file of calibrations that belongs to a file of weights or to an index."""
    return Path(f"{source}.calibration.json")


def calibrate(pairs: LabelledPairs, far: float) -> Calibration:
    """Fit Platt's logistic regression, set the threshold, and check both on people held out.

    Two parameters suffice, keep the order of scores, and hold where pairs are few, as isotonic regression does not:
    the threshold lies where hardly any pairs of two people are. One person's and two people's pairs weigh the same.

    Raises:
        CalibrationError: the pairs do not support this false-accept rate, or there are none of a kind.
    """
    positive, negative = pairs.scores[pairs.same], pairs.scores[~pairs.same]
    if not len(positive) or not len(negative):
        raise CalibrationError(
            f"There are {len(positive):,} pairs of one person and {len(negative):,} of two; give some of each."
        )
    if not 0 < far < 1 or far * len(negative) < LEAST_FALSE:
        least = LEAST_FALSE / len(negative)
        raise CalibrationError(
            f"A false-accept rate of {far:g} cannot be measured on {len(negative):,} pairs of different people: it "
            f"takes {LEAST_FALSE} false accepts. "
            + (f"Give {least:.1g} or more, or more people." if least < 1 else "Give more people.")
        )
    return Calibration(
        *fit_logistic(positive, negative),
        far,
        threshold_at(negative, far),
        len(positive),
        len(negative),
        pairs.persons,
        _held_out(pairs, far),
    )


def fit_logistic(positive: Scores, negative: Scores) -> tuple[float, float]:
    """Slope and intercept of the log odds, both kinds of pairs weighing the same.

    As Platt does, so that separate kinds give finite numbers, targets are (n + 1) / (n + 2) and 1 / (n + 2).
    """
    edges = np.linspace(-1, 1, STEPS + 1)
    at = (edges[1:] + edges[:-1]) / 2
    kinds = [np.histogram(np.clip(scores, -1, 1), edges)[0] / len(scores) for scores in (negative, positive)]
    right = [(len(scores) + 1) / (len(scores) + 2) for scores in (negative, positive)]
    ones = kinds[1] * right[1] + kinds[0] * (1 - right[0])
    zeros = kinds[0] * right[0] + kinds[1] * (1 - right[1])

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = line[0] * at + line[1]
        slopes = expit(odds) * (ones + zeros) - ones
        return float(-(ones * log_expit(odds) + zeros * log_expit(-odds)).sum()), np.array([slopes @ at, slopes.sum()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return float(slope), float(intercept)


def threshold_at(negative: Scores, far: float) -> float:
    """The least score that at most a share ``far`` of the negative pairs reaches."""
    allowed = int(far * len(negative))
    highest = np.partition(negative, len(negative) - allowed - 1)[len(negative) - allowed - 1]
    return float(np.nextafter(highest, np.inf))


def calibration_error(probabilities: Scores, same: NDArray[np.bool_]) -> float:
    """Expected calibration error: the mean, over bins of equal width and weighted by the pairs in them, of the
    difference between mean probability and share of pairs of one person; both kinds of pairs weigh the same."""
    weights = np.where(same, 0.5 / max(1, same.sum()), 0.5 / max(1, (~same).sum()))
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    expected = np.bincount(bins, weights * probabilities, BINS)
    return float(np.abs(expected - np.bincount(bins, weights * same, BINS)).sum())


def _held_out(pairs: LabelledPairs, far: float) -> dict[str, float]:
    """Means over folds of people; pairs of people of two folds are in neither part."""
    figures = []
    for fold in range(FOLDS):
        inside = pairs.folds == fold
        seen, unseen = ~inside.any(0), inside.all(0)
        kinds = [pairs.scores[seen & kind] for kind in (pairs.same, ~pairs.same)]
        same = pairs.same[unseen]
        if not (len(kinds[0]) and len(kinds[1]) and same.any() and not same.all()):
            continue
        slope, intercept = fit_logistic(*kinds)
        scores = pairs.scores[unseen].astype(np.float64)
        accepted = scores >= threshold_at(kinds[1], far)
        error = calibration_error(expit(slope * scores + intercept), same)
        figures.append((accepted[~same].mean(), accepted[same].mean(), error))
    if not figures:
        raise CalibrationError(
            f"{pairs.persons} people are too few to check the calibration on people held out; give {2 * FOLDS} or more."
        )
    return dict(zip(("far", "tar", "calibration_error"), map(float, np.mean(figures, axis=0)), strict=True))


@dataclass(frozen=True)
class Calibrations:
    """The calibrations of a model by the direction of search.

    Attributes:
        digest: of the model.
    """

    digest: str
    directions: Mapping[str, Calibration]

    def between(self, a: Combination, b: Combination) -> Calibration | None:
        """Of pairs of these modalities, whichever is asked for."""
        return self.directions.get(direction_of(a, b)) or self.directions.get(direction_of(b, a))

    def require_model(self, digest: str) -> None:
        """Raise CalibrationError unless they are of the model of this digest."""
        if digest != self.digest:
            raise CalibrationError(
                f"The calibration is of another model ({self.digest[:12]}, this one is {digest[:12]}); calibrate again."
            )

    def write(self, path: Path) -> None:
        """Add them to a file, in which those of other directions stay.

        Raises:
            CalibrationError: the file is of another model, or damaged.
            WriteError: the disk is full and the like.
        """
        directions = dict(self.directions)
        if path.exists():
            there = read_calibrations(path)
            there.require_model(self.digest)
            directions = {**there.directions, **directions}
        content = {
            "schema": SCHEMA,
            "model": self.digest,
            "directions": {name: asdict(each) for name, each in sorted(directions.items())},
        }
        with written_whole(path) as file:
            file.write(f"{json.dumps(content, indent=2)}\n".encode())


def read_calibrations(path: str | os.PathLike[str]) -> Calibrations:
    """The calibrations in a file.

    Raises:
        CalibrationError: it cannot be read, or is of another form.
    """
    try:
        content = read_json(path)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its form is {content['schema']!r}, not {SCHEMA}")
        names = [each.name for each in fields(Calibration)]
        directions = {
            str(name): Calibration(**{key: _numbers(each[key]) for key in names})
            for name, each in content["directions"].items()
        }
        return Calibrations(str(content["model"]), directions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(f"{os.fspath(path)}: it is no calibration ({error}); run aio-reid calibrate.") from error


def _numbers(value: Any) -> Any:
    """A finite number, or several by name; ValueError for anything else."""
    if isinstance(value, dict):
        return {str(key): _numbers(each) for key, each in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return value
