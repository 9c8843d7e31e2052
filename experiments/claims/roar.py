"""Notebook 08: what ROAR and ROAD say of methods and controls, and what the hole alone tells; read from the stored sweeps."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.roar import BASE_SEED, HOW, METHODS, SEEDS, build_model, grown, sets
from vislib import data, one_thread, training
from vislib.course.results import stored
from vislib.roar import removal
from vislib.roar.removal import Removal
from vislib.roar.result import RoadResult, RoarResult
from vislib.roar.sweep import arrays, mean_colour, retrain, without

WHERE = "08_roar"
MASK_SEEDS = [0, 1]
CHANCE = {"digits": 1 / 10, "shapes": 1 / 6}
RIM = "object and its rim"

PLAIN = [
    "roar.what",
    "roar.kar",
    "roar.road",
    "roar.test",
    "roar.interval",
    "exam:roar.exam_retrain",
    "exam:roar.exam_what",
]


@cache
def _sweep(table: str) -> RoarResult:
    return RoarResult(stored(table))


def _area(data: str, explainer: str, seed: int) -> float:
    return float(_sweep(f"roar_{data}").area(explainer)[seed])


def _mask(data: str, explainer: str, fraction: float, seed: int) -> float:
    masks = _sweep(f"roar_{data}_masks")
    return float(masks.values(explainer)[seed, masks.fractions.index(fraction)])


@cache
def _asked(data: str, fill: str) -> RoarResult:
    table = stored("roar_without")
    chosen = table[(table["data"] == data) & (table["fill"] == fill) & (table["order"] == "most_first")]
    return RoarResult(chosen.assign(seed=0))


def retrained(fraction: float, seed: int) -> Found:
    """Retraining wins back at least a tenth of what pixels at random had cost; in place of the digit (a disc) it does not."""

    def won_back(who: str) -> float:
        sweep = _sweep("roar_digits")
        at = sweep.fractions.index(fraction)
        return float(sweep.values(who)[seed, at] - _asked("digits", "mean").values(who)[0, at])

    return found(won_back("random") > 0.1, won_back("disc") > 0.1, random=won_back("random"), disc=won_back("disc"))


def leak(method: str, fraction: float, seed: int) -> Found:
    """On digits the hole alone tells the class; one of random pixels does not."""
    alone, rival = (_mask("digits", who, fraction, seed) for who in (method, "random"))
    return found(alone > 0.8, rival > 0.8, alone=alone, random=rival)


def knows(method: str, fraction: float, seed: int) -> Found:
    """On scenes a hole knows the colour, which no shape in them tells; that of a disc does not."""
    alone, rival = (_mask("shapes", who, fraction, seed) for who in (method, "disc"))
    return found(alone > 0.8, rival > 0.8, alone=alone, disc=rival)


def about(method: str, fraction: float, seed: int) -> Found:
    """Asked about a fixed class the hole tells less than asked about the named one; of two fixed classes none tells less."""
    table = stored("roar_asked").set_index(["explainer", "fraction", "seed", "about"]).accuracy
    named, three, seven = (
        float(table[method, fraction, seed, asked]) for asked in ("named class", "class 3", "class 7")
    )
    return found(named - three > 0.05, seven - three > 0.05, named=named, fixed=three, other=seven)


def follows(method: str, fraction: float, seed: int) -> Found:
    """A retrained network names the digit of the hole in most pictures; if holes are random it does not."""
    table = stored("roar_swapped").set_index(["explainer", "fraction", "seed"]).hole
    hole, rival = (float(table[who, fraction, seed]) for who in (method, "random"))
    return found(hole > 0.5, rival > 0.5, hole=hole, random=rival)


def worse(method: str, seed: int) -> Found:
    """On digits a method's curve lies above that of random pixels; a disc's lies below."""
    gap, rival = (_area("digits", who, seed) - _area("digits", "random", seed) for who in (method, "disc"))
    return found(gap > 0, rival > 0, gap=gap, disc=rival)


def better(method: str, seed: int) -> Found:
    """On scenes a method's curve lies below that of random pixels; that of all but the object lies above."""
    gap, rival = (
        _area("shapes", who, seed) - _area("shapes", "random", seed) for who in (method, "all but the object")
    )
    return found(gap < 0, rival < 0, gap=gap, inverse=rival)


