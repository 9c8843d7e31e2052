"""Sanity checks: does an explanation change when what it explains is destroyed (Adebayo et al. 2018)?

`cascade` destroys the weights, block by block; `random_labels` what there was to learn. An explanation that stays the
same explains something else. One that changes has passed, which does not make it right.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor, nn

from vislib._check import check_inputs
from vislib._progress import progress_bar
from vislib._randomisation import Order, draw, find_blocks, plan, randomise, randomised
from vislib._similarity import Similarity, hog, spearman, ssim
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.training import accuracy, fit

__all__ = [
    "Cascade",
    "RandomLabels",
    "Similarity",
    "Twins",
    "cascade",
    "hog",
    "interval",
    "label_twins",
    "random_labels",
    "randomised",
    "spearman",
    "ssim",
]


@dataclass(frozen=True)
class Cascade:
    """How alike the maps of a trained and of a randomised network are; higher is more alike.

    Args:
        layers: the blocks, from the output down.
        values: (seeds, layers, B): after each block, against the trained network; that network itself is not in here.
        floor: (pairs of seeds, B): two independent, wholly random networks against each other.
    """

    layers: list[str]
    values: Tensor
    floor: Tensor


def cascade(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    explainer: Explainer,
    *,
    order: Order = "output_first",
    blocks: Sequence[str] | None = None,
    similarity: Similarity = spearman,
    seeds: int = 3,
    calibration: Tensor | None = None,
    progress: bool = False,
) -> Cascade:
    """Randomise a network block by block, and compare the heatmaps with those of the trained one.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); it is copied, not touched.
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        explainer: (model, images, target) -> heatmap (B, H, W), see :mod:`vislib.explain`.
        order, blocks, calibration: as in `randomised`.
        similarity: of two batches of heatmaps, (B,), such as `spearman`, `ssim` or `hog`, options bound by ``partial``.
        seeds: how often, each time with other random weights; at least 2, since the floor compares two.
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: for images, target or options that do not fit, a model in training mode, or a random
            network that no longer reacts to its input.

    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292
    """
    check_inputs(model, images, target)
    _check_seeds(seeds)
    calibration = images if calibration is None else calibration
    steps = plan(find_blocks(model, calibration, blocks), order)
    everything = [step[-1] for step in steps]
    trained = explainer(copy.deepcopy(model), images, target)
    values, random = [], []
    with progress_bar(seeds * len(steps), "cascade", progress) as bar:
        for seed in range(seeds):
            twin = draw(model, everything, seed)
            for step in steps:
                heat = explainer(randomise(model, twin, step, calibration), images, target)
                values.append(similarity(trained, heat))
                bar.update()
            if step != everything:
                heat = explainer(randomise(model, twin, everything, calibration), images, target)
            random.append(heat)
    floor = torch.stack([similarity(a, b) for a, b in combinations(random, 2)])
    return Cascade([step[-1].name for step in steps], torch.stack(values).unflatten(0, (seeds, -1)), floor)


def interval(
    values: Tensor, floor: Tensor | None = None, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return between what limits the mean over seeds and images lies, by the bootstrap: low (layers,), high (layers,).

    Seeds and images are drawn anew with replacement, both at once: an interval over other networks *and* other images.

    Args:
        values: (seeds, layers, B), as in `Cascade`.
        floor: (pairs, B): then of the mean of the values minus that of the floor; its pairs are drawn anew too, and its
            images are those of the values.
        level: how much of the draws lies between the limits, in (0, 1).
        draws: how many.
        seed: of the draws.

    Raises:
        ValueError: for values or a floor of another shape.

    Efron & Tibshirani 1993, An Introduction to the Bootstrap, https://doi.org/10.1201/9780429246593
    """
    if values.ndim != 3 or (floor is not None and (floor.ndim != 2 or floor.shape[1] != values.shape[2])):
        came = f"values of shape {tuple(values.shape)} and a floor of {None if floor is None else tuple(floor.shape)}"
        raise ValueError(f"{came}; expected (seeds, layers, B) and (pairs, B).")
    generator = torch.Generator().manual_seed(seed)

    def weights(n: int) -> Tensor:
        """Return how often each of n is drawn, as a share: (draws, n)."""
        drawn = torch.randint(n, (draws, n), generator=generator)
        return (nn.functional.one_hot(drawn, n).sum(1) / n).to(values)

    images = weights(values.shape[2])
    means = torch.einsum("ds,slb,db->dl", weights(len(values)), values, images)
    if floor is not None:
        means = means - torch.einsum("dp,pb,db->d", weights(len(floor)), floor, images)[:, None]
    low, high = means.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2]).to(values), dim=0)
    return low, high


