"""Notebook 07: what is left of a map when the network goes to pieces, read from the stored cascades."""

from functools import cache

import pandas as pd

from experiments.claims.claim import Claim, Found, found
from experiments.files import table
from vislib.course.results import stored

WHERE = "07_sanity_checks"
MEASURES = ["spearman", "absolute", "ssim", "hog"]
SEEDS = [0, 1, 2, 3, 4]
PHOTOS = list(range(10))


@cache
def _cascades() -> pd.DataFrame:
    return stored("sanity").set_index(["method", "depth", "seed"])


def _alike(method: str, depth: int, seed: int, photo: int, measure: str = "spearman") -> float:
    """How alike the maps of the trained network and of one with so many random blocks are."""
    return float(_cascades().loc[(method, depth, seed), measure][photo])


def _beyond_half_way(method: str, seed: int, photo: int, measure: str = "spearman") -> float:
    """With ten random blocks: the similarity above half way between that of a stranger's map and that of the same map."""
    return _alike(method, 10, seed, photo, measure) - (1 + _alike(method, 19, seed, photo, measure)) / 2


def guided(seed: int, photo: int) -> Found:
    """Guided backprop keeps more than half, the gradient does not."""
    kept, rival = (_beyond_half_way(method, seed, photo) for method in ("guided_backprop", "gradient"))
    return found(kept > 0, rival > 0, guided=kept, gradient=rival)


CLAIMS = [
    Claim(
        "sanity.guided",
        "With the ten upper blocks random, guided backprop's map is nearer to the trained network's than to a stranger's.",
        [WHERE, "card:sanity.guided"],
        {"seed": SEEDS, "photo": PHOTOS},
        guided,
        rival="the gradient's map",
        files=[table("sanity")],
    ),
]
