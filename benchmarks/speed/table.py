"""Markdown of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..markdown.formatting import markdown_table

NAMES = {
    "ours": "this package",
    "ours_compiled": "with `aio.train.compile`",
    "ours_checkpointed": "with `aio.train.checkpoint_activations`",
    "plain": "written plainly",
    "trained": "plainly, encoder trained",
}


def markdown(document: Mapping[str, Any]) -> str:
    """Training, inference and loading of a document that ``python -m benchmarks.speed`` wrote, and the machine."""
    return _joined(document, {"training": _training, "inference": _inference, "loading": _loading}, _about(document))


def details(document: Mapping[str, Any]) -> str:
    """How training scales, and where a step's time goes."""
    return _joined(document, {"scaling": _scaling, "profile": _profile})


def _joined(document: Mapping[str, Any], parts: Mapping[str, Callable[[Any], str]], *before: str) -> str:
    return "\n\n".join([*before, *(made(document) for key, made in parts.items() if key in document)])


def _about(document: Mapping[str, Any]) -> str:
    machine, setting = document["hardware"], document["setting"]
    where = ", ".join(machine["gpus"]) if setting["device"] == "cuda" else machine["processor"]
    image = " x ".join(map(str, setting["image"]))
    return (
        f"{where}, {document['threads']} CPU threads, torch {document['packages']['torch']}: {setting['model']}, "
        f"{image} pixels, {setting['batch']} persons with four modalities, {setting['precision']}. "
        f"Matrix products reach {document['ceiling_flops_per_second'] / 1e12:.3g} TFLOP/s."
    )


def _training(document: Mapping[str, Any]) -> str:
    rows = []
    for way, found in document["training"].items():
        share = found["flops_per_second"] / document["ceiling_flops_per_second"]
        memory = "too much" if found["memory_mib"] is None else f"{found['memory_mib']:,.0f}"
        speeds = (f"{found['persons_per_second']:.4g}", f"{found['tokens_per_second']:,.0f}")
        rows.append((NAMES[way], *speeds, memory, f"{100 * share:.0f} %"))
    return markdown_table(("training", "persons/s", "tokens/s", "peak MiB", "of the ceiling"), rows, "---:")


def _scaling(document: Mapping[str, Any]) -> str:
    found = document["scaling"]
    ways = [way for way in NAMES if way in found[0]]
    rows = []
    for row in found:
        image = " x ".join(map(str, row["image"]))
        speeds = ["out of memory" if row[way] is None else f"{row[way]:.4g}" for way in ways]
        rows.append((str(row["persons"]), image, f"{row['tokens_a_person']:.0f}", *speeds))
    return markdown_table(
        ("batch", "pixels", "tokens a person", *(f"{NAMES[way]}, persons/s" for way in ways)), rows, "---:"
    )


def _inference(document: Mapping[str, Any]) -> str:
    found = document["inference"]
    rows = []
    for key in (key for key in found if key.startswith("queries_")):
        for way, times in found[key].items():
            values = [times[str(number)] for number in range(1, 5)]
            about = f"{NAMES[way]}, {key.removeprefix('queries_')} at a time"
            rows.append((about, *(f"{value:.3g}" for value in values), f"{values[-1] / values[0]:.2f}"))
    paper = found["paper_ms"]
    rows.append(
        ("paper (table 9)", f"{paper['1']}", f"{paper['2']}", "", f"{paper['4']}", f"{paper['4'] / paper['1']:.1f}")
    )
    return markdown_table(("ms a query", "1 modality", "2", "3", "4", "4 over 1"), rows, "---:")


def _loading(document: Mapping[str, Any]) -> str:
    found = document["loading"]
    rows = []
    for name, speeds in found["photos"].items():
        for about, theirs, ours in (
            ("", "torchreid", "aio_plugin"),
            (" and infrared", "torchreid_twice", "aio_plugin_with_infrared"),
        ):
            ratio = f"{speeds[ours] / speeds[theirs]:.2f}"
            rows.append((f"{name}{about}", f"{speeds[theirs]:.0f}", f"{speeds[ours]:.0f}", ratio))
    return markdown_table(("images/s on one core", "torchreid", "this package", "times"), rows, "---:")


def _profile(document: Mapping[str, Any]) -> str:
    found = document["profile"]
    tables = []
    for way, profile in found.items():
        share = f"products and attention {100 * profile['matrix_products']:.0f} %"
        rows = [(f"`{row['name']}`", f"{100 * row['share']:.1f} %", str(row["calls"])) for row in profile["top"]]
        tables.append(
            markdown_table((f"{NAMES[way]}, {profile['milliseconds']:.4g} ms; {share}", "time", "calls"), rows, "---:")
        )
    return "\n\n".join(tables)
