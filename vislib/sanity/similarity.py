"""How alike two heatmaps are: by the order of their pixels, by their structure, by their edges. Higher is more alike."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vislib import HERE

Similarity = Callable[[Tensor, Tensor], Tensor]
"""(maps (B, H, W), maps (B, H, W)) -> how alike each pair is (B,), higher is more alike."""

Array = NDArray[Any]
_WINDOW = 11  # pixels: a Gaussian of standard deviation 1.5, cut off at 3.5 of them


def spearman(a: Tensor, b: Tensor, *, absolute: bool = False, where: Tensor | None = None) -> Tensor:
    """Return Spearman's rank correlation of each pair of maps, in [-1, 1]; equal pixels share the mean of their ranks.

    A constant map has no ranks. It counts as like another constant map (1) and unlike any other (0), with a warning.

    Args:
        a, b: (B, H, W), floating point.
        absolute: rank the absolute values.
        where: (B, H, W), bool: the pixels that are ranked; None: all of them.

    Returns:
        (B,), on the maps' device.

    Raises:
        TypeError, ValueError: for maps that are not (B, H, W), differ in shape or device, or are not finite.

    Spearman 1904, The Proof and Measurement of Association between Two Things, https://doi.org/10.2307/1412159
    """
    return _each(a, b, absolute, _rank_correlation, where)


def ssim(a: Tensor, b: Tensor, *, absolute: bool = False) -> Tensor:
    """Return the structural similarity of each pair of maps in two dimensions, in [-1, 1], under a Gaussian window.

    Each map is divided by its largest absolute value, so that it lies in [-1, 1], or in [0, 1] with `absolute`. Constant
    maps, arguments and errors as in `spearman`; further a ValueError for maps smaller than the window of 11 x 11 pixels.

    Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity,
    https://doi.org/10.1109/TIP.2003.819861
    """
    _check_size(a, _WINDOW, "the window of SSIM")
    from skimage.metrics import structural_similarity

    paper = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    measure = partial(structural_similarity, data_range=1 if absolute else 2, **paper)
    return _each(a, b, absolute, lambda x, y: measure(_scaled(x), _scaled(y)))


def hog(a: Tensor, b: Tensor, *, absolute: bool = False, cell: int = 16) -> Tensor:
    """Return Spearman's rank correlation of the histograms of oriented gradients of each pair of maps, in [-1, 1].

    Nine directions in cells of `cell` x `cell` pixels, normalised in blocks of 3 x 3 cells. Constant maps, arguments and
    errors as in `spearman`; further a ValueError for maps smaller than a block.

    Dalal & Triggs 2005, Histograms of Oriented Gradients for Human Detection, https://doi.org/10.1109/CVPR.2005.177
    """
    _check_size(a, 3 * cell, "a block of HOG")
    from skimage.feature import hog as histograms

    edges = partial(histograms, orientations=9, pixels_per_cell=(cell, cell))
    alike = partial(_unless_constant, measure=_rank_correlation)
    return _each(a, b, absolute, lambda x, y: alike(edges(_scaled(x)), edges(_scaled(y))))


def _scaled(values: Array) -> Array:
    scaled: Array = values / np.abs(values).max()
    return scaled


def _each(
    a: Tensor, b: Tensor, absolute: bool, measure: Callable[[Array, Array], float], where: Tensor | None = None
) -> Tensor:
    """Compare the maps pair by pair, in double precision."""
    _check_maps(a, b)
    if where is not None and (where.shape, where.dtype, where.device) != (a.shape, torch.bool, a.device):
        raise ValueError(
            f"where has shape {tuple(where.shape)}, dtype {where.dtype} and is on {where.device}; "
            f"expected shape {tuple(a.shape)}, torch.bool and {a.device}."
        )
    x, y = ((maps.abs() if absolute else maps).detach().cpu().double().numpy() for maps in (a, b))
    pairs = list(zip(x, y, strict=True))
    if where is not None:
        pairs = [(u[w], v[w]) for (u, v), w in zip(pairs, where.cpu().numpy(), strict=True)]
        if min(len(u) for u, _ in pairs) < 2:
            raise ValueError("where leaves fewer than two pixels of a map; expected at least two.")
    return torch.tensor([_unless_constant(u, v, measure) for u, v in pairs], **HERE).to(a.device)


def _unless_constant(x: Array, y: Array, measure: Callable[[Array, Array], float]) -> float:
    constant = [np.ptp(values) == 0 for values in (x, y)]
    if not any(constant):
        return measure(x, y)
    warnings.warn("a map is constant: it counts as like a constant map (1) and unlike any other (0).", stacklevel=5)
    return float(all(constant))


def _rank_correlation(x: Array, y: Array) -> float:
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def _check_maps(a: Tensor, b: Tensor) -> None:
    for maps in (a, b):
        if not isinstance(maps, Tensor) or not maps.is_floating_point():
            came = f"dtype {maps.dtype}" if isinstance(maps, Tensor) else type(maps).__name__
            raise TypeError(f"a map is of {came}; expected floating-point tensors of shape (B, H, W).")
        if maps.ndim != 3:
            raise ValueError(f"the maps have shape {tuple(maps.shape)}; expected three dimensions (B, H, W).")
    if a.shape != b.shape:
        raise ValueError(f"the maps have shapes {tuple(a.shape)} and {tuple(b.shape)}; expected the same.")
    if a.device != b.device:
        raise ValueError(f"the maps are on {a.device} and {b.device}; expected both on one device.")
    if not (bool(a.isfinite().all()) and bool(b.isfinite().all())):
        raise ValueError("a map contains NaN or infinity; expected finite numbers.")


def _check_size(maps: Tensor, least: int, what: str) -> None:
    if isinstance(maps, Tensor) and maps.ndim == 3 and min(maps.shape[1:]) < least:
        raise ValueError(
            f"the maps are {maps.shape[1]} x {maps.shape[2]} pixels; expected at least {least} x {least}, {what}."
        )
