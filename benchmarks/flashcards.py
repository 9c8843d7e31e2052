"""How long a learner waits: `python -m benchmarks.flashcards`.

The first card is measured in a fresh process each time, from `import flashcards` done to the finished widget, with the
modules of a running Jupyter kernel loaded (as they are when a learner runs the cell) and without them.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def first_card(deck: str, kernel: bool, times: int = 7) -> tuple[list[float], list[float]]:
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


def replaying(count: int = 5000, times: int = 5) -> tuple[list[float], list[float]]:
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


def grading(times: int = 100) -> list[float]:
    """Seconds until a grade is on the disk."""
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "progress.sqlite")
        for review in reviews(times):
            start = time.perf_counter()
            store.write([review])
            waits.append(time.perf_counter() - start)
    return waits


def main() -> int:
    """Print the table; exit status 1 where a limit is missed."""
    kernel, kernel_busy = first_card("04_occlusion", kernel=True)
    bare, _ = first_card("04_occlusion", kernel=False)
    reading, playing = replaying()
    total = [a + b for a, b in zip(reading, playing, strict=True)]
    rows: list[tuple[str, list[float], float | None]] = [
        ("first card after the import, in a kernel", kernel, FIRST_CARD_LIMIT),
        ("  of these the processor's", kernel_busy, None),
        ("first card after the import, plain Python", bare, None),
        ("5,000 reviews read and replayed", total, REPLAY_LIMIT),
        ("  of these the replay", playing, None),
        ("one grade on the disk", grading(), None),
    ]
    print("| seconds | median | worst | limit |\n| --- | --- | --- | --- |")
    for name, seconds, limit in rows:
        print(f"| {name} | {statistics.median(seconds):.3f} | {max(seconds):.3f} | {limit or ''} |")
    return int(any(limit is not None and statistics.median(seconds) > limit for _, seconds, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
