"""One sitting: order, repeats, undo, and going on after a restart."""

from __future__ import annotations

import pytest

from flashcards.review_log import buffer
from flashcards.review_log.buffer import ReviewLog
from flashcards.review_log.store import Store
from flashcards.scheduler import Grade
from flashcards.study import LectureWalk, StudySession


@pytest.fixture
def start(small, progress_file, clock):
    """A new sitting on the small deck; called again, it is what a restarted kernel would show."""
    return lambda: StudySession.of_deck(small.cards, ReviewLog(Store(progress_file)), clock)


def give(session: StudySession, *grades: Grade) -> None:
    for grade in grades:
        session.reveal()
        session.grade(grade)


def test_cards_come_in_their_order_and_a_missed_one_at_the_end(start):
    session = start()
    seen = []
    for grade in (Grade.AGAIN, Grade.GOOD, Grade.EASY, Grade.GOOD):
        seen.append(session.card.id)
        give(session, grade)
    assert seen == ["t.basic", "t.cloze", "t.choice", "t.basic"]
    assert session.card is None


def test_position_counts_cards_and_not_answers(start):
    session = start()
    give(session, Grade.AGAIN)
    assert (session.done, session.repeats) == (0, 1)
    give(session, Grade.GOOD, Grade.GOOD)
    assert (session.done, session.repeats) == (2, 1)


def test_a_grade_is_on_the_disk_before_the_next_card_shows(start, progress_file):
    session = start()
    session.reveal()
    assert not progress_file.exists()
    session.grade(Grade.GOOD)
    assert [(review.card, review.grade) for review in Store(progress_file).reviews()] == [("t.basic", Grade.GOOD)]


def test_a_restart_goes_on_where_the_learner_stopped(start, clock):
    give(start(), Grade.AGAIN, Grade.GOOD)
    clock.move(minutes=10)
    session = start()
    assert session.done == 1
    assert session.card.id == "t.choice"
    give(session, Grade.GOOD)
    assert session.card.id == "t.basic"  # the missed card still waits
    give(session, Grade.GOOD)
    assert start().card is None


def test_cards_come_back_on_their_day(start, clock):
    session = start()
    give(session, Grade.GOOD, Grade.EASY, Grade.AGAIN, Grade.GOOD)
    assert start().card is None
    clock.move(days=2.5)
    session = start()
    seen = []
    while session.card:
        seen.append(session.card.id)
        give(session, Grade.GOOD)
    assert seen == ["t.basic", "t.choice"]


def test_undo_takes_the_grade_back_from_the_card_the_file_and_the_order(start, progress_file):
    session = start()
    give(session, Grade.GOOD, Grade.AGAIN)
    session.undo()
    assert session.card.id == "t.cloze"
    assert [review.card for review in Store(progress_file).reviews()] == ["t.basic"]
    session.undo()
    session.undo()  # nothing left to undo
    assert session.card.id == "t.basic"
    assert Store(progress_file).reviews() == []
    assert session.intervals() == start().intervals()


def test_grading_before_the_answer_shows_is_refused(start):
    with pytest.raises(RuntimeError, match=r"graded before its answer was shown; expected reveal\(\) first"):
        start().grade(Grade.GOOD)


def test_grading_after_the_last_card_is_refused(start):
    session = start()
    give(session, Grade.GOOD, Grade.GOOD, Grade.GOOD)
    for use in (session.intervals, lambda: session.grade(Grade.GOOD)):
        with pytest.raises(RuntimeError, match="there is no card left in this sitting"):
            use()


def test_a_review_holds_only_what_was_seen_and_is_due_longest_overdue_first(small, progress_file, clock):
    log = ReviewLog(Store(progress_file))
    due = lambda limit=9: StudySession.of_due(small.cards, limit, log, clock)  # noqa: E731
    assert due().card is None  # new cards are for their notebook
    session = StudySession.of_deck(small.cards, log, clock)
    give(session, Grade.GOOD)
    clock.move(days=1)
    give(session, Grade.GOOD)
    clock.move(days=3)
    assert [card.id for card in due().cards] == ["t.basic", "t.cloze"]
    assert [card.id for card in due(1).cards] == ["t.basic"]


def test_the_summary(start, clock):
    session = start()
    give(session, Grade.AGAIN, Grade.GOOD, Grade.EASY, Grade.GOOD)
    summary = session.summary()
    assert (summary.right, summary.graded) == (2, 3)
    assert [card.id for card in summary.missed] == ["t.basic"]
    assert sum(count for _, count in summary.coming) == 3
    assert summary.coming[-1] == ("8 days", 1)
    assert summary.longest is None
    clock.move(days=9)
    session = start()
    give(session, Grade.GOOD, Grade.GOOD, Grade.GOOD)
    card, days = session.summary().longest
    assert days == 9
    assert card.id in {"t.basic", "t.cloze", "t.choice"}


def test_all_quizzes_of_a_kernel_share_what_could_not_be_saved(small, progress_file, clock):
    progress_file.parent.write_text("in the way")
    give(StudySession.of_deck(small.cards, buffer.current(), clock), Grade.GOOD)
    assert StudySession.of_deck(small.cards, buffer.current(), clock).card.id == "t.cloze"


def test_a_walk_goes_forwards_and_back_and_stops_at_both_ends(small):
    walk = LectureWalk(small.cards)
    walk.go(-1)
    assert walk.card.id == "t.basic"
    walk.reveal()
    walk.go(1)
    assert (walk.card.id, walk.revealed) == ("t.cloze", False)
    walk.go(5)
    assert walk.card is None
    walk.go(-1)
    assert walk.card.id == "t.choice"
