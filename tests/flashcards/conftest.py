"""Every test keeps its progress in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flashcards import collection
from flashcards.model import Deck
from flashcards.review_log import buffer
from flashcards.review_log.store import Prediction, Store
from flashcards.scheduler import Grade, Review, utc_now


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The calendar of every test is that of UTC, unless it sets another."""
    monkeypatch.setenv("TZ", "UTC")
    renew = getattr(time, "tzset", lambda: None)  # not on Windows
    renew()
    yield
    monkeypatch.undo()
    renew()


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's progress would be written."""
    path = tmp_path / "progress" / "progress.sqlite"
    monkeypatch.setenv("VISLIB_PROGRESS", str(path))
    buffer.log_at.cache_clear()
    return path


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def filled(progress_file: Path) -> datetime:
    """A log with cards that are due and not due, one that is gone, and predictions; returns the time it was written."""
    now = utc_now()

    def ago(days: float) -> datetime:
        return now - timedelta(days=days)

    Store(progress_file).write(
        [
            Review("occlusion.what", ago(40), Grade.GOOD),
            Review("start.heatmap", ago(20), Grade.AGAIN),
            Review("start.heatmap", ago(15), Grade.EASY),
            Review("start.rest", ago(1), Grade.EASY),
            Review("gone.card", ago(1), Grade.EASY),
            Prediction("t.a", ago(3), "x", 0.9, True),
            Prediction("t.a", ago(2), "y", 0.5, False),
            Prediction("t.b", ago(1), "x", 0.9, False),
        ]
    )
    return now


@pytest.fixture
def write_deck(tmp_path: Path) -> Callable[..., Path]:
    """A deck file from the text of its cards, with good front matter unless another is given."""

    def write(cards: str, front: str | None = None, name: str = "deck.md") -> Path:
        path = tmp_path / name
        good = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
        path.write_text((good if front is None else front) + cards, encoding="utf-8")
        return path

    return write


@pytest.fixture
def small(write_deck: Callable[..., Path]) -> Deck:
    """A deck with a basic card, a cloze and a choice."""
    return collection.load(
        write_deck(
            "\n## What is $x_1$? {#t.basic}\n\nThe *first*.\n\nBecause.\n"
            "\n## Cover a {{part}}. {#t.cloze}\n\nOf the picture.\n"
            "\n## Which one? {#t.choice}\n\n- [ ] left\n- [x] right\n\nIt is right.\n"
        )
    )
