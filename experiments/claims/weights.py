"""Notebook 02: what a map of the last layer keeps of thirteen groups, and what lengths and head counts make of it."""

from functools import cache

import torch
from torch import Tensor

from experiments.claims.claim import Claim, Found, found
from experiments.files import pretrained
from vislib import models
from vislib.course.weight_pca import GROUPS, cosines, even_draw, groups, kinds
from vislib.embedding import class_weights, nearest, pca

WHERE = "02_weight_pca"
NETWORKS = ["efficientnet_lite0", "efficientnet_lite1"]
FILES = pretrained(*NETWORKS)
COUNTS = [1, 3, 5, 10, 20]
SEEDS = list(range(10))
PLAIN = [
    "weights.shape",
    "weights.how",
    "weights.sign",
    "weights.notdata",
    "exam:weights.exam_picture",
    "exam:weights.exam_point",
    "exam:weights.exam_shape",
]


@cache
def _rows(network: str) -> Tensor:
    return class_weights(models.load(network, device="cpu")).cpu()


@cache
def _map(network: str) -> Tensor:
    return pca(_rows(network)).points


def _directions(rows: Tensor) -> Tensor:
    lengths: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths


def _random(rows: Tensor, seed: int) -> Tensor:
    """Rows drawn at random, as long as these."""
    drawn = torch.randn(rows.shape, generator=torch.Generator().manual_seed(seed))
    lengths: Tensor = rows.norm(dim=1, keepdim=True)
    return _directions(drawn) * lengths


def _permuted(rows: Tensor) -> Tensor:
    """Each column in an order of its own: the same numbers, without what a class has of several columns."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([column[torch.randperm(len(rows), generator=generator)] for column in rows.T], 1)


def _named(points: Tensor, labels: Tensor, k: int) -> Tensor:
    """Whose label the most frequent one among the k nearest is; of equals, that of the nearest vote."""
    votes = labels[nearest(points, k=k)]
    agree = (votes[:, :, None] == votes[:, None, :]).sum(2)
    return votes.gather(1, agree.argmax(1, keepdim=True))[:, 0] == labels


def _by_group(named: Tensor, labels: Tensor) -> list[float]:
    """The share of each group's classes that are named rightly."""
    return [float(named[labels == group].float().mean()) for group in range(len(GROUPS))]


def _mean_of_groups(points: Tensor, k: int) -> float:
    return sum(_by_group(_named(points, groups(), k), groups())) / len(GROUPS)


def three(network: str, k: int) -> Found:
    """The map keeps dogs, other animals and things apart."""
    rows, kind = _rows(network), kinds()
    maps = {"map": _map(network), "random": pca(_random(rows, 0)).points, "permuted": pca(_permuted(rows)).points}
    shares = {name: float(_named(points, kind, k).float().mean()) for name, points in maps.items()}
    return found(shares["map"] > 0.9, max(shares["random"], shares["permuted"]) > 0.9, **shares)


def thirteen(network: str, k: int) -> Found:
    """In the mean of the thirteen groups, most classes of a group lose it on the map."""
    kept, full = _mean_of_groups(_map(network), k), _mean_of_groups(_rows(network), k)
    return found(kept < 0.5, full < 0.5, map=kept, full=full)


def count(network: str, seed: int) -> Found:
    """With as many classes of each group, the dogs are named less often than the instruments."""
    few, group = even_draw(16, seed=seed), groups()
    even = dict(zip(GROUPS, _by_group(_named(pca(_rows(network)[few]).points, group[few], 5), group[few]), strict=True))
    all_ = dict(zip(GROUPS, _by_group(_named(_map(network), group, 5), group), strict=True))
    numbers = {"dogs": even["dogs"], "instruments": even["instruments"], "all_dogs": all_["dogs"]}
    return found(even["dogs"] < even["instruments"], all_["dogs"] < all_["instruments"], **numbers)


def thinned(network: str, dogs: int, seed: int) -> Found:
    """With fewer dogs, a third or more of a dog's neighbours on the map are none."""
    kennel = torch.randperm(118, generator=torch.Generator().manual_seed(seed))[:dogs] + 151
    left = torch.cat([kennel, (groups() != 0).nonzero()[:, 0]])
    rows, is_dog = _rows(network)[left], groups()[left] == 0
    share, full = (float(is_dog[nearest(x, k=5)][is_dog].float().mean()) for x in (pca(rows).points, _directions(rows)))
    return found(share < 2 / 3, full < 2 / 3, map=share, directions=full)


def hub(network: str, k: int) -> Found:
    """The three classes that stand in the most lists are the three shortest rows."""
    shortest = _rows(network).norm(dim=1).argsort()[:3]

    def hubs(points: Tensor) -> tuple[bool, float]:
        lists = nearest(points, k=k)
        most = lists.flatten().bincount(minlength=1000).argsort(descending=True)[:3]
        return set(most.tolist()) == set(shortest.tolist()), float(torch.isin(lists, shortest).any(1).float().mean())

    (held, share), (rival, other) = hubs(_rows(network)), hubs(_directions(_rows(network)))
    return found(held, rival, lists=share, by_direction=other)


