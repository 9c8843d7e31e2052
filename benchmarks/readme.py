"""The times that the README and its page of benchmarks state: each block is made from the tables that are not stale.

``<!-- benchmark: occlusion -->`` opens a block of tables, ``<!-- headline: occlusion -->`` one sentence with the range of
their first spread, ``<!-- end -->`` closes either; ``python -m benchmarks readme`` rewrites all.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.table import FOLDER, Benchmark, fresh, markdown, shown, slug, told
from experiments.provenance import ROOT

README = ROOT / "README.md"
PAGES = (README, ROOT / "docs" / "benchmarks.md")
_BLOCK = re.compile(r"(<!-- (benchmark|headline): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COUNT = r"(?:\d[\d.,]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|several|many))"
_SPEED = re.compile(rf"{_COUNT}\s+(?:times (?:as fast|as slow|faster|\W*slower)|ms|s|seconds|MB|MiB)\b", re.IGNORECASE)


def written(text: str, benchmarks: Mapping[str, Benchmark], folder: Path = FOLDER, up: str = "") -> str:
    """Return a text with its blocks as the tables say now; `up` leads from its folder to that of the README."""
    makers = {"benchmark": block, "headline": headline}
    return _BLOCK.sub(lambda b: f"{b[1]}\n{makers[b[2]](benchmarks[b[3]], folder, up)}\n\n{b[4]}", text)


def rewrite(benchmarks: Mapping[str, Benchmark]) -> None:
    """Write the blocks of all pages as the tables say now."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(written(text, benchmarks, up=above(page)), encoding="utf-8")


def above(page: Path) -> str:
    """Return what leads from the folder of a page to that of the README."""
    return "../" * (len(page.relative_to(ROOT).parts) - 1)


def block(benchmark: Benchmark, folder: Path = FOLDER, up: str = "") -> str:
    """Return what may be said: a table for each processor that the present code was measured on, or that there is none."""
    parts = []
    for table in fresh(benchmark, folder):
        page = f"{up}benchmarks/tables/{benchmark.name}/{slug(table['processor'])}.md"
        parts += [f"[{benchmark.title}]({page}). {told(table)}", markdown(table["rows"], benchmark.stated)]
    return "\n\n".join(parts or [_missing(benchmark)])


def headline(benchmark: Benchmark, folder: Path = FOLDER, up: str = "") -> str:
    """Return the lowest and the highest median of the first stated column that has a spread, and where they were measured."""
    tables = fresh(benchmark, folder)
    rows = [row for table in tables for row in table["rows"]]
    columns = [name for name in benchmark.stated if any(isinstance(row.get(name), list) for row in rows)]
    if not columns:
        return _missing(benchmark)
    medians = sorted(row[columns[0]][0] for row in rows)
    where = ", ".join(f"{table['processor']}, {table['threads']} cores" for table in tables)
    pages = [f"[table]({up}benchmarks/tables/{benchmark.name}/{slug(table['processor'])}.md)" for table in tables]
    return f"{benchmark.title}: **{shown(medians[0])} to {shown(medians[-1])}**, by network and patch ({where}; {', '.join(pages)})."


def _missing(benchmark: Benchmark) -> str:
    return f"*The present code has not been measured yet; `python -m benchmarks.{benchmark.name}` does it.*"


def outside(text: str) -> list[str]:
    """Return the speeds that a text states outside of its blocks, where no table stands behind them."""
    return [found[0] for found in _SPEED.finditer(_BLOCK.sub("", text))]
