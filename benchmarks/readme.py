"""The times that the README states: each block between two comments is made from the tables that are not stale.

``<!-- benchmark: occlusion -->`` opens a block, ``<!-- end -->`` closes it; ``python -m benchmarks readme`` rewrites all.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.table import FOLDER, Benchmark, fresh, markdown, slug, told
from experiments.provenance import ROOT

README = ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COUNT = r"(?:\d[\d.,]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|several|many))"
_SPEED = re.compile(rf"{_COUNT}\s+(?:times (?:as fast|as slow|faster|\W*slower)|ms|s|seconds|MB|MiB)\b", re.IGNORECASE)


def written(text: str, benchmarks: Mapping[str, Benchmark], folder: Path = FOLDER) -> str:
    """Return a text with its blocks as the tables say now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{block(benchmarks[found[2]], folder)}\n\n{found[3]}", text)


def block(benchmark: Benchmark, folder: Path = FOLDER) -> str:
    """Return what may be said: a table for each processor that the present code was measured on, or that there is none."""
    parts = []
    for table in fresh(benchmark, folder):
        page = f"benchmarks/tables/{benchmark.name}/{slug(table['processor'])}.md"
        parts += [f"[{benchmark.title}]({page}). {told(table)}", markdown(table["rows"], benchmark.stated)]
    missing = f"*The present code has not been measured yet; `python -m benchmarks.{benchmark.name}` does it.*"
    return "\n\n".join(parts or [missing])


def outside(text: str) -> list[str]:
    """Return the speeds that a text states outside of its blocks, where no table stands behind them."""
    return [found[0] for found in _SPEED.finditer(_BLOCK.sub("", text))]
