"""Notebook 06: what a picture made by gradient ascent shows, over ten classes and ten photographs.

The kept pictures are measured as their JPEG files show them. *Noise* is the ascent on pixels without moves, 48 steps,
as the notebook makes it.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.reconstruction import GALLERY, INVERTED, LAYERS, STILL, UNITS, shown, unit_of
from vislib import data, models
from vislib.activations import record
from vislib.course.input_reconstruction import spectrum
from vislib.course.results import FOLDER, pictures
from vislib.data.photographs import packaged
from vislib.embedding import class_weights
from vislib.explain import Score, logit, probability
from vislib.models import Classifier
from vislib.reconstruction import History, moved, reconstruct, resized

WHERE = "06_input_reconstruction"
PLAIN = [
    "reconstruction.what",
    "reconstruction.training",
    "exam:reconstruction.exam_what",
    "exam:reconstruction.exam_training",
]
PHOTOS = list(data.PHOTOS)
NETWORKS = files.pretrained("efficientnet_lite0", "efficientnet_lite1")


def _kept(*ways: str) -> list[Path]:
    return [FOLDER / "reconstruction" / f"{target}_{way}_0.jpg" for way in ways for target in GALLERY]


@cache
def _network(name: str = "efficientnet_lite0") -> Classifier:
    return models.load(name, device="cpu")


@cache
def _index(target: str) -> int:
    return _network().index(target)


@cache
def _picture(target: str, way: str = "fourier_moved") -> Tensor:
    """A kept picture, as its JPEG file shows it."""
    return pictures("reconstruction", [f"{target}_{way}_0"]).cpu()


@cache
def _photo(name: str) -> tuple[Tensor, int]:
    """A photograph, and the class that the network gives it."""
    image = _network().preprocess(packaged(name))
    return image, int(_network()(image).argmax(1))


def _beside(target: str) -> str:
    """The photograph that a class is put beside: the first for the first, and so on."""
    return PHOTOS[GALLERY.index(target)]


@cache
def _noise(target: int, seed: int = 0) -> Tensor:
    return reconstruct(_network(), target, parametrisation="pixels", steps=48, seed=seed, **STILL)


@torch.no_grad()
def _own(images: Tensor, target: int, score: Score = logit) -> float:
    logits = _network()(images)
    return float(score(logits, torch.full((len(images),), target)).mean())


def _after(image: Tensor, target: int, score: Score = probability) -> float:
    """In the mean over 16 random moves."""
    return _own(moved(image, n=16), target, score)


@torch.no_grad()
def _second(image: Tensor, target: int) -> tuple[float, int]:
    """By the second network: the logit, and the place of the class among the thousand, 1 for the first."""
    other = _network("efficientnet_lite1")
    logits = other(resized(image, other.input_size))[0]
    return float(logits[target]), 1 + int((logits > logits[target]).sum())


# ---- the noise, and whether the tests are fair ----


def noise(target: str, seed: int) -> Found:
    """Sure as it is; after a shift by five and seven pixels below 0.1."""

    def seen(image: Tensor) -> dict[str, float]:
        nudged = image.roll((5, 7), (2, 3))
        return {
            "own": _own(image, k, probability),
            "nudged": _own(nudged, k, probability),
            "moved": _after(image, k),
            "ahead": (_second(image, k)[1] - 1) / 1000,  # the share of classes that the second network puts ahead
        }

    def falls(numbers: dict[str, float]) -> bool:
        return numbers["own"] > 0.99 and numbers["nudged"] < 0.1

    k = _index(target)
    numbers = seen(_noise(k, seed))
    return found(falls(numbers), falls(seen(_picture(target))), **numbers)


def grid(target: str) -> Found:
    """The noise keeps more than half of its probability when it moves by whole steps of the network's grid of 32 pixels."""
    k = _index(target)
    image = _noise(k)
    left = {
        by: _own(image.roll(by, (2, 3)), k, probability) for by in ((0, 32), (32, 0), (16, 16), (8, 8), (4, 4), (5, 7))
    }
    return found(
        min(left[0, 32], left[32, 0]) > 0.5, left[5, 7] > 0.5,
        **{f"by_{down}_{right}": value for (down, right), value in left.items()},
    )  # fmt: skip


