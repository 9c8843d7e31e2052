"""What the explorers of the first page answer is what the tables say, and their pictures fit the numbers."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from scipy.stats import spearmanr

from experiments import roar, sanity
from tools import make_explorers
from vislib.course.figures import SIGNED, UNSIGNED

BROKEN, HOLES = (json.loads((make_explorers.OUT / f"{name}.json").read_text()) for name in ("broken", "holes"))


def frames(method: str) -> np.ndarray:
    """Read a method's picture back: the values (20, side, side) whose colours it has."""
    side, columns = make_explorers.SIDE, BROKEN["columns"]
    pixels = np.asarray(Image.open(make_explorers.OUT / f"{method}.webp").convert("RGB"), dtype=int)
    parts = pixels.reshape(-1, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    scales = [colormaps[name](np.arange(256))[:, :3] * 255 for name in (SIGNED, UNSIGNED)]
    apart = [((parts[..., None, :] - scale) ** 2).sum(-1) for scale in scales]
    values: np.ndarray = min(apart, key=lambda d: d.min(-1).mean()).argmin(-1)
    return values[: len(sanity.DEPTHS) + 1]


def test_the_likeness_of_broken_maps_is_that_of_the_table() -> None:
    assert make_explorers.likeness() == BROKEN
    assert BROKEN["methods"].keys() == sanity.EXPLAINERS.keys()
    assert all(len(told["here"]) == len(told["mean"]) == 20 for told in BROKEN["methods"].values())


@pytest.mark.parametrize("method", ["guided_backprop", "grad_cam", "occlusion", "sobel"])
def test_the_maps_are_as_alike_as_the_number_beside_them(method: str) -> None:
    """Where a map is smooth; the grain of a gradient is lost when the picture is made smaller."""
    maps = frames(method)
    alike = [spearmanr(maps[0].ravel(), heat.ravel()).statistic for heat in maps]
    assert np.allclose(alike, BROKEN["methods"][method]["here"], atol=0.15)


def test_holes_have_their_share_and_accuracies_are_those_of_the_tables() -> None:
    assert HOLES["methods"].keys() == roar.METHODS.keys() | roar.CONTROLS.keys()
    for name, told in HOLES["methods"].items():
        assert {key: told[key] for key in ("retrained", "alone")} == make_explorers.accuracies(name)
        for gone in told["gone"]:
            shares = [sum(int(place) <= n for place in gone) / len(gone) for n in range(len(roar.FRACTIONS))]
            assert shares == pytest.approx(roar.FRACTIONS, abs=0.5 / len(gone))


def test_the_digits_are_unseen_ones() -> None:
    images = roar.sets("digits")[1].images
    for digit, label in zip(HOLES["digits"], HOLES["labels"], strict=True):
        alike = roar.sets("digits")[1].labels == label
        shades = (images[alike] * 15).round().flatten(1).int().tolist()
        assert [int(shade, 16) for shade in digit] in shades


@pytest.mark.slow
def test_a_picture_of_broken_maps_comes_out_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    method = random.choice(["gradient", "guided_backprop", "grad_cam"])
    before = frames(method)
    monkeypatch.setattr(sanity, "EXPLAINERS", {method: sanity.EXPLAINERS[method]})
    make_explorers.broken(tmp_path)
    monkeypatch.setattr(make_explorers, "OUT", tmp_path)
    assert np.abs(frames(method) - before).mean() < 3
