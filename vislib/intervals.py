"""Intervals of means, for one factor that varies (seeds) and for two at once (seeds and images), and what they say."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def interval(values: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of Student's interval of the mean over the first axis of values (n, …), each (…).

    With one value nothing is known, and the ends are NaN.

    Student 1908, The Probable Error of a Mean, https://doi.org/10.1093/biomet/6.1.1
    """
    n = len(values)
    variance = values.var(0, ddof=1) / n if n > 1 else np.full(values.shape[1:], np.nan)
    return _around(values.mean(0), variance, n - 1, level)


def crossed(values: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of an interval of the mean over seeds and images, values (seeds, images, …), each (…).

    It is about other seeds *and* other images. Each of the two means has its variance; what is left when both are
    subtracted is in both, and counted once. The degrees of freedom are Satterthwaite's. Nothing is known of a factor
    with one value: the ends are NaN.

    Covers 94 to 96 times in a hundred what it should cover 95 times; with two seeds whose mean varies twice as much as that
    of ten images 91 times, with three 93; and more than 98 times where neither seeds nor images differ but by chance.

    Satterthwaite 1946, An Approximate Distribution of Estimates of Variance Components, https://doi.org/10.2307/3002019
    """
    seeds, images = values.shape[:2]
    mean = values.mean((0, 1))
    if min(seeds, images) < 2:
        return _around(mean, np.full(mean.shape, np.nan), 1, level)
    of_seed, of_image = values.mean(1), values.mean(0)
    freedom = np.array([seeds - 1, images - 1, (seeds - 1) * (images - 1)])
    rest = np.square(values - of_seed[:, None] - of_image + mean).sum((0, 1)) / freedom[2]
    parts = np.stack([of_seed.var(0, ddof=1), of_image.var(0, ddof=1), rest], -1) / [seeds, images, seeds * images]
    variance = np.maximum(parts[..., 0] + parts[..., 1] - parts[..., 2], parts[..., :2].max(-1))
    spread = (np.square(parts) / freedom).sum(-1)
    satterthwaite = np.divide(np.square(variance), spread, out=np.ones_like(variance), where=spread > 0)
    return _around(mean, variance, satterthwaite, level)


def pairwise(pairs: Floats) -> Floats:
    """Return a value per seed (seeds, …) for the mean over all pairs of seeds (pairs, …), in the order of `combinations`.

    Pairs that share a seed are not independent. A seed's value is what the mean would have to be for the other seeds
    alone to miss it by as much as they do (the jackknife, which drops all pairs of a seed together); they have the mean
    of the pairs, and `interval` and `crossed` take them like any others. With two seeds nothing is left when one is
    dropped: NaN.

    Raises:
        ValueError: for a number of pairs that no number of seeds has.

    Quenouille 1956, Notes on Bias in Estimation, https://doi.org/10.1093/biomet/43.3-4.353
    """
    seeds = round((1 + (1 + 8 * len(pairs)) ** 0.5) / 2)
    if seeds < 2 or seeds * (seeds - 1) // 2 != len(pairs):
        raise ValueError(f"there are {len(pairs)} pairs; expected all pairs of some seeds, such as 3, 6 or 10.")
    if seeds < 3:
        return np.full((seeds, *pairs.shape[1:]), np.nan)
    of = np.array(list(combinations(range(seeds), 2)))
    without = np.stack([pairs[(of != seed).all(1)].mean(0) for seed in range(seeds)])
    found: Floats = seeds * pairs.mean(0) - (seeds - 1) * without
    return found


def verdict(low: float, high: float, *, better: str = "higher") -> str:
    """Return what an interval of a difference says: "better", "worse", or "inconclusive" where it contains 0 or is NaN.

    Args:
        low, high: the ends.
        better: the side of 0, "higher" or "lower", that speaks for what is judged.

    Raises:
        ValueError: if `better` is neither.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better is {better!r}; expected 'higher' or 'lower'.")
    if not (low > 0 or high < 0):
        return "inconclusive"
    return "better" if (low > 0) == (better == "higher") else "worse"


def _around(mean: Floats, variance: Floats, freedom: Any, level: float) -> tuple[Floats, Floats]:
    from scipy.stats import t

    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; expected a share between 0 and 1, such as 0.95.")
    reach = t.ppf((1 + level) / 2, freedom) * np.sqrt(variance)
    return mean - reach, mean + reach
