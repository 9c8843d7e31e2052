"""Notebook 05: steps along the gradient, noisy copies, integrated gradients, absurd classes, and scenes with a known truth."""

from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import torch
from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from vislib import data, faithfulness, gradients, models, nets
from vislib.activations import record
from vislib.controls import chance, sobel
from vislib.data.photographs import packaged
from vislib.embedding import class_weights
from vislib.explain import Explainer, contrast
from vislib.models import Classifier

WHERE = "05_gradients"
PHOTOS = list(data.PHOTOS)
UNIT = 1 / 255
IMAGENET = files.pretrained("efficientnet_lite0")
SCENES = ("shapes_object", "shapes_texture")
METHODS: dict[str, Explainer] = {
    "gradient": gradients.gradient,
    "SmoothGrad": partial(gradients.smoothgrad, n=8),
    "IG, black": partial(gradients.integrated_gradients, steps=8),
    "IG, mean": partial(gradients.integrated_gradients, steps=8, baseline="mean"),
    "guided": gradients.guided_backprop,
    "Grad-CAM": gradients.grad_cam,
}


@cache
def _model() -> Classifier:
    return models.load("efficientnet_lite0", device="cpu")


@cache
def _asked(photo: str) -> tuple[Tensor, Tensor]:
    """A photograph as a batch of one, and the class that the network gives it."""
    image = _model().preprocess(packaged(photo))
    with torch.no_grad():
        return image, _model()(image).argmax(1)


@cache
def _slope(photo: str) -> Tensor:
    return gradients.pixel_gradient(_model(), *_asked(photo))


@torch.no_grad()
def _logits(image: Tensor) -> Tensor:
    return _model()(image)  # type: ignore[no-any-return]


def _score(image: Tensor, target: Tensor) -> float:
    return float(_logits(image)[0, target])


def _signs(photo: str, seed: int) -> Tensor:
    """Signs at random: of the seed and the photograph."""
    generator = torch.Generator().manual_seed(100 * seed + PHOTOS.index(photo))
    return torch.randint(0, 2, (1, 3, 224, 224), generator=generator) * 2.0 - 1


def _noise(seed: int, sigma: float) -> Tensor:
    return sigma * torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(seed))


def _against(photo: str, size: float) -> Tensor:
    return (_asked(photo)[0] - size * UNIT * _slope(photo).sign()).clamp(0, 1)


def _at_random(photo: str, size: float, seed: int) -> Tensor:
    return (_asked(photo)[0] + size * UNIT * _signs(photo, seed)).clamp(0, 1)


