"""Occlusion side by side with Captum, in one process: ``python -m benchmarks.occlusion [name ...]``.

Every round runs all ways one after the other, so that what else the machine does hits them alike; the table gives the
median of the rounds' ratios, with the lowest and the highest. Captum runs with the best of its batch sizes. All compute
the same heatmap of a logit, black patches, float32, on two threads. Two bounds stand beside the times: how much
less there is to multiply, and how many fewer numbers to write, if only what a patch can reach is computed, whatever the
program. What goes beyond them comes from folding and memory layout, as the column of whole maps tells.
"""

import argparse
import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from vislib.explain import logit
from vislib.incremental import IncrementalModel
from vislib.incremental.graph import trace
from vislib.incremental.rectangles import reach
from vislib.incremental.steps import steps
from vislib.models import load
from vislib.occlusion import occlusion

BATCHES = (1, 8, 16, 32, 64)
TABLE = Path(__file__).with_suffix(".md")


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

    return models.get_model(name, weights=None)


# name: (network, number of images, side, patch and stride)
CASES: dict[str, tuple[Callable[[], nn.Module], int, int, list[tuple[int, int]]]] = {
    "EfficientNet-Lite0": (load, 1, 224, [(32, 16), (16, 8)]),
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


def _seconds(work: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak(work: Callable[[], Tensor]) -> float:
    """Return by how many MB the process grows at most, seen every two milliseconds."""
    gc.collect()
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

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


def _network(name: str) -> tuple[nn.Module, Tensor]:
    make, count, side, _ = CASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval().requires_grad_(False)
    return model, torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def case(name: str, rounds: int) -> Iterator[str]:
    """Yield the rows of one network."""
    model, images = _network(name)
    for patch, stride in CASES[name][3]:
        best = _best_batch(model, images, patch, stride)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # a fresh process each, with nothing left over
            memory = pool.starmap(_peak_of, [(name, patch, stride, batch) for batch in (best, None)], 1)
        cells = measure((model, images, patch, stride), best, rounds)
        yield f"| {name} | {patch} / {stride} | {' | '.join(cells)} | {memory[0]:.0f} / {memory[1]:.0f} MB |"


def _best_batch(model: nn.Module, images: Tensor, patch: int, stride: int) -> int:
    """Return Captum's fastest batch size, found on a coarser grid of at least 64 positions, which fill the largest."""
    stride = min(patch, max(stride, (images.shape[-1] - patch) // 8))  # Captum takes no stride over the patch
    return min(BATCHES, key=lambda batch: _seconds(lambda: captum(model, images, patch, stride, batch)))


def _peak_of(name: str, patch: int, stride: int, batch: int | None) -> float:
    """Return the memory that Captum with this batch size takes at most, or ours for None."""
    torch.set_num_threads(2)
    args = (*_network(name), patch, stride)
    return _peak(lambda: ours(*args) if batch is None else captum(*args, batch))


def measure(args: tuple[nn.Module, Tensor, int, int], best: int, rounds: int) -> list[str]:
    """Return the cells of one row."""
    model, images, _, _ = args
    expected = captum(*args, best)
    ways: dict[str, Callable[[], Tensor]] = {
        "captum": lambda: captum(*args, best),
        "plain": lambda: ours(*args, incremental=False),
        "folded": lambda: folded(*args),
        "ours": lambda: ours(*args),
        "bfloat16": lambda: ours(*args, dtype=torch.bfloat16),
    }
    largest = max(float((ways[w]() - expected).abs().max()) for w in ("plain", "folded", "ours"))
    with torch.no_grad():
        scale = float(model(images).abs().max())
    slow = _seconds(ways["bfloat16"])
    if slow > 2 * _seconds(ways["ours"]):  # a processor without it: one run says enough
        del ways["bfloat16"]
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            times[way].append(_seconds(work))
    ratios = {way: sorted(c / t for c, t in zip(times["captum"], times[way], strict=True)) for way in ways}
    middle = {way: f"{statistics.median(r):.1f}" for way, r in ratios.items()}
    multiply, write = bounds(*args)
    return [
        f"{statistics.median(times['captum']):.2f} s ({best})",
        middle["plain"],
        middle["folded"],
        f"**{middle['ours']}** ({ratios['ours'][0]:.1f} to {ratios['ours'][-1]:.1f})",
        middle.get("bfloat16", f"{statistics.median(times['captum']) / slow:.1f}"),
        f"{multiply:.1f} / {write:.1f}",
        f"{largest / scale:.0e}",
    ]


HEAD = [
    "| network | patch / stride | Captum, best batch | plain batches | whole maps, folded | **increments** | bfloat16 "
    "| bound: multiply-adds / numbers written | largest difference / largest logit | peak memory: Captum / ours |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"any of: {', '.join(CASES)}; all unless given; other rows are kept")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    print("\n".join(HEAD), flush=True)
    for name in arguments.names or CASES:
        rows = []
        for row in case(name, arguments.rounds):
            print(row, flush=True)
            rows.append(row)
        write(name, rows)


def write(name: str, rows: list[str]) -> None:
    """Put the rows of one network into the table, in place of its old ones."""
    old = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    kept = {n: rows if n == name else [row for row in old if row.startswith(f"| {n} |")] for n in CASES}
    lines = [
        "# Occlusion: times as fast as Captum",
        "",
        f"Median of the rounds (lowest to highest), two threads, float32 unless said, PyTorch {torch.__version__}. "
        "Written by `python -m benchmarks.occlusion`.",
        "",
        *HEAD,
        *(row for of_network in kept.values() for row in of_network),
        "",
    ]
    TABLE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
