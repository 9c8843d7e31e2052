"""What the look at a model's answer costs: the time of a gradient with it, less that without, in forward passes of one image."""

import time
from collections.abc import Callable
from statistics import median

import torch

from vislib import explain, models
from vislib.data import photo
from vislib.gradients import gradient


def seconds(call: Callable[[], object], repeats: int = 7) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return median(taken)


def ratio(images: int = 1) -> float:
    """Return what the look costs, as a share of one forward pass of one image."""
    model = models.load()
    batch = model.preprocess(photo("cat")).expand(images, -1, -1, -1).contiguous()

    @torch.no_grad()
    def one() -> None:
        model(batch[:1])

    def unseen() -> None:  # a model that has been looked at already
        explain.answers(model, batch)

    def seen() -> None:
        explain.check_eval(model)
        explain.answers(model, batch)

    gradient(model, batch, 0)
    with torch.no_grad():
        return (seconds(seen) - seconds(unseen)) / seconds(one)


if __name__ == "__main__":
    for count in (1, 2, 4):
        print(f"{count} images: {ratio(count):.2f} forward passes of one image")
