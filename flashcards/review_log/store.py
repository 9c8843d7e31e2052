"""The log on the disk: one SQLite file that holds reviews and predictions and nothing else.

A rollback journal, since WAL breaks on network home folders; a connection per operation; every grade is on the disk
before the next card shows. Reading never creates the file.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flashcards.scheduler import Grade, Review

ENVIRONMENT = "VISLIB_PROGRESS"
TIMEOUT = 5.0
VERSION = 1
#: What the calendars of all systems know.
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2899, 12, 31, tzinfo=UTC)
_TABLES = (
    """
    CREATE TABLE reviews (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        card TEXT NOT NULL,
        time TEXT NOT NULL,
        grade INTEGER NOT NULL CHECK (grade BETWEEN 1 AND 4)
    )
    """,
    """
    CREATE TABLE predictions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        prediction TEXT NOT NULL,
        time TEXT NOT NULL,
        choice TEXT NOT NULL,
        confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
        correct INTEGER NOT NULL CHECK (correct IN (0, 1))
    )
    """,
)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:  # the folder is gone
        return Path()


#: What a relative path counts from, so that a change of folder does not begin a second log.
_START = _here()


@dataclass(frozen=True)
class Prediction:
    """An answer that somebody committed to, with the confidence given to it (0 to 1)."""

    prediction: str
    time: datetime
    choice: str
    confidence: float
    correct: bool


class NewerFileError(RuntimeError):
    """The file was written by a later version of the course."""


class ForeignFileError(RuntimeError):
    """There is a file, and it is not a log of the course."""


class DamagedFileError(RuntimeError):
    """The file is a log of the course that cannot be read."""


def default_path() -> Path | None:
    """Where progress is kept: `VISLIB_PROGRESS` if set (None for "off"), else the user's data folder."""
    chosen = os.environ.get(ENVIRONMENT, "").strip()
    if chosen.lower() == "off":
        return None
    if chosen:
        return _START / os.path.expanduser(chosen)
    from platformdirs import user_data_path

    return user_data_path("interpreting-vision") / "progress.sqlite"


class Store:
    """The log in a file; every method opens it, does one thing and closes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def reviews(self) -> list[Review]:
        """All reviews in the order in which they were given."""
        return [review for _, review in self.numbered_reviews()]

    def numbered_reviews(self) -> list[tuple[int, Review]]:
        """All reviews with the numbers of their rows."""
        rows = self._read("SELECT id, card, time, grade FROM reviews ORDER BY id")
        return [(row, Review(card, self._time(time, "reviews", row), Grade(grade))) for row, card, time, grade in rows]

    def predictions(self) -> list[Prediction]:
        """All predictions in the order in which they were made."""
        rows = self._read("SELECT id, prediction, time, choice, confidence, correct FROM predictions ORDER BY id")
        return [
            Prediction(name, self._time(time, "predictions", row), choice, p, bool(ok))
            for row, name, time, choice, p, ok in rows
        ]

    def write(self, add: Sequence[Review | Prediction], remove: Iterable[tuple[int, Review]] = ()) -> list[int]:
        """Add to the log and take reviews back, all or nothing; the numbers of the new rows.

        A review is taken back by its number and by what it says: in a file that was begun anew the number is another's.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", error.filename) from None
        with self._open("rwc") as db, _transaction(db):
            if self._version(db) == 0:
                _create(db)
            gone = [(row, review.card, _stamp(review), int(review.grade)) for row, review in remove]
            db.executemany("DELETE FROM reviews WHERE id = ? AND card = ? AND time = ? AND grade = ?", gone)
            return [_insert(db, item) for item in add]

    def forget(self) -> list[Path]:
        """Delete the file and its journal, if it is a log of the course; the paths that are gone."""
        if self.path.exists():
            with self._open("rw") as db:
                if not self._version(db):
                    raise ForeignFileError(f"{self.path} holds no progress of this course, and is left as it is")
        gone = [path for path in (self.path, Path(f"{self.path}-journal")) if path.exists()]
        for path in gone:
            path.unlink()
        return gone

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        # Not mode=ro: after a crash the first reader has to roll the journal back.
        with self._open("rw") as db:
            return db.execute(query).fetchall() if self._version(db) else []

    @contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = self.path.absolute().as_uri()
        if not uri.startswith("file:///"):  # a network share of Windows; SQLite takes no server in an address
            uri = uri.replace("file://", "file:////", 1)
        try:
            with closing(sqlite3.connect(f"{uri}?mode={mode}", uri=True, timeout=TIMEOUT, isolation_level=None)) as db:
                yield db
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_NOTADB:
                raise ForeignFileError(f"{self.path} is no SQLite file; move it away, or set {ENVIRONMENT}") from error
            if code == sqlite3.SQLITE_CORRUPT:
                raise self._damaged(str(error)) from error
            raise type(error)(f"{self.path}: {error}") from error

    def _damaged(self, what: str) -> DamagedFileError:
        return DamagedFileError(f"{self.path} is damaged ({what}); put a copy in its place, or move it to begin anew")

    def _time(self, text: str, table: str, row: int) -> datetime:
        try:
            time = datetime.fromisoformat(text).astimezone(UTC)
            if FIRST <= time <= LAST:
                return time
        except (TypeError, ValueError, OverflowError, OSError):
            pass
        raise self._damaged(f"row {row} of {table} has the time {text!r}")

    def _version(self, db: sqlite3.Connection) -> int:
        """The version of the file, 0 before its tables are made."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables and not version:
            return 0
        if not tables >= {"reviews", "predictions"}:
            raise ForeignFileError(f"{self.path} is a database of something else; set {ENVIRONMENT} to another path")
        if version > VERSION:
            raise NewerFileError(
                f"{self.path} has version {version}, this course knows up to {VERSION}; update the course"
            )
        return version


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # a full disk has rolled back already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _create(db: sqlite3.Connection) -> None:
    for table in _TABLES:
        db.execute(table)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _stamp(item: Review | Prediction) -> str:
    """The time of a row, as near as one that can be read again: a clock without a battery begins in 1970."""
    return min(max(item.time, FIRST), LAST).isoformat(timespec="microseconds")


def _insert(db: sqlite3.Connection, item: Review | Prediction) -> int:
    time = _stamp(item)
    if isinstance(item, Review):
        cursor = db.execute(
            "INSERT INTO reviews (card, time, grade) VALUES (?, ?, ?)", (item.card, time, int(item.grade))
        )
    else:
        cursor = db.execute(
            "INSERT INTO predictions (prediction, time, choice, confidence, correct) VALUES (?, ?, ?, ?, ?)",
            (item.prediction, time, item.choice, item.confidence, item.correct),
        )
    return int(cursor.lastrowid or 0)