def moves(photo: str) -> Found:
    """A photograph keeps more than half of its probability in the mean over random moves; noise of its class does not."""
    image, k = _photo(photo)
    kept, rival = (_after(some, k) / _own(some, k, probability) for some in (image, _noise(k)))
    return found(kept > 0.5, rival > 0.5, left=kept, noise=rival)


def second(photo: str) -> Found:
    """The second network has the photograph's class among its first five of a thousand; not that of the noise."""
    image, k = _photo(photo)
    place, rival = _second(image, k)[1], _second(_noise(k), k)[1]
    return found(place <= 5, rival <= 5, ahead=(place - 1) / 1000, noise_ahead=(rival - 1) / 1000)


@cache
def _highest(after: bool) -> float:
    """The highest logit that a photograph gets for its class."""
    asked = [_photo(name) for name in PHOTOS]
    return max(_after(image, k, logit) if after else _own(image, k) for image, k in asked)


def logits(target: str) -> Found:
    """Noise above the kept picture, and that above every photograph; not so where they are moved."""
    k = _index(target)
    now = [_own(_noise(k), k), _own(_picture(target), k), _highest(False)]
    then = [_after(_noise(k), k, logit), _after(_picture(target), k, logit), _highest(True)]
    return found(now[0] > now[1] > now[2], then[0] > then[1] > then[2], noise=now[0], kept=now[1], noise_moved=then[0])


def jpeg(target: str) -> Found:
    """Saved as a JPEG file the noise loses more than a third of its logit, a photograph does not."""

    def left(image: Tensor, k: int) -> float:
        return _own(shown(image, "", None), k) / _own(image, k)

    k = _index(target)
    lost, rival = left(_noise(k), k), left(*_photo(_beside(target)))
    return found(lost < 2 / 3, rival < 2 / 3, noise=lost, photo=rival)


# ---- why noise ----


def _slow_over_fast(images: Tensor) -> float:
    """The mean amplitude at one to four cycles per image, over that at the fastest half."""
    amplitude = spectrum(images)[1]
    return float(amplitude[:4].mean() / amplitude[56:].mean())


def _slope(image: Tensor, target: int, score: Score = logit) -> Tensor:
    pixels = image.clone().requires_grad_()
    total = score(_network()(pixels), torch.tensor([target])).sum()
    return torch.autograd.grad(total, pixels)[0]


def grain(target: str) -> Found:
    """On grey the gradient is nearly level: slow waves less than twice as strong as fast ones; in a photograph not."""
    gradient = _slow_over_fast(_slope(torch.full((1, 3, 224, 224), 0.5), _index(target)))
    rival = _slow_over_fast(_photo(_beside(target))[0])
    climbed = _slow_over_fast(_noise(_index(target)))
    return found(gradient < 2, rival < 2, gradient=gradient, climbed=climbed, photo=rival)


# ---- moves, waves, and the gallery ----


def keeps(target: str, parametrisation: str) -> Found:
    """Climbed with moves, a picture survives moves, and the second network names its class first; without it does not."""

    def passes(way: str) -> tuple[bool, float, int]:
        image, k = _picture(target, way), _index(target)
        after, place = _after(image, k), _second(image, k)[1]
        return after > 0.9 and place == 1, after, place

    held, after, place = passes(f"{parametrisation}_moved")
    rival, still_after, still_place = passes(parametrisation)
    return found(held, rival, moved=after, place=place, still_moved=still_after, still_place=still_place)


def smooth(target: str, moves: str) -> Found:
    """Waves halve the differences between neighbouring pixels, whether it was moved or not; moves do not."""

    def rough(way: str) -> float:
        image = _picture(target, way)
        return float(image.diff(dim=2).abs().mean() + image.diff(dim=3).abs().mean())

    waves, pixels = rough(f"fourier{moves}"), rough(f"pixels{moves}")
    rival = rough("pixels_moved") / rough("pixels")
    return found(waves < pixels / 2, rival < 0.5, waves=waves, pixels=pixels, moved_over_still=rival)


