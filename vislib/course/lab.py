"""``python -m vislib lab [FOLDER]``: the notebooks in a folder of your own, opened in JupyterLab, wherever the course is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).resolve()
SOURCES = (_HERE.with_name("notebooks"), _HERE.parents[2] / "notebooks")  # in a wheel, in the repository
FIRST = "00_start_here.ipynb"


def lab(folder: Path, arguments: Sequence[str] = ()) -> int:
    """Copy the notebooks into a folder, keep what is there, and open JupyterLab on the first; return its exit code."""
    kept = copied(folder)
    if kept:
        print(f"{len(kept)} of the notebooks in {folder} are yours already and stay as they are.")
    # In a container the only user is often root, which JupyterLab refuses unless told.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return subprocess.run([sys.executable, "-m", "jupyterlab", *as_root, str(folder / FIRST), *arguments]).returncode


def copied(folder: Path) -> list[str]:
    """Copy the notebooks and the pictures that they show into a folder; return those that were there before, which stay.

    Raises:
        FileNotFoundError: if this installation holds no notebooks.
        NotADirectoryError: if the folder is a file.
    """
    source = next((place for place in SOURCES if (place / FIRST).exists()), None)
    if source is None:
        raise FileNotFoundError(
            "this installation holds no notebooks; install the course from its wheel or its repository."
        )
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; expected a folder for the notebooks.")
    kept = []
    for file in sorted(source.rglob("*")):
        target = folder / file.relative_to(source)
        if file.is_dir() or ".ipynb_checkpoints" in file.parts:
            continue
        if target.exists():
            kept += [target.name] * (target.suffix == ".ipynb")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return kept
