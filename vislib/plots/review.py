"""Figures of notebook 09: the scoreboard."""

import math
from typing import TYPE_CHECKING

from vislib.plots import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Light, so that black figures can be read on them, and told apart without colour by the sign beside the figure.
_VERDICTS = {
    "better": ("#cfe3f3", "+"),
    "worse": ("#f7d3bd", "−"),
    "cannot be told": ("#efefef", "?"),
    "no interval": ("white", ""),
}


def board(table: "DataFrame", *, width: float = 9.0, row: float = 0.42) -> "Figure":
    """Draw a table of explainers (rows) and tests (columns): value, interval, and the verdict as colour and sign.

    Args:
        table: with the columns explainer, test, value, low, high, verdict, as from `vislib.scoreboard.scoreboard`.
        width: of the figure, in inches.
        row: height of a row, in inches.
    """
    explainers, tests = (list(dict.fromkeys(table[column])) for column in ("explainer", "test"))
    made, axes = figure(1, 1, (width, row * (len(explainers) + 2)))
    axis = axes[0, 0]
    for one in table.itertuples():
        x, y = tests.index(one.test), explainers.index(one.explainer)
        colour, sign = _VERDICTS[one.verdict]
        axis.fill_between([x - 0.48, x + 0.48], y - 0.46, y + 0.46, color=colour, linewidth=0)
        alone = math.isnan(one.low)
        value = f"{one.value:.2f}".replace("-", "−")
        axis.text(x, y - (0 if alone else 0.14), f"{value} {sign}".strip(), ha="center", va="center", fontsize=10)
        if not alone:
            axis.text(
                x, y + 0.24, f"{one.low:.2f} to {one.high:.2f}", ha="center", va="center", fontsize=7.5, color="#444444"
            )
    axis.set(xlim=(-0.5, len(tests) - 0.5), ylim=(len(explainers) - 0.5, -0.5))
    axis.set_xticks(range(len(tests)), [test.replace(" ", "\n") for test in tests])
    axis.set_yticks(range(len(explainers)), explainers)
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return made
