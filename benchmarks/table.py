"""Tables of times, one for each processor: what was measured, by which code, and on what.

``tables/NAME/PROCESSOR.json`` holds the numbers, and the page beside it shows them. A table carries the digest of the
code that it measures (:mod:`experiments.provenance`), the benchmark's own included; once that code has changed it is
*stale*: it stays what it was, a table of that commit, and the README states nothing from it.
"""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch

from experiments.compute import write
from experiments.provenance import ROOT, digest
from vislib.course.results import read

FOLDER = Path(__file__).with_name("tables")
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")  # with these PyTorch leaves instructions unused

Row = dict[str, Any]
"""Column -> a text, a number, or [median, lowest, highest]; the first column is the name that the row is asked for by."""


@dataclass(frozen=True)
class Benchmark:
    """What is measured, and how its table is told.

    Args:
        name: the module's.
        title: the head of its page; the first sentence says what the numbers are.
        rows: (name, rounds) -> the rows of that name.
        names: all names.
        rounds: how often each side runs.
        peers: the packages that it compares with.
        stated: the columns that the README shows; none: it has no block there.
        on_request: the names that are measured only when they are asked for.
        files: what it measures beside the code that `rows` reaches.
    """

    name: str
    title: str
    rows: Callable[[str, int], Iterable[Row]]
    names: Sequence[str]
    rounds: int
    peers: Sequence[str] = ()
    stated: Sequence[str] = ()
    on_request: Sequence[str] = ()
    files: Sequence[Path] = ()

    def hash(self) -> str:
        """Return what decides the table, but for the machine, as sixteen hex digits."""
        return digest(self.rows, self.rounds, self.files)


def spread(values: Iterable[float]) -> list[float]:
    """Return the median, the lowest and the highest."""
    found = sorted(values)
    return [median(found), found[0], found[-1]]


# ---- what it runs on ----


def processor() -> str:
    """Return the processor's name, and in brackets what decides its speed here: instructions, and limits to their use."""
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # since PyTorch 2.11
    name = known.get("cpu_name") or platform.processor() or platform.machine()
    level = torch.backends.cpu.get_cpu_capability()
    bfloat16 = any(known.get(flag) for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    limits = [f"{limit}={os.environ[limit]}" for limit in LIMITS if limit in os.environ]
    has = [level, *["bf16"] * bfloat16, *["AMX"] * bool(known.get("amx_bf16")), *limits]
    return f"{name} ({', '.join(has)})"


def commit() -> tuple[str, bool]:
    """Return the commit of the tree, and whether the tree is as it says, tables aside; ("", False) without git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short=10", "HEAD"), not git(
            "status", "--porcelain", "--", ".", ":!benchmarks/tables"
        )
    except (OSError, subprocess.CalledProcessError):
        return "", False


def ran_on(benchmark: Benchmark) -> dict[str, Any]:
    """Return what decides the times, but for the threads, which a benchmark chooses itself."""
    packages = {name: version(name) for name in ("torch", *benchmark.peers)}
    made, clean = commit()
    return {
        "hash": benchmark.hash(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {"Python": platform.python_version(), **packages},
        "commit": made,
        "clean": clean,
        "day": str(date.today()),
    }


# ---- keeping ----


def keep(benchmark: Benchmark, facts: Mapping[str, Any], rows: Sequence[Row], folder: Path = FOLDER) -> Path:
    """Put the rows of one name into the table of a processor, and make its page; return the file.

    Rows of other names stay if the same code made them with the same versions, and go otherwise.

    Args:
        facts: what `ran_on` says, and the threads.
    """
    place, stem = folder / benchmark.name, slug(facts["processor"])
    file = place / f"{stem}.json"
    old = read(stem, place) if file.exists() else {"rows": []}
    first, lasting = next(iter(rows[0])), ("hash", "cores", "versions", "threads")
    same = all(old.get(fact) == facts[fact] for fact in lasting)
    kept = {name: [row for row in old["rows"] if same and row[first] == name] for name in benchmark.names}
    kept[rows[0][first]] = [{column: _rounded(value) for column, value in row.items()} for row in rows]
    write(file, facts, [row for of_name in kept.values() for row in of_name])
    file.with_suffix(".md").write_text(page(benchmark, read(stem, place)), encoding="utf-8")
    return file


def fresh(benchmark: Benchmark, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return the tables that the present code has made, one for each processor."""
    found = [read(file.stem, file.parent) for file in sorted((folder / benchmark.name).glob("*.json"))]
    return [table for table in found if table["hash"] == benchmark.hash()]


def slug(text: str) -> str:
    """Return a text as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


# ---- showing ----


def page(benchmark: Benchmark, table: Mapping[str, Any]) -> str:
    """Return the page of a table."""
    made = f"Written by `python -m benchmarks.{benchmark.name}`."
    return "\n\n".join([f"# {benchmark.title}", f"{told(table)} {made}", markdown(table["rows"])]) + "\n"


def told(table: Mapping[str, Any]) -> str:
    """Return what a table ran on, as a sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in table["versions"].items())
    state = f"commit {table['commit'] or 'unknown'}{'' if table['clean'] else ' with changes'}"
    return f"{table['processor']}, {table['threads']} of {table['cores']} cores; {versions}; {state}, {table['day']}."


def markdown(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Return rows as a table in Markdown, with all of their columns or those given."""
    columns = columns or list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns), *([shown(row.get(column, "")) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: Any) -> str:
    """Return what stands in a cell: three digits of a number, and for a spread the median (lowest to highest)."""
    if isinstance(value, list):
        middle, low, high = map(shown, value)
        return middle if low == high else f"{middle} ({low} to {high})"
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)
