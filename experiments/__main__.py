"""``python -m experiments`` computes the stored tables whose recipe has changed; ``… claims`` audits the claims."""

import argparse
import sys
from collections.abc import Sequence

from experiments import RECIPES
from experiments.audit import audit, fails, told
from experiments.compute import compute, confirm


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as weights; none: all; claims: the audit")
    parser.add_argument(
        "--confirm",
        type=int,
        metavar="CELLS",
        help="the code was only written in another way: compute so many cells again, and stamp the table if they come out",
    )
    parser.add_argument("--all", action="store_true", help="with claims: measure all of them again")
    options = parser.parse_args(arguments)
    if options.names == ["claims"]:
        table = audit(anew=options.all)
        print("\n".join(told(table)))
        failed = fails(table)
        print(f"{len(table)} claims, {len(failed)} that do not hold or whose rival does: {', '.join(failed) or '-'}")
        return int(bool(failed))
    for name in options.names or RECIPES:
        try:
            if options.confirm is None:
                print(f"{name}: {compute(name, progress=True)}")
            else:
                print(
                    f"{name}: {confirm(name, options.confirm):.2g} at most between {options.confirm} cells", flush=True
                )
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
