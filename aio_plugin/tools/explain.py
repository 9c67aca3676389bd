"""``explain``: the worst and best queries of a result, with what stood before the right person."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..atomic_write import written_whole
from ..errors import AIOError
from ..evaluation.explain import default_root, explain, explanation_page
from ..evaluation.rankings import read_rankings, read_results
from ..training.images import read_image


def run_explain(args: argparse.Namespace) -> None:
    """Print the queries of every target of the results file, and write the page if ``--html`` asks for it.

    Raises:
        AIOError: the results or their rankings are missing, damaged or too old, or there is nothing to choose.
    """
    worst = args.worst if args.worst is not None else 0 if args.best else 20
    if min(worst, args.best, args.top - 1) < 0 or not worst + args.best:
        raise AIOError("--worst, --best and --top count queries and gallery items; give numbers from 1.")
    path = Path(args.results).expanduser()
    document = read_results(path)
    explanations = []
    for target in document["targets"]:
        rankings = read_rankings(path, target)
        try:
            for count, best in ((worst, False), (args.best, True)):
                if count:
                    explanations.append(explain(target, rankings, count, best, args.top))
        except (LookupError, TypeError, AttributeError) as error:
            raise AIOError(f"{path}: the rankings of {target['target']} are not of their form ({error!r}).") from error
    print("\n\n".join(each.text() for each in explanations))
    if args.html:
        root = args.root or default_root(document)
        page, missing = explanation_page(explanations, root, read_image, f"{path.name}: queries by average precision")
        with written_whole(Path(args.html).expanduser()) as file:
            file.write(page.encode(errors="replace"))
        print(f'\nPage saved to "{args.html}"')
        if missing:
            print(f"{len(missing)} pictures cannot be read below --root {root!r}; the first: {missing[0]}")
