"""The log as a quiz uses it: it may fail to be saved, but it never fails the learner.

What cannot be written waits in memory, counts as if it had been written, and goes to the file with the next grade that
can be. `notice` says so while anything waits, or while what is in the file cannot be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from flashcards.review_log.store import (
    DamagedFileError,
    ForeignFileError,
    NewerFileError,
    Prediction,
    Store,
    default_path,
)
from flashcards.scheduler import Review

_Item = TypeVar("_Item")
_FAILURES = (sqlite3.Error, OSError, NewerFileError, ForeignFileError, DamagedFileError, ValueError)


@dataclass(eq=False)
class Entry:
    """Something said by the learner; `row` is its number in the file, None while it is only in memory."""

    item: Review | Prediction
    row: int | None = None


class ReviewLog:
    """The log of a learner: a file and what waits for it, or memory alone."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self._unsaved = ""
        self._unread = ""
        self._waiting: list[Entry] = []
        self._withdrawn: dict[int, Review] = {}

    @property
    def notice(self) -> str:
        """What is wrong with the file, for the learner; empty while all is well."""
        return " ".join(filter(None, [self._unsaved, self._unread]))

    def reviews(self) -> list[Review]:
        """All reviews, also those that are not saved."""
        rows = self._read(self.store.numbered_reviews) if self.store else []
        saved = [review for row, review in rows if self._withdrawn.get(row) != review]
        return saved + [entry.item for entry in self._waiting if isinstance(entry.item, Review)]

    def predictions(self) -> list[Prediction]:
        """All predictions, also those that are not saved."""
        saved = self._read(self.store.predictions) if self.store else []
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
        elif isinstance(entry.item, Review):
            self._withdrawn[entry.row] = entry.item
            self._save()

    def _save(self) -> None:
        if not self.store:
            return
        try:
            rows = self.store.write([entry.item for entry in self._waiting], self._withdrawn.items())
        except _FAILURES as error:
            self._unsaved = (
                f"Not saved ({_reason(error)}). You can go on; your grades are kept until the kernel stops "
                f"and saved as soon as {self.store.path} can be written."
            )
            return
        for entry, row in zip(self._waiting, rows, strict=True):
            entry.row = row
        self._waiting.clear()
        self._withdrawn.clear()
        self._unsaved = ""

    def _read(self, read: Callable[[], list[_Item]]) -> list[_Item]:
        try:
            items = read()
        except _FAILURES as error:
            self._unread = f"Your earlier answers cannot be read ({_reason(error)}), and do not count for now."
            return []
        self._unread = ""
        return items


def _reason(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error).rstrip(".")


@cache
def log_at(path: Path | None) -> ReviewLog:
    """The log in a file, or in memory alone: one per process and file, so that all cards of a kernel share what waits."""
    return ReviewLog(Store(path) if path else None)


def current() -> ReviewLog:
    """The log of this learner."""
    return log_at(default_path())
