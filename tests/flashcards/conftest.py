"""Every test keeps its progress in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flashcards import deck as decks
from flashcards import progress as progress_module
from flashcards.deck import Deck


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's progress would be written."""
    path = tmp_path / "progress" / "progress.sqlite"
    monkeypatch.setenv("VISLIB_PROGRESS", str(path))
    progress_module._progress_at.cache_clear()
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
    return decks.load(
        write_deck(
            "\n## What is $x_1$? {#t.basic}\n\nThe *first*.\n\nBecause.\n"
            "\n## Cover a {{part}}. {#t.cloze}\n\nOf the picture.\n"
            "\n## Which one? {#t.choice}\n\n- [ ] left\n- [x] right\n\nIt is right.\n"
        )
    )
