"""The notebooks of the course, in their order: the one place that knows their names."""

from __future__ import annotations

import json
import re
from pathlib import Path

NOTEBOOKS: tuple[str, ...] = (
    "00_start_here",
    "01_explanation_taxonomy",
    "02_weight_pca",
    "03_activation_tsne",
    "04_occlusion",
    "05_gradients",
    "06_input_reconstruction",
    "07_sanity_checks",
    "08_roar",
    "09_review",
    "10_transformers",
)


def notebooks_before(notebook: str) -> tuple[str, ...]:
    """The notebooks that come before `notebook` in the course; `ValueError` for an unknown name."""
    if notebook not in NOTEBOOKS:
        raise ValueError(f"unknown notebook {notebook!r}; expected one of {', '.join(NOTEBOOKS)}")
    return NOTEBOOKS[: NOTEBOOKS.index(notebook)]


def sections_of(notebook: str) -> tuple[str, ...] | None:
    """The headings of a notebook of the course below its title; None where the notebooks are not beside the package."""
    path = Path(__file__).parents[1] / "notebooks" / f"{notebook}.ipynb"
    if not path.is_file():
        return None
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return tuple(re.findall(r"^##+ (.*\S)", text, re.MULTILINE))
