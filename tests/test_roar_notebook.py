"""The figures and the explorer of notebook 08 show the numbers that they are given."""

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor, nn

from tests.explorers import controls
from vislib.controls import disc
from vislib.course import roar
from vislib.roar import RoarResult
from vislib.roar.removal import ranks

pytestmark = pytest.mark.filterwarnings("error")
FRACTIONS = (0.1, 0.5, 0.9)


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


def made(seeds: int = 5, shift: float = 0.0) -> RoarResult:
    """Return a sweep of two explainers and random pixels."""
    levels = {"mine": 0.3, "yours": 0.8, "random": 0.6}
    rows = [
        {"explainer": name, "fraction": f, "seed": s, "accuracy": level - 0.2 * f + 0.01 * s + shift}
        for name, level in levels.items()
        for f in FRACTIONS
        for s in range(seeds)
    ]
    asked = {"mine": 0.25, "random": 0.45}
    before = [
        {"explainer": name, "fraction": f, "accuracy": a - 0.1 * f} for name, a in asked.items() for f in FRACTIONS
    ]
    return RoarResult(pd.DataFrame(rows), pd.DataFrame(before), clean=0.95)


def _drawn(axis: Axes) -> dict[str, list[float]]:
    return {str(line.get_label()): [float(y) for y in line.get_ydata()] for line in axis.lines}


def test_a_panel_holds_the_curve_and_all_that_it_is_compared_with() -> None:
    result, masks = made(), made(2, shift=0.1)
    figure = roar.curves(result, masks=masks, chance=0.1)
    axes = [axis for axis in figure.axes if axis.lines]
    assert [axis.get_title() for axis in axes] == ["mine", "yours"]
    lines = _drawn(axes[0])
    assert lines["retrained"] == pytest.approx([0.95, *result.values("mine").mean(0)])
    assert lines["retrained, random"] == pytest.approx([0.95, *result.values("random").mean(0)])
    assert lines["the mask alone"] == pytest.approx([0.1, *masks.values("mine").mean(0)])  # no hole: chance
    assert lines["not retrained"] == pytest.approx([0.95, 0.24, 0.2, 0.16])
    assert lines["chance"] == [0.1, 0.1]
    assert "not retrained" not in _drawn(axes[1])
    for axis in axes:
        assert _drawn(axis)["not retrained, random"] == pytest.approx([0.95, 0.44, 0.4, 0.36])
        assert axis.get_xlim()[0] < 0
    band = axes[0].collections[0].get_paths()[0].vertices[:, 1]
    table = result.intervals()
    assert band.min() == pytest.approx(table[table["explainer"] == "mine"]["low"].min())


def test_without_the_accuracy_on_whole_images_the_curves_begin_at_the_first_fraction() -> None:
    known = made()
    result = RoarResult(known.table, known.before)
    lines = _drawn(roar.curves(result, masks=made(2), chance=0.1).axes[0])
    assert {name: len(values) for name, values in lines.items() if name != "chance"} == dict.fromkeys(
        ["retrained", "retrained, random", "not retrained", "not retrained, random", "the mask alone"], 3
    )


def test_each_ranking_is_seen_to_remove_its_highest_pixels() -> None:
    image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.5
    maps = {"mine": image, "random": -image}
    figure = roar.removed(image, maps, made(), at=(0.5, 0.9))
    axes = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in axes[:4]][2:] == ["50% removed\nretrained 0.22", "90% removed\nretrained 0.14"]
    order = ranks(maps["mine"], 0)[0]
    shown = np.asarray(axes[2].images[0].get_array())
    assert (np.ptp(shown, -1) > 0.1).tolist() == (order < 32).tolist()  # what is gone has a colour, what stays is grey
    assert (np.ptp(np.asarray(axes[7].images[0].get_array()), -1) > 0.1).sum() == round(0.9 * 64)


def test_without_the_first_network_only_retrained_ones_and_the_mask_are_drawn() -> None:
    lines = _drawn(roar.curves(made(), masks=made(2), chance=0.1, before=False).axes[0])
    assert {*lines} == {"retrained", "retrained, random", "the mask alone", "chance"}


def test_the_stored_sweep_of_the_scenes_has_the_object_with_its_rim() -> None:
    sweep, masks = roar.sweeps("shapes", clean=0.99)
    assert {*roar.ON_SCENES, *roar.TRUTH} <= {*sweep.explainers} & {*masks.explainers}
    assert sweep.clean == 0.99
    assert roar.sweeps("digits")[0].clean is None
    assert {*roar.ON_DIGITS} <= {*roar.sweeps("digits")[0].explainers}


def test_a_rim_is_one_pixel_wide() -> None:
    mask = torch.zeros(1, 5, 5, dtype=torch.bool)
    mask[0, 2, 2] = True
    assert roar.with_rim(mask)[0].sum() == 9


