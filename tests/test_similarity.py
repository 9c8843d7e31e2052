"""How alike two maps are, on maps so small that a hand can rank them, and at the ends of what is allowed."""

import warnings
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from vislib.sanity import hog, spearman, ssim


def noise(side: int, seed: int = 0) -> Tensor:
    return torch.rand(1, side, side, generator=torch.Generator().manual_seed(seed))


def row(*values: float) -> Tensor:
    """Return one map of one row."""
    return torch.tensor([[values]], dtype=torch.float32)


# ---- ranks ----


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((1.0, 2.0, 3.0, 40.0), 1.0),  # the order counts, and not by how much
        ((1.0, 3.0, 2.0, 4.0), 1 - 6 * 2 / (4 * 15)),  # two ranks are off by one: 1 - 6 (1 + 1) / (n (n² - 1))
        ((4.0, 3.0, 2.0, 1.0), -1.0),
        (
            (1.0, 2.0, 2.0, 4.0),
            4.5 / (5 * 4.5) ** 0.5,
        ),  # ranks 1, 2.5, 2.5, 4: covariance over the root of the variances
    ],
)
def test_the_rank_correlation_of_four_pixels(other: tuple[float, ...], expected: float) -> None:
    assert spearman(row(1, 2, 3, 4), row(*other)).tolist() == pytest.approx([expected])


def test_absolute_values_are_ranked_on_request_alone() -> None:
    signed, plain = row(-4, 1, 2, -3), row(4, 1, 2, 3)
    assert spearman(signed, plain).tolist() == pytest.approx([1 - 6 * (9 + 4 + 4 + 1) / 60])
    assert spearman(signed, plain, absolute=True).tolist() == pytest.approx([1])


def test_each_pair_of_a_batch_is_compared_by_itself() -> None:
    up, down = row(1, 2, 3), row(3, 2, 1)
    assert spearman(torch.cat([up, up]), torch.cat([up, down])).tolist() == pytest.approx([1, -1])


def test_two_chosen_pixels_are_enough_and_the_others_do_not_count() -> None:
    where = torch.tensor([[[True, False, True]]])
    assert spearman(row(1, 9, 2), row(1, -9, 2), where=where).tolist() == pytest.approx([1])
    with pytest.warns(UserWarning, match="a map is constant"):
        assert spearman(row(5, 9, 5), row(1, 2, 3), where=where).tolist() == [0]  # constant where it is looked at


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (torch.ones(1, 3, 1, dtype=torch.bool), r"where has shape \(1, 3, 1\), .*expected shape \(1, 1, 3\)"),
        (torch.ones(1, 1, 3), r"dtype torch\.float32 .*; expected .* torch\.bool"),
        (torch.tensor([[[True, False, False]]]), "fewer than two pixels"),
        (torch.tensor([[[True, False, True]], [[False, True, False]]]), "fewer than two pixels"),
    ],
)
def test_a_choice_of_pixels_that_does_not_fit_is_refused(where: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spearman(*[row(1, 2, 3).repeat(len(where), 1, 1)] * 2, where=where)


# ---- structure and edges ----


@pytest.mark.parametrize(("similarity", "least"), [(ssim, 11), (hog, 48), (partial(hog, cell=4), 12)])
def test_the_smallest_map_is_measured_and_a_smaller_one_refused(similarity: Any, least: int) -> None:
    assert similarity(noise(least), noise(least)).tolist() == pytest.approx([1])
    for height, width in ((least - 1, least), (least, least - 1)):
        small = noise(least)[:, :height, :width]
        with pytest.raises(ValueError, match=f"{height} x {width} pixels; expected at least {least} x {least}"):
            similarity(small, small)


@pytest.mark.parametrize("similarity", [ssim, partial(hog, cell=4)])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_scale_of_a_map_does_not_count(similarity: Any, scale: float) -> None:
    a, b = noise(16), noise(16, seed=1)
    assert similarity(scale * a, b).tolist() == pytest.approx(similarity(a, b).tolist(), abs=1e-4)
    assert similarity(a, scale * b).tolist() == pytest.approx(similarity(a, b).tolist(), abs=1e-4)


@pytest.mark.parametrize("similarity", [ssim, partial(hog, cell=4)])
def test_signs_count_unless_absolute_values_are_asked_for(similarity: Any) -> None:
    """The second map is the first with its lower half turned round."""
    a = noise(16)
    b = a.clone()
    b[:, 8:] *= -1
    assert float(similarity(a, b)) < 0.9
    assert float(similarity(a, b, absolute=True)) == pytest.approx(1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("similarity", [ssim, partial(hog, cell=4)])
def test_a_map_may_be_0_in_places_and_positive_nowhere(similarity: Any) -> None:
    heat = noise(16).min() - noise(16)
    assert similarity(heat, heat).tolist() == pytest.approx([1])


# ---- maps that are no maps ----


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_refused_in_either_map(side: int, value: float) -> None:
    maps = [row(1, 2, 3), row(1, 2, 3)]
    maps[side][0, 0, 1] = value
    with pytest.raises(ValueError, match="a map contains NaN or infinity"):
        spearman(*maps)


@pytest.mark.parametrize("similarity", [spearman, ssim, hog])
def test_what_is_no_map_is_refused_as_such_in_either_place(similarity: Any) -> None:
    for wrong, kind in ((torch.zeros(5, 5), ValueError), (torch.zeros(1, 64, 64).long(), TypeError), (3.0, TypeError)):
        for given in ((wrong, noise(64)), (noise(64), wrong)):
            with pytest.raises(kind, match=r"expected (three dimensions|floating-point)"):
                similarity(*given)


def test_maps_that_vary_by_little_are_no_constants() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spearman(row(1, 1 + 1e-6, 1), row(0, 1, 0)).tolist() == pytest.approx([1])


def test_maps_of_another_device_or_of_half_precision() -> None:
    with pytest.raises(ValueError, match="the maps are on cpu and meta; expected both on one device"):
        spearman(row(1, 2, 3), row(1, 2, 3).to("meta"))
    assert spearman(row(1, 2, 3).bfloat16(), row(1, 3, 2).bfloat16()).tolist() == pytest.approx([0.5])
