"""The scoreboard: every explainer of the course in every test, put together from the stored tables.

No single number is the quality of an explanation. Each test asks its own question, of its own network and pictures; the
board sets the answers side by side, and says of each whether the explainer does better than a random map.
"""

from typing import TYPE_CHECKING

import torch

from vislib import sanity
from vislib.course import results
from vislib.intervals import verdict
from vislib.roar.result import RoadResult, RoarResult

if TYPE_CHECKING:
    from pandas import DataFrame

TESTS = {
    "random weights": "similarity to the trained network's map when 10 of 19 blocks are random (lower is better)",
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
SAME = 0.9  # two independent random networks more alike than this: no network has a say


def scoreboard() -> "DataFrame":
    """Return the board: a row per explainer and test, with the columns explainer, test, value, low, high, verdict.

    The limits are those of 95 % intervals, NaN where there is none (ROAD asks one network, once). The verdict is "better"
    or "worse" (than a random map; for random weights: than strangers), or "cannot be told". What was not tried is absent.

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
    said = {"higher": "better", "lower": "worse"}.get(verdict(low, high), "cannot be told")
    return explainer, test, value, low, high, said


def _random_weights() -> list[Row]:
    table, floors = results.stored("sanity"), results.stored("sanity_floor")
    rows = []
    for name, method in EXPLAINERS.items():
        if method is None:
            continue
        half = table[(table.method == method) & (table.depth == HALF)]
        values = torch.tensor(half.spearman.tolist())[:, None]  # (seeds, 1, photos)
        floor = torch.tensor(floors[floors.method == method].spearman.tolist())
        (low,), (high,) = sanity.interval(values)
        (above,), _ = sanity.interval(values, floor)
        fails = above > 0 or floor.mean() > SAME
        said = "worse" if fails else "better"
        rows.append((name, "random weights", float(values.mean()), float(low), float(high), said))
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
