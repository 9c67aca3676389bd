"""AIO's tables 3 to 9: what each cell is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .published_numbers import Note
from .scales import OWN, Scale
from .spec import Absent, Cell, Claim, Count, Score, Table, Timing, Training

BASE = Training("aio", "aio", encoder=OWN)
"""The recipe with everything on; most tables are further tests of its runs."""

DIRECTIONS = {
    "R->R": "market1501",
    "I->R": "sysu_mm01",
    "S->R": "pku_sketch",
    "T->R": "cuhk_pedes",
    "S+T->R": "tri_cuhk_pedes@sketch+text",
}
MODALITIES = {"R": "rgb", "I": "ir", "S": "sketch", "T": "text"}
TRI = "tri_cuhk_pedes"
MIXED = {
    "S+T->R": "the paper's number is, by all appearances, PKU-Sketch's (see the note), ours is Tri-CUHK-PEDES's",
}
FAIR = Note("Ours trains on MaSk1K's training identities only", columns=("R->R", "R->R Market1501"))
MODE = Note("Ours: all search, single-shot, the official trials", columns=("I->R", "I->R SYSU-MM01"))
SPLITS = Note(
    "Ours: ten splits of a quarter of the persons (README)", columns=("S->R", "S->R PKU-Sketch", "PKU-Sketch")
)
NO_TEXTS = Absent("PKU-Sketch comes without texts; TriReID's are not read here. The next column has the same queries")


def spelt(query: str) -> str:
    """``R+S+T`` -> ``rgb+sketch+text``."""
    return "+".join(MODALITIES[letter] for letter in query.split("+"))


TOY_HEADS = ("untrained", "CE alone", "CE and FB", "+ FB")
"""Rows of table 4 on the toy world, where VA without CE is left out: its tokenizers start pre-trained, and the gradient
of a decoder that has learned nothing yet takes them apart."""


def heads(scale: Scale) -> Table:
    """Table 4: the losses of the heads on and off."""
    off = {"aio.loss.ce": 0.0, "aio.loss.fb": 0.0, "aio.loss.va": 0.0}

    def only(name: str, *kept: str) -> Training:
        weights = {key: value for key, value in off.items() if key not in kept}
        return replace(BASE, name=f"aio-{name}", settings=weights)

    rows: dict[str, Mapping[str, Cell]] = {
        "Base": dict.fromkeys(DIRECTIONS, Absent("the paper does not say what Base is trained with")),
        "untrained": _directions(replace(BASE, name="aio-untrained", trains=False)),
        "+ VA": _directions(only("va", "aio.loss.va")),
        "+ CE": _directions(only("va-ce", "aio.loss.va", "aio.loss.ce")),
        "+ FB": _directions(BASE),
        "CE alone": _directions(only("ce", "aio.loss.ce")),
        "CE and FB": _directions(only("ce-fb", "aio.loss.ce", "aio.loss.fb")),
    }
    claims: tuple[Claim, ...] = (Claim("CE on top of VA raises every direction", "+ CE", "+ VA"),)
    more, less, printed = "+ FB", "+ CE", ("", "")
    if scale.toy:
        rows = {"CE, FB and VA" if row == "+ FB" else row: rows[row] for row in TOY_HEADS}
        claims, more, less, printed = (), "CE and FB", "CE alone", ("+ FB", "+ CE")
    words = {"I->R": "raises I->R", "S->R": "raises S->R", "R->R": "raises R->R a little"}
    return Table(
        "aio4",
        "What the heads bring, zero-shot",
        "heads",
        ("rank-1",),
        tuple(DIRECTIONS),
        rows,
        incomparable={**MIXED, "+ VA": "the paper adds VA to a Base that it does not define, ours trains VA alone"},
        notes=(FAIR, MODE, SPLITS),
        claims=(
            *claims,
            *(Claim(f"FB on top {said}", more, less, at, printed=printed) for at, said in words.items()),
        ),
    )


def encoders(scale: Scale) -> Table:
    """Table 5: other frozen encoders."""
    names = {
        "LUPerson (ViT-ICS)": "luperson",
        "Uni-Perceiver v2": "uni_perceiver",
        "CLIP": "clip",
        "LAION (Meta-Transformer)": OWN,
        "LAION (open_clip)": "laion",
    }
    broader, best, least = (
        "the encoder of more, broader data is better",
        "LAION (Meta-Transformer)",
        "LUPerson (ViT-ICS)",
    )
    claim = Claim(broader, best, least)
    if scale.toy:
        names = {
            "random, fresh tokenizers": "random",
            "pre-trained on toy people, fresh tokenizers": "fresh",
            "the same, tokenizers of its pre-training": OWN,
        }
        random, fresh, _ = names
        claim = replace(claim, more=fresh, less=random, printed=(best, least))
    trainings = {row: BASE if e == OWN else replace(BASE, name=f"aio-{e}", encoder=e) for row, e in names.items()}
    return Table(
        "aio5",
        "Which frozen encoder, zero-shot",
        "encoder",
        ("rank-1",),
        tuple(DIRECTIONS),
        {row: _directions(training) for row, training in trainings.items()},
        incomparable=MIXED,
        notes=(FAIR, MODE, SPLITS),
        claims=(claim,),
    )


def combinations(scale: Scale) -> Table:
    """Table 6: what a query is composed of."""
    queries = ("R+T", "R+I", "I+T", "I+S", "R+I+T", "I+S+T", "R+I+S+T")
    return Table(
        "aio6",
        "Query combinations on Tri-CUHK-PEDES",
        "query",
        ("rank-1", "rank-5", "rank-10"),
        ("Tri-CUHK-PEDES",),
        {query: {"Tri-CUHK-PEDES": Score(BASE, f"{TRI}@{spelt(query)}")} for query in queries},
        notes=(
            Note("Ours: R is the photo of sketch and caption, infrared is made of it, and it leaves the gallery"),
        ),
        claims=(
            Claim("infrared beside RGB and text helps", "R+I+T", "R+T"),
            Claim("all four are better than three by Rank-1", "R+I+S+T", "R+I+T"),
            Claim("text adds to infrared and sketch", "I+S+T", "I+S"),
            Claim("a sketch adds to infrared and text", "I+S+T", "I+T"),
            Claim("text helps infrared more than a sketch does", "I+T", "I+S"),
            Claim("RGB adds to infrared, sketch and text", "R+I+S+T", "I+S+T"),
        ),
    )  # fmt: skip


def zero_shot(scale: Scale) -> Table:
    """Table 7: one modality to search with."""
    columns = {
        "R->R Market1501": "R->R",
        "I->R SYSU-MM01": "I->R",
        "S->R PKU-Sketch": "S->R",
        "T->R CUHK-PEDES": "T->R",
    }
    return Table(
        "aio7",
        "Zero-shot retrieval across modalities",
        "method",
        ("rank-1", "mAP"),
        tuple(columns),
        {"AIO": {column: Score(BASE, DIRECTIONS[direction]) for column, direction in columns.items()}},
        notes=(FAIR, MODE, SPLITS),
    )


def sketches(scale: Scale) -> Table:
    """Table 8: PKU-Sketch, and the same queries where there are texts."""
    pku, tri = columns = ("PKU-Sketch", "Tri-CUHK-PEDES")
    rows: dict[str, Mapping[str, Cell]] = {}
    for query in ("T", "S", "S+T", "R+S+T", "R+I+S+T"):
        here: Cell = Score(BASE, "pku_sketch") if query == "S" else NO_TEXTS
        rows[f"AIO, {query}->R"] = {pku: here, tri: Score(BASE, f"{TRI}@{spelt(query)}")}
    return Table(
        "aio8",
        "PKU-Sketch by several modalities",
        "method, query",
        ("rank-1", "mAP", "mINP"),
        columns,
        rows,
        notes=(SPLITS, Note("Ours alone; the paper has no such column", columns=(tri,))),
        claims=tuple(
            Claim(words, f"AIO, {more}->R", f"AIO, {less}->R", tri)
            for words, more, less in (
                ("sketch and text are better than text", "S+T", "T"),
                ("sketch and text are better than a sketch", "S+T", "S"),
                ("RGB adds to sketch and text", "R+S+T", "S+T"),
                ("infrared adds to the others", "R+I+S+T", "R+S+T"),
            )
        ),
    )


def speed(scale: Scale) -> Table:
    """Table 9: how long one query takes."""
    queries = {"1": "rgb", "2": "sketch+text", "4": "rgb+ir+sketch+text"}
    why = "time is the machine's, and the paper's machine and batch are not known"
    return Table(
        "aio9",
        "Inference time by modalities in the query",
        "modalities",
        ("ms",),
        ("700 samples",),
        {row: {"700 samples": Timing(query)} for row, query in queries.items()},
        unit="ms",
        incomparable={"700 samples": why},
        notes=(
            Note(f"Ours: one query alone, on a CPU the mean of {scale.samples}; 1 is RGB, 2 are sketch "
                 "and text, tokenizers included, reading of files not"),
        ),
        claims=(Claim("two modalities take longer than one", "2", "1"), Claim("four take longer than two", "4", "2")),
    )  # fmt: skip


def datasets(scale: Scale) -> Table:
    """Table 3: what the datasets hold."""
    columns = ("ids", "RGB", "IR", "sketch", "text")
    both = ("train ids", "test ids")
    three = ("train ids", "val ids", "test ids")
    captions = ("train captions", "val captions", "test captions")
    images = ("train images", "val images", "test images")
    rows: dict[str, Mapping[str, Cell]] = {
        "SYNTH-PEDES (train)": {
            "ids": Count("synth_pedes", ("train ids",)),
            "RGB": Count("synth_pedes", ("train images",)),
            "text": Count("synth_pedes", ("train captions",)),
        },
        "LLCM (train)": {
            "ids": Count("llcm", both),
            "RGB": Count("llcm", ("train rgb images", "test rgb images")),
            "IR": Count("llcm", ("train ir images", "test ir images")),
        },
        "MaSk1K (train)": {
            "ids": Count("mask1k", both),
            "RGB": Count("mask1k", modality="rgb"),
            "sketch": Count("mask1k", ("sketches",)),
        },
        "Market1501 (test)": {"ids": Count("market1501", ("ids",)), "RGB": Count("market1501", ("images",))},
        "SYSU-MM01 (test)": {
            "ids": Count("sysu_mm01", both),
            "RGB": Count("sysu_mm01", modality="rgb"),
            "IR": Count("sysu_mm01", modality="ir"),
        },
        "PKU-Sketch (test)": {
            "ids": Count("pku_sketch", ("sketches",)),
            "RGB": Count("pku_sketch", ("photos",)),
            "sketch": Count("pku_sketch", ("sketches",)),
            "text": Absent("PKU-Sketch comes without texts; TriReID's are not read here"),
        },
        "CUHK-PEDES (test)": {
            "ids": Count("cuhk_pedes", three),
            "RGB": Count("cuhk_pedes", images),
            "text": Count("cuhk_pedes", captions),
        },
        "Tri-CUHK-PEDES (test)": {
            "ids": Count(TRI, three),
            "RGB": Count(TRI, images),
            "sketch": Count(TRI, modality="sketch"),
            "text": Count(TRI, captions),
        },
    }
    return Table(
        "aio3",
        "The datasets",
        "dataset",
        ("count",),
        columns,
        rows,
        unit="count",
        notes=(
            Note("Ours counts training, validation and test split together, as the paper does"),
            Note("Ours: training and test folder, junk boxes included, queries not", ("Market1501 (test)",), ("RGB",)),
            Note("Ours: the photos that training and test use", ("MaSk1K (train)", "SYSU-MM01 (test)"), ("RGB", "IR")),
        ),
    )


def _directions(training: Training) -> dict[str, Cell]:
    return {direction: Score(training, target) for direction, target in DIRECTIONS.items()}


TABLES = (datasets, heads, encoders, combinations, zero_shot, sketches, speed)
