"""Notebook 03: what the neighbours in a layer share, what a linear probe reads there, and what a t-SNE map does not mean."""

from functools import cache

import torch
from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from vislib import data, models
from vislib.activations import record
from vislib.course.activation_tsne import across, pieces
from vislib.embedding import nearest, neighbour_accuracy, pca, tsne
from vislib.models import Classifier
from vislib.nets import SmallCNN

WHERE = "03_activation_tsne"
CHANCE = {"object": 1 / 6, "texture": 1 / 3, "colour": 1 / 6}
LAYERS = ["pool1", "pool2", "pool3", "pool4", "relu"]


@cache
def _pictures(seed: int) -> data.ImageSet:
    return data.shapes(432, seed=seed, device="cpu")


def _untrained(seed: int) -> Classifier:
    return Classifier(SmallCNN(seed=seed), mean=0.5, std=0.25, input_size=64, name="untrained").eval()


def _trained(task: str) -> Classifier:
    return models.trained(f"shapes_{task}", device="cpu")


def _features(model: Classifier, seed: int) -> Tensor:
    with torch.no_grad():
        return model.features(_pictures(seed).images)


def _know(x: Tensor, seed: int, label: str) -> float:
    return neighbour_accuracy(x, _pictures(seed).attributes[label])


def _shuffled(labels: Tensor) -> Tensor:
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]


def own(task: str, seed: int) -> Found:
    """The neighbours know what the network was trained for, and are near chance for the other thing."""
    other = {"object": "texture", "texture": "object"}[task]

    def orders(model: Classifier) -> tuple[bool, float, float]:
        x = _features(model, seed)
        asked, rest = _know(x, seed, task), _know(x, seed, other)
        return asked > 0.9 and abs(rest - CHANCE[other]) < 0.1, asked, rest

    (held, asked, rest), (rival, *_) = orders(_trained(task)), orders(_untrained(0))
    return found(held, rival, own=asked, other=rest)


def right(task: str, seed: int) -> Found:
    """Each network is right on more than 97 % of new pictures; an untrained one guesses."""
    pictures = _pictures(seed)
    with torch.no_grad():
        shares = [
            float((model(pictures.images).argmax(1) == pictures.attributes[task]).float().mean())
            for model in (_trained(task), _untrained(0))
        ]
    return found(shares[0] > 0.97, shares[1] > 0.97, trained=shares[0], untrained=shares[1])


def untrained(net: int, seed: int) -> Found:
    """The neighbours in an untrained network know more of the texture than those in the pixels, and than chance."""
    x, pixels = _features(_untrained(net), seed), _pictures(seed).images.flatten(1)
    texture, of_pixels = _know(x, seed, "texture"), _know(pixels, seed, "texture")
    shuffled = neighbour_accuracy(x, _shuffled(_pictures(seed).attributes["texture"]))
    least = max(of_pixels, CHANCE["texture"]) + 0.02
    return found(texture > least, shuffled > least, untrained=texture, pixels=of_pixels, shuffled=shuffled)


@cache
def _layers(model: str, seed: int) -> dict[str, Tensor]:
    """The pixels and the layers of the object network, or of an untrained one."""
    network = _trained("object") if model == "object" else _untrained(0)
    images = _pictures(seed).images
    with torch.no_grad(), record(network.network, LAYERS) as seen:
        network(images)
    return {"pixels": images, **seen}


def layers(seed: int) -> Found:
    """From the pixels to the penultimate layer the object rises to nearly 1, and the colour falls to chance."""

    def crosses(model: str) -> tuple[bool, list[float]]:
        stages = _layers(model, seed)
        ends = [_know(stages[layer], seed, label) for label in ("object", "colour") for layer in ("pixels", "relu")]
        return ends[0] < 0.4 and ends[1] > 0.9 and ends[2] > 0.7 and ends[3] < 0.27, ends

    (held, ends), (rival, _) = crosses("object"), crosses("untrained")
    return found(held, rival, object_first=ends[0], object_last=ends[1], colour_first=ends[2], colour_last=ends[3])


