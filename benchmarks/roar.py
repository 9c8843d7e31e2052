"""A sweep of ROAR beside a plain loop: ``python -m benchmarks.roar``.

All train the same networks on the same digits. The plain loop trains one after the other with as many threads as
PyTorch takes by itself, on data sets that are masked beforehand, once for all seeds; the sweep runs one process of one
thread per core. The same loop with one thread says what a sweep could reach at best: that many times as fast as there
are cores (*at best*). Every round runs all, so that what else the machine does hits them alike. The last columns are about
memory: what the sweep's processes hold at most, together, for few and for many tasks, each in a process of its own.
"""

import gc
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import psutil
import torch
from joblib.externals.loky import get_reusable_executor
from torch import nn

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib import controls, data, models, nets
from vislib.data import ImageSet
from vislib.roar import Maps, roar
from vislib.roar.removal import Removal, Removed, ranks
from vislib.roar.sweep import BuildModel
from vislib.training import accuracy, fit

EPOCHS = 2
TASKS = 24
FEW, MANY = TASKS // 4, 2 * TASKS  # networks, for the memory
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


def memory(tasks: int, network: str) -> float:
    """Return what a sweep's processes hold at most, in MiB."""
    given, new = sets(), partial(build, widths=NETWORKS[network])
    gc.collect()
    with _peak() as high:
        sweep(*given, tasks=tasks, new=new)
    get_reusable_executor().shutdown()  # its workers would keep this process waiting for minutes
    return high[0]


def rows(network: str, rounds: int) -> Iterator[Row]:
    """Yield the row of one network: the time of each way, the median of the rounds' ratios, and the memory."""
    given, new, cores = sets(), partial(build, widths=NETWORKS[network]), os.cpu_count() or 1
    sweep(*given, tasks=len(FRACTIONS) * cores, new=new)  # starts the processes
    ways = [loop, alone, sweep]
    times: dict[str, list[float]] = {way.__name__: [] for way in ways}
    means = {}
    for turn in range(rounds):
        for way in ways[turn % 3 :] + ways[: turn % 3]:
            seconds, means[way.__name__] = _seconds(partial(way, *given, tasks=TASKS, new=new))
            times[way.__name__].append(seconds / TASKS)
    held = []
    for tasks in (FEW, MANY):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            held.append(pool.submit(memory, tasks, network).result())
    yield {
        "network": network,
        "plain loop, s per network": statistics.median(times["loop"]),
        "one thread, s per network": statistics.median(times["alone"]),
        "sweep, s per network": statistics.median(times["sweep"]),
        "sweep: times as fast as the loop": spread(a / b for a, b in zip(times["loop"], times["sweep"], strict=True)),
        "at best": cores * statistics.median(a / b for a, b in zip(times["loop"], times["alone"], strict=True)),
        "mean accuracy, loop": means["loop"],
        "mean accuracy, sweep": means["sweep"],
        f"memory of {FEW} networks, MiB": held[0],
        f"memory of {MANY} networks, MiB": held[1],
    }


BENCHMARK = Benchmark(
    name="roar",
    title=f"ROAR: a sweep of {TASKS} networks beside a plain loop, 4,000 digits, {EPOCHS} epochs",
    rows=rows,
    names=list(NETWORKS),
    rounds=3,
    peers=("joblib",),
    stated=("network", "one thread, s per network", "sweep: times as fast as the loop", "at best"),
)

if __name__ == "__main__":
    sys.exit(main(["roar", *sys.argv[1:]]))
