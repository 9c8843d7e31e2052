"""The file: it loses nothing, and what cannot be written ends in a notice."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

import pytest

from flashcards.review_log import buffer, store
from flashcards.review_log.buffer import ReviewLog
from flashcards.review_log.store import DamagedFileError, ForeignFileError, NewerFileError, Prediction, Store
from flashcards.scheduler import Grade, Review

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
REVIEW = Review("t.a", NOW, Grade.GOOD)
PREDICTION = Prediction("t.p", NOW, "left", 0.75, False)


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def test_what_is_written_is_read_again(progress_file):
    log = Store(progress_file)
    assert log.write([REVIEW, PREDICTION, REVIEW]) == [1, 1, 2]
    assert log.reviews() == [REVIEW, REVIEW]
    assert log.predictions() == [PREDICTION]
    log.write([], remove=[(2, REVIEW)])
    assert log.numbered_reviews() == [(1, REVIEW)]
    assert log.write([REVIEW]) == [3]  # a number is never used again


def test_it_is_a_rollback_journal(progress_file):
    Store(progress_file).write([REVIEW])
    with closing(sqlite3.connect(progress_file)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert [path.name for path in progress_file.parent.iterdir()] == ["progress.sqlite"]


def test_reading_creates_nothing(progress_file):
    log = ReviewLog(Store(progress_file))
    assert (log.reviews(), log.predictions(), log.notice) == ([], [], "")
    assert not progress_file.parent.exists()


def test_the_environment_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("VISLIB_PROGRESS", str(tmp_path / "mine.sqlite"))
    assert store.default_path() == tmp_path / "mine.sqlite"
    monkeypatch.setenv("VISLIB_PROGRESS", "off")
    assert store.default_path() is None
    monkeypatch.delenv("VISLIB_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = store.default_path()
    assert path is not None
    assert (path.name, path.parent.name) == ("progress.sqlite", "interpreting-vision")


def test_a_relative_path_leads_to_one_file_from_every_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VISLIB_PROGRESS", "mine/progress.sqlite")
    start = Path.cwd()
    monkeypatch.chdir(tmp_path)
    assert store.default_path() == start / "mine" / "progress.sqlite"
    monkeypatch.setenv("VISLIB_PROGRESS", "~nobody-of-this-name/progress.sqlite")
    path = store.default_path()
    assert path is not None
    assert path.is_absolute()


def test_off_keeps_to_memory_for_as_long_as_the_process_lives(monkeypatch):
    monkeypatch.setenv("VISLIB_PROGRESS", "off")
    buffer.current().record(REVIEW)
    assert buffer.current().reviews() == [REVIEW]
    assert buffer.current().notice == ""


_GRADER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from flashcards.review_log.buffer import ReviewLog
from flashcards.review_log.store import Store
from flashcards.scheduler import Grade, Review
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = ReviewLog(Store(path))
for i in range(count):
    began = time.perf_counter()
    log.record(Review(f"{name}.c{i}", datetime.now(UTC), Grade.GOOD))
    print(i if not log.notice else log.notice, flush=True)
    time.sleep(time.perf_counter() - began)  # SQLite's lock has no queue: who never pauses starves the other one
"""