@cache
def _of_photographs() -> tuple[float, float]:
    """The mean logit of a photograph's class: by the network, and by the second one."""
    asked = [(_own(*_photo(name)), _second(*_photo(name))[0]) for name in PHOTOS]
    return sum(own for own, _ in asked) / len(asked), sum(other for _, other in asked) / len(asked)


def private(target: str) -> Found:
    """Of what a kept picture has above a photograph's logit, the second network sees less than a third."""
    image, k = _picture(target), _index(target)
    own, other = _of_photographs()
    above = _own(image, k) - own
    share, rival = (_second(image, k)[0] - other) / above, (_after(image, k, logit) - own) / above
    return found(0 < share < 1 / 3, rival < 1 / 3, second=share, moved=rival)


# ---- another start ----


def many(target: str) -> Found:
    """Two starts end in two pictures, both of the class (above 0.5) and hardly correlated; the same start does not.

    The kept picture climbed 256 steps, the other start and the same one 32 each. Also told: two stages of one ascent, and the
    place of the class among the ten kept pictures by its distance in mean colour, 1 for the nearest.
    """
    history = History(keep=[15, 31])
    reconstruct(_network(), _index(target), seed=1, steps=32, watch=history)
    same = reconstruct(_network(), _index(target), seed=0, steps=32)
    early, late = (history.pictures[step] for step in (15, 31))

    def alike(one: Tensor, other: Tensor) -> float:
        return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])

    far = {name: float((_picture(name).mean((2, 3)) - late.mean((2, 3))).norm()) for name in GALLERY}
    colour = 1 + sum(value < far[target] for value in far.values())
    least = min(_own(image, _index(target), probability) for image in (late, _picture(target)))
    across, again = (alike(image, _picture(target)) for image in (late, same))
    held, numbers = least > 0.5 and across < 0.3, {"stages": alike(early, late), "colour": colour}
    return found(held, again < 0.3, own=least, correlation=across, same_start=again, **numbers)


# ---- units and layers ----


@cache
def _excited(layer: str, unit: int) -> float:
    """How strongly the photograph that excites a unit most does so."""
    return float(unit_of(torch.cat([_photo(name)[0] for name in PHOTOS]), layer, unit).max())


def units(layer: str, unit: int) -> Found:
    """A unit's picture excites it more than any photograph; the picture of the next unit of the layer does not."""
    made = [pictures("units", [f"{layer}_{k}"]).cpu() for k in (unit, UNITS[UNITS.index(unit) - 1])]
    own, rival = (float(unit_of(picture, layer, unit)) for picture in made)
    most = _excited(layer, unit)
    return found(own > most, rival > most, own=own, photographs=most, of_another_unit=rival)


def inverted(photo: str) -> Found:
    """The deeper the layer, the less its inversion correlates with the photograph; with another photograph not so."""

    def along(other: str) -> list[float]:
        image = _photo(other)[0].flatten()
        made = [pictures("inverted", [f"{photo}_{layer}"]).cpu().flatten() for layer in LAYERS]
        return [float(torch.corrcoef(torch.stack([image, one]))[0, 1]) for one in made]

    own, rival = along(photo), along(INVERTED[INVERTED.index(photo) - 1])
    held, rival_held = (all(a > b > 0 for a, b in pairwise(numbers)) for numbers in (own, rival))
    (image, k), last = _photo(photo), pictures("inverted", [f"{photo}_late"]).cpu()
    place = 1 + int((_network()(last)[0] > _network()(last)[0, k]).sum())
    missed = {
        f"missed_{layer}": _missed(image, pictures("inverted", [f"{photo}_{layer}"]).cpu(), layer) for layer in LAYERS
    }
    return found(held, rival_held, **dict(zip(LAYERS, own, strict=True)), place=place, **missed)


