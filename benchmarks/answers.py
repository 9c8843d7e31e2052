"""What the look at a model's answers costs, in forward passes of one image: `python -m benchmarks.answers`.

Each number is the median of ratios: with the look, without it, and one forward pass of one image, taken in turns, in CPU time.
"""

import time
from collections.abc import Callable
from statistics import median

import torch

from vislib import explain, models


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


@torch.no_grad()
def passes(model: models.Classifier, images: int, rounds: int = 15) -> float:
    """Return what the look at this many images costs, as a share of one forward pass of one image."""
    batch = torch.rand(images, model.channels, model.input_size, model.input_size)

    def seen() -> None:
        explain.check_eval(model)  # from here on it is to be looked at again
        explain.answers(model, batch)

    def ratio() -> float:
        looked, plain = seconds(seen), seconds(lambda: explain.answers(model, batch))
        return (looked - plain) / seconds(lambda: model(batch[:1]))

    ratio()
    return median(ratio() for _ in range(rounds))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in ("efficientnet_lite0", "digits"):
        model = models.load(name) if name in models.EMBEDDED else models.trained(name)
        for count in (1, 2, 4):
            print(f"{name}, {count} images: {passes(model, count):.2f} forward passes of one image", flush=True)
