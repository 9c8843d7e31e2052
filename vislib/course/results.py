"""What was computed once: the tables of ``experiments/tables``, as notebooks read them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "tables"


def stored(name: str, folder: Path = FOLDER) -> "DataFrame":
    """Return a stored table: one row per cell, its choices and its values.

    Raises:
        FileNotFoundError: if it has not been computed, with the command that does it.
    """
    import pandas as pd

    return pd.DataFrame(read(name, folder)["rows"])


def pictures(folder: str, names: Sequence[str]) -> "Tensor":
    """Return pictures that a recipe has kept, (N, 3, H, W), pixels in [0, 1], on the default device.

    Raises:
        FileNotFoundError: if one is not there.
    """
    import numpy as np
    import torch
    from PIL import Image

    from vislib import device

    files = [FOLDER / folder / f"{name}.jpg" for name in names]
    if missing := [file.name for file in files if not file.exists()]:
        raise FileNotFoundError(f"{FOLDER.name}/{folder}/{missing[0]} is not there; run: python -m experiments")
    arrays = [np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) / 255 for file in files]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous().to(device())


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return the file of a table as it is: its hash, what else is known of it, and its rows.

    Raises:
        FileNotFoundError: as in `stored`.
    """
    file = folder / f"{name}.json"
    if not file.exists():
        raise FileNotFoundError(f"{folder.name}/{name}.json is not there; run: python -m experiments {name}")
    content: dict[str, Any] = json.loads(file.read_text())
    return content
