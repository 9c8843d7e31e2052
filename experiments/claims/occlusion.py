"""Notebook 04: what covering squares says, over photographs, fills, patches, digits and scenes with a known truth."""

from functools import cache, partial

import torch
from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from vislib import data, fills, models, nets
from vislib.controls import sobel
from vislib.data.photographs import packaged
from vislib.explain import Score, logit, probability
from vislib.fills import Fill
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits, rise, shapley

WHERE = "04_occlusion"
PHOTOS = list(data.PHOTOS)
IMAGENET = files.pretrained("efficientnet_lite0")
SCENES = ("shapes_object", "shapes_texture")
PARTS = {"legs": (140, 90), "camera": (14, 66), "coat": (140, 0)}
"""First row and column of three rectangles of the tripod, 84 x 100 pixels, as in notebooks 00 and 04."""


@cache
def _model() -> Classifier:
    return models.load("efficientnet_lite0", device="cpu")


@cache
def _asked(photo: str) -> tuple[Tensor, int]:
    """A photograph as a batch of one, and the class that the network gives it."""
    image = _model().preprocess(packaged(photo))
    with torch.no_grad():
        return image, int(_model()(image).argmax())


@cache
def _squares(photo: str, fill: str = "black") -> Tensor:
    """The drop in probability at each of the 49 squares of 32 pixels."""
    return occlusion_grid(_model(), *_asked(photo), patch=32, stride=32, fill=fill).flatten()


