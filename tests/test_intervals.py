"""Intervals of means and what they say, with answers that a hand and a table of Student's t give, and how often they cover."""

from itertools import combinations

import numpy as np
import pytest

from vislib.intervals import Floats, crossed, interval, pairwise, verdict

# ---- one factor ----


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
        ([*range(1, 11)], 0.95, 2.262 * (55 / 6 / 10) ** 0.5),  # the variance is 55 / 6; t of nine degrees
    ],
)
def test_the_interval_is_students(values: list[float], level: float, reach: float) -> None:
    columns = np.stack([np.array(values), 10 + np.array(values)], 1)
    for column, low, high in zip(columns.T, *interval(columns, level=level), strict=True):
        assert [low, high] == pytest.approx([column.mean() - reach, column.mean() + reach], abs=2e-3)


def test_the_level_is_95_percent_unless_given() -> None:
    values = np.array([[1.0], [2.0], [4.0]])
    assert interval(values) == interval(values, level=0.95)
    two = np.arange(6.0).reshape(2, 3) ** 2
    assert crossed(two) == crossed(two, level=0.95)


def test_values_that_do_not_differ_have_an_interval_without_width() -> None:
    assert [*interval(np.full((10, 1), 0.25))] == pytest.approx([0.25, 0.25])
    assert [*crossed(np.full((10, 4), 0.25))] == pytest.approx([0.25, 0.25])


# ---- two factors ----


def test_seeds_that_alone_differ_have_students_interval_of_their_means() -> None:
    seeds = np.array([1.0, 2.0, 4.0])
    found = crossed(np.repeat(seeds[:, None], 6, 1))
    assert [*found] == pytest.approx([float(end) for end in interval(seeds)])


def test_images_that_alone_differ_have_students_interval_of_theirs() -> None:
    images = np.array([1.0, 2.0, 4.0, 4.5])
    found = crossed(np.repeat(images[None], 7, 0))
    assert [*found] == pytest.approx([float(end) for end in interval(images)])


def test_what_is_in_both_variances_is_counted_once() -> None:
    """Seeds 0 and 2, images 0 and 2, no rest: variances 1 and 1, together 2, degrees of freedom 4 / (1 + 1) = 2."""
    low, high = crossed(np.array([[0.0, 2.0], [2.0, 4.0]]))
    reach = 4.303 * 2**0.5
    assert [low, high] == pytest.approx([2 - reach, 2 + reach], abs=2e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (1, 1), (1, 4, 3)])
def test_one_seed_or_one_image_tells_nothing_of_others(shape: tuple[int, ...]) -> None:
    low, high = crossed(np.ones(shape))
    assert low.shape == high.shape == shape[2:]
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_columns_are_judged_one_by_one() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 2))
    for k, (low, high) in enumerate(zip(*crossed(values), strict=True)):
        assert (low, high) == crossed(values[..., k])


# ---- pairs of seeds ----


def test_a_seed_that_is_unlike_all_others_is_seen_in_its_value() -> None:
    """Pairs of four seeds; those of seed 3 are 1 and the others 0: without it the mean is 0, else two of three pairs."""
    values = pairwise(np.array([float(3 in pair) for pair in combinations(range(4), 2)]))
    assert values.mean() == pytest.approx(0.5)
    assert values.tolist() == pytest.approx([0, 0, 0, 2])


def test_sums_of_two_seeds_have_the_interval_of_twice_the_seeds() -> None:
    seeds = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    pairs = np.array([seeds[a] + seeds[b] for a, b in combinations(range(5), 2)])
    assert pairwise(pairs) == pytest.approx(2 * seeds)


def test_pairs_are_those_of_some_seeds() -> None:
    assert np.isnan(pairwise(np.ones((1, 3)))).all()
    assert pairwise(np.ones((1, 3))).shape == (2, 3)
    for wrong in (0, 2, 4, 5):
        with pytest.raises(ValueError, match=f"there are {wrong} pairs; expected all pairs"):
            pairwise(np.ones(wrong))


# ---- coverage ----

DRAWS = 5000


def _share_covered(low: Floats, high: Floats) -> float:
    return float(((low <= 0) & (high >= 0)).mean())


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_one_factor_covers_what_it_promises(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(size=(seeds, DRAWS))
    assert 0.94 < _share_covered(*interval(values)) < 0.96


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize(
    ("of_seeds", "of_images"), [(1, 0), (0, 1), (1, 1)], ids=["seeds differ", "images differ", "both differ"]
)
def test_two_factors_cover_what_they_promise(seeds: int, of_seeds: float, of_images: float) -> None:
    """Ten images; where both factors differ, each has an equal part in the variance of the mean."""
    drawn, images = np.random.default_rng(seeds), 10
    values = (
        of_seeds * seeds**0.5 * drawn.normal(size=(seeds, 1, DRAWS))
        + of_images * images**0.5 * drawn.normal(size=(1, images, DRAWS))
        + 0.5 * drawn.normal(size=(seeds, images, DRAWS))
    )
    assert 0.93 <= _share_covered(*crossed(values)) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("of_images", [0, 1], ids=["seeds differ", "both differ"])
def test_pairs_of_seeds_cover_what_they_promise(seeds: int, of_images: float) -> None:
    drawn, images = np.random.default_rng(seeds), 10
    of_seed = drawn.normal(size=(seeds, 1, DRAWS))
    pairs = np.stack([of_seed[a] + of_seed[b] for a, b in combinations(range(seeds), 2)])
    pairs = pairs + 2 * of_images * (images / seeds) ** 0.5 * drawn.normal(size=(1, images, DRAWS))
    values = pairwise(pairs + 0.5 * drawn.normal(size=(len(pairs), images, DRAWS)))
    assert 0.93 <= _share_covered(*crossed(values)) <= 0.97


# ---- what an interval says ----


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.2, "better"),
        (-0.2, -0.001, "worse"),
        (0.0, 0.2, "inconclusive"),  # 0 lies in an interval that ends there
        (-0.2, 0.0, "inconclusive"),
        (float("nan"), float("nan"), "inconclusive"),
    ],
)
def test_an_interval_of_a_difference_says_something_if_it_leaves_out_zero(low: float, high: float, said: str) -> None:
    assert verdict(low, high) == said
    assert verdict(-high, -low, better="lower") == said


def test_better_is_higher_or_lower() -> None:
    with pytest.raises(ValueError, match="better is 'up'; expected 'higher' or 'lower'"):
        verdict(0, 1, better="up")


@pytest.mark.parametrize("level", [95, 1, 0, -0.5, float("nan")])
def test_a_level_is_a_share(level: float) -> None:
    for of in (interval, crossed):
        with pytest.raises(ValueError, match=r"level is .*; expected a share between 0 and 1, such as 0\.95"):
            of(np.arange(6.0).reshape(3, 2), level=level)
