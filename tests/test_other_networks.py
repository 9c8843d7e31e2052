"""Notebook 02 runs unchanged with a network of torchvision: here with random weights where its checkpoint would be."""

import os
import re
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from tests import notebooks


@pytest.mark.slow
def test_notebook_02_runs_with_the_network_that_its_text_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    name = "resnet18"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = Path(str(models.get_model_weights(name).DEFAULT.url)).name
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(models.get_model(name, weights=None).state_dict(), tmp_path / "hub" / "checkpoints" / file)
    monkeypatch.setenv("VISLIB_MODEL", name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(notebooks.FOLDER.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(notebooks.FOLDER / "02_weight_pca.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    text = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert f"{name} (1000, 512)" in text
    [difference] = re.findall(r"largest difference from the library: (\S+)", text)
    assert float(difference) < 1e-5
    assert "on this machine" not in text  # its map is drawn, since its weights are here
