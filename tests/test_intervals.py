"""Intervals of means and what they say, with answers that a hand and a table of Student's t give."""

import numpy as np
import pytest

from vislib.intervals import interval, verdict


@pytest.mark.filterwarnings("error")
def test_one_value_has_no_interval() -> None:
    low, high = interval(np.array([[0.3, 0.7]]))
    assert np.isnan([*low, *high]).tolist() == [True] * 4


@pytest.mark.parametrize(
    ("values", "level", "reach"),
    [
        ([0.0, 2.0], 0.95, 12.706),  # the spread, the root of 2, over the root of 2 values is 1; then t of one degree
        ([1.0, 2.0, 3.0, 4.0], 0.95, 3.182 * (5 / 3) ** 0.5 / 2),  # the variance is 5 / 3; t of three degrees
        ([1.0, 2.0, 3.0, 4.0], 0.50, 0.765 * (5 / 3) ** 0.5 / 2),
    ],
)
def test_fewer_than_five_values_have_students_interval(values: list[float], level: float, reach: float) -> None:
    columns = np.stack([np.array(values), 10 + np.array(values)], 1)
    for column, low, high in zip(columns.T, *interval(columns, level=level), strict=True):
        assert [low, high] == pytest.approx([column.mean() - reach, column.mean() + reach], abs=2e-3)


def test_the_level_is_95_percent_unless_given() -> None:
    values = np.array([[1.0], [2.0], [4.0]])
    assert interval(values) == interval(values, level=0.95)


def test_the_percentiles_of_the_bootstrap_lie_further_out_for_few_values() -> None:
    """Five values, each so large that a draw's mean tells how often each was drawn.

    t of four degrees is 2.776, times the root of 5 / 4 it is 3.104, and a share of 0.00095 of a normal distribution lies
    beyond. Of the 3,125 equally probable draws, 1 (0.0003) is of the least value alone, and 5 more (0.0019 together) have
    the second once: there lies the percentile. Without the root it would be at 0.0028, at the draws with the second twice.
    """
    low, high = interval(np.array([[0.0], [1.0], [5.0], [25.0], [125.0]]), draws=100_000)
    assert low.tolist() == pytest.approx([1 / 5])
    assert high.tolist() == pytest.approx([(4 * 125 + 25) / 5])


def test_ten_values_that_do_not_differ_have_an_interval_without_width() -> None:
    low, high = interval(np.full((10, 2), 0.25))
    assert [*low, *high] == pytest.approx([0.25] * 4)


def test_another_seed_draws_anew_and_the_same_seed_does_not() -> None:
    values = np.random.default_rng(0).normal(size=(10, 3))
    assert np.array_equal(interval(values, seed=1), interval(values, seed=1))
    assert not np.array_equal(interval(values, seed=1), interval(values, seed=2))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.2, "higher"),
        (-0.2, -0.001, "lower"),
        (0.0, 0.2, "cannot be told"),  # 0 lies in an interval that ends there
        (-0.2, 0.0, "cannot be told"),
    ],
)
def test_an_interval_of_a_difference_says_something_if_it_leaves_out_zero(low: float, high: float, said: str) -> None:
    assert verdict(low, high) == said
