"""DMF's tables: four sets to fine-tune on, and what pre-training on text, on images and on both brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .published_numbers import Note
from .scales import TOY, Scale
from .spec import Cell, Claim, Score, Table, Training

STAGE_ONE = Training("dmf-one", "dmf_one")
ARMS: Mapping[str, Mapping[str, Any] | None] = {
    "none": None,
    "text": {"aio.dmf.input": "text"},
    "image": {"aio.modalities": "['rgb']"},
    "text + image": {},
}
"""What stage one is trained with, over its config; None = there is no stage one."""

TARGETS = {"Market-1501": "market1501", "CUHK03": "cuhk03_np_detected", "MSMT17": "msmt17_v1"}
SOURCES = {"Market-1501": "market1501", "MSMT17": "msmt17", "MSMT17_all": "msmt17_all", "RandPerson": "randperson"}
SEEN = {"Market-1501": "Market-1501", "MSMT17": "MSMT17", "MSMT17_all": "MSMT17"}
PROTOCOL = Note("Ours: the new protocol with detected boxes", columns=("CUHK03",))


def stage_two(source: str, arm: str = "text + image") -> Training:
    """Fine-tuning on ``source`` after stage one on ``arm``."""
    settings = ARMS[arm]
    label = arm.replace(" ", "")
    if settings is None:
        return Training(f"dmf-{source}-{label}", f"dmf_{source}", {"aio.dmf.start": "''"})
    first = Training(f"dmf-one-{label}", "dmf_one", settings) if settings else STAGE_ONE
    return Training(f"dmf-{source}-{label}", f"dmf_{source}", start=first)


def sources(scale: Scale) -> Table:
    """The results table of the official repository."""
    rows: dict[str, Mapping[str, Cell]] = {}
    for name, source in SOURCES.items():
        unseen = {column: target for column, target in TARGETS.items() if column != SEEN.get(name)}
        rows[f"{name}: DMF"] = {column: Score(stage_two(source), target) for column, target in unseen.items()}
    return Table(
        "dmf",
        "Unseen domains, by what stage two is trained on",
        "trained on: method",
        ("rank-1", "mAP"),
        tuple(TARGETS),
        rows,
        notes=(PROTOCOL,),
        claims=(
            Claim("more of MSMT17 to train on helps Market-1501", "MSMT17_all: DMF", "MSMT17: DMF", "Market-1501"),
            Claim("and CUHK03", "MSMT17_all: DMF", "MSMT17: DMF", "CUHK03"),
            Claim("RandPerson is better for MSMT17 than Market-1501", "RandPerson: DMF", "Market-1501: DMF", "MSMT17"),
        ),
        most_seeds=1 if scale is TOY else None,
    )


def ablation(scale: Scale) -> Table:
    """What stage one reads."""
    rows: dict[str, Mapping[str, Cell]] = {}
    for arm in ARMS:
        training = stage_two("randperson", arm)
        rows[arm] = {column: Score(training, target) for column, target in TARGETS.items()}
    return Table(
        "dmf_ablation",
        "What stage one is trained on",
        "stage one",
        ("rank-1", "mAP"),
        tuple(TARGETS),
        rows,
        incomparable={"Market-1501": "the set that stage two is trained on is not known of the printed number"},
        notes=(PROTOCOL, Note("Ours: stage two on RandPerson; 'none' starts it from the encoder as it is")),
        claims=tuple(
            Claim(f"text and images are better than {words}", "text + image", arm, metric=1, printed=None)
            for arm, words in (("none", "no stage one"), ("text", "text alone"), ("image", "images alone"))
        ),
    )


TABLES = (sources, ablation)
