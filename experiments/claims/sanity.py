"""Notebook 07: what is left of a map when the network goes to pieces, or has learned labels without meaning."""

from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.sanity import EPOCHS, EXPLAINERS, FOR_LABELS, PAIRS, SEEDS, asked, digits, reader
from vislib import controls, data, gradients, models, sanity, training
from vislib.course.results import stored

WHERE = "07_sanity_checks"
RULERS = ["spearman", "absolute", "ssim", "hog"]
OTHERS = [name for name in EXPLAINERS if name not in ("guided_backprop", "sobel")]
PICTURES = list(range(10))
PRETRAINED = [*files.pretrained("efficientnet_lite0"), *files.PHOTOGRAPHS]

PLAIN = [
    "sanity.two",
    "sanity.cascade",
    "sanity.similarity",
    "exam:sanity.exam_two",
    "exam:sanity.exam_destroyed",
    "exam:sanity.exam_edges",
]


@cache
def _table(name: str, *index: str) -> Any:
    return stored(name).set_index(list(index)).sort_index()


@cache
def _cascade(method: str, depth: int, ruler: str) -> Tensor:
    """Return how alike the maps are to those of the trained network, (seeds, photographs)."""
    rows: pd.DataFrame = _table("sanity", "method", "depth").loc[(method, depth)]
    return torch.tensor(rows.sort_values("seed")[ruler].tolist())


def _above_half_way(method: str, depth: int, ruler: str = "spearman") -> Tensor:
    """Return by how much the similarity lies above half way from a stranger's map to the same map, (seeds, photographs)."""
    return _cascade(method, depth, ruler) - (1 + _cascade(method, 19, ruler)) / 2


def guided(seed: int, photo: int) -> Found:
    """With ten random blocks guided backprop's map is nearer to the trained network's than to a stranger's."""
    kept, rival = (float(_above_half_way(m, 10)[seed, photo]) for m in ("guided_backprop", "gradient"))
    return found(kept > 0, rival > 0, guided=kept, gradient=rival)


def rulers(method: str, ruler: str, photo: int) -> Found:
    """With four random blocks the map is nearer to a stranger's, in the mean over networks; guided backprop's is not."""
    left, rival = (float(_above_half_way(m, 4, ruler).mean(0)[photo]) for m in (method, "guided_backprop"))
    return found(left < 0, rival < 0, above=left, guided=rival)


def strangers(method: str, photo: int) -> Found:
    """Two random networks are more alike than a random and the trained one; for Grad-CAM they are not."""
    pairs = _table("sanity_floor", "method")

    def more(name: str) -> float:
        among = torch.tensor(pairs.loc[name].spearman.tolist()).mean(0)
        return float((among - _cascade(name, 19, "spearman").mean(0))[photo])

    return found(more(method) > 0, more("grad_cam") > 0, more=more(method), grad_cam=more("grad_cam"))


@cache
def _networks() -> list[torch.nn.Module]:
    """The trained network, and those with ever more random blocks."""
    model, photos, _ = asked()
    return [model, *(network for _, network in sanity.randomised(model, photos, seed=0))]


@cache
def _smooth(depth: int) -> Tensor:
    """SmoothGrad of 20 copies, for the network with so many random blocks."""
    _, photos, target = asked()
    return gradients.smoothgrad(_networks()[depth], photos, target, n=20)


def _left(of: Tensor, zero: Tensor) -> float:
    """Which share is left of the way from a wholly random network's maps to the trained one's, in the mean."""
    return float((of.mean() - zero.mean()) / (1 - zero.mean()))


def copies(depth: int) -> Found:
    """With 20 noisy copies for 4 SmoothGrad passes as well: less than half of the way is left; guided backprop does not."""
    at, zero = (sanity.spearman(_smooth(0), _smooth(blocks)) for blocks in (depth, 19))
    left, rival = (
        _left(at, zero),
        _left(*(_cascade("guided_backprop", blocks, "spearman")[0] for blocks in (depth, 19))),
    )
    four = _cascade("smoothgrad", depth, "spearman")[0].mean()
    return found(left < 0.5, rival < 0.5, left=left, guided=rival, twenty=at.mean(), four=four)  # type: ignore[arg-type]


def edges(photo: int) -> Found:
    """Guided backprop goes with the edges more in random networks than in the trained one; SmoothGrad does not."""
    table = _table("sanity_edges", "method")
    more, rival = (table.loc[m].random[photo] - table.loc[m].trained[photo] for m in ("guided_backprop", "smoothgrad"))
    return found(more > 0, rival > 0, guided=more, smoothgrad=rival)


# ---- asked live ----


