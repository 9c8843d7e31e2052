"""Notebooks to hand out: ``make handout`` [ONLY=04_occlusion] writes copies without solutions, speaker notes and outputs.

The copies lie in ``build/handout``, numbered like the originals; put them in the place of ``notebooks/`` for a class whose
exercises are graded.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from tools.run_notebooks import FOLDER, is_note

OUT = FOLDER.parent / "build" / "handout"
_SOLUTION = re.compile(r"\s*<details>\s*<summary>(?:Solution|How to solve it)\b.*?</details>\s*", re.DOTALL)


def for_students(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook without folded solutions, notes and outputs, ready to be worked through."""
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _SOLUTION.sub("\n\n", cell.source).strip()
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if cell.source and not is_note(cell):
            kept.append(cell)
    notebook.cells = kept
    return notebook


def build(names: Sequence[str], out: Path = OUT) -> list[Path]:
    """Write the copies of the named notebooks, or of all, and the pictures that they show."""
    paths = [FOLDER / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb"))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(FOLDER, out, ignore=lambda _, files: [name for name in files if name.endswith(".ipynb")])
    for path in paths:
        nbformat.write(for_students(nbformat.read(path, as_version=4)), out / path.name)
    return [out / path.name for path in paths]


if __name__ == "__main__":
    print(f"{len(build(sys.argv[1:]))} notebooks without solutions in {OUT.relative_to(FOLDER.parent)}")