def oracle(seed: int) -> Found:
    """The object and its rim first is the lowest of all curves on scenes, object last the highest; the disc is neither."""
    names = [name for name in _sweep("roar_shapes").explainers if "blurred" not in name]
    areas = {name: _area("shapes", name, seed) for name in names} | {RIM: _area("rim", RIM, seed)}
    ends = min(areas, key=lambda name: areas[name]), max(areas, key=lambda name: areas[name])
    return found(ends == (RIM, "all but the object"), "disc" in ends, rim=areas[RIM], disc=areas["disc"])


def rim(fraction: float, seed: int) -> Found:
    """With the object and its rim gone, a network is at chance, within 0.05; with the object alone gone it is not."""
    one, other = _sweep("roar_rim").values(RIM), _sweep("roar_shapes").values("object")
    at = _sweep("roar_rim").fractions.index(fraction)
    with_it, without = float(one[seed, at]), float(other[seed, at])
    return found(with_it - CHANCE["shapes"] < 0.05, without - CHANCE["shapes"] < 0.05, rim=with_it, object=without)


def coarse(method: str, seed: int) -> Found:
    """Over all fractions a coarse map scores better than the object's exact mask; better than with its rim it does not."""
    area = _area("shapes", method, seed)
    exact, whole = _area("shapes", "object", seed) - area, _area("rim", RIM, seed) - area
    return found(exact > 0, whole > 0, ahead=exact, ahead_of_rim=whole)


def disc(method: str, seed: int) -> Found:
    """On digits a disc, which looks at nothing, is ahead of a method; the edges are not ahead of the disc."""
    ahead = _area("digits", "disc", seed) - _area("digits", method, seed)
    rival = _area("digits", "sobel", seed) - _area("digits", "disc", seed)
    return found(ahead < 0, rival < 0, ahead=ahead, edges=rival)


def disc_on_scenes(method: str, seed: int) -> Found:
    """On scenes a disc is ahead of a method; the edges are not."""
    of = _area("shapes", method, seed)
    ahead, rival = (_area("shapes", control, seed) - of for control in ("disc", "sobel"))
    return found(ahead < 0, rival < 0, ahead=ahead, edges=rival)


def edges(method: str, seed: int) -> Found:
    """On digits a method's curve lies above that of the edges; occlusion's does not."""
    gap, rival = (_area("digits", who, seed) - _area("digits", "sobel", seed) for who in (method, "occlusion"))
    return found(gap > 0, rival > 0, gap=gap, occlusion=rival)


def blurred(method: str, seed: int) -> Found:
    """On scenes a blurred map scores better than itself by more than 0.02; on digits it does not."""
    gain, rival = (_area(data, f"{method}, blurred", seed) - _area(data, method, seed) for data in ("shapes", "digits"))
    return found(gain < -0.02, rival < -0.02, shapes=gain, digits=rival)


def averaged(data: str, method: str, seed: int) -> Found:
    """An average over noisy copies scores worse than the plain gradient; the blurred gradient does not."""
    worse, rival = (_area(data, who, seed) - _area(data, "gradient", seed) for who in (method, "gradient, blurred"))
    return found(worse > 0, rival > 0, worse=worse, blurred=rival)


def road(method: str) -> Found:
    """On digits ROAD finds a method better than random pixels; ROAR does not."""
    gap = RoadResult(stored("roar_without").query("data == 'digits' and fill == 'linear'")).areas()
    retrain = _sweep("roar_digits").areas().set_index("explainer")["mean"]
    one, other = float(gap[method] - gap["random"]), float(retrain[method] - retrain["random"])
    return found(one < 0, other < 0, road=one, roar=other)


def order(left_out: str, seed: int) -> Found:
    """On scenes ROAR and ROAD order eight methods alike, whichever of nine is left out; on digits they do not."""

    def agree(data: str) -> float:
        by_road = RoadResult(stored("roar_without").query(f"data == {data!r} and fill == 'linear'")).areas()
        methods = [method for method in METHODS if method != left_out]
        pairs = [(_area(data, method, seed), by_road[method]) for method in methods]
        return float(spearmanr(*zip(*pairs, strict=True)).statistic)

    scenes, rival = agree("shapes"), agree("digits")
    return found(scenes > 0.5, rival > 0.5, scenes=scenes, digits=rival)


