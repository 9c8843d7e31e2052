"""Gradient methods side by side with Captum, in one process: ``python -m benchmarks.gradients [method ...]``.

Every round runs both ways, and the bare forward and backward pass of as many copies in batches of the same size, one
after the other, so that what else the machine does hits them alike; the table gives the median of the rounds' ratios,
with the lowest and the highest. Captum runs with the best of its batch sizes, this course with the one that it chooses
itself. EfficientNet-Lite0 in its own memory layout, one photograph, float32, two threads; 24 draws or steps.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib import data, gradients
from vislib.models import load

N = 24
LAYER = "network.bn2"  # the last map, for Captum has to be told
BATCHES = (1, 4, 8, 24)
Way = Callable[[int], Any]
"""A batch size -> the work."""


def captum(method: str, model: nn.Module, image: Tensor, target: int) -> Way:
    """Return Captum's way to do it; only the sampled methods look at the batch size."""
    from captum.attr import (
        GuidedBackprop,
        InputXGradient,
        IntegratedGradients,
        LayerAttribution,
        LayerGradCam,
        NoiseTunnel,
        Saliency,
    )

    def tunnel(kind: str) -> Way:
        options = {"nt_samples": N, "stdevs": 0.15, "target": target, "abs": False}
        return lambda batch: NoiseTunnel(Saliency(model)).attribute(image, kind, nt_samples_batch_size=batch, **options)

    def cam(batch: int) -> Tensor:
        last = model.get_submodule(LAYER)
        small = LayerGradCam(model, last).attribute(image, target, relu_attributions=True)
        result: Tensor = LayerAttribution.interpolate(small, image.shape[-2:], "bilinear")
        return result

    ways: dict[str, Way] = {
        "gradient": lambda batch: Saliency(model).attribute(image, target),
        "input_x_gradient": lambda batch: InputXGradient(model).attribute(image, target),
        "smoothgrad": tunnel("smoothgrad"),
        "smoothgrad_squared": tunnel("smoothgrad_sq"),
        "vargrad": tunnel("vargrad"),
        "integrated_gradients": lambda batch: IntegratedGradients(model).attribute(
            image, target=target, n_steps=N, method="riemann_middle", internal_batch_size=batch
        ),
        "guided_backprop": lambda batch: GuidedBackprop(model).attribute(image, target),
        "grad_cam": cam,
    }
    return ways[method]


OPTIONS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "input_x_gradient": {},
    "smoothgrad": {"n": N},
    "smoothgrad_squared": {"n": N},
    "vargrad": {"n": N},
    "integrated_gradients": {"steps": N},
    "guided_backprop": {},
    "grad_cam": {"layer": LAYER},
}


def bare(model: nn.Module, image: Tensor, target: int, copies: int, batch: int) -> None:
    """Run the forward pass and the gradient of the pixels, and nothing else."""
    for start in range(0, copies, batch):
        pixels = image.repeat(min(batch, copies - start), 1, 1, 1).requires_grad_()
        torch.autograd.grad(model(pixels)[:, target].sum(), pixels)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows(method: str, rounds: int) -> Iterator[Row]:
    """Yield the row of one method."""
    torch.set_num_threads(2)
    model = load(device="cpu")
    image = model.preprocess(data.photo("coffee"))
    target = model.index("espresso")
    theirs, options = captum(method, model, image, target), OPTIONS[method]
    copies = N if N in options.values() else 1
    batches = BATCHES if copies > 1 else (1,)
    theirs(1)  # the first call of all is slower
    best = min(batches, key=lambda batch: min(_seconds(lambda: theirs(batch)) for _ in range(2)))
    ways: dict[str, Callable[[], Any]] = {
        "captum": lambda: theirs(best),
        "ours": lambda: getattr(gradients, method)(model, image, target, **options),
        "bare": lambda: bare(model, image, target, copies, best),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            times[way].append(_seconds(ways[way]))
    yield {
        "method": method,
        "Captum, ms": 1000 * statistics.median(times["captum"]),
        "its best batch": best,
        "this course, ms": 1000 * statistics.median(times["ours"]),
        "times as fast": spread(c / t for c, t in zip(times["captum"], times["ours"], strict=True)),
        "bare forward and backward, ms": 1000 * statistics.median(times["bare"]),
    }


BENCHMARK = Benchmark(
    name="gradients",
    title=f"Gradients: times as fast as Captum, {N} draws or steps",
    rows=rows,
    names=list(OPTIONS),
    rounds=7,
    peers=("captum",),
)

if __name__ == "__main__":
    sys.exit(main(["gradients", *sys.argv[1:]]))