def length(network: str, seed: int) -> Found:
    """Random rows of these lengths have a hub, too: their shortest one."""
    rows = _random(_rows(network), seed)
    shortest = int(rows.norm(dim=1).argmin())
    lists, rival = ((nearest(x, k=5) == shortest).sum() for x in (rows, _directions(rows)))
    return found(lists > 100, rival > 100, lists=int(lists), one_length=int(rival))


def typical(network: str, group: str) -> Found:
    """The member nearest to its group's mean is one of the group's three shortest rows."""
    rows = _rows(network)[groups() == GROUPS.index(group)]
    lengths, directions = rows.norm(dim=1), _directions(rows)
    near, alike = (rows - rows.mean(0)).norm(dim=1).argmin(), (directions @ directions.mean(0)).argmax()
    shorter, rival = (int((lengths < lengths[member]).sum()) for member in (near, alike))
    return found(shorter < 3, rival < 3, shorter=shorter, by_direction=rival)


def neighbours(network: str, k: int) -> Found:
    """Of the nearest classes the map keeps less than one in ten."""
    rows = _rows(network)

    def kept(points: Tensor) -> float:
        pairs = zip(nearest(rows, k=k).tolist(), nearest(points, k=k).tolist(), strict=True)
        return sum(len(set(one) & set(other)) for one, other in pairs) / (k * len(rows))

    share, ten = kept(_map(network)), kept(pca(rows, 10).points)
    return found(share < 0.1, ten < 0.1, map=share, ten_components=ten)


def kennel(network: str, dog: int) -> Found:
    """By direction, at least four of a dog's five nearest classes are dogs."""
    rows = _rows(network)
    own, rival = (
        int((groups()[(x @ x[dog]).argsort(descending=True)[1:6]] == 0).sum())
        for x in (_directions(rows), _directions(_random(rows, 0)))
    )
    return found(own >= 4, rival >= 4, dogs=own, random=rival)


def degrees(network: str, class_: int) -> Found:
    """A class and its nearest by direction stand at more than 50 degrees; on the map at a few."""

    def cosine_of(points: Tensor) -> float:
        x = _directions(points)
        return float((x @ x[class_]).index_fill(0, torch.tensor(class_), -1).max())

    full, on_map = cosine_of(_rows(network)), cosine_of(_map(network))
    least = 0.643  # the cosine of 50 degrees
    return found(full < least, on_map < least, cosine=full, on_the_map=on_map)


def _own(near: Tensor) -> float:
    """The share of these neighbours (N, k) that are of the class's own group."""
    return float((groups()[near] == groups()[:, None]).float().mean())


def angle(network: str, k: int) -> Found:
    """By direction more of a class's nearest classes are of its own group than by distance."""

    def shares(rows: Tensor) -> tuple[float, float]:
        near, alike = (nearest(x, k=k) for x in (rows, _directions(rows)))
        return _own(near), _own(alike)

    (distance, direction), (random, by_angle) = shares(_rows(network)), shares(_random(_rows(network), 0))
    return found(
        direction > distance + 0.08,
        by_angle > random + 0.08,
        distance=distance,
        direction=direction,
        random_gain=by_angle - random,
    )


def short(network: str, k: int) -> Found:
    """The tenth of all classes with the shortest rows fills more than a third of the places in the lists."""
    shortest = _rows(network).norm(dim=1).argsort()[:100]
    distance, direction = (
        float(torch.isin(nearest(x, k=k), shortest).float().mean())
        for x in (_rows(network), _directions(_rows(network)))
    )
    return found(distance > 1 / 3, direction > 1 / 3, distance=distance, direction=direction)


def scree(network: str, count: int) -> Found:
    """The first components of trained rows hold half as much again as those of random rows."""
    rows = _rows(network)
    shares = {
        name: float(pca(some, count).explained.sum())
        for name, some in {"trained": rows, "random": _random(rows, 0), "permuted": _permuted(rows)}.items()
    }
    held, rival = (shares[name] > 1.5 * shares["random"] for name in ("trained", "permuted"))
    return found(held, rival, **shares)


def cosine(network: str, group: str) -> Found:
    """Two rows of a group are not quite at a right angle."""
    rows, inside = _rows(network), groups() == GROUPS.index(group)
    any_ = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[: int(inside.sum())]
    own, rival = (float(cosines(some).mean()) for some in (rows[inside], rows[any_]))
    return found(0.02 < own < 0.15, 0.02 < rival < 0.15, own=own, any=rival)


def likeness(network: str, group: str) -> Found:
    """Rows of a small group are more alike than those of the dogs; those of the other mammals are not."""

    def of(name: str) -> float:
        return float(cosines(_rows(network)[groups() == GROUPS.index(name)]).mean())

    return found(of(group) > of("dogs"), of("other mammals") > of("dogs"), own=of(group), dogs=of("dogs"))