def grader(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(_GRADER), str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_of_50_grades_each_lose_nothing(progress_file):
    both = [grader(progress_file, name, 50) for name in ("a", "b")]
    said = [process.communicate(timeout=100)[0].splitlines() for process in both]
    assert said == [[str(i) for i in range(50)]] * 2  # every grade was confirmed, none with a notice
    cards = [review.card for review in Store(progress_file).reviews()]
    for name in ("a", "b"):
        assert [card for card in cards if card.startswith(name)] == [f"{name}.c{i}" for i in range(50)]
    assert integrity(progress_file) == "ok"


def test_kill_9_in_mid_work_loses_no_confirmed_grade(progress_file):
    confirmed: list[str] = []
    for turn, share in enumerate((0.0, 0.6, 0.8)):  # of the time from one grade to the next
        process = grader(progress_file, f"t{turn}", 100_000)
        assert process.stdout is not None
        said, times = [], []
        for _ in range(4):
            said.append(process.stdout.readline())
            times.append(time.perf_counter())
        time.sleep(share * (times[3] - times[2]))
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        process.wait()
        # A line that the kill cut short was not on the screen.
        confirmed += [f"t{turn}.c{int(line)}" for line in said if line.endswith("\n")]
        kept = [review.card for review in Store(progress_file).reviews()]
        assert set(confirmed) <= set(kept)
        assert len(kept) <= len(confirmed) + turn + 1  # at most the one that was being written, each time
        assert integrity(progress_file) == "ok"
    assert len(confirmed) >= 12


def test_a_journal_that_a_crash_left_behind_is_rolled_back_by_the_first_reader(progress_file):
    """What kill -9 leaves when it falls between the first page and the last one."""
    Store(progress_file).write([REVIEW])
    code = """
        import os, sqlite3, sys
        db = sqlite3.connect(sys.argv[1], isolation_level=None)
        db.execute("PRAGMA cache_size = 1")  # pages go to the file before the end of the transaction
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO reviews (card, time, grade) VALUES (?, '', 3)", [("x" * 500,)] * 200)
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(progress_file)], check=True)
    assert Path(f"{progress_file}-journal").stat().st_size > 0
    assert Store(progress_file).reviews() == [REVIEW]
    assert integrity(progress_file) == "ok"


def test_a_newer_file_is_refused_and_left_alone(progress_file):
    Store(progress_file).write([REVIEW])
    with closing(sqlite3.connect(progress_file)) as db:
        db.execute("PRAGMA user_version = 7")
        db.commit()
    before = progress_file.read_bytes()
    message = f"{progress_file} has version 7, this course knows up to 1; update the course"
    for use in (
        Store(progress_file).reviews,
        lambda: Store(progress_file).write([REVIEW]),
        Store(progress_file).forget,
    ):
        with pytest.raises(NewerFileError) as error:
            use()
        assert str(error.value) == message
    log = ReviewLog(Store(progress_file))
    log.record(REVIEW)
    assert log.reviews() == [REVIEW]
    assert message.removesuffix(".") in log.notice
    assert progress_file.read_bytes() == before


def below_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.parent.write_text("not a folder")
    return path


def read_only_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.parent.mkdir()
    path.parent.chmod(0o555)
    if os.access(path.parent, os.W_OK):  # root writes everywhere, but not into the kernel's tables
        path.parent.chmod(0o755)
        if not Path("/proc/self").exists():
            pytest.skip("root can write into every folder here")
        return Path("/proc/progress.sqlite")
    return path


def read_only_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Store(path).write([])
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda name, **kw: connect(name.split("?")[0] + "?mode=ro", **kw))
    return path


def full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Store(path).write([])
    connect = sqlite3.connect

    def small(name: str, **kw: object) -> sqlite3.Connection:
        db = connect(name, **kw)  # type: ignore[call-overload]
        db.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for the least
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    return path


def not_a_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"something else entirely " * 100)
    return path


def a_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.mkdir(parents=True)
    return path


TROUBLE = [below_a_file, read_only_folder, read_only_file, full_disk, not_a_database, a_folder]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_cannot_be_written_is_told_and_counts_all_the_same(progress_file, monkeypatch, trouble):
    log = ReviewLog(Store(trouble(progress_file, monkeypatch)))
    many = [Review(f"t.c{i}" + "x" * 200, NOW, Grade.GOOD) for i in range(60)]  # more than fits into a page
    entries = [log.record(review) for review in many]
    assert log.notice.startswith("Not saved (")
    assert "Traceback" not in log.notice
    assert log.reviews() == many  # nothing is lost while the kernel lives, and nothing counts twice
    log.withdraw(entries[-1])
    assert log.reviews() == many[:-1]


def test_a_full_disk_says_so(progress_file, monkeypatch):
    log = ReviewLog(Store(full_disk(progress_file, monkeypatch)))
    for i in range(60):
        log.record(Review(f"t.c{i}" + "x" * 200, NOW, Grade.GOOD))
    assert "database or disk is full" in log.notice


def test_what_waited_is_saved_in_order_as_soon_as_it_can_be(progress_file):
    progress_file.parent.write_text("in the way")
    log = ReviewLog(Store(progress_file))
    first = log.record(REVIEW)
    log.record(PREDICTION)
    assert log.notice
    progress_file.parent.unlink()
    second = log.record(Review("t.b", NOW, Grade.EASY))
    assert log.notice == ""
    assert (first.row, second.row) == (1, 2)
    assert [review.card for review in Store(progress_file).reviews()] == ["t.a", "t.b"]
    assert Store(progress_file).predictions() == [PREDICTION]


def test_a_locked_file_makes_nobody_wait_for_ever(progress_file, monkeypatch):
    Store(progress_file).write([REVIEW])
    monkeypatch.setattr(store, "TIMEOUT", 0.1)
    log = ReviewLog(Store(progress_file))
    with closing(sqlite3.connect(progress_file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        log.record(REVIEW)
        assert "locked" in log.notice
        other.execute("ROLLBACK")
    log.record(REVIEW)
    assert log.notice == ""
    assert len(Store(progress_file).reviews()) == 3


def test_a_withdrawn_grade_leaves_no_trace(progress_file):
    log = ReviewLog(Store(progress_file))
    log.record(REVIEW)
    entry = log.record(Review("t.b", NOW, Grade.AGAIN))
    log.withdraw(entry)
    assert Store(progress_file).reviews() == [REVIEW]


def a_text(path: Path) -> None:
    path.write_text("my notes\n" * 100)


def an_empty_file(path: Path) -> None:
    path.touch()


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE reviews (film TEXT, stars INTEGER)")
        db.commit()


def another_database_of_the_same_version(path: Path) -> None:
    another_database(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
        db.commit()


def another_database_of_a_later_version(path: Path) -> None:
    another_database(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 12")
        db.commit()


FOREIGN = {
    a_text: "{} is no SQLite file; move it away, or set VISLIB_PROGRESS",
    another_database: "{} is a database of something else; set VISLIB_PROGRESS to another path",
    another_database_of_the_same_version: "{} is a database of something else; set VISLIB_PROGRESS to another path",
    another_database_of_a_later_version: "{} is a database of something else; set VISLIB_PROGRESS to another path",
}


@pytest.mark.parametrize("make", FOREIGN)
def test_a_file_that_is_not_ours_is_named_and_left_alone(make, progress_file):
    progress_file.parent.mkdir()
    make(progress_file)
    before = progress_file.read_bytes()
    log = Store(progress_file)
    for use in (log.reviews, log.predictions, lambda: log.write([REVIEW]), log.forget):
        with pytest.raises(ForeignFileError) as error:
            use()
        assert str(error.value) == FOREIGN[make].format(progress_file)
    assert progress_file.read_bytes() == before
    assert list(progress_file.parent.iterdir()) == [progress_file]


def test_an_empty_file_may_become_the_log_and_is_not_deleted_before(progress_file):
    progress_file.parent.mkdir()
    an_empty_file(progress_file)
    with pytest.raises(ForeignFileError, match="holds no progress of this course, and is left as it is"):
        Store(progress_file).forget()
    Store(progress_file).write([REVIEW])
    assert Store(progress_file).reviews() == [REVIEW]


def test_what_is_damaged_is_named_with_what_to_do(progress_file):
    log = Store(progress_file)
    log.write([Review(f"t.c{i}", NOW, Grade.GOOD) for i in range(500)])
    content = bytearray(progress_file.read_bytes())
    content[5000:] = b"\xa5" * (len(content) - 5000)
    progress_file.write_bytes(content)
    with pytest.raises(DamagedFileError) as error:
        log.reviews()
    said = str(error.value)
    assert said.startswith(f"{progress_file} is damaged (")
    assert said.endswith("); put a copy in its place, or move it to begin anew")


@pytest.mark.parametrize("year", [1, 1970, 2026, 2900, 9999])
def test_whatever_the_clock_says_the_file_can_be_read_again(year, progress_file):
    log = Store(progress_file)
    strange = Review("t.a", NOW.replace(year=year), Grade.GOOD)
    log.write([REVIEW, strange, REVIEW])
    first, kept, last = log.reviews()
    assert (first, last, kept.grade) == (REVIEW, REVIEW, Grade.GOOD)
    assert kept.time.year == min(max(year, 1971), 2899)
    log.write([], remove=[(2, strange)])
    assert log.reviews() == [REVIEW, REVIEW]


@pytest.mark.parametrize("time", ["", "yesterday", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
@pytest.mark.parametrize("table", ["reviews", "predictions"])
def test_a_row_with_a_time_that_is_none_is_named(table, time, progress_file):
    log = Store(progress_file)
    log.write([REVIEW, PREDICTION, REVIEW])
    with closing(sqlite3.connect(progress_file)) as db:
        db.execute(f"UPDATE {table} SET time = ? WHERE id = 1", (time,))
        db.commit()
    with pytest.raises(DamagedFileError, match=re.escape(f"is damaged (row 1 of {table} has the time {time!r});")):
        (log.reviews if table == "reviews" else log.predictions)()
    learner = ReviewLog(log)
    assert learner.record(Review("t.b", NOW, Grade.EASY)).row == 3  # it is saved, and nothing else is said
    (learner.reviews if table == "reviews" else learner.predictions)()
    assert re.fullmatch(r"Your earlier answers cannot be read \(.*\), and do not count for now\.", learner.notice)


def test_a_number_that_another_review_has_got_is_not_taken_back(progress_file):
    """The file was forgotten in a terminal while a quiz was open, and begun anew in another notebook."""
    log = ReviewLog(Store(progress_file))
    entry = log.record(REVIEW)
    Store(progress_file).forget()
    other = Review("t.other", NOW, Grade.EASY)
    assert Store(progress_file).write([other]) == [entry.row]
    log.withdraw(entry)
    assert Store(progress_file).reviews() == log.reviews() == [other]


class Share:
    """A file on a server as Windows knows it; the real one lies elsewhere."""

    def __init__(self, real: Path, path: str) -> None:
        self.real, self.parent, self.path = real, real.parent, PureWindowsPath(path)

    def exists(self) -> bool:
        return self.real.exists()

    def absolute(self) -> PureWindowsPath:
        return self.path

    def __str__(self) -> str:
        return str(self.path)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (r"\\server\home\a\progress.sqlite", "file:////server/home/a/progress.sqlite?mode=rwc"),
        (r"\\10.0.0.1\Übung $\50% #1.sqlite", "file:////10.0.0.1/%C3%9Cbung%20%24/50%25%20%231.sqlite?mode=rwc"),
        (r"C:\Users\a b\progress.sqlite", "file:///C:/Users/a%20b/progress.sqlite?mode=rwc"),
    ],
)
def test_sqlite_is_asked_for_a_share_of_windows_without_a_server(path, address, progress_file, monkeypatch):
    asked = []
    connect = sqlite3.connect

    def watch(name: str, **options: object) -> sqlite3.Connection:
        asked.append(name)
        return connect(":memory:", isolation_level=None)

    monkeypatch.setattr(sqlite3, "connect", watch)
    assert Store(Share(progress_file, path)).write([REVIEW]) == [1]  # type: ignore[arg-type]
    assert asked == [address]


def test_forget_deletes_the_file_and_its_journal_and_nothing_else(progress_file):
    log = Store(progress_file)
    log.write([REVIEW])
    Path(f"{progress_file}-journal").write_bytes(b"old")
    other = progress_file.with_name("progress.sqlite.mine")
    other.write_bytes(b"mine")
    assert progress_file in log.forget()
    assert list(progress_file.parent.iterdir()) == [other]
