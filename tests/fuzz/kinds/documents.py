"""What a run writes for people and other commands, damaged: results, rankings, toy.json, lexicons."""

import contextlib
import io
import json

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.rankings import rankings_of, write_rankings
from aio_plugin.evaluation.results import target_entry, write_json
from aio_plugin.heads.lexicon import Lexicon

from .. import mutate
from ..guard import Wrong, unprintable
from .base import Kind


def command(lab, *arguments):
    """The exit code and output of a command, run in this process."""
    from aio_plugin.__main__ import main

    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), lab.guard.on():
        code = main([str(each) for each in arguments])
    if code and not errors.getvalue().strip() and not out.getvalue().strip():
        raise Wrong(f"exit code {code} and no word")
    if "Traceback" in errors.getvalue():
        raise Wrong("a traceback is printed")
    return code, out.getvalue(), errors.getvalue()


def results(lab):
    """A run's results.json and rankings."""

    def build(folder):
        from tests.evaluation import helpers

        result, *_ = helpers.scored(helpers.target(), 6.0, topk=3)
        file = folder / "results" / "toy.rankings.json.gz"
        file.parent.mkdir()
        sha256 = write_rankings(rankings_of(result, "/data"), file)
        rankings = {"file": f"results/{file.name}", "sha256": sha256}
        entry = target_entry("toy", "sketch -> rgb", {"before": None, "after": result}, rankings=rankings)
        write_json(helpers.results(entry), folder / "results.json")

    return lab.template("results", build)[0]


def explained(rng, lab):
    """``explain`` of a damaged result."""
    root = lab.copy(results(lab))
    path = rng.choice((root / "results.json", root / "results.json", root / "results" / "toy.rankings.json.gz"))
    if rng.random() < 0.9:
        change = mutate.damaged_json if path.suffix == ".json" else mutate.damaged_bytes
        mutate.replace(path, change(rng, path.read_bytes()))
    else:
        mutate.damage_tree(rng, root, path, lab.spare)
    code, out, errors = command(lab, "explain", root / "results.json", "--html", root / "page.html")
    if code:
        raise AIOError(errors)
    if unprintable(out):
        raise Wrong(f"control characters reach the terminal: {unprintable(out)!r:.80}")
    return "other"


def toy_world(rng, lab):
    """``toy`` on a folder with a damaged toy.json."""
    root = lab.case / "toy"
    root.mkdir()
    about = json.dumps({"ids": 8, "seed": 0, "sets": "aio", "version": 3}).encode()
    path = root / "toy.json"
    with contextlib.suppress(RecursionError):  # of json.dumps
        path.write_bytes(mutate.damaged_json(rng, about))
    if path.exists() and rng.random() < 0.2:
        mutate.damage_tree(rng, root, path, lab.spare)
    (root / "x").mkdir()
    code, _, errors = command(lab, "toy", "--root", root, "--ids", 8)
    if code:
        raise AIOError(errors)
    return "same"


def lexicon(rng, lab):
    """A damaged lexicon."""
    path = lab.case / "lexicon.json"
    Lexicon(("red", "blue", "coat")).to_file(path)
    path.write_bytes(mutate.damaged_json(rng, path.read_bytes()))
    with lab.guard.on():
        found = Lexicon.load(path)
    if found.words != tuple(json.loads(path.read_text("utf-8"))):
        raise Wrong("other words than the file's")
    return "other"


KINDS = [
    Kind("result explain", explained, results, 6),
    Kind("toy.json", toy_world, weight=3),
    Kind("lexicon", lexicon, weight=2),
]
