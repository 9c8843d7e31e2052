"""The log as a quiz uses it: it may fail to be saved, but it never fails the learner.

What cannot be written waits in memory, counts as if it had been written, and goes to the file with the next grade that
can be. `notice` says so while anything waits.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flashcards.review_log.store import NewerFileError, Prediction, Store, default_path
from flashcards.scheduler import Review

_FAILURES = (sqlite3.Error, OSError, NewerFileError, ValueError)


@dataclass(eq=False)
class Entry:
    """Something said by the learner; `row` is its number in the file, None while it is only in memory."""

    item: Review | Prediction
    row: int | None = None


class ReviewLog:
    """The log of a learner: a file and what waits for it, or memory alone."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self.notice = ""
        self._waiting: list[Entry] = []
        self._withdrawn: set[int] = set()

    def reviews(self) -> list[Review]:
        """All reviews, also those that are not saved."""
        rows: list[tuple[int, Review]] = []
        if self.store:
            try:
                rows = self.store.numbered_reviews()
            except _FAILURES as error:
                self._tell(error)
        saved = [review for row, review in rows if row not in self._withdrawn]
        return saved + [entry.item for entry in self._waiting if isinstance(entry.item, Review)]

    def predictions(self) -> list[Prediction]:
        """All predictions, also those that are not saved."""
        saved: list[Prediction] = []
        if self.store:
            try:
                saved = self.store.predictions()
            except _FAILURES as error:
                self._tell(error)
        return saved + [entry.item for entry in self._waiting if isinstance(entry.item, Prediction)]

    def record(self, item: Review | Prediction) -> Entry:
        """Add to the log; when this returns without a `notice`, it is on the disk."""
        entry = Entry(item)
        self._waiting.append(entry)
        self._save()
        return entry

    def withdraw(self, entry: Entry) -> None:
        """Take a grade back, as if it had not been given."""
        if entry.row is None:
            self._waiting.remove(entry)
        else:
            self._withdrawn.add(entry.row)
            self._save()

    def _save(self) -> None:
        if not self.store:
            return
        try:
            rows = self.store.write([entry.item for entry in self._waiting], sorted(self._withdrawn))
        except _FAILURES as error:
            self._tell(error)
            return
        for entry, row in zip(self._waiting, rows, strict=True):
            entry.row = row
        self._waiting.clear()
        self._withdrawn.clear()
        self.notice = ""

    def _tell(self, error: Exception) -> None:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error).rstrip(".")
        self.notice = (
            f"Not saved ({reason}). You can go on; your grades are kept until the kernel stops "
            f"and saved as soon as {self.store.path if self.store else 'the file'} can be written."
        )


@cache
def log_at(path: Path | None) -> ReviewLog:
    """The log in a file, or in memory alone: one per process and file, so that all cards of a kernel share what waits."""
    return ReviewLog(Store(path) if path else None)


def current() -> ReviewLog:
    """The log of this learner."""
    return log_at(default_path())
