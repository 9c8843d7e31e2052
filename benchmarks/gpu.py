"""Rectangles or plain half-precision batches on a GPU: ``python -m benchmarks.gpu``.

All explain one network on the GPU, with black patches, by the same heatmap of a logit. Times are those of plain batches in
float32, divided by those of each way in the same round; the column *fastest* says which way to take on this device. Where
PyTorch sees no CUDA device, nothing is measured, and the table says so.
"""

import sys
import time
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.command import main
from benchmarks.occlusion import CASES, network, ours
from benchmarks.table import Benchmark, Row, spread

WAYS: dict[str, dict[str, Any]] = {
    "plain batches": {"incremental": False},
    "plain batches, bfloat16": {"incremental": False, "dtype": torch.bfloat16},
    "increments": {},
    "increments, bfloat16": {"dtype": torch.bfloat16},
}


def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield the rows of one network: one for each patch and stride, or one that says that there is no GPU."""
    if not torch.cuda.is_available():
        yield {"network": name, "device": "no CUDA device: not measured"}
        return
    for patch, stride in CASES[name][3]:
        times = measured(name, "cuda", patch, stride, rounds)
        ratios = {way: spread(p / t for p, t in zip(times["plain batches"], times[way], strict=True)) for way in WAYS}
        yield {
            "network": name,
            "device": torch.cuda.get_device_name(),
            "patch / stride": f"{patch} / {stride}",
            "plain batches, s": spread(times["plain batches"])[0],
            **{way: ratios[way] for way in list(WAYS)[1:]},
            "fastest": max(WAYS, key=lambda way: ratios[way][0]),
        }


def measured(name: str, device: str, patch: int, stride: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way in each round, after one to warm up."""
    model, images = network(name, "channels last")
    model, images = model.to(device), images.to(device)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds + 1):
        for way, options in WAYS.items():
            start = time.perf_counter()
            ours(model, images, patch, stride, **options).cpu()  # which waits for the device
            times[way].append(time.perf_counter() - start)
    return {way: seconds[1:] for way, seconds in times.items()}


BENCHMARK = Benchmark(
    name="gpu",
    title="Occlusion on a GPU: times as fast as plain batches in float32",
    rows=rows,
    names=list(CASES),
    rounds=5,
)

if __name__ == "__main__":
    sys.exit(main(["gpu", *sys.argv[1:]]))