def _covered(image: Tensor, squares: Tensor, fill: str) -> Tensor:
    canvas, covered = fills.canvas(fill, image), image.clone()
    for k in squares.tolist():
        window = (..., slice(k // 7 * 32, k // 7 * 32 + 32), slice(k % 7 * 32, k % 7 * 32 + 32))
        covered[window] = canvas[window]
    return covered


@torch.no_grad()
def _left(photo: str, choices: list[Tensor], fill: str) -> Tensor:
    """The probability that is left when the squares of each choice are covered at once."""
    image, target = _asked(photo)
    return _model()(torch.cat([_covered(image, five, fill) for five in choices])).softmax(1)[:, target]  # type: ignore[no-any-return]


def _edges(photo: str) -> Tensor:
    """The five squares with the strongest edges."""
    edges = sobel(_model(), *_asked(photo))[0]
    return edges.unfold(0, 32, 32).unfold(1, 32, 32).mean((2, 3)).flatten().argsort(descending=True)[:5]


def _at_random(n: int = 20, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(49, generator=generator)[:5] for _ in range(n)]


@cache
def _test(photo: str, fill: str) -> tuple[float, float, Tensor]:
    """What is left after black's five highest squares, after the five with most edges, and after random fives."""
    left = _left(photo, [_squares(photo).argsort(descending=True)[:5], _edges(photo), *_at_random()], fill)
    return float(left[0]), float(left[1]), left[2:]


def hurts(photo: str, fill: str) -> Found:
    """Black's five highest squares, covered with another fill, leave less than the five with the strongest edges."""
    own, edges, random = _test(photo, fill)
    median = float(random.median())
    return found(own < edges, median < edges, highest=own, edges=edges, random=median)


def tripod(fill: str) -> Found:
    """On the tripod black's five leave less than a fifth of what random fives leave, under any fill."""
    own, edges, random = _test("cameraman", fill)
    median = float(random.median())
    return found(own < median / 5, edges < median / 5, highest=own, edges=edges, random=median, least=random.min())  # type: ignore[arg-type]


@cache
def _parts(fill: str, patch: int) -> dict[str, float]:
    """The mean drop on three parts of the tripod's photograph."""
    heat = occlusion(_model(), *_asked("cameraman"), patch=patch, stride=patch // 2, fill=fill)[0]
    return {name: float(heat[row : row + 84, column : column + 100].mean()) for name, (row, column) in PARTS.items()}


def legs(fill: str, patch: int) -> Found:
    """Of three parts the legs cost most, with each fill but noise."""
    drops, noise = _parts(fill, patch), _parts("noise", patch)
    return found(max(drops, key=drops.__getitem__) == "legs", max(noise, key=noise.__getitem__) == "legs", **drops)


@cache
def _nearly(photo: str) -> Tensor:
    """The drops under squares that are nearly black."""
    image, target = _asked(photo)
    dark = torch.full_like(image, 0.02)
    return occlusion_grid(_model(), image, target, patch=32, stride=32, fill=dark).flatten()


def report(fill: str) -> Found:
    """Two squares of the tripod's legs cost more than 0.02 each; with noise, another in each variation, they do not."""
    image, target = _asked("cameraman")
    noise = fills.noise(image, seed=SOLID.index(fill))
    drops = [occlusion_grid(_model(), image, target, patch=32, stride=32, fill=f)[0] for f in (fill, noise)]
    (left, foot), (noisy, noisy_foot) = ((float(grid[5, 4]), float(grid[6, 3])) for grid in drops)
    return found(
        min(left, foot) > 0.02, min(noisy, noisy_foot) > 0.02, leg=left, foot=foot, noise=noisy, noise_foot=noisy_foot
    )


def differ(photo: str, fill: str) -> Found:
    """Another fill puts the squares into another order; a nearly black one does not."""
    like, rival = (_alike(_ranks(_squares(photo)), _ranks(heat)) for heat in (_squares(photo, fill), _nearly(photo)))
    return found(like < 0.9, rival < 0.9, order=like, order_of_rival=rival)


def _ranks(x: Tensor) -> Tensor:
    return x.argsort().argsort().float()


def _alike(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def blue(patch: int, fill: str) -> Found:
    """Where the cat's map is blue, *tiger cat* loses probability and no logit; where it is red, this is not so."""
    image, target = _asked("cat")
    tiger = _model().index("tiger cat")
    clean, covered = occlusion_logits(_model(), image, patch=patch, stride=patch // 2, fill=fill)
    first = (covered.softmax(-1) - clean.softmax(-1)[:, None, None])[..., target]

    def moves(where: Tensor) -> tuple[float, float, float]:
        probability = (covered.softmax(-1) - clean.softmax(-1)[:, None, None])[..., tiger][where].mean()
        logits = (covered - clean[:, None, None])[where].mean(0)
        return float(probability), float(logits[tiger]), float(logits[target])

    (p, tiger_logit, own), (red_p, red_logit, _) = moves(first > 0), moves(first < 0)
    return found(
        p < 0 <= tiger_logit + 0.05, red_p < 0 <= red_logit + 0.05, blue=(first > 0).float().mean(), tiger=p,  # type: ignore[arg-type]
        tiger_logit=tiger_logit, own_logit=own,
    )  # fmt: skip


def size(photo: str, fill: str) -> Found:
    """The largest drop grows from patches of 16 pixels to 32; for an absurd class it does not. At 112 it may be smaller."""
    image, target = _asked(photo)

    def grows(of: int) -> tuple[bool, list[float]]:
        largest = [
            float(occlusion_grid(_model(), image, of, patch=p, stride=p, fill=fill).max()) for p in (16, 32, 112)
        ]
        return 1e-3 < largest[0] < largest[1], largest

    (held, largest), (rival, _) = grows(target), grows((target + 500) % 1000)
    return found(held, rival, patch_16=largest[0], patch_32=largest[1], patch_112=largest[2])


def standin(fill: str) -> Found:
    """On the tripod black's five squares together cost more than twice the sum of each alone; random fives do not.

    With black itself and with white they nearly add up.
    """
    highest = _squares("cameraman").argsort(descending=True)[:5]

    def more(fives: list[Tensor]) -> list[float]:
        clean = float(_left("cameraman", [highest[:0]], fill))
        alone = clean - _left("cameraman", [k[None] for five in fives for k in five], fill).reshape(len(fives), 5)
        together = clean - _left("cameraman", fives, fill)
        return [float(together.median()), float(alone.sum(1).median()), float(alone.max())]

    (five, sum_, one), (random, random_sum, _) = more([highest]), more(_at_random(5))
    return found(five > 2 * sum_ > 0, random > 2 * random_sum > 0, together=five, sum=sum_, one=one, random=random)


@cache
def _together(photo: str, fill: str, seed: int = 0) -> Tensor:
    """The value of each of the 49 squares by 200 random masks."""
    return rise(_model(), *_asked(photo), patch=32, samples=200, fill=fill, seed=seed)[0, ::32, ::32].flatten()


def _red(values: Tensor) -> float:
    """The share of the positive values that lies on the tripod's legs."""
    heat = values.clamp(min=0).unflatten(0, (7, 7)).repeat_interleave(32, 0).repeat_interleave(32, 1)
    row, column = PARTS["legs"]
    return float(heat[row : row + 84, column : column + 100].sum() / heat.sum())


def together(method: str, seed: int) -> Found:
    """On the tripod black and noise both put four tenths of the red on the legs when many squares are hidden at once."""

    def by(fill: str, seed: int) -> Tensor:
        if method == "rise":
            return _together("cameraman", fill, seed)
        values = shapley(_model(), *_asked("cameraman"), patch=32, samples=4, fill=fill, seed=seed)
        return values[0, ::32, ::32].flatten()

    def agree(black: Tensor, noise: Tensor) -> tuple[bool, float]:
        alike = _alike(black, noise)
        return min(_red(black), _red(noise)) > 0.4, alike

    black, noise = by("black", seed), by("noise", seed + 100)  # by masks of their own, not by chance the same ones
    (held, alike), (rival, one) = agree(black, noise), agree(*(_squares("cameraman", f) for f in ("black", "noise")))
    return found(held, rival, alike=alike, one=one, black=_red(black), noise=_red(noise))


def elsewhere(photo: str) -> Found:
    """On other photographs the agreement of black and noise does not grow by 0.5, as it does on the tripod."""

    def ways(of: str) -> tuple[float, float, float]:
        one = _alike(_squares(of, "black"), _squares(of, "noise"))
        many, again = (_alike(_together(of, "black"), _together(of, fill, 1)) for fill in ("noise", "black"))
        return one, many, again

    (one, many, again), (tripod_one, tripod_many, tripod_again) = ways(photo), ways("cameraman")
    return found(
        many - one < 0.5, tripod_many - tripod_one < 0.5, one=one, together=many, again=again,
        tripod=tripod_many, tripod_again=tripod_again,
    )  # fmt: skip


# ---- digits ----


@cache
def _digits(first: int) -> data.ImageSet:
    return data.digits(device="cpu").split(4000)[1][first : first + 60]


@cache
def _reader(seed: int) -> Classifier:
    """The network that has learned to read; with a seed from 1 on, one with random weights."""
    if seed == 0:
        return models.trained("digits", device="cpu")
    network = nets.SmallCNN(channels=1, classes=10, size=28, widths=(16, 32, 32), seed=seed)
    return Classifier(network, mean=0.5, std=0.25, input_size=28, name="untrained").eval()


def _empty(images: Tensor) -> Tensor:
    return torch.nn.functional.max_pool2d(images, 7, 3)[:, 0] == 0


def black(seed: int) -> Found:
    """Black over black costs exactly nothing, for any network; white over black does."""
    digits = _digits(0)
    drops = {
        fill: occlusion_grid(_reader(seed), digits.images, digits.labels, patch=7, stride=3, fill=fill)[
            _empty(digits.images)
        ].abs()
        for fill in ("black", "white")
    }
    return found(
        drops["black"].max() == 0,
        drops["white"].max() == 0,
        black=drops["black"].max(),  # type: ignore[arg-type]
        white=drops["white"].max(),  # type: ignore[arg-type]
    )


def white(first: int, inverted: bool) -> Found:
    """Filled with the colour of ink, an empty place costs two to four digits in ten half the probability."""
    digits = _digits(first)
    network = models.trained("digits_inverted" if inverted else "digits", device="cpu")
    images = 1 - digits.images if inverted else digits.images

    def costly(fill: Fill) -> float:
        drops = occlusion_grid(network, images, digits.labels, patch=7, stride=3, fill=fill)
        return float(((drops * _empty(digits.images)).amax((1, 2)) > 0.5).float().mean())

    ink, paper = costly("black" if inverted else "white"), costly("white" if inverted else "black")
    return found(0.2 <= ink <= 0.45, paper > 0, ink=ink, paper=paper)


# ---- scenes with a known truth ----


@cache
def _scenes(seed: int) -> data.ImageSet:
    return data.shapes(32, seed=seed, device="cpu")


@cache
def _largest(seed: int, score: Score) -> Tensor:
    """The largest drop at one patch for each scene, by the object network."""
    scenes, model = _scenes(seed), models.trained("shapes_object", device="cpu")
    drops = occlusion_grid(model, scenes.images, scenes.labels, patch=12, stride=4, score=score)
    return drops.amax((1, 2))


def known(seed: int) -> Found:
    """The red of the object network lies on the object, five times as much as chance; that of the texture network not."""
    scenes = _scenes(seed)
    times = []
    for net, of in zip(SCENES, (scenes.labels, scenes.attributes["texture"]), strict=True):
        model = models.trained(net, device="cpu")
        red = occlusion(model, scenes.images, of, patch=12, stride=4, score=logit).clamp(min=0)
        inside = (red * scenes.masks).sum((1, 2)) / red.sum((1, 2))  # type: ignore[operator]
        times.append(float(inside.nanmean() / scenes.masks.float().mean()))  # type: ignore[union-attr]
    return found(times[0] > 5, times[1] > 5, object=times[0], texture=times[1])


def rings(seed: int) -> Found:
    """A ring's largest drop is smaller than other objects' in probability, and about theirs in logits; a star's is not."""
    scenes = _scenes(seed)

    def ratios(name: str) -> list[float]:
        chosen = scenes.labels == data.OBJECTS.index(name)
        return [
            float(large[chosen].median() / large[~chosen].median())
            for large in (_largest(seed, probability), _largest(seed, logit))
        ]

    ring, rival = ratios("ring"), ratios("star")
    held, other = (low < 1 and low < high and 0.7 < high < 1.4 for low, high in (ring, rival))
    return found(held, other, probability=ring[0], logit=ring[1])


SOLID = ["black", "white", "gray", "mean", "blur", "inpaint"]  # each fill but noise
FILLS = ["white", "gray", "mean", "blur", "noise"]
DRAWN = list(range(1, 11))
PHOTOGRAPHS = [*files.PHOTOGRAPHS, *IMAGENET]
DIGITS = [*files.DIGITS, *files.trained("digits", "digits_inverted")]
KNOWN = [*files.SHAPES, *files.trained(*SCENES)]
_claim = partial(Claim, files=PHOTOGRAPHS)

CLAIMS = [
    _claim(
        "occlusion.hurts",
        "Black's five highest squares, covered with another fill, leave less than the five with the strongest edges.",
        [WHERE],
        {"photo": PHOTOS, "fill": ["white", "gray", "mean", "blur"]},
        hurts,
        rival="five squares at random, in the median",
    ),
    _claim(
        "occlusion.tripod",
        "On the tripod black's five highest squares leave less than a fifth of what random ones leave, under six fills.",
        [WHERE],
        {"fill": ["black", *FILLS]},
        tripod,
        rival="the five squares with the strongest edges",
    ),
    _claim(
        "occlusion.legs",
        "Of legs, camera and coat the legs cost *tripod* most, with each fill but noise.",
        [WHERE, "card:occlusion.twofills"],
        {"fill": SOLID, "patch": [32, 48]},
        legs,
        rival="noise",
    ),
    _claim(
        "occlusion.report",
        "On two squares of 32 pixels, both on the tripod's legs, each fill but noise costs more than 0.02.",
        [WHERE],
        {"fill": SOLID},
        report,
        rival="noise, with six seeds",
    ),
    _claim(
        "occlusion.differ",
        "Another fill puts the squares into another order, with a rank correlation below 0.9.",
        [WHERE, "card:occlusion.fills"],
        {"photo": PHOTOS, "fill": FILLS},
        differ,
        rival="a fill that is nearly black",
    ),
    _claim(
        "occlusion.blue",
        "Where the cat's map is blue, *tiger cat* loses probability but no logit: probabilities add up to 1.",
        [WHERE],
        {"patch": [32, 48, 64], "fill": ["mean", "gray", "blur"]},
        blue,
        rival="the places where it is red",
    ),
    _claim(
        "occlusion.size",
        "The largest drop grows from patches of 16 pixels to 32 pixels; at 112 it may fall again.",
        [WHERE, "card:occlusion.size"],
        {"photo": PHOTOS, "fill": ["black", "mean"]},
        size,
        rival="an absurd class",
    ),
    _claim(
        "occlusion.standin",
        "With grey, mean, blur and noise the tripod's five squares together cost more than twice the sum of each alone.",
        [WHERE],
        {"fill": ["gray", "mean", "blur", "noise"]},
        standin,
        rival="five squares at random",
    ),
    _claim(
        "occlusion.together",
        "On the tripod black and noise both put four tenths of the red on the legs when many squares are hidden at once.",
        [WHERE],
        {"method": ["rise", "shapley"], "seed": [0, 1]},
        together,
        rival="one square at a time",
        tolerance=0.05,
    ),
    _claim(
        "occlusion.elsewhere",
        "On three other photographs the agreement of black and noise grows by less than 0.5, or falls.",
        [WHERE],
        {"photo": ["flower", "cat", "coffee"]},
        elsewhere,
        rival="the tripod",
        tolerance=0.05,
    ),
    Claim(
        "occlusion.black",
        "Black over black costs exactly nothing, for any network.",
        [WHERE, "card:occlusion.black", "exam:occlusion.exam_night", "exam:occlusion.exam_black"],
        {"seed": list(range(10))},
        black,
        rival="white over black",
        files=DIGITS,
    ),
    Claim(
        "occlusion.white",
        "Filled with the colour of ink, an empty place costs two to four digits in ten half the probability.",
        [WHERE, "card:occlusion.digits"],
        {"first": [60 * k for k in range(10)], "inverted": [False, True]},
        white,
        rival="filled with the colour of the paper",
        files=DIGITS,
        tolerance=0.04,
    ),
    Claim(
        "occlusion.known",
        "In logits, the red lies on the object more than five times as much as chance, for the object network.",
        [WHERE],
        {"seed": DRAWN},
        known,
        rival="the texture network",
        files=KNOWN,
        tolerance=0.1,
    ),
    Claim(
        "occlusion.rings",
        "A ring's largest drop is smaller than that of other objects in probability, and about as large in logits (0.7 to 1.4).",
        [WHERE, "card:occlusion.saturated"],
        {"seed": DRAWN},
        rings,
        rival="a star",
        files=KNOWN,
    ),
]
PLAIN = [
    "occlusion.what",
    "occlusion.blackbox",
    "occlusion.sign",
    "occlusion.redundant",
    "occlusion.average",
    "exam:occlusion.exam_eye",
    "exam:occlusion.exam_what",
    "exam:occlusion.exam_company",
    "exam:occlusion.exam_blackbox",
]
