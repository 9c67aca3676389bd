"""Tables of our own: the deviation over seeds, one model under several protocols and with its encoder in eight bits."""

from __future__ import annotations

from collections.abc import Mapping

from .aio import BASE, DIRECTIONS, TRI
from .published_numbers import Note
from .scales import TOY, Scale
from .spec import Score, Settings, Table

METRICS = ("rank-1", "mAP", "mINP")
OTHERS: Settings = {
    "aio.datasets.sysu_mm01.trials": "agw",
    "aio.datasets.pku_sketch.split_seed": 1,
    "aio.datasets.llcm.vis_to_ir": "deen_release",
    "aio.datasets.mask1k.queries": "multi",
}
"""The other choice of several datasets at once, so that one test does: each concerns its own alone."""


def protocols(scale: Scale) -> Table:
    """The same features scored in the ways that the literature mixes."""
    sysu = "aio.datasets.sysu_mm01"
    cells = {
        "SYSU-MM01: all search, single-shot, official trials": Score(BASE, "sysu_mm01"),
        "SYSU-MM01: all search, single-shot, AGW's trials": Score(BASE, "sysu_mm01", OTHERS),
        "SYSU-MM01: all search, multi-shot, official trials": Score(BASE, "sysu_mm01", {f"{sysu}.shots": 10}),
        "SYSU-MM01: indoor search, single-shot, official trials": Score(BASE, "sysu_mm01", {f"{sysu}.mode": "indoor"}),
        "LLCM: IR to VIS": Score(BASE, "llcm"),
        "LLCM: VIS to IR, as the paper says": Score(BASE, "llcm@rgb"),
        "LLCM: VIS to IR, as DEEN's release computes it": Score(BASE, "llcm@rgb", OTHERS),
        "MaSk1K: every sketch a query": Score(BASE, "mask1k"),
        "MaSk1K: all sketches of a person one query": Score(BASE, "mask1k", OTHERS),
        "PKU-Sketch: ten splits, seed 0": Score(BASE, "pku_sketch"),
        "PKU-Sketch: ten splits, seed 1": Score(BASE, "pku_sketch", OTHERS),
        "Tri-CUHK-PEDES: text, source photo removed": Score(BASE, f"{TRI}@text"),
        "Tri-CUHK-PEDES: text, whole gallery": Score(BASE, f"{TRI}@text", variant="original gallery"),
    }
    return Table(
        "protocols",
        "One model, several protocols",
        "dataset: protocol",
        METRICS,
        ("AIO",),
        {row: {"AIO": cell} for row, cell in cells.items()},
        printed=False,
        notes=(Note("LLCM's and MaSk1K's training splits are trained on: these are no zero-shot numbers",
                    tuple(row for row in cells if row.startswith(("LLCM", "MaSk1K")))),),
        most_seeds=1,
    )  # fmt: skip


def seeds(scale: Scale) -> Table:
    """The same recipe with several seeds."""
    rows = {**DIRECTIONS, "R+I+S+T->R": f"{TRI}@rgb+ir+sketch+text"}
    return Table(
        "seeds",
        "The same recipe, several seeds",
        "direction",
        METRICS,
        ("AIO",),
        {row: {"AIO": Score(BASE, target)} for row, target in rows.items()},
        printed=False,
        each_seed=True,
    )


def quantised(scale: Scale) -> Table:
    """What rounding the frozen encoder's matrices costs, trained without and tested with it."""
    settings: Mapping[str, Settings] = {
        "as trained": {},
        "int8": {"aio.encoder.quantise": "int8"},
        "fp8 (e4m3)": {"aio.encoder.quantise": "fp8"},
    }
    return Table(
        "quantised",
        "The encoder's matrices in eight bits",
        "matrices",
        ("rank-1", "mAP"),
        tuple(DIRECTIONS),
        {row: {d: Score(BASE, target, s) for d, target in DIRECTIONS.items()} for row, s in settings.items()},
        printed=False,
        most_seeds=1 if scale is TOY else None,
    )


TABLES = (seeds, protocols, quantised)
