"""Occlusion side by side with Captum, in one process: ``python -m benchmarks.occlusion [NETWORK ...]``.

Every round runs all ways one after the other, so that what else the machine does hits them alike; the table gives the
median of the rounds' ratios, with the lowest and the highest. All explain the same network object in float32: its weights
and the images lie in memory as suits Captum best, and Captum runs with its best batch size. All compute the same heatmap
of a logit, black patches, on two threads. Before that, each runs twice on a coarse grid, which warms up: a network's first
call also proves the increments. Plain batches and whole maps run in the first two rounds only.

Two bounds stand beside the times: how much less there is to multiply, and how many fewer numbers to write, if only what a
patch can reach is computed, whatever the program. What goes beyond them comes from folding and memory layout, as the
column of whole maps tells.
"""

import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib.explain import logit
from vislib.incremental import IncrementalModel
from vislib.incremental.graph import trace
from vislib.incremental.rectangles import reach
from vislib.incremental.steps import steps
from vislib.models import load
from vislib.occlusion import occlusion

BATCHES = (1, 8, 16, 32, 64)
NEAR = 1.4  # times Captum's fastest: a batch size and layout that may still be it
BESIDE = 2  # rounds of the ways that only explain the others
LAYOUTS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}


def small_cnn() -> nn.Module:
    """Three stages of two 3 x 3 convolutions with 32, 64 and 128 channels, BatchNorm and ReLU; 10 classes."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None)
    return network


# name: (network, number of images, side, patch and stride)
CASES: dict[str, tuple[Callable[[], nn.Module], int, int, list[tuple[int, int]]]] = {
    "EfficientNet-Lite0": (lambda: load(device="cpu"), 1, 224, [(32, 16), (16, 8)]),
    "ResNet-18": (lambda: _torchvision("resnet18"), 1, 224, [(32, 16), (16, 8)]),
    "VGG-16": (lambda: _torchvision("vgg16"), 1, 224, [(32, 32)]),
    "small CNN": (small_cnn, 16, 64, [(32, 16), (16, 8), (8, 4)]),
}


def captum(model: nn.Module, images: Tensor, patch: int, stride: int, batch: int) -> Tensor:
    from captum.attr import Occlusion

    channels = images.shape[1]
    with torch.no_grad():
        heat: Tensor = Occlusion(model).attribute(
            images, (channels, patch, patch), strides=(channels, stride, stride), target=0, perturbations_per_eval=batch
        )
    return heat[:, 0]


def ours(model: nn.Module, images: Tensor, patch: int, stride: int, **options: Any) -> Tensor:
    return occlusion(model, images, 0, patch=patch, stride=stride, fill="black", score=logit, **options)


def folded(model: nn.Module, images: Tensor, patch: int, stride: int) -> Tensor:
    """The same heatmap by whole maps from the first layer on, with BatchNorm and activations folded as ever."""
    seen = IncrementalModel(model, images, dense_from=0.0)
    side = images.shape[-1]
    starts = torch.tensor([*range(0, side - patch, stride), side - patch])
    index, rows, cols = (g.flatten() for g in torch.meshgrid(torch.arange(len(images)), starts, starts, indexing="ij"))
    black = torch.zeros(1, images.shape[1], patch, patch).expand(len(rows), -1, -1, -1)
    drops = seen.clean[index, 0] - seen.run(black, rows, cols, index)[:, 0]
    heat, covering = torch.zeros(2, len(images), side, side)
    for drop, b, y, x in zip(drops, index.tolist(), rows.tolist(), cols.tolist(), strict=True):
        heat[b, y : y + patch, x : x + patch] += drop
        covering[b, y : y + patch, x : x + patch] += 1
    mean: Tensor = heat / covering
    return mean


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak(work: Callable[[], Tensor]) -> float:
    """Return by how many MB the process grows at most, seen every two milliseconds."""
    gc.collect()
    process, done = psutil.Process(), threading.Event()
    before: int = process.memory_info().rss
    most = before

    def watch() -> None:
        nonlocal most
        while not done.wait(0.002):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return (most - before) / 1e6


def bounds(model: nn.Module, images: Tensor, patch: int, stride: int) -> tuple[float, float]:
    """Return how many times fewer multiply-adds, and numbers written, exact rectangles need than whole maps."""
    network = steps(*trace(model), images[:1])
    starts = np.arange(0, images.shape[-1] - patch + 1, stride)
    down, across = (reach(network, starts, patch, dim) for dim in (-2, -1))
    whole, part = np.zeros(2), np.zeros(2)
    for step, rows, cols in zip(network[1:], down[1:], across[1:], strict=True):
        if not isinstance(step.value, Tensor):
            continue
        cost = np.array([step.work, 1.0]) * step.value[0].numel()
        share = 1.0
        if rows is not None and cols is not None:
            heights, widths = (stop - start for start, stop in (rows, cols))
            share = heights.mean() * widths.mean() / (step.value.shape[-2] * step.value.shape[-1])
        whole += cost
        part += cost * share
    multiply, write = whole / part
    return float(multiply), float(write)


def network(name: str, layout: str = "plain") -> tuple[nn.Module, Tensor]:
    """Return a network and its images, both laid out in memory as asked."""
    make, count, side, _ = CASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval().requires_grad_(False)
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    return laid_out(model, images, layout)


def laid_out(model: nn.Module, images: Tensor, layout: str) -> tuple[nn.Module, Tensor]:
    form = LAYOUTS[layout]
    return model.to(memory_format=form), images.contiguous(memory_format=form)


def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield the rows of one network."""
    torch.set_num_threads(2)
    for patch, stride in CASES[name][3]:
        layout, batch = best(*network(name), patch, stride)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # a fresh process each, with nothing left over
            memory = pool.starmap(peak_of, [(name, layout, patch, stride, size) for size in (batch, None)], 1)
        yield {
            "network": name,
            "patch / stride": f"{patch} / {stride}",
            "layout": layout,
            **measure((*network(name, layout), patch, stride), batch, rounds),
            "peak memory, Captum, MB": memory[0],
            "peak memory, increments, MB": memory[1],
        }


