"""Where things are computed, and one seed for everything that draws numbers."""

import os
import random

import numpy as np
import torch


def device() -> torch.device:
    """Return the device on which models and data are put: ``VISLIB_DEVICE`` if set, else cuda, mps or cpu.

    Raises:
        ValueError: if ``VISLIB_DEVICE`` names no device that PyTorch can use here.
    """
    name = os.environ.get("VISLIB_DEVICE")
    if name:
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(
                f"VISLIB_DEVICE is {name!r}, which PyTorch cannot use here; expected a device such as 'cpu', 'cuda' or 'mps'."
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def seed_everything(seed: int = 0) -> None:
    """Seed Python, NumPy and PyTorch. For scripts and notebooks; no routine of vislib needs or touches these states."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
