"""What a sweep of ROAR has found: its table, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vislib.explain import check_choice
from vislib.intervals import Floats, interval, verdict

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@dataclass(frozen=True)
class RoarResult:
    """Accuracies of networks that were retrained on images without some of their pixels; ``joblib.dump`` keeps one in a file.

    Args:
        table: a row per cell, with the columns explainer, fraction (removed), seed, accuracy (in [0, 1]).
        before: explainer, fraction, accuracy: the base network, not retrained, on the same test images.
        clean: the accuracy of the base network on whole images.
        setting: keep, mask_only, fill, and how the networks were trained.
    """

    table: "DataFrame"
    before: "DataFrame | None" = None
    clean: float | None = None
    setting: dict[str, Any] = field(default_factory=dict)

    @property
    def explainers(self) -> list[str]:
        """The names, controls included, in the order of the table."""
        return list(dict.fromkeys(self.table["explainer"]))

    @property
    def fractions(self) -> list[float]:
        """The shares of removed pixels, ascending."""
        return sorted(set(self.table["fraction"]))

    def values(self, explainer: str) -> Floats:
        """Return the accuracies of one explainer, (seeds, fractions).

        Raises:
            ValueError: for a name that is not in the table, with those that are.
        """
        if explainer not in self.explainers:
            raise ValueError(f"there is no explainer {explainer!r}; expected one of {', '.join(self.explainers)}.")
        rows = self.table[self.table["explainer"] == explainer]
        return np.asarray(rows.pivot(index="seed", columns="fraction", values="accuracy"), np.float64)

    def area(self, explainer: str) -> Floats:
        """Return the mean height of the curve for each seed, (seeds,): the area under it, over the width of its fractions."""
        values, fractions = self.values(explainer), np.array(self.fractions)
        if len(fractions) == 1:
            return values[:, 0]
        area: Floats = np.trapezoid(values, fractions, axis=1) / (fractions[-1] - fractions[0])
        return area

    def intervals(self, *, level: float = 0.95) -> "DataFrame":
        """Return the mean accuracy over seeds and Student's interval of it: explainer, fraction, mean, low, high.

        The interval is about other trainings on the same images; with one seed it is unknown, NaN.
        """
        return self._frame({name: self.values(name) for name in self.explainers}, level)

    def areas(self, *, level: float = 0.95) -> "DataFrame":
        """Return the area under each curve: explainer, mean, low, high. Lower is better for ROAR, higher for KAR."""
        return self._frame({name: self.area(name)[:, None] for name in self.explainers}, level).drop(columns="fraction")

    def differences(self, against: str = "random", *, level: float = 0.95) -> "DataFrame":
        """Compare every curve with one of them, seed by seed: explainer, fraction, mean, low, high, verdict.

        A difference is the accuracy of the explainer minus that of `against`, for the same initial weights and the same
        order of batches. The verdict is "better" or "worse" where the interval leaves out 0, else "inconclusive"; lower
        is better, and higher where the pixels were kept.
        """
        return self._judged(self.values, against, level)

    def area_differences(self, against: str = "random", *, level: float = 0.95) -> "DataFrame":
        """Compare the areas in the same way: explainer, mean, low, high, verdict."""
        return self._judged(lambda name: self.area(name)[:, None], against, level).drop(columns="fraction")

    def _judged(self, of: Callable[[str], Floats], against: str, level: float) -> "DataFrame":
        other = of(against)
        table = self._frame({name: of(name) - other for name in self.explainers if name != against}, level)
        better = "higher" if self.setting.get("keep") else "lower"
        ends = zip(table["low"], table["high"], strict=True)
        return table.assign(verdict=[verdict(low, high, better=better) for low, high in ends])

    def _frame(self, values: dict[str, Floats], level: float) -> "DataFrame":
        import pandas as pd

        rows = []
        for name, found in values.items():
            columns = zip(self.fractions, found.mean(0), *interval(found, level=level), strict=False)
            rows += [{"explainer": name, "fraction": f, "mean": m, "low": a, "high": b} for f, m, a, b in columns]
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class RoadResult:
    """Accuracies of one network, not retrained, on test images without some of their pixels.

    Args:
        table: a row per cell, with the columns explainer, order, fraction (removed), accuracy (in [0, 1]). In the order
            "most_first" the pixels that are ranked highest go first, and lower is better; in "least_first" they go
            last, and higher is better.
    """

    table: "DataFrame"

    def areas(self, order: str = "most_first") -> "Series":
        """Return the mean height of each curve, by explainer.

        Raises:
            ValueError: for an order that is not in the table.
        """
        check_choice(order, "order", dict.fromkeys(self.table["order"]))
        rows = self.table[self.table["order"] == order].assign(seed=0)
        return RoarResult(rows).areas().set_index("explainer")["mean"]
