"""What the look at a model's answers costs, in forward passes of one image: ``python -m benchmarks.answers``.

With the look, without it, and one forward pass of one image run in turn, on one thread, in the processor's time.
"""

import sys
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from vislib import explain, models


def seconds(call: Callable[[], object]) -> float:
    """Return how long the processor takes for a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


@torch.no_grad()
def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield a row for each number of images; the first round warms up."""
    torch.set_num_threads(1)
    model = models.load(name) if name in models.EMBEDDED else models.trained(name)
    for images in (1, 2, 4):
        batch = torch.rand(images, model.channels, model.input_size, model.input_size)

        def looked(batch: torch.Tensor = batch) -> None:
            explain.check_eval(model)  # from here on it is to be looked at again
            explain.answers(model, batch)

        def ratio(batch: torch.Tensor = batch) -> float:
            extra = seconds(looked) - seconds(lambda: explain.answers(model, batch))
            return extra / seconds(lambda: model(batch[:1]))

        yield {
            "network": name,
            "images": images,
            "forward passes of one image": spread([ratio() for _ in range(rounds + 1)][1:]),
        }


BENCHMARK = Benchmark(
    name="answers",
    title="The look at a model's answers: once per model and call of a public routine",
    rows=rows,
    names=("efficientnet_lite0", "digits"),
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(["answers", *sys.argv[1:]]))
