"""``python -m benchmarks [NAME [ROW ...]]`` measures and writes the table of this processor; ``… readme`` states the tables."""

import argparse
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

import benchmarks
from benchmarks import readme
from benchmarks.table import FOLDER, Benchmark, keep, markdown, ran_on


def found() -> dict[str, Benchmark]:
    """Return all benchmarks by name."""
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__"]
    modules = [importlib.import_module(f"benchmarks.{name}") for name in names]
    return {module.BENCHMARK.name: module.BENCHMARK for module in modules if hasattr(module, "BENCHMARK")}


def measure(benchmark: Benchmark, names: Sequence[str], trying: bool = False, folder: Path = FOLDER) -> Iterator[str]:
    """Measure the rows of some names, none: all but those on request; keep them, and yield each name's in Markdown.

    Args:
        trying: one round each, and nothing is kept.
        folder: where the tables are.

    Raises:
        ValueError: for an unknown name, with those that there are.
    """
    if unknown := [name for name in names if name not in benchmark.names]:
        raise ValueError(f"{benchmark.name} has no row {unknown[0]!r}; expected one of {', '.join(benchmark.names)}.")
    facts = ran_on(benchmark)  # of the code that runs, whatever is edited meanwhile
    for name in names or [name for name in benchmark.names if name not in benchmark.on_request]:
        rows = list(benchmark.rows(name, 1 if trying else benchmark.rounds))
        if not trying:
            keep(benchmark, facts | {"threads": torch.get_num_threads()}, rows, folder)
        yield markdown(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    known = found()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*known, "readme"], help="none: all, then readme")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="those of the table to measure; the others stay")
    parser.add_argument("--try", dest="trying", action="store_true", help="one round, and nothing is written")
    options = parser.parse_intermixed_args(arguments)
    try:
        for name in [options.name] if options.name in known else known if options.name is None else []:
            print(f"\n## {known[name].title}", flush=True)
            for part in measure(known[name], options.rows, options.trying):
                print(f"\n{part}", flush=True)
    except ValueError as error:
        parser.error(str(error))
    if not options.trying and options.name in (None, "readme"):
        readme.rewrite(known)
    return 0
