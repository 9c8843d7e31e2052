"""How long a learner waits for cards: ``python -m benchmarks.flashcards``.

The first card is measured in a fresh process each time, from `import flashcards` done to the finished widget, with the
modules of a running Jupyter kernel loaded (as they are when a learner runs the cell) and without them.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.command import main
from benchmarks.table import Benchmark, Row, spread
from experiments.provenance import ROOT
from flashcards.review_log.store import Store
from flashcards.scheduler import Grade, Review, replay

_FIRST_CARD = """
import time
{kernel}
import flashcards
start, busy = time.perf_counter(), time.process_time()
shown = flashcards.quiz({deck!r})
shown._repr_mimebundle_()
shown.widget()
print(time.perf_counter() - start, time.process_time() - busy)
"""
FIRST_CARD_LIMIT, REPLAY_LIMIT = 0.3, 1.0


def first_card(deck: str, kernel: bool, times: int) -> tuple[list[float], list[float]]:
    """Seconds from the import to the first card, and seconds of the processor's time, each in a fresh process."""
    code = _FIRST_CARD.format(kernel="import ipykernel.ipkernel, ipykernel.zmqshell" if kernel else "", deck=deck)
    command = [sys.executable, "-c", code]
    runs = (subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(times))
    wall, busy = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    return list(wall), list(busy)


def reviews(count: int) -> list[Review]:
    """A log of `count` grades for 100 cards over two years."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    grades = itertools.cycle([Grade.GOOD, Grade.EASY, Grade.GOOD, Grade.AGAIN, Grade.HARD])
    step = timedelta(days=730) / count
    return [Review(f"card.{i % 100}", start + i * step, next(grades)) for i in range(count)]


def replaying(times: int, count: int = 5000) -> tuple[list[float], list[float]]:
    """Seconds to read a log of `count` reviews from the file, and to replay it."""
    reading, playing = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "progress.sqlite")
        store.write(reviews(count))
        for _ in range(times):
            start = time.perf_counter()
            log = store.reviews()
            middle = time.perf_counter()
            replay(log)
            reading.append(middle - start)
            playing.append(time.perf_counter() - middle)
    return reading, playing


def grading(times: int) -> list[float]:
    """Seconds until a grade is on the disk."""
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "progress.sqlite")
        for review in reviews(times):
            start = time.perf_counter()
            store.write([review])
            waits.append(time.perf_counter() - start)
    return waits


def rows(name: str, rounds: int) -> Iterator[Row]:
    """Yield the rows of one wait; *of these* is a part of the row above it."""

    def row(wait: str, seconds: list[float], limit: float | None = None) -> Row:
        return {"wait": name, "for": wait, "s": spread(seconds), "at most, s": limit or ""}

    if name == "first card":
        wall, busy = first_card("04_occlusion", True, rounds)
        yield row("after the import, in a kernel", wall, FIRST_CARD_LIMIT)
        yield row("of these the processor's", busy)
        yield row("after the import, plain Python", first_card("04_occlusion", False, rounds)[0])
    elif name == "5,000 reviews":
        reading, playing = replaying(rounds)
        yield row("read and replayed", [a + b for a, b in zip(reading, playing, strict=True)], REPLAY_LIMIT)
        yield row("of these the replay", playing)
    else:
        yield row("on the disk", grading(10 * rounds))


BENCHMARK = Benchmark(
    name="flashcards",
    title="Flashcards: what a learner waits for",
    rows=rows,
    names=("first card", "5,000 reviews", "one grade"),
    rounds=7,
    files=sorted((ROOT / "flashcards").rglob("*.py")),
)

if __name__ == "__main__":
    sys.exit(main(["flashcards", *sys.argv[1:]]))