@cache
def _read(model: str, net: int, seed: int) -> dict[str, float]:
    """What a linear probe on standardised activations reads, and the neighbours: layer label kind -> accuracy."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = _trained("object") if model == "object" else _untrained(net)

    def heard(pictures: data.ImageSet) -> dict[str, Tensor]:
        parts = []
        for some in pictures.images.split(216):
            with torch.no_grad(), record(network.network, ["pool4", "relu"]) as seen:
                network(some)
            parts.append({name: value.flatten(1) for name, value in seen.items()})
        return {name: torch.cat([part[name] for part in parts]) for name in ("pool4", "relu")}

    learn, test = data.shapes(2160, seed=100 + seed, device="cpu"), _pictures(seed)
    known, asked, values = heard(learn), heard(test), {}
    for layer in known:
        for label in ("texture", "colour"):
            probe = make_pipeline(StandardScaler(), RidgeClassifier())
            probe.fit(known[layer].numpy(), learn.attributes[label].numpy())
            values[f"{layer} {label} probe"] = float(probe.score(asked[layer].numpy(), test.attributes[label].numpy()))
            values[f"{layer} {label} near"] = neighbour_accuracy(asked[layer], test.attributes[label])
    return values


def probe(seed: int, label: str) -> Found:
    """In the last block a probe reads more than the neighbours, by at least 0.15; in the penultimate layer it does not."""
    read = _read("object", 0, seed)
    gain, rival = (read[f"{layer} {label} probe"] - read[f"{layer} {label} near"] for layer in ("pool4", "relu"))
    return found(
        gain > 0.15, rival > 0.15, probe=read[f"pool4 {label} probe"], near=read[f"pool4 {label} near"],
        relu=read[f"relu {label} probe"],
    )  # fmt: skip


@cache
def _size(model: str, layer: str, net: int = 0) -> float:
    """The standard deviation of a layer's activations."""
    network = _untrained(net) if model == "untrained" else _trained(model)
    with torch.no_grad(), record(network.network, [layer]) as seen:
        network(_pictures(2).images)
    return float(seen[layer].std())


def scale(net: int, layer: str) -> Found:
    """The activations of an untrained network are more than twenty times smaller; those of another trained one are not."""
    own = _size("object", layer)
    times, rival = own / _size("untrained", layer, net), own / _size("texture", layer)
    return found(times > 20, rival > 20, times=times, texture=rival)


def gone(net: int, label: str) -> Found:
    """In the penultimate layer the probe reads at least 0.1 less in the object network than in an untrained one."""
    trained, random, another = (
        _read(model, seed, 2)[f"relu {label} probe"]
        for model, seed in (("object", 0), ("untrained", net), ("untrained", net + 1))
    )
    return found(trained < random - 0.1, another < random - 0.1, trained=trained, untrained=random)


# ---- t-SNE ----


def _evenness(points: Tensor) -> float:
    """The mean distance to the nearest neighbour, over that of points thrown at random on the same area (Clark & Evans)."""
    centred = points - points.mean(0)
    radius = 2 * centred.square().sum(1).mean().sqrt() / 2**0.5  # of a disc with this spread
    near = torch.cdist(points, points).fill_diagonal_(torch.inf).amin(1).mean()
    return float(near / (0.5 * radius * (torch.pi / len(points)) ** 0.5))


def clumps(seed: int, perplexity: int) -> Found:
    """Noise falls into clumps: its points lie nearer to each other than points thrown at random would."""
    noise = torch.randn(304, 20, generator=torch.Generator().manual_seed(seed))
    low, high = (_evenness(tsne(noise, perplexity=p)) for p in (perplexity, 30))
    return found(low < 0.8, high < 0.8, evenness=low, evenness_at_30=high)


def width(seed: int, perplexity: int) -> Found:
    """A cloud that is ten times as wide comes out less than twice as wide; not so with PCA."""
    generator = torch.Generator().manual_seed(seed)
    pair = torch.arange(200) // 100
    x = torch.randn(200, 20, generator=generator) * torch.tensor([1.0, 10.0])[pair, None]
    x[pair == 1] += 40

    def times(points: Tensor) -> float:
        narrow, wide = (points[pair == g].std(0).mean() for g in (0, 1))
        return float(wide / narrow)

    on_map, on_pca = times(tsne(x, perplexity=perplexity)), times(pca(x).points)
    return found(0.5 < on_map < 2, 0.5 < on_pca < 2, tsne=on_map, pca=on_pca)


