"""Notebooks to hand out: ``make handout`` [ONLY=04_occlusion] writes copies without solutions, answers and speaker notes.

A prediction becomes its question, with a line for the answer; an exam has no output, for that has the mark schemes. What
the other cells have put out stays.

The copies lie in ``build/handout``, numbered like the originals; put them in the place of ``notebooks/`` for a class whose
exercises are graded.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from tools.run_notebooks import FOLDER, is_note, prediction

OUT = FOLDER.parent / "build" / "handout"
# By what the reader sees, not by a tag for nbconvert: a tag that was forgotten would hand the solution out.
_SOLUTION = re.compile(r"<details>\n<summary>[^<]*(?:[Ss]olution|How to solve it).*?</details>\n*", re.DOTALL)


def for_students(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook without solutions, predictions' answers and notes, ready to be worked through."""
    notebook.cells = [_asked(cell) for cell in notebook.cells if not is_note(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            without = _SOLUTION.sub("", cell.source)
            cell.source = re.sub(r"[^.\n]*\bfolded (?:below|underneath)[^.\n]*\.", "", without).strip()
    notebook.cells = [cell for cell in notebook.cells if cell.source or cell.cell_type == "code"]
    return notebook


def _asked(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the question of a prediction as text, an exam without its mark schemes, any other cell as it is."""
    if (found := prediction(cell)) is None:
        if cell.cell_type == "code" and re.search(r"\bexam\(", cell.source):
            cell.outputs = []
        return cell
    question, options = found
    rows = "\n".join(f"<li>{option}</li>" for option in options)
    text = f'**Predict.**\n\n{question}\n<ol type="A">\n{rows}\n</ol>\n\nYour answer, and why:'
    return new_markdown_cell(text, id=cell.id, metadata={"slideshow": cell.metadata.get("slideshow", {})})


def build(names: Sequence[str], out: Path = OUT) -> list[Path]:
    """Write the copies of the named notebooks, or of all, and the pictures that they show."""
    paths = [FOLDER / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb"))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(FOLDER, out, ignore=shutil.ignore_patterns("*.ipynb"))
    for path in paths:
        nbformat.write(for_students(nbformat.read(path, as_version=4)), out / path.name)
    return [out / path.name for path in paths]


if __name__ == "__main__":
    print(f"{len(build(sys.argv[1:]))} notebooks without solutions in {OUT.relative_to(FOLDER.parent)}")
