"""Seconds per reconstruction, beside the bare forward and backward pass: ``python -m benchmarks.reconstruction``.

No maintained peer is left to compare with. So every round runs, one after the other, the same number of bare passes of the
network as it is (the gradient of a logit with respect to one image) and the reconstruction. EfficientNet-Lite0 at 224
pixels, float32, two threads.
"""

import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib.models import load
from vislib.reconstruction import reconstruct

STEPS = 256


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(model: nn.Module, images: Tensor) -> None:
    """Run the forward pass and the gradient of the pixels, and nothing else."""
    for _ in range(STEPS):
        pixels = images.requires_grad_()
        torch.autograd.grad(model(pixels)[:, 0].sum(), pixels)


def rows(pictures: str, rounds: int) -> Iterator[Row]:
    """Yield the row of so many pictures at once."""
    torch.set_num_threads(2)
    model, count = load("efficientnet_lite0", device="cpu"), int(pictures)
    images, targets = torch.rand(count, 3, 224, 224), torch.arange(count)
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(_seconds(lambda: bare(model, images)))
        ours.append(_seconds(lambda: reconstruct(model, targets, steps=STEPS)))
    yield {
        "pictures": pictures,
        "bare passes, s per picture": spread(seconds / count for seconds in plain),
        "reconstruction, s per picture": spread(seconds / count for seconds in ours),
        "bare / reconstruction": spread(p / o for p, o in zip(plain, ours, strict=True)),
    }


BENCHMARK = Benchmark(
    name="reconstruction",
    title=f"Reconstruction: {STEPS} steps, beside as many bare passes",
    rows=rows,
    names=("1", "4"),
    rounds=3,
)

if __name__ == "__main__":
    sys.exit(main(["reconstruction", *sys.argv[1:]]))
