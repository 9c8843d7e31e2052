"""In a kernel without a browser: strict nbval passes twice, and no progress file appears."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    "from flashcards import predict, quiz, review",
    "review(5, before='04_occlusion')",
    "predict('t.legs', 'What matters?', ['the legs', 'the head'], 'the legs')",
    "quiz('04_occlusion', record=False)",
    "quiz('07_sanity_checks')",
]


@pytest.mark.slow
def test_strict_nbval_passes_twice_and_writes_no_progress(tmp_path, progress_file, monkeypatch):
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    for cell in notebook.cells:
        for output in cell.outputs:
            assert output.output_type == "execute_result", output
            # As in the committed notebooks: the live view is stripped, what can be read stays.
            assert output.data.pop("application/vnd.jupyter.widget-view+json")["model_id"]
            assert output.data.keys() == {"text/plain", "text/html"}
    notebook.metadata.pop("widgets", None)
    for name in ("first", "second", "changed"):
        if name == "changed":
            notebook.cells[-1].outputs[0].data["text/html"] += "changed"
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "-rA"]
    command += ["-p", "no:cacheprovider", "first.ipynb", "second.ipynb", "changed.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert not progress_file.parent.exists()
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, done.stdout  # the comparison is alive
    assert failed[0].startswith(f"FAILED changed.ipynb::Cell {len(CELLS) - 1}")
    assert f"1 failed, {3 * len(CELLS) - 1} passed" in done.stdout
