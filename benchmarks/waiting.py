"""What a user waits for, as one table: ``python -m benchmarks.waiting``; minutes, since it runs all notebooks.

From the start of a kernel to the first heatmap of notebook 00; each notebook, from top to bottom; each answer of its
explorer, from the move of a control until the kernel has sent what is new; the first card of a quiz. The installation and
the tests are measured when they are asked for: ``python -m benchmarks.waiting installation tests``. The installation is
that of `make lab` into a fresh folder, with whatever pip has kept of earlier ones.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

from benchmarks import flashcards
from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from experiments.provenance import ROOT
from tools.run_notebooks import FOLDER, execute

MOVES = (0.5, 0.2, 0.7, 0.4, 0.9, 0.3, 0.6)  # of each slider, as shares of its range; as many of each menu
_MEASURED = f"""
import sys, time
start = time.perf_counter()
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.waiting import answers
answers(Out[max(Out)], start)
"""


def answers(explorer: Any, since: float) -> None:
    """Move every slider and menu of an explorer as a reader would, in the kernel; print what it took, and each answer."""
    found, todo = [], [explorer]
    while todo:
        control = todo.pop()
        todo += getattr(control, "children", ())
        for value in choices(control):
            if value != control.value:
                start = time.perf_counter()
                control.value = value
                found.append(time.perf_counter() - start)
    print(json.dumps([time.perf_counter() - since, *found]))


def choices(control: Any) -> list[Any]:
    """Return what a slider or menu is set to, one after the other; nothing for what is neither."""
    if options := getattr(control, "options", None):
        return [o[1] if isinstance(o, tuple) else o for o in itertools.islice(itertools.cycle(options), len(MOVES))]
    if hasattr(control, "min"):
        return [type(control.value)(control.min + share * (control.max - control.min)) for share in MOVES]
    return []


def notebook(path: Path) -> tuple[float, list[float]]:
    """Return the seconds of a notebook from the start of its kernel, and those of its explorer's answers."""
    content = nbformat.read(path, as_version=4)
    found: list[float] = []
    places = [n for n, cell in enumerate(content.cells) if "course.explorer(" in cell.source]
    for place in reversed(places):
        content.cells.insert(place + 1, new_code_cell(_MEASURED))
    took = execute(content, path.parent)
    for measured in (cell for cell in content.cells if cell.source == _MEASURED):
        extra, *answered = json.loads(measured.outputs[-1].text)
        took, found = took - extra, found + answered
    return took, found


def first_heatmap() -> float:
    """Return the seconds from the start of a kernel until notebook 00 shows its first heatmap."""
    path = FOLDER / "00_start_here.ipynb"
    content = nbformat.read(path, as_version=4)
    place = next(n for n, cell in enumerate(content.cells) if "= occlusion(" in cell.source)
    del content.cells[place + 1 :]
    return execute(content, path.parent)


def made(target: str, folder: Path) -> float:
    """Return the seconds of a target of the Makefile."""
    start = time.perf_counter()
    subprocess.run(["make", f"PYTHON={sys.executable}", target], cwd=folder, check=True, stdout=sys.stderr)
    return time.perf_counter() - start


def installation() -> float:
    """Return the seconds of the installation that `make lab` begins with, of the last commit."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
        return made(".venv/.course", Path(folder))


def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield what one name waits for; a notebook has two rows if it has an explorer that answers."""

    def row(what: str, seconds: list[float]) -> Row:
        return {"wait": name, "for": what, "s": spread(seconds), "times": len(seconds)}

    os.environ |= {"CI": "true", "VISLIB_PROGRESS": "off"}  # no bars, and no answer in anybody's log
    if name == "first heatmap":
        yield row("from the kernel's start, in notebook 00", [first_heatmap() for _ in range(rounds)])
    elif name == "first card":
        yield row("after the import, in a kernel", flashcards.first_card("04_occlusion", True, rounds)[0])
    elif name == "installation":
        yield row("`make lab`, until JupyterLab starts", [installation()])
    elif name == "tests":
        yield row("`make test`", [made("test", ROOT)])
    else:
        took, answered = notebook(FOLDER / f"{name}.ipynb")
        yield row("top to bottom", [took])
        if answered:
            yield row("one answer of its explorer", answered)


BENCHMARK = Benchmark(
    name="waiting",
    title="What a user waits for",
    rows=rows,
    names=("first heatmap", "first card", *sorted(p.stem for p in FOLDER.glob("*.ipynb")), "installation", "tests"),
    rounds=3,
    on_request=("installation", "tests"),
    files=[
        *sorted(FOLDER.glob("*.ipynb")),
        *(f for p in ("vislib", "flashcards") for f in sorted((ROOT / p).rglob("*.py"))),
    ],
)

if __name__ == "__main__":
    sys.exit(main(["waiting", *sys.argv[1:]]))