@cache
def _seven(seed: int) -> Tensor:
    """Return how probable a network with seven random blocks finds each photograph's class."""
    model, photos, target = asked()
    network = [net for net, _ in zip(sanity.randomised(model, photos, seed=seed), range(7), strict=False)][-1][1]
    with torch.no_grad():
        given: Tensor = network(photos).softmax(1).gather(1, target[:, None])[:, 0]
        return given


def vote(seed: int, photo: int) -> Found:
    """With seven random blocks the class has lost its probability, and guided backprop's map is still the same one."""
    lost = float(_seven(seed)[photo])
    alike, rival = (float(_cascade(m, 7, "spearman")[seed, photo]) for m in ("guided_backprop", "gradient"))
    return found(lost < 0.01 and alike > 0.9, lost < 0.01 and rival > 0.9, lost=lost, guided=alike, gradient=rival)


@cache
def _maps(method: str, offset: int) -> Tensor:
    model, photos, target = asked()
    explainer = {"guided": gradients.guided_backprop, "gradient": gradients.gradient}[method]
    return explainer(model, photos, (target + offset) % 1000)


def absurd(offset: int, photo: int) -> Found:
    """Asked about an absurd class, guided backprop draws the map of the right one."""
    alike, rival = (float(sanity.spearman(_maps(m, 0), _maps(m, offset))[photo]) for m in ("guided", "gradient"))
    return found(alike > 0.9, rival > 0.9, guided=alike, gradient=rival)


@cache
def _spread(seed: int, calibrated: bool) -> float:
    """Return how much the answers of a wholly random network to ten photographs differ, as a share of their size."""
    model, photos, _ = asked()
    if calibrated:
        _, network = next(sanity.randomised(model, photos, blocks=["network"], seed=seed))
    else:
        network = models.load("efficientnet_lite0", device="cpu")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for layer in network.modules():
                getattr(layer, "reset_parameters", lambda: None)()
    with torch.no_grad():
        logits = network(photos)
    return float((logits - logits.mean(0)).abs().max() / logits.abs().max())


def dead(seed: int) -> Found:
    """A network reset without calibrating its BatchNorms gives all photographs the same answer; a calibrated one does not."""
    reset, rival = _spread(seed, calibrated=False), _spread(seed, calibrated=True)
    return found(reset < 1e-3, rival < 1e-3, reset=reset, calibrated=rival)


# ---- random labels ----


def _share_of_ceiling(method: str, pair: str, way: str) -> float:
    table = _table("sanity_labels", "method", "against", "pair")
    return float(table.loc[(method, "permuted", pair)][way] / table.loc[(method, "true")][way].mean())


def ink(method: str, pair: str) -> Found:
    """On the ink a method keeps less than half of its ceiling when the labels are shuffled; guided backprop keeps more."""
    share, rival = (_share_of_ceiling(m, pair, "ink") for m in (method, "guided_backprop"))
    return found(share < 0.5, rival < 0.5, share=share, guided=rival)


def signs(method: str, pair: str) -> Found:
    """On the ink and without signs, a product with the image keeps more than half of its ceiling; the gradient keeps less."""
    share, rival = (_share_of_ceiling(m, pair, "ink_absolute") for m in (method, "gradient"))
    return found(share > 0.5, rival > 0.5, share=share, gradient=rival)


def zeros(method: str, pair: str) -> Found:
    """Over all pixels, without signs, a product with the image agrees with itself for shuffled labels; on the ink it does not."""
    row = _table("sanity_labels", "method", "against", "pair").loc[(method, "permuted", pair)]
    return found(row.absolute > 0.95, row.ink_absolute > 0.95, all_pixels=row.absolute, on_the_ink=row.ink_absolute)


def shuffled(seed: int) -> Found:
    """A network of shuffled labels knows them by heart and reads no unseen digit; one of true labels reads unseen ones."""
    learned, unseen = digits()
    order = torch.randperm(len(learned), generator=torch.Generator().manual_seed(seed))
    knows = {}
    for name, labels in (("shuffled", learned.labels[order]), ("true", learned.labels)):
        network = reader(seed)
        training.fit(network, replace(learned, labels=labels), epochs=EPOCHS, seed=seed)
        knows[name] = [training.accuracy(network, s) for s in (replace(learned, labels=labels), unseen)]
    by_heart = {name: own > 0.99 and other < 0.2 for name, (own, other) in knows.items()}
    return found(by_heart["shuffled"], by_heart["true"], own=knows["shuffled"][0], unseen=knows["shuffled"][1])


# ---- what passing does not prove ----


