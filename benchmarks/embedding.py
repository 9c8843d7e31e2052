"""`vislib.embedding` beside scikit-learn on the digits: t-SNE's time and trustworthiness, and the largest difference in PCA."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vislib.data import digits
from vislib.embedding import pca, trustworthiness, tsne

RUNS = {1000: 5, 5000: 3}  # number of points -> how often both sides run, in turn


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call takes, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def theirs(x: Tensor) -> Tensor:
    """t-SNE of scikit-learn with the same initialisation and its other defaults."""
    from sklearn.manifold import TSNE

    return torch.from_numpy(TSNE(init="pca", random_state=0).fit_transform(x.numpy()))


def pca_difference(x: Tensor) -> float:
    """The largest difference from scikit-learn's first two components, with signs aligned."""
    from sklearn.decomposition import PCA

    ours = pca(x).points.double()
    other = torch.from_numpy(PCA(2, svd_solver="full").fit_transform(x.double().numpy()))
    return float((ours - other * (ours * other).sum(0).sign()).abs().max())


def main() -> None:
    """Alternate the two sides in one process and print a table."""
    images = digits(device="cpu").images.flatten(1)
    tsne(images[:200]), theirs(images[:200])  # the first call imports and compiles
    print("| points | ours, s | scikit-learn, s | ratio, median | trustworthiness | scikit-learn's | PCA, difference |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n, runs in RUNS.items():
        x = images[:n]
        pairs = [(seconds(lambda x=x: tsne(x)), seconds(lambda x=x: theirs(x))) for _ in range(runs)]  # type: ignore[misc]
        ratio = statistics.median(other / own for (own, _), (other, _) in pairs)
        own, other = (float(np.median([pair[side][0] for pair in pairs])) for side in (0, 1))
        trust = [trustworthiness(x, points) for _, points in pairs[0]]
        print(
            f"| {n} | {own:.1f} | {other:.1f} | {ratio:.2f} | {trust[0]:.4f} | {trust[1]:.4f} | {pca_difference(x):.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
