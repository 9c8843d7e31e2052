"""Execute notebooks, strip what belongs to one run only, fold, and write: ``make notebooks [ONLY=04_occlusion]``.

Widget views and widget state are removed (a stale widget shows an error when the notebook is opened again); the plain
HTML beside them stays. Execution times and cell ids do not change from run to run, so that a diff shows what matters.
"""

import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
HIDDEN, CLAIM = "hide-input", "nbval-check-output"  # tags
NOTE = "> **For the lecturer.**"


def run(path: Path) -> float:
    """Execute one notebook in place; return the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)
    seconds = execute(notebook, path.parent)
    strip(notebook)
    fold(notebook)
    nbformat.write(notebook, path)
    return seconds


def execute(notebook: nbformat.NotebookNode, folder: Path) -> float:
    """Run all cells of a notebook in a folder; return the seconds from the start of its kernel."""
    start = time.perf_counter()
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return time.perf_counter() - start


def strip(notebook: nbformat.NotebookNode) -> None:
    """Remove widget views, widget state, times and stream noise, and number the cells."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if WIDGET_VIEW in output.get("data", {}):
                del output["data"][WIDGET_VIEW]
        cell.outputs = _joined([o for o in cell.outputs if o.output_type in ("stream", "error") or o.data])


def fold(notebook: nbformat.NotebookNode) -> None:
    """Fold away what tells too early (the lecturer's notes, the answer in a prediction's code), and how a claim is printed."""
    for cell in notebook.cells:
        if folded := tells_too_early(cell) or is_claim(cell):
            cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
        if is_note(cell):  # JupyterLab shows the first line of what is folded
            cell.source = re.sub(rf"^{re.escape(NOTE)}[ ]", f"{NOTE}\n> ", cell.source)
        if cell.cell_type == "code" and folded:  # so says MyST, and so say the slides
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), HIDDEN})


def tells_too_early(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell's source is for nobody who learns from the notebook."""
    return is_note(cell) or (cell.cell_type == "code" and re.search(r"\bpredict\(\s*\S", cell.source) is not None)


def is_claim(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell judges what was shown, and prints the numbers."""
    return CLAIM in cell.metadata.get("tags", [])


def is_note(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell holds speaker notes."""
    return bool(cell.metadata.get("slideshow", {}).get("slide_type") == "notes")


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join neighbouring pieces of one stream; how the kernel cuts them differs from run to run."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main(names: list[str]) -> int:
    """Run the named notebooks, or all."""
    os.environ["CI"] = os.environ.get("CI") or "true"  # no progress bars in stored outputs
    os.environ["VISLIB_PROGRESS"] = "off"
    os.environ["VISLIB_PHOTO"] = "off"  # a picture of whoever runs it is no output to store
    paths = [FOLDER / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb"))
    for path in paths:
        print(f"{path.stem:28} {run(path):5.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