def size(seed: int) -> Found:
    """The object covers 4 to 10 % of a scene of 32 pixels, and 7 to 18 % with its rim; of 64 pixels the rim adds less."""

    def told(side: int) -> tuple[bool, dict[str, float]]:
        scenes = data.shapes(1080, size=side, seed=seed, label="colour", device="cpu")
        object_, whole = scenes.masks.float().mean((1, 2)), grown(scenes).mean((1, 2))  # type: ignore[union-attr]
        ends = {"least": object_.min(), "most": object_.max(), "least_rim": whole.min(), "most_rim": whole.max()}
        numbers = {name: float(value) for name, value in ends.items()} | {"mean_rim": float(whole.mean())}
        limits = {"least": 0.035, "most": 0.105, "least_rim": 0.065, "most_rim": 0.185}
        inside = all((numbers[name] > at) == name.startswith("least") for name, at in limits.items())
        return inside and 0.115 < numbers["mean_rim"] < 0.125, numbers

    (held, numbers), (rival, _) = told(32), told(64)
    return found(held, rival, **numbers)


def keep(method: str, seed: int) -> Found:
    """With the tenth of the pixels that a method ranks highest a network reads 95 digits of 100; with a random tenth not."""
    kept = RoarResult(stored("roar_keep"))
    own, rival = (float(kept.values(who)[seed, -1]) for who in (method, "random"))
    return found(own > 0.95, rival > 0.95, kept=own, random=rival)


def filled(method: str, seed: int) -> Found:
    """Filled from the neighbours, the same 90 % cost a twentieth more; of random pixels they do not."""
    table = stored("roar_filled").query("fraction == 0.9").set_index(["explainer", "seed"]).accuracy

    def lost(who: str) -> float:
        return float(_sweep("roar_digits").values(who)[seed, -1] - table[who, seed])

    return found(lost(method) > 0.05, lost("random") > 0.05, lost=lost(method), random=lost("random"))


def blind(seed: int) -> Found:
    """On scenes a ranking by saturation leaves less than the best of nine methods, 30 % removed; by brightness not."""
    known, new = sets("shapes")
    best = min(_sweep("roar_shapes").values(method)[seed, 1] for method in METHODS)

    def left(ranking: Callable[[Tensor], Tensor]) -> float:
        places = [removal.ranks(ranking(part.images), number) for number, part in enumerate((known, new))]
        given = arrays(known.images, known.labels, new.images, new.labels, *places)
        return retrain(partial(build_model, "shapes"), seed, Removal(0.3), HOW, *given)

    one, rival = left(lambda images: images.amax(1) - images.amin(1)), left(lambda images: images.mean(1))
    return found(one < best, rival < best, saturation=one, brightness=rival, best=best)


def arrived(explainer: str, fraction: float) -> Found:
    """Eight more epochs change an accuracy on scenes by less than 0.03; the six from the second to the eighth by more."""
    table = stored("roar_epochs").query("data == 'shapes'").set_index(["explainer", "fraction", "epochs"]).accuracy
    two, eight, sixteen = (float(table[explainer, fraction, epochs]) for epochs in (2, 8, 16))
    return found(abs(sixteen - eight) < 0.03, abs(eight - two) < 0.03, two=two, eight=eight, sixteen=sixteen)


def _without_object(shortcut: float | None, seed: int) -> tuple[float, float]:
    """Return how often a network is right on scenes without the object and its rim, as it was and retrained."""
    known, new = (
        data.shapes(n, size=32, seed=pictures, label="colour", shortcut=shortcut, device="cpu")
        for n, pictures in ((2160, 0), (1080, 1))
    )
    places, unseen = (removal.ranks(grown(scenes), number) for number, scenes in enumerate((known, new)))
    how, colour = Removal(0.2), mean_colour(known.images)
    with one_thread(torch.device("cpu")):
        model = build_model("shapes", BASE_SEED + seed)
        training.fit(model, known, epochs=HOW.epochs, seed=BASE_SEED + seed)
        asked = training.accuracy(model, without(new.images, new.labels, unseen, how, colour))
    given = arrays(known.images, known.labels, new.images, new.labels, places, unseen)
    return asked, retrain(partial(build_model, "shapes"), seed, how, HOW, *given)


