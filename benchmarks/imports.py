"""What importing all of vislib costs on top of ``import torch``: at most half a second."""

import pkgutil
import statistics
import subprocess
import sys
import time

import vislib

RUNS = 7
BAR = 0.5  # seconds


def seconds(code: str) -> float:
    """Return how long a fresh Python takes to run `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Alternate the two sides and print the median of each, and of their differences."""
    found = pkgutil.walk_packages(vislib.__path__, "vislib.")
    modules = [m.name for m in found if not m.name.endswith("__main__")]
    torch_only, everything = "import torch", f"import torch, {', '.join(modules)}"
    pairs = [(seconds(torch_only), seconds(everything)) for _ in range(RUNS + 1)][1:]  # the first one warms the disk
    extra = statistics.median(b - a for a, b in pairs)
    print("| import | seconds (median) |\n| --- | --- |")
    print(f"| torch | {statistics.median(a for a, _ in pairs):.2f} |")
    print(f"| torch and the {len(modules)} modules of vislib | {statistics.median(b for _, b in pairs):.2f} |")
    print(f"| difference, median of {RUNS} pairs (bar: {BAR}) | {extra:.2f} |")


if __name__ == "__main__":
    main()
