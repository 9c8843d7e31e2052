"""Notebook 02 runs unchanged with networks of torchvision: here with random weights where their checkpoints would be."""

import os
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from tests import notebooks


@pytest.mark.slow
@pytest.mark.parametrize(("name", "features"), [("resnet18", 512), ("mobilenet_v3_small", 1024)])
def test_notebook_02_runs_with_another_network(
    name: str, features: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = Path(str(models.get_model_weights(name).DEFAULT.url)).name
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(models.get_model(name, weights=None).state_dict(), tmp_path / "hub" / "checkpoints" / file)
    monkeypatch.setenv("VISLIB_MODEL", name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(notebooks.FOLDER.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(notebooks.FOLDER / "02_weight_pca.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    text = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert f"{name} (1000, {features})" in text
    assert "the same up to the sign: True" in text
