"""What belongs to notebook 09: the scoreboard as a figure and as an explorer, a rival of the reader's, and the culprit."""

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vislib import controls, data
from vislib.course import mystery
from vislib.course.figures import figure, shown, wrapped
from vislib.course.names import beside, on_page
from vislib.course.verdict import NOT_YET, Verdict, attempt, tensor_verdict
from vislib.data import ImageSet
from vislib.faithfulness import mass_inside
from vislib.fills import gaussian

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from vislib.course.frame import Explorer


# Light, so that black figures can be read on them, and told apart without colour by the sign beside the figure.
_VERDICTS = {
    "better": ("#cfe3f3", "+"),
    "worse": ("#f7d3bd", "−"),
    "inconclusive": ("#efefef", "?"),
    "no interval": ("white", ""),
}


def colourful(model: nn.Module, images: Tensor, target: Any) -> Tensor:
    """The largest channel minus the smallest, blurred until thin strokes fade, (B, H, W): a map that asks no network."""
    return gaussian((images.amax(1) - images.amin(1))[:, None], 3.0)[:, 0]


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
        axis.text(x, y - (0 if alone else 0.16), f"{_number(one.value)} {sign}".strip(), fontsize=11, **where)
        if not alone:
            limits = f"{_number(one.low)} to {_number(one.high)}"
            axis.text(x, y + 0.22, limits, fontsize=8.5, color="#333333", **where)
    first = next((explainers.index(name) for name in explainers if name in controls), None)
    if first:
        axis.axhline(first - 0.5, color="black", linewidth=1, clip_on=False)
    axis.set(xlim=(-0.5, len(tests) - 0.5), ylim=(len(explainers) - 0.5, -0.5))
    axis.set_xticks(range(len(tests)), [beside(wrapped(test, (width - 1.6) / len(tests))) for test in tests])
    axis.set_yticks(range(len(explainers)), [beside(shown(name)) for name in explainers])
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return made


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


_WIDTH = 260  # pixels of the longest bar
_COLOURS = {"better": "#0072b2", "worse": "#d55e00"}


def explorer(table: "DataFrame", tests: Mapping[str, str]) -> "Explorer":
    """Choose a test, and see the explainers in its order, with their intervals.

    Args:
        table: with the columns explainer, test, value, low, high, verdict, as from `vislib.course.scoreboard.scoreboard`.
        tests: test -> what its number means; it says "lower is better" where that is so.

    Raises:
        ValueError: for a test that is not in the table.
    """
    import ipywidgets as widgets

    from vislib.course.frame import Explorer

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
        cells = (on_page(one.explainer), f"{one.value:.2f}", limits, bar, on_page(one.verdict))
        rows.append(
            "<tr>" + "".join(f'<td style="padding:2px 8px;text-align:left">{cell}</td>' for cell in cells) + "</tr>"
        )
    return f"<p><b>{on_page(test)}</b>: {on_page(meaning)}</p><table>{''.join(rows)}</table>"


def spotless(table: "DataFrame", rivals: Sequence[str] = ("sobel", "disc")) -> int:
    """Return how many methods have no verdict but "better" in a table as for `board`, where there is an interval."""
    methods = table[~table.explainer.isin(rivals) & (table.verdict != "no interval")]
    return int(methods.groupby("explainer").verdict.agg(lambda said: set(said) == {"better"}).sum())


def edgiest(model: nn.Module, scenes: ImageSet) -> int:
    """Return which scene that the model answers rightly has edges that gather most on the object, for its size."""
    assert scenes.masks is not None
    inside = mass_inside(model, scenes.images, scenes.labels, controls.sobel, scenes.masks)
    with torch.no_grad():
        right = model(scenes.images).argmax(1) == scenes.labels
    return int((right * inside / scenes.masks.float().mean((1, 2))).argmax())


def check_rival(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `rival(images)`: maps (N, H, W) of images (N, 3, H, W) alone that hit the objects of the board's pictures.

    It has to hit more often than a disc in the middle, by a tenth and more.
    """
    scenes = data.shapes(216, seed=9, device="cpu")
    images, masks = scenes.images, scenes.masks
    assert masks is not None
    answer = attempt(function, images.clone())
    if bad := tensor_verdict(answer, (len(images), *images.shape[2:])):
        return bad
    hits, disc = (_hits(heat, masks) for heat in (answer, controls.disc(nn.Identity(), images, scenes.labels)))
    found = f"Your map hits the object in {hits:.2f} of the pictures, the disc in {disc:.2f}"
    if not hits > disc + 0.1:
        return Verdict("wrong", f"{found}; expected a tenth more. What do all objects have, and their ground has not?")
    return Verdict("right", f"{found}. It never asked the network: compare it with the column *pointing game*.")


def _hits(heat: Tensor, masks: Tensor) -> float:
    """Return how often the highest pixel of maps (N, H, W) lies inside masks (N, H, W)."""
    highest = heat.float().flatten(1).argmax(1, keepdim=True)
    return float(masks.flatten(1).gather(1, highest).float().mean())


def accuse(function: Callable[[], str | None], seed: int | None = None) -> Verdict:
    """Check `suspect()`: the name of the fault, a key of `mystery.SUSPECTS`, of the network that the seed draws.

    A wrong suspect is refused with the first clue that speaks against it; the right one stays unnamed.
    """
    answer = attempt(function)
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if not isinstance(answer, str):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected the name of a suspect.")
    if answer not in mystery.SUSPECTS:
        close = get_close_matches(answer, mystery.SUSPECTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(mystery.SUSPECTS)}."
        return Verdict("wrong", f"There is no suspect {answer!r}; {hint}")
    fault = mystery.truth(seed)
    if answer == fault:
        return Verdict("right", f"Right: {mystery.SUSPECTS[fault]}. Every clue agrees.")
    for number, clue in mystery.CLUES.items():
        if (answer in clue.yes) != (fault in clue.yes):
            here, there = ("yes", "no") if fault in clue.yes else ("no", "yes")
            return Verdict(
                "wrong",
                f"Clue {number} (notebook {clue.notebook[:2]}) speaks against it. {clue.asks} Here the answer is {here}; "
                f"for this suspect it would be {there}.",
            )
    raise AssertionError(f"no clue tells {answer} from {fault}")