def copies(seed: int) -> Found:
    """A network loses a twentieth and more without the object, and is right nine times of ten once retrained; with one copy not."""
    (first, again), (rival, rival_again) = (_without_object(shortcut, seed) for shortcut in (1.0, None))
    held, passed = (one < 0.95 and other > 0.9 for one, other in ((first, again), (rival, rival_again)))
    return found(held, passed, asked=first, retrained=again, one_copy=rival, one_copy_retrained=rival_again)


def _tables(*names: str) -> Sequence[Path]:
    return [files.table(f"roar_{name}") for name in names]


WORSE = ["gradient", "SmoothGrad²", "VarGrad", "integrated gradients", "guided backprop"]
CLAIMS = [
    Claim(
        "roar.retrain",
        "On digits retraining wins back a tenth and more of what pixels at random had cost, from seven tenths removed on.",
        [WHERE, "card:roar.why"],
        {"fraction": [0.7, 0.9], "seed": SEEDS},
        retrained,
        rival="a disc in place of the digit",
        files=_tables("digits", "without"),
    ),
    Claim(
        "roar.leak",
        "On digits the shape of the hole alone tells the class, with 50 and with 90 % removed (four methods).",
        [WHERE, "card:roar.mask", "exam:roar.exam_plan"],
        {
            "method": ["gradient", "SmoothGrad²", "guided backprop", "Grad-CAM"],
            "fraction": [0.5, 0.9],
            "seed": MASK_SEEDS,
        },
        leak,
        rival="holes of random pixels",
        files=_tables("digits_masks"),
    ),
    Claim(
        "roar.asked",
        "Asked about a fixed class instead of the one that the network names, the same methods leave holes that tell less.",
        [WHERE, "card:roar.mask"],
        {
            "method": ["gradient", "SmoothGrad", "guided backprop", "Grad-CAM"],
            "fraction": [0.5, 0.9],
            "seed": MASK_SEEDS,
        },
        about,
        rival="one fixed class against another",
        files=_tables("asked"),
    ),
    Claim(
        "roar.swapped",
        "With 50 and 90 % removed, a network that meets one digit in the hole of another mostly names that of the hole.",
        [WHERE],
        {"method": ["gradient", "guided backprop", "Grad-CAM"], "fraction": [0.5, 0.9], "seed": [0, 1, 2]},
        follows,
        rival="holes of random pixels",
        files=_tables("swapped"),
    ),
    Claim(
        "roar.knows",
        "On scenes the hole of SmoothGrad, VarGrad or integrated gradients alone tells the colour.",
        [WHERE, "card:roar.knows"],
        {"method": ["SmoothGrad", "VarGrad", "integrated gradients"], "fraction": [0.5, 0.7, 0.9], "seed": MASK_SEEDS},
        knows,
        rival="the hole of a disc",
        files=_tables("shapes_masks"),
    ),
    Claim(
        "roar.random",
        "On digits the curves of five methods lie above that of random pixels.",
        [WHERE],
        {"method": WORSE, "seed": SEEDS},
        worse,
        rival="a disc",
        files=_tables("digits"),
    ),
    Claim(
        "roar.scenes",
        "On scenes the curves of all nine methods lie below that of random pixels.",
        [WHERE],
        {"method": list(METHODS), "seed": SEEDS},
        better,
        rival="all but the object",
        files=_tables("shapes"),
    ),
    Claim(
        "roar.oracle",
        "On scenes the benchmark passes its own test: the object and its rim first is lowest, the object last highest.",
        [WHERE, "card:roar.oracle"],
        {"seed": SEEDS},
        oracle,
        rival="the disc at either end",
        files=_tables("shapes", "rim"),
    ),
    Claim(
        "roar.rim",
        "On scenes a retrained network is at chance once the object and its rim are gone (30 % and more removed).",
        [WHERE, "card:roar.oracle"],
        {"fraction": [0.3, 0.5, 0.7], "seed": SEEDS},
        rim,
        rival="the object without its rim",
        files=_tables("shapes", "rim"),
    ),
    Claim(
        "roar.coarse",
        "On scenes Grad-CAM and occlusion score better than the object's exact mask.",
        [WHERE],
        {"method": ["Grad-CAM", "occlusion"], "seed": SEEDS},
        coarse,
        rival="the mask with its rim",
        files=_tables("shapes", "rim"),
    ),
    Claim(
        "roar.disc",
        "On digits a disc that looks at nothing is ahead of each of the nine methods.",
        [WHERE, "README", "card:roar.disc"],
        {"method": list(METHODS), "seed": SEEDS},
        disc,
        rival="the edges ahead of the disc",
        files=_tables("digits"),
    ),
    Claim(
        "roar.disc_on_scenes",
        "On scenes the disc is ahead of seven of the nine methods: of all but Grad-CAM and occlusion.",
        [WHERE, "09_review", "README", "card:roar.disc"],
        {"method": [name for name in METHODS if name not in ("Grad-CAM", "occlusion")], "seed": SEEDS},
        disc_on_scenes,
        rival="the edges",
        files=_tables("shapes"),
    ),
    Claim(
        "roar.edges",
        "On digits the curves of gradient, integrated gradients and guided backprop lie above that of the edges.",
        [WHERE],
        {"method": ["gradient", "integrated gradients", "guided backprop"], "seed": SEEDS},
        edges,
        rival="occlusion",
        files=_tables("digits"),
    ),
    Claim(
        "roar.blurred",
        "On scenes a blurred map scores better than itself by more than 0.02 (three methods); on digits by less, or worse.",
        [WHERE, "card:roar.blur"],
        {"method": ["gradient", "integrated gradients", "SmoothGrad²"], "seed": SEEDS},
        blurred,
        rival="the same on digits",
        files=_tables("shapes", "digits"),
    ),
    Claim(
        "roar.averaged",
        "SmoothGrad, SmoothGrad² and VarGrad score worse than the plain gradient, on digits and on scenes.",
        [WHERE],
        {"data": ["digits", "shapes"], "method": ["SmoothGrad", "SmoothGrad²", "VarGrad"], "seed": SEEDS},
        averaged,
        rival="the blurred gradient",
        files=_tables("shapes", "digits"),
    ),
    Claim(
        "roar.road",
        "On digits ROAD finds all nine methods better than random pixels.",
        [WHERE],
        {"method": list(METHODS)},
        road,
        rival="ROAR",
        files=_tables("without", "digits"),
    ),
    Claim(
        "roar.order",
        "On scenes ROAR and ROAD order the methods alike, with a rank correlation above 0.5, whichever one is left out.",
        [WHERE],
        {"left_out": list(METHODS), "seed": SEEDS},
        order,
        rival="on digits",
        files=_tables("shapes", "digits", "without"),
    ),
    Claim(
        "roar.size",
        "The object covers 4 to 10 % of a scene, and 7 to 18 % with its rim, 12 % in the mean.",
        [WHERE],
        {"seed": list(range(10))},
        size,
        rival="scenes of 64 pixels, whose rim is as thin",
        files=files.SHAPES,
    ),
    Claim(
        "roar.keep",
        "With the tenth of the pixels that it ranks highest, each of three methods keeps nearly the accuracy of whole digits.",
        [WHERE],
        {"method": ["gradient", "SmoothGrad²", "integrated gradients"], "seed": SEEDS},
        keep,
        rival="a random tenth",
        files=_tables("keep"),
    ),
    Claim(
        "roar.filled",
        "On digits holes that are filled from their neighbours tell less: with 90 % removed four rankings lose a twentieth.",
        [WHERE],
        {"method": ["gradient", "guided backprop", "Grad-CAM", "sobel"], "seed": MASK_SEEDS},
        filled,
        rival="random pixels",
        files=_tables("filled", "digits"),
    ),
    Claim(
        "roar.blind",
        "On scenes a ranking by saturation, which asks no network, leaves less than each of the nine methods (30 % removed).",
        [WHERE],
        {"seed": SEEDS},
        blind,
        rival="a ranking by brightness",
        files=[*files.SHAPES, *_tables("shapes")],
        tolerance=0.1,
    ),
    Claim(
        "roar.copies",
        "With a second copy of the label the object is used, and a retrained network can do without it.",
        [WHERE, "card:roar.random"],
        {"seed": SEEDS},
        copies,
        rival="scenes with one copy",
        files=files.SHAPES,
        tolerance=0.1,
    ),
    Claim(
        "roar.epochs",
        "On scenes eight epochs are enough to judge by: eight more change an accuracy by less than 0.03.",
        [WHERE],
        {
            "explainer": ["gradient", "SmoothGrad²", "guided backprop", "random"],
            "fraction": [0.3, 0.9],
        },
        arrived,
        rival="two epochs against eight",
        files=_tables("epochs"),
    ),
]
