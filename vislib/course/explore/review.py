"""The scoreboard, sorted by the question that you ask."""

import html
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from vislib.course.explore._frame import Explorer

if TYPE_CHECKING:
    from pandas import DataFrame

_WIDTH = 260  # pixels of the longest bar
_COLOURS = {"better": "#0072b2", "worse": "#d55e00"}


def scoreboard(table: "DataFrame", tests: Mapping[str, str]) -> Explorer:
    """Choose a test, and see the explainers in its order, with their intervals.

    Args:
        table: with the columns explainer, test, value, low, high, verdict, as from `vislib.course.scoreboard.scoreboard`.
        tests: test -> what its number means; it says "lower is better" where that is so.

    Raises:
        ValueError: for a test that is not in the table.
    """
    known = list(dict.fromkeys(table.test))
    if missing := [test for test in tests if test not in known]:
        raise ValueError(f"the table has no test {missing[0]!r}; expected some of {', '.join(known)}.")
    test = widgets.Dropdown(options=list(tests), description="test")
    words = widgets.HTML()

    def draw(change: Any = None) -> None:
        words.value = _page(table, str(test.value), tests[str(test.value)])

    test.observe(draw, names="value")
    draw()
    return Explorer([test, words], "Scoreboard", _page(table, next(iter(tests)), next(iter(tests.values()))))


def _page(table: "DataFrame", test: str, meaning: str) -> str:
    """Return one test as a table with bars, the best explainer first."""
    chosen = table[table.test == test].sort_values("value", ascending="lower is better" in meaning)
    longest = max(float(chosen.value.abs().max()), 1e-9)
    rows = []
    for one in chosen.itertuples():
        length = round(_WIDTH * abs(one.value) / longest)
        colour = _COLOURS.get(one.verdict, "#8c8c8c")
        bar = f'<div style="width:{length}px;height:12px;background:{colour}"></div>'
        limits = "" if math.isnan(one.low) else f"{one.low:.2f} to {one.high:.2f}"
        cells = (html.escape(one.explainer), f"{one.value:.2f}", limits, bar, html.escape(one.verdict))
        rows.append(
            "<tr>" + "".join(f'<td style="padding:2px 8px;text-align:left">{cell}</td>' for cell in cells) + "</tr>"
        )
    return f"<p><b>{html.escape(test)}</b>: {html.escape(meaning)}</p><table>{''.join(rows)}</table>"