def _alike(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


# ---- a step ----


def direction(photo: str, seed: int) -> Found:
    """The step against the gradient costs more than two logits, four times as far at random does not."""
    image, target = _asked(photo)
    clean = _score(image, target)
    against, random = (clean - _score(x, target) for x in (_against(photo, 0.49), _at_random(photo, 2, seed)))
    return found(against > 2, abs(random) > 2, against=against, random=random)


def flips(size: float, seed: int) -> Found:
    """Seven of the ten photographs get another class by a step against the gradient, not so by random signs."""

    def changed(moved: Callable[[str], Tensor]) -> int:
        return sum(int(_logits(moved(photo)).argmax() != _asked(photo)[1]) for photo in PHOTOS)

    against, random = changed(lambda p: _against(p, size)), changed(lambda p: _at_random(p, 2, seed))
    return found(against >= 7, random >= 7, against=against, random=random)


def again(photo: str) -> Found:
    """Three short steps against a fresh gradient of the class's lead, within 0.49 units, change the class; random ones do not."""
    image, k = _asked(photo)
    coins = torch.Generator().manual_seed(0)

    def moved(random: bool) -> bool:
        x = image.clone()
        for _ in range(3):
            runner = int(_logits(x)[0].index_fill(0, torch.tensor(k), -torch.inf).argmax())
            slope = gradients.pixel_gradient(_model(), x, k, score=contrast(runner))
            signs = 1.0 - 2 * (torch.rand(x.shape, generator=coins) < 0.5) if random else slope.sign()
            x = (image + (x - 0.2 / 255 * signs - image).clamp(-0.49 / 255, 0.49 / 255)).clamp(0, 1)
        return int(_logits(x).argmax()) != k

    return found(moved(False), moved(True))


def grain(photo: str) -> Found:
    """The signs of the gradient two pixels apart agree hardly more often than tossed coins; those of a photograph do."""

    def agree(values: Tensor) -> float:
        return float((values[..., 2:] * values[..., :-2] > 0).float().mean())

    image = _asked(photo)[0]
    signs, rival = agree(_slope(photo)), agree(image - image.mean((2, 3), keepdim=True))
    return found(signs < 0.62, rival < 0.62, gradient=signs, photograph=rival)


def beside(photo: str, way: int) -> Found:
    """The signs at neighbouring pixels agree in more than 58 % of the cases; at two with one between them they do not."""
    signs = _slope(photo).sign().movedim(way, -1)
    near, apart = (float((signs[..., k:] * signs[..., :-k] > 0).float().mean()) for k in (1, 2))
    return found(near > 0.58, apart > 0.58, neighbours=near, two_apart=apart)


def stored(photo: str) -> Found:
    """Rounded to whole 255ths, as a file stores it, the moved photograph is the photograph; not so with 0.51."""
    moved = {size: (_against(photo, size) * 255).round() / 255 for size in (0.49, 0.51)}
    same, more = (float((x - _asked(photo)[0]).abs().max()) * 255 for x in moved.values())
    return found(same < 1e-3, more < 1e-3, furthest=same, furthest_of_rival=more)


def bound(photo: str) -> Found:
    """The 1-norm predicts the fall for a step of 0.01/255, within a fifth; not so for half a unit."""
    image, target = _asked(photo)
    ratios = [
        size * UNIT * float(_slope(photo).abs().sum()) / (_score(image, target) - _score(_against(photo, size), target))
        for size in (0.01, 0.1, 0.5)
    ]
    return found(0.8 < ratios[0] < 1.2, 0.8 < ratios[2] < 1.2, hundredth=ratios[0], tenth=ratios[1], half=ratios[2])


# ---- noise ----


def _noisy_slope(photo: str, seed: int, sigma: float) -> Tensor:
    image, target = _asked(photo)
    return gradients.pixel_gradient(_model(), (image + _noise(seed, sigma)).clamp(0, 1), target)


def jumps(photo: str, seed: int) -> Found:
    """Noise of 2/255 leaves little of the gradient; a twentieth of that noise leaves most."""
    near, nearer = (_alike(_slope(photo), _noisy_slope(photo, seed, s * UNIT)) for s in (2, 0.1))
    return found(near < 0.5, nearer < 0.5, noise_2=near, noise_01=nearer)


@cache
def _calm(photo: str) -> Tensor:
    return _coarse(gradients.smoothgrad(_model(), *_asked(photo), n=8, seed=100))


def _coarse(heat: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(heat[:, None], 16)


def first_copy(photo: str, seed: int) -> Found:
    """One noisy copy has the coarse map of eight others; the gradient has not."""
    one = gradients.smoothgrad(_model(), *_asked(photo), n=1, seed=seed)
    maps = {"one": one, "gradient": _slope(photo).abs().sum(1), "edges": sobel(_model(), *_asked(photo))}
    like = {name: _alike(_coarse(heat), _calm(photo)) for name, heat in maps.items()}
    return found(like["one"] > 0.5, like["gradient"] > 0.5, **like)


def renamed(seed: int) -> Found:
    """With SmoothGrad's noise at least six photographs get another class; with a noise of 2/255 they do not."""
    counts = []
    for sigma in (0.15, 2 * UNIT):
        noisy = (_logits(_asked(photo)[0] + _noise(100 * seed + k, sigma)).argmax() for k, photo in enumerate(PHOTOS))
        counts.append(sum(int(now != _asked(photo)[1]) for now, photo in zip(noisy, PHOTOS, strict=True)))
    return found(counts[0] >= 6, counts[1] >= 6, renamed=counts[0], renamed_of_rival=counts[1])


# ---- integrated gradients ----

STEPS = (8, 16, 32, 64, 128)


@cache
def _digits() -> data.ImageSet:
    """A digit of each class that the network has not seen."""
    held_out = data.digits(device="cpu").split(4000)[1]
    return held_out[[int((held_out.labels == k).nonzero()[0]) for k in range(10)]]


def _digit(photo: str) -> tuple[Tensor, Tensor]:
    k = PHOTOS.index(photo)
    return _digits().images[k : k + 1], _digits().labels[k : k + 1]


@cache
def _integrated(photo: str, network: str, steps: int) -> tuple[float, Tensor]:
    """The share of the difference of the scores that the sum misses, and the map."""
    model = models.trained(network, device="cpu") if network else _model()
    asked = _digit(photo) if network else _asked(photo)
    heat = gradients.integrated_gradients(model, *asked, steps=steps)
    return float(gradients.completeness_gap(model, *asked, heat)), heat


def _gaps(photo: str, network: str, steps: tuple[int, ...]) -> list[float]:
    return [_integrated(photo, network, n)[0] for n in steps]


def steps(photo: str) -> Found:
    """With 16 steps the sum misses more than 5 %; on a digit, by the small network, less."""
    gaps, rival = _gaps(photo, "", STEPS), _gaps(photo, "digits", STEPS)
    named = {f"gap_{n}": gap for n, gap in zip(STEPS, gaps, strict=True)}
    return found(gaps[1] > 0.05, rival[1] > 0.05, **named, digit_16=rival[1], digit_64=rival[3])


def more(photo: str) -> Found:
    """Somewhere between 8 and 64 twice as many steps make the gap larger, by more than a hundredth of the difference."""
    worst, rival = (max(b - a for a, b in pairwise(_gaps(photo, net, STEPS[:4]))) for net in ("", "digits"))
    return found(worst > 0.01, rival > 0.01, grows_by=worst, grows_on_a_digit=rival)


def shape(photo: str) -> Found:
    """The map of 16 steps is nearly that of 64, whatever its sum; gradient times pixel is not."""
    few, many = (_integrated(photo, "", n)[1] for n in (16, 64))
    like, rival = (_alike(heat, many) for heat in (few, gradients.input_x_gradient(_model(), *_asked(photo))))
    return found(like > 0.8, rival > 0.8, alike=like, input_x_gradient=rival)


def path(photo: str) -> Found:
    """A quarter of the way from black is two thirds of the gain in the logit; not so on a digit."""

    def quarter(model: Classifier, image: Tensor, target: Tensor) -> float:
        with torch.no_grad():
            start, at, end = (model(share * image)[0, target].item() for share in (0, 0.25, 1))
        return (at - start) / (end - start)  # type: ignore[no-any-return]

    gained = quarter(_model(), *_asked(photo))
    rival = quarter(models.trained("digits", device="cpu"), *_digit(photo))
    return found(gained > 2 / 3, rival > 2 / 3, gained=gained, on_a_digit=rival)


def start(photo: str) -> Found:
    """A sixteenth of the way from black brings more than half of the gain in the logit; not so on a digit."""

    def sixteenth(model: Classifier, image: Tensor, target: Tensor) -> float:
        with torch.no_grad():
            black, at, end = (model(share * image)[0, target].item() for share in (0, 1 / 16, 1))
        return (at - black) / (end - black)  # type: ignore[no-any-return]

    gained = sixteenth(_model(), *_asked(photo))
    rival = sixteenth(models.trained("digits", device="cpu"), *_digit(photo))
    return found(gained > 0.5, rival > 0.5, gained=gained, on_a_digit=rival)


@cache
def _reader(trained: bool) -> Classifier:
    model = models.trained("digits", device="cpu")
    if trained:
        return model
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nets.SmallCNN(channels=1, classes=10, size=28, widths=(16, 32, 32))
    return Classifier(network, classes=model.classes, mean=0.5, std=0.25, input_size=28).eval()


def baseline(digit: int, trained: bool) -> Found:
    """Nothing of the map lies on black paper with a black baseline, and with a white one the ink gets less than its share."""
    image, of = _digits().images[digit : digit + 1], digit
    paper, ink = image[:, 0] == 0, image[:, 0] > 0.9

    def share(heat: Tensor, where: Tensor) -> float:
        return float((heat.abs() * where).sum() / heat.abs().sum())

    ways = [
        gradients.integrated_gradients(_reader(trained), image, of, steps=16, baseline=b) for b in ("black", "white")
    ]
    plain, area = gradients.gradient(_reader(trained), image, of), float(ink.float().mean())
    held = share(ways[0], paper) == 0 and share(ways[1], ink) < area / 2
    rival = share(plain, paper) == 0 and share(plain, ink) < area / 2
    return found(
        held, rival, black_on_paper=share(ways[0], paper), white_on_ink=share(ways[1], ink), ink=area,
        gradient_on_paper=share(plain, paper), gradient_on_ink=share(plain, ink),
    )  # fmt: skip


# ---- an absurd class ----


@cache
def _both(photo: str, off: int) -> dict[str, float]:
    """How alike the maps of the network's class and of one so many indices further on are, by method."""
    image, target = _asked(photo)
    absurd = (target + off) % 1000
    slopes = _slope(photo), gradients.pixel_gradient(_model(), image, absurd)
    like = {"gradient": _alike(*(s.abs().sum(1) for s in slopes)), "signs": _alike(*slopes)}
    for name, method in (("guided", gradients.guided_backprop), ("cam", gradients.grad_cam)):
        like[name] = _alike(method(_model(), image, target), method(_model(), image, absurd))
    return like


def wrong_class(photo: str, off: int) -> Found:
    """Guided backprop draws the same map, the gradient does not."""
    like = _both(photo, off)
    return found(like["guided"] > 0.95, like["gradient"] > 0.95, guided=like["guided"], gradient=like["gradient"])


def signs(photo: str, off: int) -> Found:
    """With their signs the two gradients are hardly related; without, they are."""
    like = _both(photo, off)
    return found(abs(like["signs"]) < 0.3, abs(like["gradient"]) < 0.3, signs=like["signs"], gradient=like["gradient"])


def blob(photo: str, off: int) -> Found:
    """Grad-CAM's blob moves, guided backprop's map does not."""
    like = _both(photo, off)
    return found(like["cam"] < 0.7, like["guided"] < 0.7, cam=like["cam"], guided=like["guided"])


# ---- the last maps, and another class ----


@cache
def _last_maps(photo: str) -> Tensor:
    """The answer of the last convolution, (1280, 7, 7)."""
    with record(_model(), ["network.bn2"]) as seen:
        _logits(_asked(photo)[0])
    return seen["network.bn2"][0]


def _cam(photo: str, target: int) -> Tensor:
    """The last maps in the strengths of a class's row of weights, (7, 7)."""
    return torch.einsum("c,chw->hw", class_weights(_model())[target], _last_maps(photo))


def cam(photo: str) -> Found:
    """CAM's mean over its places is the logit without the bias, and Grad-CAM its positive part over 49."""

    def agrees(row: int) -> bool:
        heat = _cam(photo, row)
        logit = float(heat.mean() + _model().head.bias[target])
        large = torch.nn.functional.interpolate(heat.relu()[None, None] / 49, (224, 224), mode="bilinear")[0]
        return abs(logit - _score(image, target)) < 1e-3 and bool((large - grad_cam).abs().max() < 1e-3)

    image, target = _asked(photo)
    grad_cam = gradients.grad_cam(_model(), image, target)
    return found(agrees(int(target)), agrees((int(target) + 500) % 1000), logit=_score(image, target))


def rather(photo: str) -> Found:
    """Of the map of a class rather than its runner-up at least a twentieth is negative; not so with an absurd rival."""

    def against(other: int | None) -> float:
        heat = _cam(photo, own) - (0 if other is None else _cam(photo, other))
        return float(heat.clamp(max=0).abs().sum() / heat.abs().sum())

    own, second = _logits(_asked(photo)[0])[0].topk(2).indices.tolist()
    shares = against(second), against((own + 500) % 1000), against(None)
    return found(shares[0] > 0.05, shares[1] > 0.05, second=shares[0], absurd=shares[1], alone=shares[2])


def same_answer(photo: str, off: int) -> Found:
    """Why a class rather than an absurd one is the map of the class alone; rather than its runner-up it is another map."""

    def alike(other: int) -> float:
        return _alike(_cam(photo, own) - _cam(photo, other), _cam(photo, own))

    own, second = _logits(_asked(photo)[0])[0].topk(2).indices.tolist()
    absurd, rival = alike((own + off) % 1000), alike(second)
    return found(absurd > 0.9, rival > 0.9, absurd=absurd, runner_up=rival)


# ---- the truth is known ----


def _times(method: Explainer | None, seed: int) -> list[Tensor]:
    """For the object and the texture network: the share of each map on the object, over the object's area.

    None: a map of random numbers, another one for each network.
    """
    scenes = data.shapes(16, seed=seed, device="cpu")
    times = []
    for k, (net, of) in enumerate(zip(SCENES, (scenes.labels, scenes.attributes["texture"]), strict=True)):
        explainer = method or partial(chance, seed=k)
        model = models.trained(net, device="cpu")
        shares = faithfulness.mass_inside(model, scenes.images, of, explainer, scenes.masks)  # type: ignore[arg-type]
        times.append(shares / scenes.masks.float().mean((1, 2)))  # type: ignore[union-attr]
    return times


@cache
def _bars(seed: int) -> dict[str, tuple[float, float]]:
    """The two bars of each method."""
    rows = {name: _times(method, seed) for name, method in METHODS.items()}
    return {name: (float(on.mean()), float(off.mean())) for name, (on, off) in rows.items()}


def _vivid(model: object, images: Tensor, target: object) -> Tensor:
    """How far each pixel is from the mean colour of its image."""
    return (images - images.mean((2, 3), keepdim=True)).abs().sum(1)


def tells(method: str, seed: int) -> Found:
    """Scene by scene the object network's map lies more on the object than the texture network's; random maps do not."""
    (on, off), (one, other), vivid = (_times(m, seed) for m in (METHODS[method], None, _vivid))
    held = (on > off).sum() >= 15 and on.mean() > 2 and off.mean() < 1.5
    rival = (one > other).sum() >= 15 and one.mean() > 2 and other.mean() < 1.5
    return found(held, rival, object=on.mean(), texture=off.mean(), random=one.mean(), vivid=vivid[0].mean())  # type: ignore[arg-type]


def highest(seed: int) -> Found:
    """Integrated gradients from the mean colour has the highest bar, more than one and a half times black's."""
    on = {name: values[0] for name, values in _bars(seed).items()}
    mean, black = on["IG, mean"], on["IG, black"]
    return found(max(on.values()) == mean > 1.5 * black, max(on.values()) == black, mean=mean, black=black)


def ratio(seed: int) -> Found:
    """By the ratio of its two bars guided backprop comes first, not integrated gradients from the mean colour."""
    by = {name: on / off for name, (on, off) in _bars(seed).items()}
    first = max(by, key=lambda name: by[name])
    return found(
        first == "guided", first == "IG, mean", guided=by["guided"], mean=by["IG, mean"], gradient=by["gradient"]
    )


def guess(seed: int) -> Found:
    """More than four times its share on the object says which network was asked; the vividness of the object does not."""

    def right(method: Explainer) -> float:
        on, off = _times(method, seed)
        return float(((on > 4).sum() + (off <= 4).sum()) / (len(on) + len(off)))

    with_map, rival = right(METHODS["IG, mean"]), right(_vivid)
    return found(with_map > 0.9, rival > 0.9, right=with_map, right_of_rival=rival)


SEEDS = [0, 1, 2]
OFF = [100, 300, 500, 700, 900]
DRAWN = list(range(1, 11))
PHOTOGRAPHS = [*files.PHOTOGRAPHS, *IMAGENET]
BOTH = [*PHOTOGRAPHS, *files.DIGITS, *files.trained("digits")]
KNOWN = [*files.SHAPES, *files.trained(*SCENES)]

CLAIMS = [
    Claim(
        "gradients.direction",
        "0.49/255 against the gradient costs each of ten photographs more than two logits; 2/255 at random does not.",
        [WHERE, "card:gradients.adversarial", "exam:gradients.exam_step"],
        {"photo": PHOTOS, "seed": SEEDS},
        direction,
        rival="random signs, four times as far",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.again",
        "Three steps of 0.2 units against the gradient of the class's lead over the next one change the class, within 0.49.",
        [WHERE],
        {"photo": PHOTOS},
        again,
        rival="three steps with random signs",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.flips",
        "A step of a quarter to half of a unit against the gradient changes the class of at least 7 of ten photographs.",
        [WHERE, "card:gradients.adversarial"],
        {"size": [0.25, 0.3, 0.4, 0.49], "seed": SEEDS},
        flips,
        rival="random signs, 2/255",
        files=PHOTOGRAPHS,
        tolerance=1,
    ),
    Claim(
        "gradients.stored",
        "Stored as whole 255ths, a photograph that was moved by 0.49/255 is the photograph itself.",
        [WHERE, "card:gradients.fgsm"],
        {"photo": PHOTOS},
        stored,
        rival="a step of 0.51/255",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.bound",
        "The 1-norm predicts the fall of the logit within a fifth for a step of 0.01/255.",
        [WHERE, "card:gradients.bound"],
        {"photo": PHOTOS},
        bound,
        rival="a step of 0.5/255",
        files=PHOTOGRAPHS,
        tolerance=0.05,
    ),
    Claim(
        "gradients.jumps",
        "Noise of 2/255, which nobody sees, leaves a gradient that correlates with the first by less than 0.5.",
        [WHERE, "card:gradients.smoothgrad"],
        {"photo": PHOTOS, "seed": SEEDS},
        jumps,
        rival="noise of 0.1/255",
        files=PHOTOGRAPHS,
        tolerance=0.05,
    ),
    Claim(
        "gradients.copy",
        "Seen coarsely, the map of one noisy copy is like that of eight other copies.",
        [WHERE],
        {"photo": PHOTOS, "seed": SEEDS},
        first_copy,
        rival="the gradient of the photograph itself",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.renamed",
        "With noise of 0.15 at least six of ten photographs get another class.",
        [WHERE],
        {"seed": list(range(10))},
        renamed,
        rival="noise of 2/255",
        files=PHOTOGRAPHS,
        tolerance=1,
    ),
    Claim(
        "gradients.steps",
        "On photographs, 16 steps of integrated gradients miss the difference of the scores by more than 5 %.",
        [WHERE, "card:gradients.completeness"],
        {"photo": PHOTOS},
        steps,
        rival="a digit, explained for the small network",
        files=BOTH,
        tolerance=0.1,
    ),
    Claim(
        "gradients.more",
        "On photographs, twice as many steps of integrated gradients may miss by more.",
        [WHERE, "card:gradients.completeness"],
        {"photo": PHOTOS},
        more,
        rival="a digit, explained for the small network",
        files=BOTH,
        tolerance=0.1,
    ),
    Claim(
        "gradients.shape",
        "The map of 16 steps is like that of 64, with a correlation above 0.8, though its sum is not right.",
        [WHERE],
        {"photo": PHOTOS},
        shape,
        rival="gradient times pixel",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.path",
        "From black to the photograph, the first quarter of the way brings two thirds of the gain in the logit.",
        [WHERE],
        {"photo": PHOTOS},
        path,
        rival="a digit, and the small network",
        files=BOTH,
    ),
    Claim(
        "gradients.start",
        "From black to the photograph, the first sixteenth of the way brings more than half of the gain in the logit.",
        [WHERE],
        {"photo": PHOTOS},
        start,
        rival="a digit, and the small network",
        files=BOTH,
    ),
    Claim(
        "gradients.baseline",
        "With a black baseline nothing lies on black paper, with a white one the ink gets less than half its share; any network.",
        [WHERE, "card:gradients.baseline", "exam:gradients.exam_baseline"],
        {"digit": list(range(10)), "trained": [True, False]},
        baseline,
        rival="the gradient",
        files=[*files.DIGITS, *files.trained("digits")],
    ),
    Claim(
        "gradients.wrongclass",
        "Guided backprop draws the same map (correlation above 0.95) for an absurd class.",
        [WHERE, "card:gradients.wrongclass"],
        {"photo": PHOTOS, "off": OFF},
        wrong_class,
        rival="the gradient",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.signs",
        "With their signs, the gradients of the network's class and of an absurd one are hardly related.",
        [WHERE],
        {"photo": PHOTOS, "off": OFF},
        signs,
        rival="the same gradients without signs",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.blob",
        "Grad-CAM's map changes with the class: a correlation below 0.7 with that of an absurd one.",
        [WHERE, "card:gradients.gradcam"],
        {"photo": PHOTOS, "off": OFF},
        blob,
        rival="guided backprop",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.grain",
        "The signs of the gradient at two pixels, with one between them, agree in less than 62 % of the cases.",
        [WHERE],
        {"photo": PHOTOS},
        grain,
        rival="the photograph, about its mean",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.beside",
        "The signs of the gradient at neighbouring pixels, in a row or a column, agree in more than 58 % of the cases.",
        [WHERE],
        {"photo": PHOTOS, "way": [2, 3]},
        beside,
        rival="two pixels with one between them",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.cam",
        "On this network CAM adds up to the logit, and Grad-CAM of the last maps is its positive part.",
        [WHERE],
        {"photo": PHOTOS},
        cam,
        rival="the row of another class",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.rather",
        "Of the map of a class rather than its runner-up at least a twentieth speaks for the runner-up.",
        [WHERE, "card:gradients.contrast"],
        {"photo": PHOTOS},
        rather,
        rival="rather than an absurd class",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.absurd",
        "Why a class rather than an absurd one is nearly the map of the class alone: a correlation above 0.9.",
        [WHERE, "card:gradients.contrast"],
        {"photo": PHOTOS, "off": OFF},
        same_answer,
        rival="rather than its runner-up",
        files=PHOTOGRAPHS,
    ),
    Claim(
        "gradients.tells",
        "All six methods lie more on the object for the object network than for the texture network, scene by scene.",
        [WHERE],
        {"method": list(METHODS), "seed": DRAWN[:5]},
        tells,
        rival="random maps",
        files=KNOWN,
        tolerance=0.1,
    ),
    Claim(
        "gradients.highest",
        "For the object network, integrated gradients from the mean colour has the highest bar of six methods.",
        [WHERE],
        {"seed": DRAWN},
        highest,
        rival="integrated gradients from black",
        files=KNOWN,
        tolerance=0.2,
    ),
    Claim(
        "gradients.ratio",
        "By the ratio of its two bars guided backprop comes first of six methods.",
        [WHERE],
        {"seed": DRAWN},
        ratio,
        rival="integrated gradients from the mean colour",
        files=KNOWN,
        tolerance=0.5,
    ),
    Claim(
        "gradients.guess",
        "A reader of the map can tell which network was asked: much of it on the object, or not.",
        [WHERE],
        {"seed": DRAWN},
        guess,
        rival="how vivid the object is, without any network",
        files=KNOWN,
        tolerance=0.07,
    ),
]
PLAIN = [
    "gradients.norm",
    "gradients.read",
    "gradients.saturated",
    "exam:gradients.exam_zero",
    "exam:gradients.exam_method",
    "exam:gradients.exam_draw",
    "exam:gradients.exam_absolute",
    "exam:gradients.exam_gradcam",
]