def coarse(images: Tensor, patch: int, stride: int) -> int:
    """Return a stride with at least 64 positions, where there are as many: enough to fill a batch, and no more."""
    return min(patch, max(stride, (images.shape[-1] - patch) // 8))  # Captum takes no stride over the patch


def best(model: nn.Module, images: Tensor, patch: int, stride: int) -> tuple[str, int]:
    """Return Captum's fastest layout and batch size on a coarse grid; those near the fastest run a second time."""
    times: dict[tuple[str, int], float] = {}

    def run(layout: str, batch: int) -> None:
        args = (*laid_out(model, images, layout), patch, coarse(images, patch, stride))
        times[layout, batch] = min(times.get((layout, batch), float("inf")), _seconds(lambda: captum(*args, batch)))

    run("plain", BATCHES[0])  # which warms up, and does not count against it since the lesser time does
    for layout in LAYOUTS:
        for batch in BATCHES:
            run(layout, batch)
    for near in [way for way, seconds in times.items() if seconds < NEAR * min(times.values())]:
        run(*near)
    return min(times, key=times.__getitem__)


def peak_of(name: str, layout: str, patch: int, stride: int, batch: int | None) -> float:
    """Return the memory that Captum with this batch size takes at most, or ours for None."""
    torch.set_num_threads(2)
    model, images = network(name, layout)
    if batch is None:
        return _peak(lambda: ours(model, images, patch, stride))
    return _peak(lambda: captum(model, images, patch, coarse(images, patch, stride), batch))  # a batch at a time


def measure(args: tuple[nn.Module, Tensor, int, int], batch: int, rounds: int) -> Row:
    """Return the times of one row, and by how much the heatmaps differ."""
    model, images, patch, stride = args
    heat: dict[str, Tensor] = {}

    def work(way: str, step: int) -> Callable[[], None]:
        grid = (model, images, patch, step)
        ways: dict[str, Callable[[], Tensor]] = {
            "captum": lambda: captum(*grid, batch),
            "plain": lambda: ours(*grid, incremental=False),
            "folded": lambda: folded(*grid),
            "increments": lambda: ours(*grid),
            "bfloat16": lambda: ours(*grid, dtype=torch.bfloat16),
        }
        return lambda: heat.__setitem__(way, ways[way]())

    rounds_of = {"captum": rounds, "plain": BESIDE, "folded": BESIDE, "increments": rounds, "bfloat16": rounds}
    first = {way: min(_seconds(work(way, coarse(images, patch, stride))) for _ in range(2)) for way in rounds_of}
    if first["bfloat16"] > 2 * first["increments"]:  # a processor without it: one run says enough
        rounds_of["bfloat16"] = 1
    times: dict[str, list[float]] = {way: [] for way in rounds_of}
    for turn in range(rounds):
        for way, most in rounds_of.items():
            if turn < most:
                times[way].append(_seconds(work(way, stride)))
    largest = max(float((heat[w] - heat["captum"]).abs().max()) for w in ("plain", "folded", "increments"))
    with torch.no_grad():
        scale = float(model(images).abs().max())
    ratios = {w: spread(c / t for c, t in zip(times["captum"], times[w], strict=False)) for w in times}
    multiply, write = bounds(*args)
    return {
        "Captum, s": statistics.median(times["captum"]),
        "its best batch": batch,
        "plain batches": ratios["plain"][0],
        "whole maps, folded": ratios["folded"][0],
        "increments": ratios["increments"],
        "bfloat16": ratios["bfloat16"],
        "bound: multiply-adds": multiply,
        "bound: numbers written": write,
        "largest difference / largest logit": largest / scale,
    }


BENCHMARK = Benchmark(
    name="occlusion",
    title="Occlusion: times as fast as Captum",
    rows=rows,
    names=list(CASES),
    rounds=5,
    peers=("captum",),
    stated=("network", "patch / stride", "increments", "bfloat16"),
)

if __name__ == "__main__":
    sys.exit(main(["occlusion", *sys.argv[1:]]))
