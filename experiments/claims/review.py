"""Notebook 09: what the board says of methods and controls, on new pictures."""

from functools import cache

import pandas as pd
from torch import Tensor, nn

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.mystery import HONEST
from experiments.scoreboard import EXPLAINERS
from vislib import controls, data, faithfulness, models
from vislib.course.mystery import CLUES, SUSPECTS
from vislib.course.results import stored
from vislib.course.review import colourful
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.models import Classifier

WHERE = "09_review"
FEW = 54
SCENES = [9, 10, 11, 12, 13]  # seeds of the pictures; those of the board have seed 9
METHODS = [name for name in EXPLAINERS if name not in ("random", "sobel", "disc")]
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
    """The disc as well, but around a corner of the image seen as a torus: a quarter in each of the four."""
    heat = controls.disc(model, images, target)
    return heat.roll((heat.shape[1] // 2, heat.shape[2] // 2), (1, 2))


KNOWING = ["pointing game", "mass inside"]  # the tests that know where the object is
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
    """A disc in the middle beats a random map, since the objects lie there; quarter discs in the four corners do not."""
    gain, rival = (_score(test, who, scenes) - _score(test, "random", scenes) for who in ("disc", "corner"))
    return found(gain > 0, rival > 0, middle=gain, corner=rival)


def compact(scenes: int) -> Found:
    """In insertion quarter discs in the four corners beat a random map; in pointing game and mass inside they do not."""
    ahead = {test: _score(test, "corner", scenes) - _score(test, "random", scenes) for test in KNOWING}
    insertion = _score("insertion", "corner", scenes) - _score("insertion", "random", scenes)
    return found(insertion > 0, max(ahead.values()) > 0, insertion=insertion, elsewhere=max(ahead.values()))


def best_control(test: str, method: str, scenes: int) -> Found:
    """Each method beats the better of disc and edges where the object is known; the edges do not beat the disc."""
    best = max(_score(test, "disc", scenes), _score(test, "sobel", scenes))
    ahead = _score(test, method, scenes) - best
    return found(ahead > 0, _score(test, "sobel", scenes) > _score(test, "disc", scenes), ahead=ahead)


def colour_alone(method: str, scenes: int) -> Found:
    """The colourful pixels hit the object as often as a method does; a disc does not."""
    model, drawn = _pictures(scenes)
    assert drawn.masks is not None
    hits = float(faithfulness.pointing_game(model, drawn.images, drawn.labels, colourful, drawn.masks).mean())
    disc, wanted = (_score("pointing game", who, scenes) for who in ("disc", method))
    return found(hits > wanted - 0.05, disc > wanted - 0.05, colourful=hits, needed=wanted)


def little_to_gain(scenes: int) -> Found:
    """Holes at random destroy the answer nearly as soon as one hole in place of the object; the edges do not."""
    from_truth, rival = (
        _score("deletion", "object", scenes) - _score("deletion", who, scenes) for who in ("random", "sobel")
    )
    return found(abs(from_truth) < 0.1, abs(rival) < 0.1, at_random=from_truth, edges=rival)


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
        "A disc in the middle beats a random map in pointing game and mass inside: the objects lie there.",
        [WHERE, "card:review.pointing", "card:review.disc", "exam:review.exam_disc"],
        {"test": KNOWING, "scenes": SCENES},
        weak_rival,
        rival="quarter discs in the four corners",
        files=OPENED,
    ),
    Claim(
        "review.compact",
        "In insertion quarter discs in the four corners beat a random map as well.",
        [WHERE],
        {"scenes": SCENES},
        compact,
        rival="the same in pointing game and mass inside",
        files=OPENED,
    ),
    Claim(
        "review.control",
        "In pointing game and mass inside each of the nine methods beats the better of disc and edges.",
        [WHERE],
        {"test": KNOWING, "method": METHODS, "scenes": SCENES},
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
        "review.colour",
        "A blurred map of how colourful each pixel is, which no network has a part in, hits the object as often as each of "
        "the nine methods, to within 0.05.",
        [WHERE],
        {"method": METHODS, "scenes": SCENES},
        colour_alone,
        rival="the disc",
        files=OPENED,
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