def gaps(seed: int, perplexity: int) -> Found:
    """Of three groups the third is five times as far off as the second; the map shows less than half of that; PCA all."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.arange(200) * 3 // 200
    x = torch.randn(200, 20, generator=generator)
    x[:, 0] += torch.tensor([0.0, 10.0, 60.0])[group]

    def times(points: Tensor) -> float:
        a, b, c = (points[group == g].mean(0) for g in range(3))
        return float((c - b).norm() / (b - a).norm())

    on_map, on_pca = times(tsne(x, perplexity=perplexity)), times(pca(x).points)
    return found(on_map < 2.5, on_pca < 2.5, tsne=on_map, pca=on_pca)


def digits(first: int) -> Found:
    """A t-SNE map of a thousand digits keeps their neighbours, by the pixels; a plane of two principal components does not."""
    some = data.digits(device="cpu")[first : first + 1000]
    x = some.images.flatten(1)
    by_tsne, by_pca, whole = (neighbour_accuracy(points, some.labels) for points in (tsne(x), pca(x).points, x))
    return found(by_tsne > 0.8, by_pca > 0.8, tsne=by_tsne, pca=by_pca, whole=whole)


def plane(first: int) -> Found:
    """Two components keep a sixth of the variance of a thousand digits' pixels; of the object network's features most."""
    pixels = data.digits(device="cpu")[first : first + 1000].images.flatten(1)
    share, rival = (float(pca(x).explained.sum()) for x in (pixels, _features(_trained("object"), 2 + first // 1000)))
    return found(share < 0.2, rival < 0.2, digits=share, features=rival)


def steady(perplexity: int, seed: int) -> Found:
    """On a t-SNE map of the object network's features the neighbours share the object, at any perplexity."""
    trained, random = (
        _know(tsne(_features(model, seed), perplexity=perplexity), seed, "object")
        for model in (_trained("object"), _untrained(0))
    )
    return found(trained > 0.9, random > 0.9, trained=trained, untrained=random)


# ---- photographs ----


def halves(network: str, seed: int) -> Found:
    """A square's nearest squares in the opposite halves of all photographs are from its own, by the penultimate layer."""
    model = models.load(network, device="cpu")
    cut = pieces(model, 16, seed=seed)
    layer = torch.cat([model.features(some) for some in cut.images.split(32)])
    own, pixels = across(layer, cut), across(cut.images[..., ::7, ::7], cut)
    colour = across(cut.images.mean((2, 3)), cut)
    return found(own > 0.7, max(pixels, colour) > 0.7, layer=own, pixels=pixels, colour=colour)


# ---- wrong labels ----


@cache
def _near(view: str) -> Tensor:
    x = _features(_trained("object"), 2) if view == "object" else _pictures(2).images.flatten(1)
    return nearest(x, k=10)


def wrong(seed: int) -> Found:
    """Of eight wrong labels at least seven are among the ten images whose neighbours agree least; not so by the pixels."""
    mistaken = torch.randperm(432, generator=torch.Generator().manual_seed(seed))[:8]
    labels = _pictures(2).attributes["object"].clone()
    labels[mistaken] = (labels[mistaken] + 1) % 6

    def caught(view: str) -> int:
        alone = (labels[_near(view)] == labels[:, None]).float().mean(1)
        return len(set(mistaken.tolist()) & set(alone.argsort(stable=True)[:10].tolist()))

    held, rival = caught("object"), caught("pixels")
    return found(held >= 7, rival >= 7, caught=held, by_pixels=rival)


SEEDS = [2, 3, 4, 5, 6]
NETS = files.trained("shapes_object", "shapes_texture")

