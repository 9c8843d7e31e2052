"""In a kernel without a browser: strict nbval finds there what plain Python shows, and no progress file appears."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import flashcards

SHOWN = [
    "review(5, before='04_occlusion')",
    "predict('t.legs', 'What matters?', ['the legs', 'the head'], 'the legs')",
    "quiz('04_occlusion', record=False)",
    "quiz('07_sanity_checks')",
    "exam()",
]
LIVE = """
bundle = quiz('04_occlusion')._repr_mimebundle_()
assert bundle.keys() == {'text/plain', 'text/html', 'application/vnd.jupyter.widget-view+json'}
assert bundle['application/vnd.jupyter.widget-view+json']['model_id']
"""


def cell(source: str, *bundles: dict[str, Any]) -> Any:
    outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1) for data in bundles]
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=1)


def here(source: str) -> dict[str, Any]:
    """What plain Python shows."""
    return dict(eval(source, vars(flashcards).copy())._repr_mimebundle_())


@pytest.mark.slow
def test_a_kernel_shows_what_is_stored_and_a_live_card_on_top(tmp_path, progress_file, monkeypatch):
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])))
    # As in the committed notebooks: without the live view; what can be read stays.
    cells = [cell(source, here(source)) for source in SHOWN]
    changed = here("exam()")
    changed["text/html"] += "changed"
    cells = [cell("from flashcards import exam, predict, quiz, review"), *cells, cell(LIVE), cell("exam()", changed)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "stored.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "-rA"]
    command += ["-p", "no:cacheprovider", "stored.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert not progress_file.parent.exists()
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, done.stdout  # the comparison is alive
    assert failed[0].startswith(f"FAILED stored.ipynb::Cell {len(cells) - 1}")
    assert f"1 failed, {len(cells) - 1} passed" in done.stdout
