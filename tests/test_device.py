"""Where things are put, and one seed for everything."""

import random

import numpy as np
import pytest
import torch
from torch import nn

import vislib
from vislib import models


def _machine(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.delenv("VISLIB_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(False, False, "cpu"), (True, False, "cuda"), (False, True, "mps"), (True, True, "cuda")],
)
def test_the_best_device_of_the_machine(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=cuda, mps=mps)
    assert vislib.device() == torch.device(expected)


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=True, mps=False)
    monkeypatch.setenv("VISLIB_DEVICE", "cpu")
    assert vislib.device() == torch.device("cpu")
    monkeypatch.setenv("VISLIB_DEVICE", "meta")
    assert vislib.device() == torch.device("meta")
    monkeypatch.setenv("VISLIB_DEVICE", "")
    assert vislib.device() == torch.device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cpu:x", "tpu:0"])
def test_a_device_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISLIB_DEVICE", name)
    with pytest.raises(
        ValueError, match=f"VISLIB_DEVICE is '{name}', which PyTorch cannot use here; expected a device such as"
    ):
        vislib.device()


def test_models_go_where_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.pretrained, "_load_embedded", lambda name: nn.Linear(2, 2))
    monkeypatch.setenv("VISLIB_DEVICE", "meta")
    assert models.load().weight.device == torch.device("meta")
    assert models.load(device="cpu").weight.device == torch.device("cpu")


def test_one_seed_for_everything() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        vislib.seed_everything(3)
        first = draw()
        second = draw()
        vislib.seed_everything(3)
        assert draw() == first
        assert all(a != b for a, b in zip(first, second, strict=True))
        vislib.seed_everything(4)
        assert all(a != b for a, b in zip(first, draw(), strict=True))
        vislib.seed_everything()
        default = draw()
        vislib.seed_everything(0)
        assert draw() == default
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