CLAIMS = [
    Claim(
        "weights.likeness",
        "Two fish, or two instruments, are more alike as rows than two dogs.",
        [WHERE, "card:weights.dogs"],
        {"network": NETWORKS, "group": ["fish", "instruments"]},
        likeness,
        rival="other mammals",
        files=FILES,
    ),
    Claim(
        "weights.scree",
        "The first 1 to 20 components of trained rows hold more than one and a half times as much as those of random rows.",
        [WHERE],
        {"network": NETWORKS, "count": [1, 2, 5, 10, 20]},
        scree,
        rival="rows with each column shuffled",
        files=FILES,
    ),
    Claim(
        "weights.cosine",
        "The mean cosine between two rows of a group lies between 0.02 and 0.15.",
        [WHERE, "card:weights.dogs"],
        {"network": NETWORKS, "group": list(GROUPS)},
        cosine,
        rival="as many classes of any group",
        files=FILES,
    ),
    Claim(
        "weights.degrees",
        "A class and its nearest by direction stand at more than 50 degrees (the beagle and the basset at 67).",
        [WHERE],
        {"network": NETWORKS, "class_": list(range(12, 1000, 50))},
        degrees,
        rival="two points of the map, seen from its middle",
        files=FILES,
    ),
    Claim(
        "weights.three",
        "Neighbours on the map tell dogs, other animals and things apart in more than nine of ten classes.",
        [WHERE, "card:weights.variance", "card:weights.control"],
        {"network": NETWORKS, "k": COUNTS},
        three,
        rival="maps of random rows, and of rows with each column shuffled",
        files=FILES,
    ),
    Claim(
        "weights.thirteen",
        "In the mean of the thirteen groups, less than half of a group's classes keep it on the map.",
        [WHERE, "card:weights.variance"],
        {"network": NETWORKS, "k": COUNTS},
        thirteen,
        rival="all features",
        files=FILES,
    ),
    Claim(
        "weights.count",
        "With sixteen classes of each group, a map keeps fewer of the dogs than of the instruments.",
        [WHERE, "card:weights.dogs"],
        {"network": NETWORKS, "seed": SEEDS},
        count,
        rival="the map of all classes, with 118 dogs",
        files=FILES,
    ),
    Claim(
        "weights.thinned",
        "With 60 or 30 dogs for 118, less than two thirds of a dog's neighbours on the map are dogs.",
        [WHERE, "card:weights.dogs"],
        {"network": NETWORKS, "dogs": [60, 30], "seed": [0, 1, 2, 3, 4]},
        thinned,
        rival="directions, all features",
        files=FILES,
    ),
    Claim(
        "weights.hub",
        "The three classes that stand in the most lists of nearest rows are those with the three shortest rows.",
        [WHERE, "card:weights.hub", "exam:weights.exam_story", "card:weights.story"],
        {"network": NETWORKS, "k": COUNTS},
        hub,
        rival="lists by direction",
        files=FILES,
    ),
    Claim(
        "weights.angle",
        "Of a class's 3 to 20 nearest classes more are of its own group by direction than by distance, by more than 0.08.",
        [WHERE],
        {"network": NETWORKS, "k": [3, 5, 8, 10, 20]},
        angle,
        rival="random rows of the same lengths",
        files=FILES,
    ),
    Claim(
        "weights.short",
        "The tenth of all classes with the shortest rows fills more than a third of all lists of nearest rows.",
        [WHERE],
        {"network": NETWORKS, "k": [1, 3, 5, 8, 10, 20]},
        short,
        rival="lists by direction",
        files=FILES,
    ),
    Claim(
        "weights.length",
        "The shortest of random rows with the lengths of the trained ones is in more than 100 lists of 1,000.",
        [WHERE, "card:weights.hub"],
        {"network": NETWORKS, "seed": SEEDS},
        length,
        rival="the same rows, all of one length",
        files=FILES,
        tolerance=10,
    ),
    Claim(
        "weights.typical",
        "The row nearest to its group's mean is one of the three shortest of the group.",
        [WHERE],
        {"network": NETWORKS, "group": list(GROUPS)},
        typical,
        rival="the row with the direction nearest to the mean direction",
        files=FILES,
        tolerance=1,
    ),
    Claim(
        "weights.neighbours",
        "Of a class's one to ten nearest classes the map keeps less than one in ten.",
        [WHERE, "card:weights.overlap"],
        {"network": NETWORKS, "k": [1, 2, 3, 5, 10]},
        neighbours,
        rival="ten components",
        files=FILES,
    ),
    Claim(
        "weights.kennel",
        "By direction, at least four of a dog's five nearest classes are dogs.",
        [WHERE],
        {"network": NETWORKS, "dog": list(range(151, 269))},
        kennel,
        rival="random rows",
        files=FILES,
        tolerance=1,
    ),
]
