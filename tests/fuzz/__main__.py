"""``python -m tests.fuzz``: run cases and count what they come to; exit code 1 if one failed."""

import argparse
import json
import os
import random
import sys
import tempfile
import traceback
from pathlib import Path

from .guard import Guard, limit_memory, own_temporary_folder
from .lab import Lab
from .supervisor import run_cases, table
from .worker import Suite


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    option = parser.add_argument
    option("--cases", type=int, default=20_000, help="number of cases (default 20,000)")
    option("--seed", type=int, default=0, help="seed of all cases (default 0)")
    option("--jobs", type=int, default=2, help="processes (default 2)")
    option("--minutes", type=float, default=60, help="stop then (default 60)")
    option("--only", default="*", help="pattern of the kinds to run, like 'annotations *'")
    option("--case", type=int, help="run one case here, with its traceback, and keep its folder")
    option("--out", help="write the counts to this JSON file")
    option("--quiet", action="store_true", help="no line for each failure")
    args = parser.parse_args()
    suite = Suite(only=args.only)
    if args.case is not None:
        return one(suite.kind(args.case), args.case, args.seed)
    result = run_cases(suite, args.cases, args.seed, args.jobs, args.minutes, None if args.quiet else told)
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
    print(f"\n{result['cases']:,} cases, {len(result['failures'])} failures, {result['seconds']:,} seconds")
    return 1 if result["failures"] else 0


def told(done, failures, failure):
    """Print a line for a failure, and one now and then."""
    if failure:
        print("case {case} ({kind}): {detail}".format(**failure), flush=True)
    elif done % 1000 == 0:
        print(f"{done} cases, {failures} failures", flush=True)


def one(kind, index, seed):
    """Run one case in this process."""
    folder = Path(tempfile.mkdtemp(prefix="aio-fuzz-case-"))
    own_temporary_folder(folder / "inside" / "tmp")
    lab = Lab(folder)
    kind.prepare(lab)
    os.chdir(lab.spare)
    lab.guard = Guard(lab.inside, lab.outside)
    limit_memory()
    lab.start(index)
    print(f"{kind.name}, in {lab.case}", flush=True)
    try:
        print(kind.run(random.Random(f"{seed} {index}"), lab))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
