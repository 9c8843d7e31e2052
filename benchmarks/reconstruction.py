"""Seconds per reconstruction, beside the bare forward and backward pass: ``python -m benchmarks.reconstruction``.

No maintained peer is left to compare with. So every round runs, one after the other, the same number of bare passes of the
network as it is (the gradient of a logit with respect to one image) and the reconstruction; the table gives the medians.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from vislib.models import load
from vislib.reconstruction import reconstruct

TABLE = Path(__file__).with_suffix(".md")
STEPS = 256
HEAD = [
    "| pictures | bare passes, seconds per picture | reconstruction, seconds per picture | bare / reconstruction |",
    "| --- | --- | --- | --- |",
]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    torch.set_num_threads(2)
    model = load("efficientnet_lite0", device="cpu")

    def bare(images: Tensor) -> None:
        for _ in range(STEPS):
            pixels = images.requires_grad_()
            torch.autograd.grad(model(pixels)[:, 0].sum(), pixels)

    rows = []
    for count in (1, 4):
        images, targets = torch.rand(count, 3, 224, 224), torch.arange(count)
        times = [
            (_seconds(lambda x=images: bare(x)), _seconds(lambda t=targets: reconstruct(model, t, steps=STEPS)))
            for _ in range(2)
        ]  # type: ignore[misc]
        plain, ours = (statistics.median(column) / count for column in zip(*times, strict=True))
        ratio = statistics.median(a / b for a, b in times)
        rows.append(f"| {count} | {plain:.1f} | {ours:.1f} | {ratio:.1f} |")
        print(rows[-1], flush=True)
    head = f"# Reconstruction\n\nEfficientNet-Lite0 at 224 pixels, {STEPS} steps, two threads, float32, PyTorch {torch.__version__}."
    TABLE.write_text(
        "\n".join([head, "Written by `python -m benchmarks.reconstruction`.", "", *HEAD, *rows, ""]), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
