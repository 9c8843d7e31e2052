"""Figures of notebook 09: the scoreboard."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vislib.course.plots import figure
from vislib.course.plots.roar import shown

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


def board(
    table: "DataFrame", *, controls: Sequence[str] = ("sobel", "disc"), width: float = 9.0, row: float = 0.45
) -> "Figure":
    """Draw a table of explainers (rows) and tests (columns): value, interval, and the verdict as colour and sign.

    Args:
        table: with the columns explainer, test, value, low, high, verdict, as from `vislib.course.scoreboard.scoreboard`.
        controls: explainers that are no methods: a line stands above the first of them.
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
        where = {"ha": "center", "va": "center"}
        axis.text(x, y - (0 if alone else 0.16), f"{_number(one.value)} {sign}".strip(), fontsize=10, **where)
        if not alone:
            limits = f"{_number(one.low)} to {_number(one.high)}"
            axis.text(x, y + 0.22, limits, fontsize=8.5, color="#333333", **where)
    first = next((explainers.index(name) for name in explainers if name in controls), None)
    if first:
        axis.axhline(first - 0.5, color="black", linewidth=1, clip_on=False)
    axis.set(xlim=(-0.5, len(tests) - 0.5), ylim=(len(explainers) - 0.5, -0.5))
    axis.set_xticks(range(len(tests)), [test.replace(" ", "\n") for test in tests])
    axis.set_yticks(range(len(explainers)), [shown(name) for name in explainers])
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return made


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
