"""Maps of many dimensions in two: the principal components, and t-SNE; and what a map keeps, as numbers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.explain import check_count, check_number, widened
from vislib.look import shown
from vislib.models import Classifier

_EXAGGERATED = 250  # steps


def class_weights(model: nn.Module) -> Tensor:
    """Return what the last linear layer knows of each class: one row per class, (K, D).

    Raises:
        ValueError: if the model has no linear layer, or a wrapped network has several heads to choose from.
    """
    head = model.head if isinstance(model, Classifier) else Classifier(model).head
    return head.weight.detach().clone()


@dataclass(frozen=True)
class Projection:
    """Points on their principal components.

    Args:
        points: the data in the new coordinates, (N, n_components).
        components: the directions, orthonormal rows, (n_components, D).
        explained: each component's share of the variance, (n_components,).
        mean: what was subtracted, (D,).
    """

    points: Tensor
    components: Tensor
    explained: Tensor
    mean: Tensor

    def transform(self, x: Tensor) -> Tensor:
        """Return other points (M, D) in the same coordinates, (M, n_components)."""
        return (x.flatten(1) - self.mean) @ self.components.T


def pca(x: Tensor, n_components: int = 2) -> Projection:
    """Find the orthogonal directions along which data vary most, exactly, on the data's device.

    The sign of a component is free; here its largest entry in absolute value is positive, so that a plot does not flip.

    Args:
        x: (N, …), floating point; all but the first dimension are flattened to D.
        n_components: how many, at most min(N, D).

    Raises:
        ValueError: if there are fewer points or dimensions than components, or NaN.

    Pearson 1901, On lines and planes of closest fit to systems of points in space, https://doi.org/10.1080/14786440109462720
    """
    x = _points(x)
    n, d = x.shape
    expected = f"1 to {min(n, d)} for {n} points of {d} dimensions"
    check_number(n_components, "n_components", expected, 1, min(n, d), whole=True)
    precise = x if x.device.type == "mps" else x.double()  # Apple's devices have no double precision
    mean = precise.mean(0)
    _, values, directions = torch.linalg.svd(precise - mean, full_matrices=False)
    directions, variances = directions[:n_components], values**2
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    components = directions * largest.sign()
    explained = variances[:n_components] / variances.sum().clamp(min=torch.finfo(precise.dtype).tiny)
    points = (precise - mean) @ components.T
    return Projection(points.to(x), components.to(x), explained.to(x), mean.to(x))


def tsne(
    x: Tensor, *, perplexity: float = 30, seed: int = 0, iterations: int = 1000, exact: bool | None = None
) -> Tensor:
    """Draw points so that those close together stay together: t-SNE with PCA initialisation, the same at every call.

    It works on the first 50 principal components. On a CPU, and for more than 20,000 points, it is openTSNE's
    Barnes–Hut; on other devices it is exact.
    Distances between clusters, and their sizes, mean little: see notebook 03.

    Args:
        x: (N, …), floating point; all but the first dimension are flattened.
        perplexity: about how many neighbours a point has; at most a third of the others.
        seed: with PCA initialisation it changes little, and nothing where it is exact.
        iterations: steps of gradient descent, the first 250 of them with exaggerated attraction; at least 250.
        exact: whether all pairs of points are compared, by PyTorch; None decides as said above.

    Returns:
        Points (N, 2), on the device of `x`.

    Raises:
        TypeError, ValueError: for points that are no finite floating-point tensor, or options out of range.

    van der Maaten & Hinton 2008, Visualizing Data using t-SNE, https://jmlr.org/papers/v9/vandermaaten08a.html
    van der Maaten 2014, Accelerating t-SNE using Tree-Based Algorithms, https://jmlr.org/papers/v15/vandermaaten14a.html
    Poličar et al. 2024, openTSNE: A Modular Python Library for t-SNE, https://doi.org/10.18637/jss.v109.i03
    """
    x = _points(x)
    most = (len(x) - 1) / 3
    check_number(perplexity, "perplexity", f"from 1 to {most:g}, a third of the other points", 1, most)
    check_number(iterations, "iterations", f"an int of at least {_EXAGGERATED}", _EXAGGERATED, whole=True)
    check_number(seed, "seed", "an int from 0 to 2**32 - 1", 0, 2**32 - 1, whole=True)
    if bool((x == x[:1]).all()):
        return x.new_zeros(len(x), 2)
    few = F.pad(x, (0, 1)) if x.shape[1] == 1 else x
    if min(few.shape) > 50:  # which keeps the neighbours and makes the search for them fast
        few = pca(few, 50).points
    size = float(few.abs().max())
    few = few if 1e-9 < size < 1e9 or size == 0 else few / size  # squares of other numbers are 0 or infinite
    if (x.device.type != "cpu" and len(x) <= 20_000) if exact is None else exact:
        return _exact_tsne(few.float(), perplexity, iterations).to(x)
    from openTSNE import TSNE

    method = TSNE(
        perplexity=perplexity,
        initialization="pca",
        negative_gradient_method="bh",
        early_exaggeration_iter=_EXAGGERATED,
        n_iter=iterations - _EXAGGERATED,
        random_state=seed,
        n_jobs=torch.get_num_threads(),
    )
    return torch.from_numpy(np.asarray(method.fit(few.cpu().numpy()), dtype=np.float32)).to(x)


def _exact_tsne(x: Tensor, perplexity: float, iterations: int) -> Tensor:
    """Return the map of points (N, D), (N, 2): every pair attracts and repels, in the steps of scikit-learn."""
    n, distances = len(x), torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()
    distances.fill_diagonal_(math.inf)
    finite = distances[distances.isfinite()]
    power = torch.full_like(x[:, :1], -math.log2(max(float(finite.mean()), 1e-30)))
    for k in range(44):  # each point's precision, for which its neighbours are as many as the perplexity says
        near = (-distances * 2**power).softmax(1)
        spread = -(near * near.clamp_min(1e-30).log()).sum(1, keepdim=True) > math.log(perplexity)
        power = power + torch.where(spread, 1, -1) * 32 / 2**k
    near = (near + near.T) / (2 * n)
    points = pca(x, min(2, *x.shape)).points
    points = F.pad(points, (0, 2 - points.shape[1])) / points[:, 0].std().clamp_min(1e-30) * 1e-4
    speed, gains = torch.zeros_like(points), torch.ones_like(points)
    for step in range(iterations):
        early = step < _EXAGGERATED
        kernel = 1 / (1 + torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square())
        kernel.fill_diagonal_(0)
        force = (near * (12 if early else 1) - kernel / kernel.sum()) * kernel
        slope = 4 * (force.sum(1, keepdim=True) * points - force @ points)
        gains = torch.where(slope * speed < 0, gains + 0.2, gains * 0.8).clamp_min(0.01)
        speed = (0.5 if early else 0.8) * speed - max(n / 48, 50) * gains * slope
        points = points + speed
    return points - points.mean(0)


def neighbour_accuracy(x: Tensor, labels: Tensor, *, k: int = 10) -> float:
    """Return the share of points whose label is the most frequent one among their k nearest neighbours, themselves excluded.

    Of labels that are equally frequent the one with the nearest neighbour counts.

    Args:
        x: (N, …), floating point.
        labels: (N,), int64, on the same device.
        k: neighbours, less than N.

    Raises:
        TypeError, ValueError: for points that are no finite floating-point tensor, or labels or a k that do not fit.
    """
    x = _points(x)
    if not isinstance(labels, Tensor) or labels.shape != x.shape[:1]:
        raise ValueError(f"labels came as {shown(labels)} for {len(x)} points; expected a tensor with one per point.")
    votes = labels[nearest(x, k=k)]  # (N, k), nearest first
    same = (votes[:, :, None] == votes[:, None, :]).sum(2)  # how many agree with each vote
    winner = votes.gather(1, same.argmax(1, keepdim=True))[:, 0]  # argmax returns the first of equals
    return float((winner == labels).float().mean().cpu())


def nearest(x: Tensor, *, k: int) -> Tensor:
    """Return the indices of the k nearest other points of each point, nearest first, (N, k).

    Raises:
        TypeError, ValueError: for points that are no finite floating-point tensor, or a k that does not fit.
    """
    x = _points(x)
    check_number(k, "k", f"an int from 1 to {len(x) - 1}, for {len(x)} points", 1, len(x) - 1, whole=True)
    return torch.cat([near.topk(k, dim=1, largest=False).indices for _, near in _distances(x, math.inf)])


def _distances(x: Tensor, own: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield some points' indices, and their distances from all, (n, N), where that of a point from itself is `own`."""
    x = x - x.mean(0)  # far from 0, distances by products of matrices are rounded away
    rounding = 4 * torch.finfo(x.dtype).eps * float(x.square().sum(1).max())  # of the square of a distance
    for part in torch.arange(len(x), device=x.device).split(max(1, 2**22 // len(x))):
        distances = torch.cdist(x[part], x)
        closest = distances.scatter(1, part[:, None], math.inf).amin(1)
        if float(closest.median()) ** 2 < 100 * rounding:  # groups far from each other
            distances = torch.cdist(x[part], x, compute_mode="donot_use_mm_for_euclid_dist")
        yield part, distances.scatter_(1, part[:, None], own)


def trustworthiness(x: Tensor, points: Tensor, *, k: int = 10) -> float:
    """Return how far neighbours on a map were neighbours before, in [0, 1]: 1 if every one of them was.

    Each of the k nearest on the map that is not among the k nearest in `x` costs as much as its rank there exceeds k.

    Args:
        x: the data, (N, …), floating point.
        points: their map, (N, …), on the same device.
        k: neighbours, less than N / 2.

    Raises:
        TypeError, ValueError: for points that are no finite floating-point tensor, or a map or a k that does not fit.

    Venna & Kaski 2001, Neighborhood preservation in nonlinear projection methods, https://doi.org/10.1007/3-540-44668-0_68
    """
    x, points = _points(x), _points(points)
    n, cost = len(x), 0.0
    check_count(k, "k")
    if len(points) != n or k >= n / 2:
        raise ValueError(f"k is {k} for {n} points and {len(points)} on the map; expected as many, k below {n / 2:g}.")
    neighbours = nearest(points, k=k)
    for part, distances in _distances(x, -1):  # a point itself has rank 0
        ranks = distances.argsort(stable=True, dim=1).argsort(dim=1).gather(1, neighbours[part])
        cost += float((ranks - k).clamp(min=0).sum().cpu())
    return 1 - 2 * cost / (n * k * (2 * n - 3 * k - 1))


def _points(x: Tensor) -> Tensor:
    """Return (N, D), checked, in single precision at least."""
    if not isinstance(x, Tensor) or x.ndim < 2 or not x.is_floating_point():
        came = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise TypeError(f"the points are {came}; expected a floating point tensor (N, D).")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the points contain NaN or infinity; expected finite numbers.")
    return widened(x.detach().flatten(1))
