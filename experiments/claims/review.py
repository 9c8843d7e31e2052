"""Notebook 09: what the board says of methods and controls, on new pictures."""

from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.mystery import HONEST
from experiments.scoreboard import EXPLAINERS
from vislib import controls, data, faithfulness, models
from vislib.course.mystery import CLUES, SUSPECTS
from vislib.course.results import stored
from vislib.course.scoreboard import scoreboard
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.models import Classifier

WHERE = "09_review"
FEW = 54
SCENES = [9, 10, 11, 12, 13]  # seeds of the pictures; those of the board have seed 9
METHODS = [name for name in EXPLAINERS if name not in ("random", "sobel", "disc")]
BOARD = [files.table(name) for name in ("scoreboard", "sanity", "roar_shapes", "roar_without")]
OPENED = [*files.SHAPES, *files.trained("shapes_object")]

PLAIN = [
    "review.blackbox",
    "review.tools",
    "review.checks",
    "review.compared",
    "review.mark",
    "exam:review.exam_snow",
]


def corner(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """A disc as well, but around a corner."""
    heat = controls.disc(model, images, target)
    return heat.roll((heat.shape[1] // 2, heat.shape[2] // 2), (1, 2))


KNOWN: dict[str, Explainer] = {**EXPLAINERS, "corner": corner}


@cache
def _pictures(seed: int) -> tuple[Classifier, ImageSet]:
    return models.trained("shapes_object", device="cpu"), data.shapes(FEW, seed=seed, device="cpu")


@cache
def _score(test: str, explainer: str, seed: int) -> float:
    """Return what a test says of an explainer, the mean over the pictures; higher is better."""
    model, scenes = _pictures(seed)
    assert scenes.masks is not None
    masks = scenes.masks
    heat = masks.float() if explainer == "object" else KNOWN[explainer](model, scenes.images, scenes.labels)
    given = (model, scenes.images, scenes.labels, lambda *_: heat)
    if test == "deletion":
        return -float(faithfulness.deletion(*given).areas.mean())
    if test == "insertion":
        return float(faithfulness.insertion(*given).areas.mean())
    known = faithfulness.pointing_game if test == "pointing game" else faithfulness.mass_inside
    return float(known(*given, masks).mean())


def weak_rival(test: str, scenes: int) -> Found:
    """A disc in the middle beats a random map, since the objects lie there; a disc around a corner does not."""
    gain, rival = (_score(test, who, scenes) - _score(test, "random", scenes) for who in ("disc", "corner"))
    return found(gain > 0, rival > 0, middle=gain, corner=rival)


def best_control(test: str, method: str, scenes: int) -> Found:
    """Each method beats the better of disc and edges where the object is known; the edges do not beat the disc."""
    best = max(_score(test, "disc", scenes), _score(test, "sobel", scenes))
    ahead = _score(test, method, scenes) - best
    return found(ahead > 0, _score(test, "sobel", scenes) > _score(test, "disc", scenes), ahead=ahead)


def little_to_gain(scenes: int) -> Found:
    """Holes at random destroy the answer nearly as soon as one hole in place of the object; the edges do not."""
    from_truth, rival = (
        _score("deletion", "object", scenes) - _score("deletion", who, scenes) for who in ("random", "sobel")
    )
    return found(abs(from_truth) < 0.1, abs(rival) < 0.1, at_random=from_truth, edges=rival)


def _limit(methods: int, seed: int) -> float:
    """Return within what 95 of 100 rank correlations of unrelated orders lie."""
    generator = torch.Generator().manual_seed(seed)
    orders = torch.stack([torch.randperm(methods, generator=generator) for _ in range(1000)]).double()
    return float(torch.corrcoef(orders)[0, 1:].abs().quantile(0.95))


def few_methods(seed: int) -> Found:
    """Unrelated orders of nine methods correlate up to 0.7; those of thirty do not."""
    nine, thirty = _limit(9, seed), _limit(30, seed)
    return found(nine > 0.6, thirty > 0.6, nine=nine, thirty=thirty)


def _as_strong(methods: int, seed: int) -> float:
    """Return how often six unrelated orders have a pair at least as alike as the most alike pair of tests on the board."""
    board = scoreboard().query("test != 'random weights' and explainer in @METHODS", local_dict={"METHODS": METHODS})
    alike = board.pivot(index="explainer", columns="test", values="value").corr("spearman").to_numpy(copy=True)
    np.fill_diagonal(alike, 0)
    orders = torch.rand(500, 6, methods, generator=torch.Generator().manual_seed(seed)).argsort(-1).double()
    strongest = torch.stack([torch.corrcoef(some).fill_diagonal_(0).abs().max() for some in orders])
    return float((strongest >= np.abs(alike).max() - 1e-9).double().mean())


def no_pair(seed: int) -> Found:
    """Unrelated orders of nine methods have a pair as alike as the board's most alike in a fifth of cases; of thirty not."""
    nine, thirty = _as_strong(9, seed), _as_strong(30, seed)
    return found(nine > 0.2, thirty > 0.2, nine=nine, thirty=thirty)


@cache
def _networks() -> pd.DataFrame:
    return stored("mystery").set_index(["fault", "seed"]).sort_index()


def _limit_without(number: int, seed: int) -> float:
    """Return the middle between the networks that say yes to a clue and those that say no, without those of one seed."""
    others = _networks().drop([seed], level="seed").drop(HONEST)[f"clue_{number}"]
    yes = others.index.get_level_values("fault").isin(list(CLUES[number].yes))
    return float((others[yes].min() + others[~yes].max()) / 2)


def clues(fault: str, seed: int) -> Found:
    """With limits from all other seeds the clues leave the culprit alone; of a network without a fault they do not."""

    def left(network: str) -> list[str]:
        values = _networks().loc[(network, seed)]
        said = {n: values[f"clue_{n}"] > _limit_without(n, seed) for n in CLUES}
        return [suspect for suspect in SUSPECTS if all((suspect in CLUES[n].yes) == yes for n, yes in said.items())]

    return found(left(fault) == [fault], left(HONEST) == [fault])


def convicts(fault: str, seed: int) -> Found:
    """Where its fault bites, a network falls far below what it does where another would; one without a fault does not."""

    def falls(network: str) -> float:
        row = _networks().loc[(network, seed)]
        return float(row[[what for what in SUSPECTS if what != fault]].min() - row[fault])

    culprit, rival = falls(fault), falls(HONEST)
    return found(culprit > 0.2, rival > 0.2, culprit=culprit, rival_falls=rival)


CLAIMS = [
    Claim(
        "review.rival",
        "A disc in the middle beats a random map in insertion, pointing game and mass inside: the objects lie there.",
        [WHERE, "card:review.pointing", "card:review.disc", "exam:review.exam_disc"],
        {"test": ["insertion", "pointing game", "mass inside"], "scenes": SCENES},
        weak_rival,
        rival="a disc around a corner",
        files=OPENED,
    ),
    Claim(
        "review.control",
        "In pointing game and mass inside each of the nine methods beats the better of disc and edges.",
        [WHERE],
        {"test": ["pointing game", "mass inside"], "method": METHODS, "scenes": SCENES},
        best_control,
        rival="the edges against the disc",
        files=OPENED,
    ),
    Claim(
        "review.deletion",
        "Holes at random end the answer nearly as soon as a hole in place of the object.",
        [WHERE],
        {"scenes": SCENES},
        little_to_gain,
        rival="the edges first",
        files=OPENED,
    ),
    Claim(
        "review.orders",
        "Rank correlations of unrelated orders of nine methods reach 0.6 and more in one of twenty pairs.",
        [WHERE],
        {"seed": list(range(10))},
        few_methods,
        rival="orders of thirty methods",
    ),
    Claim(
        "review.pairs",
        "On the board no two tests agree by more than chance: in a fifth and more of boards of six unrelated orders one pair "
        "is as alike.",
        [WHERE],
        {"seed": list(range(10))},
        no_pair,
        rival="orders of thirty methods",
        files=BOARD,
    ),
    Claim(
        "review.clues",
        "The three clues, with limits set on four seeds, leave the culprit alone for the networks of the fifth.",
        [WHERE, "00_start_here"],
        {"fault": list(SUSPECTS), "seed": [0, 1, 2, 3, 4]},
        clues,
        rival="a network without a fault, which they leave as `pair`",
        files=[files.table("mystery")],
    ),
    Claim(
        "review.convicts",
        "What the fault relies on, changed alone, costs the answer; what another fault would rely on costs far less.",
        [WHERE],
        {"fault": list(SUSPECTS), "seed": [0, 1, 2, 3, 4]},
        convicts,
        rival="a network without a fault",
        files=[files.table("mystery")],
    ),
]
