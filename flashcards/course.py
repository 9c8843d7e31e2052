"""The notebooks of the course, in their order: the one place that knows their names."""

from __future__ import annotations

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
)


def notebooks_before(notebook: str) -> tuple[str, ...]:
    """The notebooks that come before `notebook` in the course; `ValueError` for an unknown name."""
    if notebook not in NOTEBOOKS:
        raise ValueError(f"unknown notebook {notebook!r}; expected one of {', '.join(NOTEBOOKS)}")
    return NOTEBOOKS[: NOTEBOOKS.index(notebook)]