@dataclass(frozen=True)
class Twins:
    """Networks that have learned the true labels, and as many that have learned permuted ones by heart."""

    true: list[nn.Module]
    permuted: list[nn.Module]


@dataclass(frozen=True)
class RandomLabels:
    """How alike the maps of differently trained networks are; higher is more alike.

    Args:
        values: (seeds, B): true against permuted labels.
        ceiling: (pairs of seeds, B): true labels against true labels.
    """

    values: Tensor
    ceiling: Tensor


def label_twins(
    build_model: Callable[[int], nn.Module],
    train: ImageSet,
    *,
    seeds: int = 3,
    epochs: int = 30,
    fitted: float = 0.99,
    progress: bool = False,
) -> Twins:
    """Train networks on true and on permuted labels until both are fitted. No two begin with the same weights.

    Args:
        build_model: a seed -> an untrained network on the device of the data.
        train: the training set: few images, since labels that mean nothing must be learned one by one.
        seeds: how many networks of each kind; at least 2, since the ceiling compares two.
        epochs: see :func:`vislib.training.fit`.
        fitted: the share of training labels that each network must give back, in [0, 1].
        progress: show a progress bar.

    Raises:
        ValueError: if a network has not fitted its labels, or begins with the weights of another.

    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292
    """
    _check_seeds(seeds)
    networks: list[nn.Module] = []
    begun: list[Tensor] = []
    for seed in range(2 * seeds):
        labels = train.labels
        if seed >= seeds:
            order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
            labels = labels[order.to(labels.device)]
        network, data = build_model(seed), replace(train, labels=labels)
        begun.append(nn.utils.parameters_to_vector(network.parameters()).detach())
        if any(torch.equal(begun[-1], other) for other in begun[:-1]):
            raise ValueError(
                f"build_model({seed}) begins with the weights of an earlier network; expected other ones for each seed."
            )
        fit(network, data, epochs=epochs, seed=seed, progress=progress)
        if (share := accuracy(network, data)) < fitted:
            raise ValueError(
                f"a network has fitted {share:.1%} of its {'permuted' if seed >= seeds else 'true'} labels; "
                f"expected at least {fitted:.1%}, which takes more epochs than {epochs} or fewer images than {len(train)}."
            )
        networks.append(network)
    return Twins(networks[:seeds], networks[seeds:])


def random_labels(
    twins: Twins,
    images: Tensor,
    target: int | Tensor,
    explainer: Explainer,
    *,
    similarity: Similarity = spearman,
) -> RandomLabels:
    """Compare the heatmaps of networks that learned true labels with those of networks that learned permuted ones.

    Args:
        twins: from `label_twins`.
        images, target, explainer, similarity: as in `cascade`.

    Raises:
        TypeError, ValueError: for images or target that do not fit, or a network in training mode.

    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292
    """
    for network in (*twins.true, *twins.permuted):
        check_inputs(network, images, target)
    true, permuted = ([explainer(n, images, target) for n in networks] for networks in (twins.true, twins.permuted))
    return RandomLabels(
        torch.stack([similarity(a, b) for a, b in zip(true, permuted, strict=True)]),
        torch.stack([similarity(a, b) for a, b in combinations(true, 2)]),
    )


def _check_seeds(seeds: int) -> None:
    if isinstance(seeds, bool) or not isinstance(seeds, int):
        raise TypeError(f"seeds is {seeds!r}; expected an int of at least 2.")
    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; expected at least 2, since two random networks are compared.")
