"""The data randomisation test: does a heatmap change when there was nothing to learn (Adebayo et al. 2018)?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor, nn

from vislib.data import ImageSet
from vislib.explain import Explainer, check_inputs, check_number
from vislib.sanity.similarity import Similarity, spearman
from vislib.training import accuracy, fit


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
    """Train networks on true and on permuted labels, and refuse those that have not fitted them.

    No two begin with the same weights.

    Args:
        build_model: a seed -> an untrained network on the device of the data.
        train: the training set: few images, since labels that mean nothing must be learned one by one.
        seeds: how many networks of each kind; at least 2, since the ceiling compares two.
        epochs: see :func:`vislib.training.fit`.
        fitted: the share of training labels that each network must give back, in [0, 1].
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: for options that do not fit, a network that has not fitted its labels, or one that begins
            with the weights of another.

    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292
    """
    check_number(seeds, "seeds", "an int of at least 2, since two networks are compared", 2, whole=True)
    networks: list[nn.Module] = []
    begun: list[Tensor] = []
    for seed in range(2 * seeds):
        labels = train.labels
        if seed >= seeds:
            order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed), device="cpu")
            labels = labels[order.to(labels.device)]
        network, data = build_model(seed), replace(train, labels=labels)
        begun.append(nn.utils.parameters_to_vector(network.parameters()).detach())
        if any(torch.equal(begun[-1], other) for other in begun[:-1]):
            raise ValueError(f"build_model({seed}) begins with the weights of an earlier network; expected others.")
        fit(network, data, epochs=epochs, seed=seed, progress=progress)
        if (share := accuracy(network, data)) < fitted:
            raise ValueError(
                f"a network has fitted {share:.1%} of its {'permuted' if seed >= seeds else 'true'} labels; "
                f"expected at least {fitted:.1%}, which takes more epochs than {epochs} or fewer images than {len(train)}."
            )
        networks.append(network)
    return Twins(networks[:seeds], networks[seeds:])


def random_labels(
    twins: Twins, images: Tensor, target: int | Tensor, explainer: Explainer, *, similarity: Similarity = spearman
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
    values = torch.stack([similarity(a, b) for a, b in zip(true, permuted, strict=True)])
    ceiling = torch.stack([similarity(a, b) for a, b in combinations(true, 2)])
    return RandomLabels(values, ceiling)