def hashed(model: torch.nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Noise, seeded by the weights."""
    number = sum(p.detach().double().abs().sum().item() for p in model.parameters())
    generator = torch.Generator().manual_seed(int(number * 1e6) % 2**31)
    return torch.rand(images[:, 0].shape, generator=generator).to(images)


def noise(scenes: int) -> Found:
    """Noise that is seeded by the weights is never alike after the first block; a disc always is."""
    drawn, judge = data.shapes(8, seed=scenes, device="cpu"), models.trained("shapes_object", device="cpu")
    most, rival = (
        float(sanity.cascade(judge, drawn.images, drawn.labels, method, seeds=2).values.abs().max())
        for method in (hashed, controls.disc)
    )
    return found(most < 0.1, rival < 0.1, noise=most, disc=rival)


CLAIMS = [
    Claim(
        "sanity.vote",
        "With seven of nineteen blocks random the class has lost its probability, and guided backprop's map correlates "
        "above 0.9 with that of the trained network.",
        [WHERE, "card:sanity.guided"],
        {"seed": SEEDS, "photo": PICTURES},
        vote,
        rival="the gradient's map",
        files=[*PRETRAINED, files.table("sanity")],
    ),
    Claim(
        "sanity.guided",
        "With ten random blocks guided backprop's map is nearer to the trained network's than to a wholly random one's.",
        [WHERE, "exam:sanity.exam_same"],
        {"seed": SEEDS, "photo": PICTURES},
        guided,
        rival="the gradient's map",
        files=[files.table("sanity")],
    ),
    Claim(
        "sanity.rulers",
        "From four random blocks on six other methods' maps are nearer to a wholly random network's, by each of four measures.",
        [WHERE],
        {"method": OTHERS, "ruler": RULERS, "photo": PICTURES},
        rulers,
        rival="guided backprop",
        files=[files.table("sanity")],
    ),
    Claim(
        "sanity.strangers",
        "Two random networks agree with each other more than with the trained one (gradient, SmoothGrad, guided backprop).",
        [WHERE, "card:sanity.floor", "card:sanity.below"],
        {"method": ["gradient", "smoothgrad", "guided_backprop"], "photo": PICTURES},
        strangers,
        rival="Grad-CAM",
        files=[files.table("sanity"), files.table("sanity_floor")],
    ),
    Claim(
        "sanity.copies",
        "With 20 noisy copies for 4 SmoothGrad passes the cascade as well: less than half of the way is left.",
        [WHERE],
        {"depth": [1, 4, 10]},
        copies,
        rival="guided backprop",
        files=[*PRETRAINED, files.table("sanity")],
    ),
    Claim(
        "sanity.edges",
        "Guided backprop goes with the edges more in a random network than in the trained one.",
        [WHERE, "card:sanity.edges", "card:sanity.spot"],
        {"photo": PICTURES},
        edges,
        rival="SmoothGrad",
        files=[files.table("sanity_edges")],
    ),
    Claim(
        "sanity.absurd",
        "Asked about an absurd class, guided backprop draws nearly the map of the right one.",
        [WHERE],
        {"offset": [250, 500, 750], "photo": PICTURES},
        absurd,
        rival="the gradient",
        files=PRETRAINED,
    ),
    Claim(
        "sanity.dead",
        "A network that is reset without calibrating its BatchNorms gives all photographs the same answer.",
        [WHERE, "card:sanity.batchnorm"],
        {"seed": SEEDS},
        dead,
        rival="a calibrated random network",
        files=PRETRAINED,
    ),
    Claim(
        "sanity.ink",
        "On the ink all methods but guided backprop keep less than half of their ceiling when the labels are shuffled.",
        [WHERE, "card:sanity.labels"],
        {"method": [m for m in FOR_LABELS if m != "guided_backprop"], "pair": PAIRS},
        ink,
        rival="guided backprop",
        files=[files.table("sanity_labels")],
    ),
    Claim(
        "sanity.signs",
        "Without their signs, maps that are multiplied by the image keep more than half of their ceiling on the ink.",
        [WHERE],
        {"method": ["input_x_gradient", "integrated_gradients"], "pair": PAIRS},
        signs,
        rival="the gradient",
        files=[files.table("sanity_labels")],
    ),
    Claim(
        "sanity.zeros",
        "Over all pixels and without signs, maps that are multiplied by the image agree for true and for shuffled labels.",
        [WHERE, "card:sanity.zeros"],
        {"method": ["input_x_gradient", "integrated_gradients"], "pair": PAIRS},
        zeros,
        rival="the same on the ink",
        files=[files.table("sanity_labels")],
    ),
    Claim(
        "sanity.shuffled",
        "A network of shuffled labels learns them by heart and reads no unseen digit.",
        [WHERE],
        {"seed": SEEDS},
        shuffled,
        rival="a network of true labels",
        files=files.DIGITS,
        tolerance=0.1,
    ),
    Claim(
        "sanity.hash",
        "Noise that is seeded by the weights passes the check of random weights.",
        [WHERE, "card:sanity.hash"],
        {"scenes": [1, 2, 3, 4, 5]},
        noise,
        rival="a disc",
        files=[*files.SHAPES, *files.trained("shapes_object")],
        tolerance=0.1,
    ),
]
