"""A sweep of ROAR beside a plain loop: ``python -m benchmarks.roar [--tasks N] [--rounds R]``.

All train the same networks on the same digits. The plain loop trains one after the other with as many threads as
PyTorch takes by itself, on data sets that are masked beforehand, once for all seeds; the sweep runs one process of one
thread per core. The same loop with one thread says what a sweep could reach at best: that many times as fast as there
are cores. Every round runs all, so that what else the machine does hits them alike. The second table is about memory:
what the sweep's processes hold at most, together, for few and for many tasks, each in a process of its own.
"""

import argparse
import gc
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psutil
import torch
from joblib.externals.loky import get_reusable_executor
from torch import nn

from vislib import controls, data, models, nets
from vislib.data import ImageSet
from vislib.roar import Maps, roar
from vislib.roar.removal import Removal, Removed, ranks
from vislib.roar.sweep import BuildModel
from vislib.training import accuracy, fit

TABLE = Path(__file__).with_suffix(".md")
EPOCHS = 2
FRACTIONS = (0.3, 0.5, 0.7)
NETWORKS = {"two narrow blocks, notebook 08": (8, 16), "three blocks, the course's own": (16, 32, 32)}


def build(seed: int, widths: Sequence[int] = (8, 16)) -> nn.Module:
    """Return a small network that reads digits."""
    network = nets.SmallCNN(channels=1, classes=10, size=28, widths=widths, seed=seed)
    return models.Classifier(network, mean=0.5, std=0.25, input_size=28)


def sets() -> tuple[ImageSet, ImageSet, Maps]:
    """Return 4,000 digits to learn, 1,000 to test, and a random map of each image."""
    train, test = data.digits(device="cpu").split(4000)
    base = build(0).eval()
    return train, test, (controls.chance(base, train.images, 0), controls.chance(base, test.images, 0))


def loop(train: ImageSet, test: ImageSet, maps: Maps, tasks: int, new: BuildModel = build) -> list[float]:
    """Train one network after the other, as a script would."""
    colour = train.images.mean((0, 2, 3))[:, None, None]
    orders = [ranks(heat, k) for k, heat in enumerate(maps)]
    found = []
    for fraction in FRACTIONS:
        masked = [
            replace(s, images=Removed(s.images, order, Removal(fraction), colour)[:])
            for s, order in zip((train, test), orders, strict=True)
        ]
        for seed in range(tasks // len(FRACTIONS)):
            model = new(seed)
            fit(model, masked[0], epochs=EPOCHS, seed=seed)
            found.append(accuracy(model, masked[1]))
    return found


def alone(train: ImageSet, test: ImageSet, maps: Maps, tasks: int, new: BuildModel = build) -> list[float]:
    """The loop with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return loop(train, test, maps, tasks, new)
    finally:
        torch.set_num_threads(threads)


def sweep(train: ImageSet, test: ImageSet, maps: Maps, tasks: int, new: BuildModel = build) -> list[float]:
    """Train the same networks as a sweep."""
    result = roar(
        {"noise": maps},
        train,
        test,
        build_model=new,
        base=new(0).eval(),
        fractions=FRACTIONS,
        seeds=tasks // len(FRACTIONS),
        epochs=EPOCHS,
        controls=(),
    )
    accuracies: list[float] = result.table["accuracy"].tolist()
    return accuracies


def _seconds(work: Callable[[], list[float]]) -> tuple[float, float]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, statistics.mean(found)


def throughput(network: str, tasks: int, rounds: int) -> str:
    """Return one row: the time of each way, and the median of the rounds' ratios."""
    given, new = sets(), partial(build, widths=NETWORKS[network])
    sweep(*given, tasks=len(FRACTIONS) * (os.cpu_count() or 1), new=new)  # starts the processes
    ways = [loop, alone, sweep]
    times: dict[str, list[float]] = {way.__name__: [] for way in ways}
    means = {}
    for turn in range(rounds):
        for way in ways[turn % 3 :] + ways[: turn % 3]:
            seconds, means[way.__name__] = _seconds(partial(way, *given, tasks=tasks, new=new))
            times[way.__name__].append(seconds / tasks)
    ratios = [plain / ours for plain, ours in zip(times["loop"], times["sweep"], strict=True)]
    best = [plain / one for plain, one in zip(times["loop"], times["alone"], strict=True)]
    cells = [f"{statistics.median(times[way.__name__]):.2f} s" for way in ways]
    middle = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
    bound = f"{(os.cpu_count() or 1) * statistics.median(best):.2f}"
    return "| " + " | ".join([network, *cells, middle, bound, f"{means['loop']:.3f}, {means['sweep']:.3f}"]) + " |"


@contextmanager
def _peak() -> Iterator[list[float]]:
    """Watch what this process and its children hold together, in MiB; the highest is appended at the end."""
    own, high, stop = psutil.Process(), [0.0], threading.Event()

    def held() -> float:
        total = 0
        for process in (own, *own.children(recursive=True)):
            try:
                total += process.memory_full_info().uss
            except psutil.Error:  # it has just ended
                continue
        return total / 2**20

    def watch() -> None:
        while not stop.wait(0.05):
            high[0] = max(high[0], held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield high
    finally:
        stop.set()
        watcher.join()


def _memory(tasks: int) -> float:
    from benchmarks.roar import sweep as importable  # not of this process's main module, which its own workers lack

    given = sets()
    gc.collect()
    with _peak() as high:
        importable(*given, tasks=tasks)
    get_reusable_executor().shutdown()  # its workers would keep this process waiting for minutes
    return high[0]


def memory(few: int, many: int) -> list[str]:
    """Return one row per number of tasks, each measured in a fresh process."""
    rows = []
    for tasks in (few, many):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(f"| {tasks} | {pool.submit(_memory, tasks).result():.0f} MiB |")
    return rows


HEAD = [
    "| network | plain loop, per network | with one thread | sweep | times as fast | at best | mean accuracy of both |",
    "| --- | --- | --- | --- | --- | --- | --- |",
]
MEMORY = ["| networks | all processes together, at most |", "| --- | --- |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    print("\n".join(HEAD), flush=True)
    for network in NETWORKS:
        rows.append(throughput(network, arguments.tasks, arguments.rounds))
        print(rows[-1], flush=True)
    held = memory(arguments.tasks // 4, 2 * arguments.tasks)
    print("\n".join(["", *MEMORY, *held]), flush=True)
    TABLE.write_text(_page(rows, held, arguments), encoding="utf-8")


def _page(rows: list[str], held: list[str], how: argparse.Namespace) -> str:
    return "\n".join(
        [
            "# ROAR: a sweep beside a plain loop",
            "",
            f"{how.tasks} networks on 4,000 digits, {EPOCHS} epochs each, {os.cpu_count()} cores. The plain loop uses PyTorch's "
            f"own number of threads ({torch.get_num_threads()}), the sweep one process of one thread per core, started "
            f"before. Median of {how.rounds} rounds (lowest to highest), PyTorch {torch.__version__}. *At best*: if as many "
            "processes as there are cores were each as fast as one alone. Written by `python -m benchmarks.roar`.",
            "",
            *HEAD,
            *rows,
            "",
            "Memory does not grow with the number of tasks: what a process holds for itself, summed over all of them.",
            "",
            *MEMORY,
            *held,
            "",
        ]
    )


if __name__ == "__main__":
    main()
