"""`vislib.embedding` beside scikit-learn on the digits: t-SNE's time and trustworthiness, and the largest difference in PCA."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib.data import digits
from vislib.embedding import pca, trustworthiness, tsne


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


def rows(points: str, rounds: int) -> Iterator[Row]:
    """Yield the row of so many points; the two sides run in turn."""
    images = digits(device="cpu").images.flatten(1)
    tsne(images[:200]), theirs(images[:200])  # the first call imports and compiles
    x = images[: int(points)]
    pairs = [(seconds(lambda: tsne(x)), seconds(lambda: theirs(x))) for _ in range(rounds)]
    own, other = zip(*pairs, strict=True)
    yield {
        "points": points,
        "ours, s": spread(time for time, _ in own),
        "scikit-learn, s": spread(time for time, _ in other),
        "times as fast": spread(b / a for (a, _), (b, _) in pairs),
        "trustworthiness, ours": trustworthiness(x, own[-1][1]),
        "trustworthiness, scikit-learn": trustworthiness(x, other[-1][1]),
        "PCA, largest difference": pca_difference(x),
    }


BENCHMARK = Benchmark(
    name="embedding",
    title="t-SNE of digits: times as fast as scikit-learn",
    rows=rows,
    names=("1000", "5000"),
    rounds=5,
    peers=("scikit-learn", "openTSNE"),
)

if __name__ == "__main__":
    sys.exit(main(["embedding", *sys.argv[1:]]))
