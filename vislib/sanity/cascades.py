"""The model randomisation test: does a heatmap change when the weights are destroyed, block by block (Adebayo et al. 2018)?"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from vislib.explain import Explainer, check_inputs, check_number
from vislib.intervals import crossed, pairwise
from vislib.progress import progress_bar
from vislib.sanity.randomisation import Order, draw, find_blocks, opened, plan, randomise
from vislib.sanity.similarity import Similarity, spearman


@dataclass(frozen=True)
class Cascade:
    """How alike the maps of a trained and of a randomised network are; higher is more alike.

    Args:
        layers: the blocks, from the output down.
        values: (seeds, layers, B): after each block, against the trained network; that network itself is not in here.
        floor: (pairs of seeds, B): two independent, wholly random networks against each other: how much the image and
            the architecture alone decide.
        strangers: (seeds, B): a wholly random network against the trained one; where both have nothing in common but
            the image and the architecture. The yardstick of the values.
    """

    layers: list[str]
    values: Tensor
    floor: Tensor
    strangers: Tensor


@torch.inference_mode(False)
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
    check_number(seeds, "seeds", "an int of at least 2, since two random networks are compared", 2, whole=True)
    calibration = images if calibration is None else calibration
    model, ran = opened(model, calibration)
    steps = plan(find_blocks(model, ran, blocks), order)
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
    strangers = torch.stack([similarity(trained, heat) for heat in random])
    floor = torch.stack([similarity(a, b) for a, b in combinations(random, 2)])
    return Cascade([step[-1].name for step in steps], torch.stack(values).unflatten(0, (seeds, -1)), floor, strangers)


def interval(values: Tensor, floor: Tensor | None = None, *, level: float = 0.95) -> tuple[Tensor, Tensor]:
    """Return between what limits the mean over seeds and images lies: low (layers,), high (layers,).

    It is about other networks *and* other images, see :func:`vislib.intervals.crossed`; NaN where there is one of either.

    Args:
        values: (seeds, layers, B), as in `Cascade`.
        floor: (pairs, B), of the same seeds and images: then of the mean of the values minus that of the floor; all pairs
            of a seed count together, and with two seeds nothing is known.
        level: how often such an interval contains the mean, in (0, 1).

    Raises:
        ValueError: for values or a floor of another shape.
    """
    pairs = len(values) * (len(values) - 1) // 2
    if values.ndim != 3 or (floor is not None and floor.shape != (pairs, values.shape[2])):
        came = f"values of shape {tuple(values.shape)} and a floor of {None if floor is None else tuple(floor.shape)}"
        raise ValueError(f"{came}; expected (seeds, layers, B) and (pairs of seeds, B).")
    found = values.double().cpu().numpy()
    if floor is not None:
        found = found - pairwise(floor.double().cpu().numpy())[:, None]
    low, high = (torch.from_numpy(end).to(values) for end in crossed(found.swapaxes(1, 2), level=level))
    return low, high