def pale(photo: str) -> Found:
    """Inverted from the early layer, the colours' spread about the brightness falls below 0.85, the brightness's own does not."""

    def spreads(image: Tensor) -> tuple[float, float]:
        bright = image.mean(1, keepdim=True)
        return float((image - bright).std()), float(bright.std())

    before = spreads(shown(_photo(photo)[0], "", None))
    left = {
        layer: [a / b for a, b in zip(spreads(pictures("inverted", [f"{photo}_{layer}"]).cpu()), before, strict=True)]
        for layer in LAYERS
    }
    numbers = {
        f"{what}_{layer}": pair[k] for layer, pair in left.items() for k, what in enumerate(("colour", "bright"))
    }
    return found(left["early"][0] < 0.85, left["early"][1] < 0.85, **numbers)


def _missed(image: Tensor, picture: Tensor, layer: str) -> float:
    """The squared distance of a layer's answers, as a share of the squared length of the one to the image."""
    with record(_network(), [LAYERS[layer]]) as seen:
        _network()(torch.cat([image, picture]))
    wanted, got = seen[LAYERS[layer]]
    return float((wanted - got).square().sum() / wanted.square().sum())


# ---- the goal, and who comes second ----


def flat(target: str) -> Found:
    """On grey and on the finished picture the probability's gradient is under a hundredth of the logit's; on a photograph not."""

    def ratio(image: Tensor, k: int) -> float:
        return float(_slope(image, k, probability).norm() / _slope(image, k).norm())

    k = _index(target)
    grey, finished = ratio(torch.full((1, 3, 224, 224), 0.5), k), ratio(_picture(target), k)
    rival = ratio(*_photo(_beside(target)))
    return found(max(grey, finished) < 0.01, rival < 0.01, grey=grey, finished=finished, photo=rival)


def goal(target: str) -> Found:
    """With the probability as the goal: less than half of the logit, and less contrast. Rival: pixels, with the logit."""
    k, images = _index(target), {way: _picture(target, way) for way in ("fourier_moved", "probability", "pixels_moved")}
    scores = {way: _own(image, k) for way, image in images.items()}
    contrast = {way: float(image.std()) for way, image in images.items()}

    def less(way: str) -> bool:
        return scores[way] < scores["fourier_moved"] / 2 and contrast[way] < contrast["fourier_moved"]

    places = {way: _second(images[way], k)[0] for way in ("fourier_moved", "probability")}
    return found(
        less("probability"),
        less("pixels_moved"),
        logit=scores["fourier_moved"],
        probability=scores["probability"],
        contrast_logit=contrast["fourier_moved"],
        contrast_probability=contrast["probability"],
        second_logit=places["fourier_moved"],
        second_probability=places["probability"],
    )


def penalised(target: str, weight: float) -> Found:
    """A penalty on the total variation makes the noise smoother, and little of it survives the moves; moves make it rougher."""

    def rough(image: Tensor) -> float:
        return float(image.diff(dim=2).abs().mean() + image.diff(dim=3).abs().mean())

    k, noise = _index(target), _noise(_index(target))
    picture = reconstruct(_network(), k, parametrisation="pixels", total_variation=weight, steps=48, **STILL)
    smoother, rival = (rough(image) / rough(noise) for image in (picture, _picture(target, "pixels_moved")))
    after = _after(picture, k)
    return found(smoother < 0.8 and after < 0.3, rival < 0.8, left=smoother, moved=after, rough=rough(picture))


@torch.no_grad()
def relatives(photo: str) -> Found:
    """The runner-up of a photograph is among the nearest twenty of 999 by its weights; for another class it is not."""
    weights = class_weights(_network())
    near = normalize(weights - weights.mean(0), dim=1)
    near = near @ near.T

    def place(of: int) -> int:
        return int((near[of] > near[of, runner]).sum())

    image, k = _photo(photo)
    runner = int(_network()(image)[0].topk(2).indices[1])
    own, rival = place(k), place(_photo(PHOTOS[PHOTOS.index(photo) - 1])[1])
    return found(own < 20, rival < 20, place=own, of_another=rival)


