"""Every notebook runs where models and data lie on another device than what is drawn on the CPU, as on a machine with a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.notebooks import PATHS

ROOT = Path(__file__).parents[1]


def _run(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.on_pretend", str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_another_device(path: Path) -> None:
    done = _run(path)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-1000:]}"


@pytest.mark.parametrize(
    ("source", "works"),
    [
        ("model(torch.rand(1, 3, 64, 64))", False),
        ("model(torch.rand(1, 3, 64, 64).to(model.mean.device))", True),
        ("import numpy as np; np.asarray(model.mean)", False),
        ("assert model.mean.device.type == 'cpu'", False),
    ],
)
def test_a_notebook_that_forgets_the_device_fails(source: str, works: bool, tmp_path: Path) -> None:
    begin = "import torch\nfrom vislib import models\nmodel = models.trained('shapes_object')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (begin, source)])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    done = _run(tmp_path / "a.ipynb")
    assert (done.returncode == 0) == works, done.stdout + done.stderr
    assert works or "cell 1 of a.ipynb fails on another device" in done.stderr
