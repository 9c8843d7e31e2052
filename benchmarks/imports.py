"""What importing all of vislib costs on top of ``import torch``: ``python -m benchmarks.imports``; at most half a second."""

import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator

import vislib
from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from experiments.provenance import ROOT

LIMIT = 0.5  # seconds


def seconds(code: str) -> float:
    """Return how long a fresh Python takes to run `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield the one row; the two sides run in turn."""
    found = pkgutil.walk_packages(vislib.__path__, "vislib.")
    modules = [m.name for m in found if not m.name.endswith("__main__")]
    torch_only, everything = "import torch", f"import torch, {', '.join(modules)}"
    pairs = [(seconds(torch_only), seconds(everything)) for _ in range(rounds + 1)][1:]  # the first one warms the disk
    yield {
        "import": name,
        "torch, s": spread(a for a, _ in pairs),
        "torch and all modules, s": spread(b for _, b in pairs),
        "difference, s": spread(b - a for a, b in pairs),
        "at most, s": LIMIT,
    }


BENCHMARK = Benchmark(
    name="imports",
    title="Imports: what vislib adds to PyTorch",
    rows=rows,
    names=("vislib",),
    rounds=7,
    files=sorted((ROOT / "vislib").rglob("*.py")),
)

if __name__ == "__main__":
    sys.exit(main(["imports", *sys.argv[1:]]))
