"""Explanation routines for vision models: tensors in, tensors out.

Every explainer is a function ``explainer(model, images, target) -> heatmap``; see :mod:`vislib.explain`, the contract.

What there is, from the bottom up; a module imports from its own line and from those above it:

- `explain`: the contract, how a model is asked, and what is refused. `look`: what is seen to when it answers.
  `memory`: how many copies at once. `differentiation`: how a gradient is taken. `intervals`, `progress`.
- `models`: `Classifier` wraps any network, `load` opens ImageNet networks, `trained` the small `nets` of the course.
  `data`: photographs, digits, composite images whose truth is known. `activations`, `fills`, `controls`.
- `incremental`: exact inference for copies with a patch pasted in. `training`: what small networks need.
- the methods: `occlusion`, `gradients`, `reconstruction`, `embedding`; `attention`, for transformers.
- their tests: `faithfulness`, `sanity` (random weights, random labels), `roar` (remove and retrain).
- `course`: what belongs to the notebooks alone: figures, explorers, checkers, the mystery model, stored results, doctor.

A folder's ``__init__`` is its public face.
"""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["device", "seed_everything"]

HERE: Any = {"device": "cpu", "dtype": torch.float32}
"""Where and how precisely numbers are drawn, whatever the reader has made PyTorch's default: seeds mean the same anywhere."""


def device() -> torch.device:
    """Return the device on which models and data are put: ``VISLIB_DEVICE`` if set, else cuda, mps or cpu.

    Raises:
        ValueError: if ``VISLIB_DEVICE`` names no device that PyTorch can use here.
    """
    if name := os.environ.get("VISLIB_DEVICE"):
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(
                f"VISLIB_DEVICE is {name!r}, which PyTorch cannot use here; expected a device such as 'cpu', 'cuda' or 'mps'."
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def seed_everything(seed: int = 0) -> None:
    """Seed Python, NumPy and PyTorch. For scripts and notebooks; no routine of vislib needs or touches these states."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(int(seed))


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Let PyTorch draw as after this seed, and leave its global random state as it was: the CPU's, and that of a GPU."""
    cuda = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        mps = device is not None and device.type == "mps"
        (torch if mps else torch.default_generator).manual_seed(int(seed))  # torch's is for all devices
        for gpu in cuda:
            torch.cuda.set_rng_state(torch.Generator(gpu).manual_seed(int(seed)).get_state(), gpu)
        yield


def stream(seed: int, *part: object) -> torch.Generator:
    """Return a generator for one part of what a seed draws, independent of those of all other parts and seeds.

    PyTorch's own takes the lower 32 bits of its seed alone: ``seed + 2**32`` is the same stream again.
    """
    name = hashlib.sha256(repr((int(seed), *part)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(name[:4], "big"))


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Let PyTorch use one thread on the CPU: the same sums in the same order, whatever machine and whoever else runs."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
