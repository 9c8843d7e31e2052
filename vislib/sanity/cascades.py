"""The model randomisation test: does a heatmap change when the weights are destroyed, block by block (Adebayo et al. 2018)?"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from vislib.explain import Explainer, check_inputs
from vislib.progress import progress_bar
from vislib.sanity.randomisation import Order, draw, find_blocks, plan, randomise
from vislib.sanity.similarity import Similarity, spearman


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
    check_seeds(seeds)
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


def check_seeds(seeds: int) -> None:
    if isinstance(seeds, bool) or not isinstance(seeds, int):
        raise TypeError(f"seeds is {seeds!r}; expected an int of at least 2.")
    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; expected at least 2, since two random networks are compared.")