@torch.no_grad()
def runner_up(target: str) -> Found:
    """The second class is among the nearest twenty of 999 by its weights: for noise, and for weights without a picture."""
    weights = class_weights(_network())
    near = normalize(weights - weights.mean(0), dim=1)
    near = near @ near.T

    def place(logits: Tensor, of: int) -> int:
        runner = int(logits.index_fill(0, torch.tensor(k), -torch.inf).argmax())
        return int((near[of] > near[of, runner]).sum())

    k, another = _index(target), _index(GALLERY[GALLERY.index(target) - 1])
    for_noise, kept = _network()(_noise(k))[0], _network()(_picture(target))[0]
    none = _network().head(weights[k])
    ranks = {"noise": place(for_noise, k), "none": place(none, k), "kept": place(kept, k)}
    return found(max(ranks["noise"], ranks["none"]) < 20, place(for_noise, another) < 20, **ranks)


ON_PHOTOS = [*NETWORKS, *files.PHOTOGRAPHS]
CARDS = {name: f"card:reconstruction.{name}" for name in ("naive", "jitter", "fourier", "tests", "logit", "many")}

CLAIMS = [
    Claim(
        "reconstruction.noise",
        "Ascent on pixels ends in noise that has its class with more than 0.99, and less than 0.1 after a shift "
        "by five and seven pixels.",
        [WHERE, CARDS["naive"], "exam:reconstruction.exam_tests"],
        {"target": GALLERY, "seed": [0, 1, 2]},
        noise,
        rival="the kept picture, of waves and with moves",
        files=[*NETWORKS, *_kept("fourier_moved")],
        tolerance=0.5,
    ),
    Claim(
        "reconstruction.grid",
        "The noise of a class keeps more than half of its probability after a move by 32 pixels, down or to the right.",
        [WHERE, CARDS["naive"]],
        {"target": GALLERY},
        grid,
        rival="five pixels down and seven to the right",
        files=NETWORKS,
        tolerance=0.5,
    ),
    Claim(
        "reconstruction.moves",
        "Photographs keep more than half of their probability when they are moved at random.",
        [WHERE, CARDS["tests"]],
        {"photo": PHOTOS},
        moves,
        rival="noise that was climbed for the same class",
        files=ON_PHOTOS,
        tolerance=0.3,
    ),
    Claim(
        "reconstruction.second",
        "The second network has the class of a photograph among its first five of a thousand.",
        [WHERE, CARDS["tests"]],
        {"photo": PHOTOS},
        second,
        rival="noise that was climbed for the same class",
        files=ON_PHOTOS,
        tolerance=0.5,
    ),
    Claim(
        "reconstruction.logits",
        "By its logit the noise is above the picture of waves and moves, and that above every photograph.",
        [WHERE],
        {"target": GALLERY},
        logits,
        rival="the same order of the logits in the mean over random moves",
        files=[*ON_PHOTOS, *_kept("fourier_moved")],
        tolerance=10.0,
    ),
    Claim(
        "reconstruction.grain",
        "On grey the gradient of a logit is nearly level: slow waves are less than twice as strong as fast ones.",
        [WHERE],
        {"target": GALLERY},
        grain,
        rival="a photograph",
        files=ON_PHOTOS,
        tolerance=0.6,  # 48 steps magnify the rounding of a processor: 0.32 between two of them
    ),
    Claim(
        "reconstruction.jpeg",
        "Saved as a JPEG file, the noise loses more than a third of its logit.",
        [WHERE],
        {"target": GALLERY},
        jpeg,
        rival="a photograph",
        files=ON_PHOTOS,
        tolerance=0.2,
    ),
    Claim(
        "reconstruction.keeps",
        "A picture that was moved at every step of the ascent survives random moves, and the second network puts its "
        "class first.",
        [WHERE, CARDS["jitter"]],
        {"target": GALLERY, "parametrisation": ["pixels", "fourier"]},
        keeps,
        rival="the same ascent without moves",
        files=[*NETWORKS, *_kept("pixels", "pixels_moved", "fourier", "fourier_moved")],
        tolerance=2.0,
    ),
    Claim(
        "reconstruction.smooth",
        "Waves halve the differences between neighbouring pixels, with moves and without.",
        [WHERE, CARDS["fourier"]],
        {"target": GALLERY, "moves": ["", "_moved"]},
        smooth,
        rival="moves, on pixels",
        files=_kept("pixels", "pixels_moved", "fourier", "fourier_moved"),
    ),
    Claim(
        "reconstruction.private",
        "Of what the logit of a kept picture has above that of a photograph, the second network sees less than a third.",
        [WHERE],
        {"target": GALLERY},
        private,
        rival="the first network, in the mean over random moves",
        files=[*ON_PHOTOS, *_kept("fourier_moved")],
    ),
    Claim(
        "reconstruction.many",
        "From another start the ascent ends in another picture, of the same class.",
        [WHERE, CARDS["many"]],
        {"target": GALLERY},
        many,
        rival="the same start, climbed anew for 32 steps",
        files=[*NETWORKS[:1], *_kept("fourier_moved")],
        tolerance=9.0,
    ),
    Claim(
        "reconstruction.units",
        "The picture that was climbed for a unit excites it more than any of ten photographs, in the mean over its map.",
        [WHERE],
        {"layer": list(LAYERS), "unit": UNITS},
        units,
        rival="the picture of another unit of the same layer",
        files=[*NETWORKS[:1], *files.PHOTOGRAPHS, *(FOLDER / "units" / f"{a}_{u}.jpg" for a in LAYERS for u in UNITS)],
    ),
    Claim(
        "reconstruction.inverted",
        "The deeper the layer that is inverted, the less the picture correlates with the photograph, pixel by pixel.",
        [WHERE],
        {"photo": INVERTED},
        inverted,
        rival="the correlation with another photograph",
        files=[
            *NETWORKS[:1],
            *files.PHOTOGRAPHS,
            *(FOLDER / "inverted" / f"{photo}_{layer}.jpg" for photo in INVERTED for layer in LAYERS),
        ],
        tolerance=1.0,
    ),
    Claim(
        "reconstruction.pale",
        "Colours turn pale first: inverted from the early layer they keep less than 0.85 of their spread about the brightness.",
        [WHERE],
        {"photo": INVERTED},
        pale,
        rival="the spread of the brightness",
        files=[
            *NETWORKS[:1],
            *files.PHOTOGRAPHS,
            *(FOLDER / "inverted" / f"{photo}_{layer}.jpg" for photo in INVERTED for layer in LAYERS),
        ],
    ),
    Claim(
        "reconstruction.penalised",
        "A penalty on the total variation makes the noise smoother, by a fifth or more; less than 0.3 is left after the moves.",
        [WHERE],
        {"target": GALLERY[:4], "weight": [100.0, 1000.0]},
        penalised,
        rival="moves instead of the penalty",
        files=[*NETWORKS[:1], *_kept("pixels_moved")],
        tolerance=0.2,
    ),
    Claim(
        "reconstruction.relatives",
        "The class that comes second on a photograph is among the nearest twenty of 999 by its weights (nine of ten).",
        [WHERE],
        {"photo": PHOTOS},
        relatives,
        rival="the same runner-up, for the class of another photograph",
        files=ON_PHOTOS,
        tolerance=5.0,
    ),
    Claim(
        "reconstruction.flat",
        "On grey and on the finished picture the gradient of the probability is below a hundredth of that of the logit.",
        [WHERE, CARDS["logit"]],
        {"target": GALLERY},
        flat,
        rival="on a photograph, for its class",
        files=[*NETWORKS[:1], *files.PHOTOGRAPHS, *_kept("fourier_moved")],
    ),
    Claim(
        "reconstruction.goal",
        "With the probability as the goal the ascent ends at less than half of the logit, in a picture of less contrast.",
        [WHERE, CARDS["logit"]],
        {"target": GALLERY},
        goal,
        rival="pixels and moves, with the logit as the goal",
        files=[*NETWORKS, *_kept("fourier_moved", "probability", "pixels_moved")],
    ),
    Claim(
        "reconstruction.runner_up",
        "The class that comes second is near by its weights for the noise as well, and where no picture is shown at all.",
        [WHERE],
        {"target": GALLERY},
        runner_up,
        rival="the runner-up of the noise, for another class",
        files=[*NETWORKS[:1], *_kept("fourier_moved")],
        tolerance=15.0,
    ),
]
