"""A learner changes a seed, a photograph or a class in the visible cells and runs all: no notebook stops."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import notebooks
from tools.run_notebooks import is_claim
from vislib.data import PHOTOS


def visible(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells of code that a reader sees."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and not is_claim(cell)]


def other_seeds(source: str) -> str:
    """Add 3 to every seed that is written out as a number."""
    return re.sub(r"((?:manual_seed\(|\bseed=)\s*)(\d+)", lambda found: f"{found[1]}{int(found[2]) + 3}", source)


def changed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with other seeds, one other photograph, and one other class."""
    cells = visible(notebook)
    text = "\n".join(cell.source for cell in cells)
    swap = {}
    if shown := [name for name in re.findall(r'"(\w+)"', text) if name in PHOTOS]:
        other = next((name for name in PHOTOS if name not in shown), shown[-1])
        swap[f'"{shown[0]}"'] = f'"{other}"'
    if asked := re.findall(r'\bmodel\.index\("([^"]+)"\)', text):
        swap[f'model.index("{asked[0]}")'] = 'model.index("tabby")'
    for cell in cells:
        cell.source = other_seeds(cell.source)
        for one, other in swap.items():
            cell.source = cell.source.replace(one, other)
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks.PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_other_seeds_another_photograph_and_another_class(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(path.parent.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = changed(notebooks.read(path))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    stopped = {
        number: f"{output.ename}: {output.evalue[:200]}"
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    }
    assert not stopped