BLIND: dict[str, tuple[Any, str, str]] = {
    "nothing": (lambda images: None, "not attempted", "Not attempted yet"),
    "channels": (lambda images: images, "wrong", "expected"),
    "raises": (lambda images: 1 / 0, "wrong", "ZeroDivisionError"),
    "brightness": (lambda images: images.mean(1), "wrong", "expected below 0.6"),
    "the disc": (lambda images: disc(nn.Identity(), images, 0), "wrong", "expected below 0.6"),
    "saturation": (lambda images: images.amax(1) - images.amin(1), "right", "Right"),
}


TRAINED = ("brightness", "the disc", "saturation")  # what trains a network takes seconds
CASES = [pytest.param(*case, id=n, marks=[pytest.mark.slow] * (n in TRAINED)) for n, case in BLIND.items()]


@pytest.mark.parametrize(("answer", "state", "part"), CASES)
def test_a_blind_ranking_is_judged_by_what_a_network_still_learns(answer: Any, state: str, part: str) -> None:
    verdict = roar.check_blind(answer)
    assert verdict.state == state
    assert part in verdict.message


def test_few_seeds_are_dots_and_no_band() -> None:
    axis = roar.curves(made(2), ["mine"]).axes[0]
    assert len(axis.collections) == 0
    dots = next(line for line in axis.lines if line.get_marker() == ".")
    assert sorted(dots.get_ydata()) == pytest.approx(sorted(made(2).values("mine").ravel()))


def test_what_cannot_be_told_is_grey() -> None:
    table = pd.DataFrame(
        [
            {"explainer": "a", "mean": -0.2, "low": -0.3, "high": -0.1, "verdict": "better"},
            {"explainer": "b", "mean": 0.2, "low": 0.1, "high": 0.3, "verdict": "worse"},
            {"explainer": "c", "mean": 0.0, "low": -0.1, "high": 0.1, "verdict": "inconclusive"},
        ]
    )
    axis = roar.differences({"digits": table}, xlabel="difference").axes[0]
    bars = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 3]
    assert [line.get_color() for line in bars] == [roar.BLUE, roar.ORANGE, roar.GREY]
    assert [list(line.get_xdata()) for line in bars] == [[-0.3, -0.1], [0.1, 0.3], [-0.1, 0.1]]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["a", "b", "c"]


def test_two_rankings_have_a_dot_per_name_that_both_have() -> None:
    one, other = pd.Series({"a": 0.1, "b": 0.2, "c": 0.3}), pd.Series({"b": 0.5, "a": 0.6, "z": 0.7})
    axis = roar.agreement(one, other, xlabel="x", ylabel="y").axes[0]
    assert axis.lines[0].get_xdata().tolist() == [0.1, 0.2]
    assert axis.lines[0].get_ydata().tolist() == [0.6, 0.5]


@pytest.fixture
def images() -> Tensor:
    return 0.2 + 0.5 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_explorer_shows_the_removed_pixels_and_the_accuracies(images: Tensor) -> None:
    maps = {"mine": images.mean(1), "yours": -images.mean(1)}
    result, masks = made(), made(2, shift=0.1)
    explorer = roar.explorer(images, maps, result, colour=torch.ones(3, 1, 1), masks=masks)
    found = controls(explorer)
    found["ranked by"].value, found["removed"].value = "yours", "90%"
    numbers = [float(n) for n in re.findall(r"<td>([\d.]+)</td></tr>", found["HTML"].value)]
    expected = [r.values(n)[:, 2].mean() for r, n in ((result, "yours"), (result, "random"), (masks, "yours"))]
    assert numbers == pytest.approx(expected, abs=6e-4)
    pixels = np.asarray(Image.open(io.BytesIO(found["Image"].value)))
    cell = pixels.shape[0] // 20  # two rows of 8 pixels and a white border round each
    first = torch.from_numpy(pixels[cell : 9 * cell : cell, cell : 9 * cell : cell].astype(np.float32) / 255)
    gone = ranks(maps["yours"], 0)[0] < 58
    assert (first[gone] == 1).all()
    torch.testing.assert_close(first[~gone], images[0].permute(1, 2, 0)[~gone], atol=3e-3, rtol=0)


def test_the_explorer_is_a_page_without_a_kernel(images: Tensor) -> None:
    page = roar.explorer(images, {"mine": images.mean(1)}, made(), colour=torch.zeros(3, 1, 1))._repr_mimebundle_()
    assert "without 50% of their pixels" in page["text/html"]
    assert page["text/plain"].startswith("ROAR explorer")


def test_an_explainer_that_the_sweep_has_not_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="there is no explainer 'other'; expected one of mine, yours, random"):
        roar.explorer(images, {"other": images.mean(1)}, made(), colour=torch.zeros(3, 1, 1))