CLAIMS = [
    Claim(
        "activations.halves",
        "In the penultimate layer seven in ten of a square's nearest squares in the opposite halves are of its photograph.",
        [WHERE],
        {"network": ["efficientnet_lite0", "efficientnet_lite1"], "seed": [0, 1, 2]},
        halves,
        rival="pixels, and the mean colour",
        files=[*files.PHOTOGRAPHS, *files.pretrained("efficientnet_lite0", "efficientnet_lite1")],
    ),
    Claim(
        "activations.own",
        "The neighbours in a network's penultimate layer know what it was trained for, and are near chance for the rest.",
        [WHERE, "card:activations.twonets", "exam:activations.exam_mixed"],
        {"task": ["object", "texture"], "seed": SEEDS},
        own,
        rival="an untrained network",
        files=[*files.SHAPES, *NETS],
    ),
    Claim(
        "activations.right",
        "The two networks are right on more than 97 % of pictures that they have not seen.",
        [WHERE],
        {"task": ["object", "texture"], "seed": SEEDS},
        right,
        rival="an untrained network",
        files=[*files.SHAPES, *NETS],
    ),
    Claim(
        "activations.untrained",
        "The neighbours in an untrained network know more of the texture than those in the pixels.",
        [WHERE, "card:activations.untrained"],
        {"net": [0, 1, 2, 3, 4], "seed": [2, 3, 4]},
        untrained,
        rival="shuffled labels",
        files=files.SHAPES,
    ),
    Claim(
        "activations.layers",
        "From the pixels to the penultimate layer the object rises to nearly 1, and the colour falls to chance.",
        [WHERE, "card:activations.how"],
        {"seed": list(range(2, 10))},
        layers,
        rival="an untrained network",
        files=[*files.SHAPES, *NETS],
    ),
    Claim(
        "activations.probe",
        "In the last block a linear probe reads texture and colour, which the neighbours do not show.",
        [WHERE, "card:activations.probe", "exam:activations.exam_probe"],
        {"seed": SEEDS, "label": ["texture", "colour"]},
        probe,
        rival="the penultimate layer",
        files=[*files.SHAPES, *NETS],
    ),
    Claim(
        "activations.scale",
        "The activations of an untrained network are more than twenty times smaller than those of the object network.",
        [WHERE],
        {"net": [0, 1, 2, 3, 4], "layer": ["pool4", "relu"]},
        scale,
        rival="those of the texture network",
        files=[*files.SHAPES, *NETS],
        tolerance=5.0,
    ),
    Claim(
        "activations.gone",
        "In the penultimate layer a linear probe reads less in the object network than in an untrained one.",
        [WHERE],
        {"net": [0, 1, 2, 3, 4], "label": ["texture", "colour"]},
        gone,
        rival="another untrained network",
        files=[*files.SHAPES, *NETS],
        tolerance=0.03,
    ),
    Claim(
        "activations.clumps",
        "On a t-SNE map with a perplexity of 2 or 3, pure noise falls into clumps; at 5 hardly, at 30 not.",
        [WHERE, "card:activations.perplexity"],
        {"seed": [0, 1, 2, 3, 4], "perplexity": [2, 3]},
        clumps,
        rival="a perplexity of 30",
        tolerance=0.1,
    ),
    Claim(
        "activations.width",
        "On a t-SNE map a cloud that is ten times as wide comes out between half and twice as wide.",
        [WHERE, "card:activations.distances", "card:activations.tsne", "exam:activations.exam_islands"],
        {"seed": [0, 1, 2, 3], "perplexity": [5, 30, 50]},
        width,
        rival="PCA",
        tolerance=0.3,
    ),
    Claim(
        "activations.gaps",
        "Of three groups, one gap five times the other, a t-SNE map shows less than half of the ratio.",
        [WHERE, "card:activations.distances", "card:activations.tsne", "exam:activations.exam_islands"],
        {"seed": [0, 1, 2, 3], "perplexity": [5, 15, 30, 60]},
        gaps,
        rival="PCA",
        tolerance=0.5,
    ),
    Claim(
        "activations.digits",
        "A t-SNE map of 1,000 digits keeps their neighbours; a map of two principal components does not.",
        [WHERE],
        {"first": [0, 1000, 2000, 3000, 4000]},
        digits,
        rival="two principal components",
        files=files.DIGITS,
        tolerance=0.03,
    ),
    Claim(
        "activations.plane",
        "The plane of two principal components keeps about a sixth of the variance of the pixels of 1,000 digits.",
        [WHERE],
        {"first": [0, 1000, 2000, 3000, 4000]},
        plane,
        rival="the features of the object network, of which it keeps most",
        files=[*files.DIGITS, *files.SHAPES, *NETS],
    ),
    Claim(
        "activations.steady",
        "On t-SNE maps of the object network's features neighbours share the object, at perplexities from 5 to 100.",
        [WHERE],
        {"perplexity": [5, 30, 100], "seed": [2, 3]},
        steady,
        rival="an untrained network",
        files=[*files.SHAPES, *NETS],
        tolerance=0.06,  # of the rival, whose map ends elsewhere on another processor: 0.03 between two of them
    ),
    Claim(
        "activations.wrong",
        "Of eight wrong labels at least seven are among the ten images whose neighbours agree least.",
        [WHERE, "card:activations.outlier"],
        {"seed": list(range(20))},
        wrong,
        rival="neighbours by the pixels",
        files=[*files.SHAPES, *NETS],
        tolerance=1,
    ),
]
PLAIN = [
    "activations.choose",
    "activations.number",
    "activations.what_tsne",
    "exam:activations.exam_steps",
    "exam:activations.exam_other",
    "exam:activations.exam_tsne",
    "exam:activations.exam_new",
]
