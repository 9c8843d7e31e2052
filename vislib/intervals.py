"""Intervals of means over a few seeds: the bootstrap, widened for small samples."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def interval(values: Floats, *, level: float = 0.95, draws: int = 10_000, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the ends of an interval of the mean over the first axis of values (n, …), each (…).

    From five values on it is a bootstrap interval. The plain percentile interval is much too narrow for few values, so
    the percentiles lie further out, by as much as Student's t is wider than the normal distribution, and n / (n - 1) for
    the bootstrap's own variance. A bootstrap never leaves the range of the values, and fewer than five values have the
    mean outside their range too often (two of them every other time): then it is Student's interval. With one value
    nothing is known, and the ends are NaN.

    Efron 1979, Bootstrap Methods, https://doi.org/10.1214/aos/1176344552
    Hesterberg 2015, What Teachers Should Know About the Bootstrap, https://arxiv.org/abs/1411.5279
    """
    from scipy.stats import norm, t

    n, mean = len(values), values.mean(0)
    if n < 2:
        unknown = np.full(values.shape[1:], np.nan)
        return unknown, unknown
    wide = float(t.ppf((1 + level) / 2, n - 1))
    if n < 5:
        reach = wide * values.std(0, ddof=1) / np.sqrt(n)
        return mean - reach, mean + reach
    tail = float(norm.cdf(-wide * np.sqrt(n / (n - 1))))
    low, high = np.quantile(np.tensordot(_shares(n, draws, seed), values, 1), [tail, 1 - tail], axis=0)
    return low, high


@cache
def _shares(n: int, draws: int, seed: int) -> Floats:
    """Return how large a share of each draw each of n values is, (draws, n)."""
    drawn = np.random.default_rng(seed).integers(n, size=(draws, n))
    return np.stack([(drawn == i).mean(1) for i in range(n)], 1)


def verdict(low: float, high: float) -> str:
    """Return what an interval of a difference says: "higher", "lower", or that it cannot be told."""
    return "higher" if low > 0 else "lower" if high < 0 else "cannot be told"
