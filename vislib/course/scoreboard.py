"""The scoreboard: every explainer of the course in every test, put together from the stored tables.

No single number is the quality of an explanation. Each test asks its own question, of its own network and pictures; the
board sets the answers side by side, and says of each whether the explainer does better than a random map.
"""

from typing import TYPE_CHECKING

import numpy as np

from vislib.course import results
from vislib.intervals import crossed, verdict
from vislib.roar.result import RoadResult, RoarResult

if TYPE_CHECKING:
    from pandas import DataFrame

TESTS = {
    "random weights": "similarity to the trained network's map with 10 of 19 blocks random, above the middle between "
    "an independent random network's map and the same map (lower is better)",
    "ROAR": "accuracy lost by removing and retraining, more than with random pixels (higher is better)",
    "ROAD": "accuracy lost by removing without retraining, more than with random pixels (higher is better)",
    "deletion": "area of the deletion curve, below that of a random map (higher is better)",
    "insertion": "area of the insertion curve, above that of a random map (higher is better)",
    "pointing game": "how often the highest pixel lies on the object, above a random map (higher is better)",
    "mass inside": "share of the map that lies on the object, above a random map (higher is better)",
}
EXPLAINERS = {  # name -> its name in the table of random weights, where it has a place there
    "gradient": "gradient",
    "input × gradient": "input_x_gradient",
    "SmoothGrad": "smoothgrad",
    "SmoothGrad²": None,
    "VarGrad": None,
    "integrated gradients": "integrated_gradients",
    "guided backprop": "guided_backprop",
    "Grad-CAM": "grad_cam",
    "occlusion": "occlusion",
    "sobel": "sobel",
    "disc": None,
}
HALF = 10  # blocks
SAME = 0.9  # a wholly random network more like the trained one than this: no network has a say


def scoreboard() -> "DataFrame":
    """Return the board: a row per explainer and test, with the columns explainer, test, value, low, high, verdict.

    The limits are those of 95 % intervals, NaN where there is none (ROAD asks one network, once). The verdict is "better"
    or "worse" (than a random map; for random weights: than half way, see `TESTS`), or "inconclusive": what the
    interval beside it says, or "no interval", but for maps in which no network has a say, not even a wholly random one
    (Sobel), which are "worse" by definition. What was not tried is absent.

    Raises:
        FileNotFoundError: if a table has not been computed, with the command that does it.
    """
    import pandas as pd

    rows = [*_random_weights(), *_retrained(), *_asked(), *_known()]
    board = pd.DataFrame(rows, columns=["explainer", "test", "value", "low", "high", "verdict"])
    places = {name: place for place, name in enumerate([*EXPLAINERS, *TESTS])}
    board = board[board.explainer.isin(EXPLAINERS)]
    return board.sort_values(["explainer", "test"], key=lambda column: column.map(places), ignore_index=True)


Row = tuple[str, str, float, float, float, str]


def _judged(explainer: str, test: str, value: float, low: float, high: float) -> Row:
    return explainer, test, value, low, high, verdict(low, high)


def _random_weights() -> list[Row]:
    table = results.stored("sanity")
    rows = []
    for name, method in EXPLAINERS.items():
        if method is None:
            continue
        of = table[table.method == method]
        half, whole = (np.array(of[of.depth == depth].spearman.tolist()) for depth in (HALF, of.depth.max()))
        above = half - (1 + whole) / 2  # (seeds, photographs)
        low, high = map(float, crossed(above))
        said = "worse" if whole.mean() > SAME else verdict(low, high, better="lower")
        rows.append((name, "random weights", float(above.mean()), low, high, said))
    return rows


def _retrained() -> list[Row]:
    kept = RoarResult(results.stored("roar_shapes")).area_differences()  # accuracy that is left, more than with random
    return [_judged(row.explainer, "ROAR", -row.mean, -row.high, -row.low) for row in kept.itertuples(name="Kept")]


def _asked() -> list[Row]:
    table = results.stored("roar_without")
    areas = RoadResult(table[(table.data == "shapes") & (table.fill == "linear")]).areas()
    unknown = float("nan")
    return [(name, "ROAD", areas["random"] - area, unknown, unknown, "no interval") for name, area in areas.items()]


def _known() -> list[Row]:
    table = results.stored("scoreboard").set_index("explainer")
    columns = {
        name.replace("_", " "): table[name] for name in ("deletion", "insertion", "pointing_game", "mass_inside")
    }
    return [_judged(name, test, *values) for test, column in columns.items() for name, values in column.items()]
