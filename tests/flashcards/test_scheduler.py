"""A state is a replay of the log."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import fsrs
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from flashcards.scheduler import Grade, Review, after, in_words, intervals, is_due, replay, utc_now

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOGS = st.lists(st.tuples(st.sampled_from(list(Grade)), st.floats(0, 400)), min_size=1, max_size=25)


def log(steps: list[tuple[Grade, float]], card: str = "t.a") -> list[Review]:
    reviews, moment = [], START
    for grade, days in steps:
        moment += timedelta(days=days)
        reviews.append(Review(card, moment, grade))
    return reviews


@seed(date.today().toordinal())  # other logs every day, and the same ones all day long
@settings(max_examples=60, database=None, deadline=None)
@given(LOGS)
def test_the_replay_is_what_fsrs_itself_makes_of_the_log(steps):
    reviews = log(steps)
    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    logs = [fsrs.ReviewLog(1, fsrs.Rating(r.grade), r.time, None) for r in reviews]
    expected = scheduler.reschedule_card(fsrs.Card(card_id=1), logs)
    state = replay(reviews)["t.a"]
    assert (state.memory.stability, state.memory.difficulty) == (expected.stability, expected.difficulty)
    assert state.due == expected.due
    assert state.reviews == len(reviews)


@seed(date.today().toordinal())
@settings(max_examples=40, database=None, deadline=None)
@given(LOGS, st.sampled_from(list(Grade)), st.floats(0, 100))
def test_the_interval_on_the_button_is_the_one_that_comes_true(steps, grade, days):
    reviews = log(steps)
    state = replay(reviews)["t.a"]
    now = reviews[-1].time + timedelta(days=days)
    promised = intervals(state, now)[grade]
    assert after(state, Review("t.a", now, grade)).due == now + promised
    assert replay(reviews)["t.a"] == state  # asking has changed nothing


def test_first_intervals_are_days_and_rise_with_the_grade():
    first = [wait / timedelta(days=1) for wait in intervals(None, START).values()]
    assert first == sorted(first)
    assert first[0] >= 1
    assert first[3] > first[2] > first[0]


def test_cards_do_not_touch_each_other():
    a, b = log([(Grade.GOOD, 0), (Grade.AGAIN, 3)]), log([(Grade.EASY, 1), (Grade.HARD, 5)], "t.b")
    mixed = replay([a[0], b[0], a[1], b[1]])
    assert mixed == replay(a) | replay(b)


def test_a_clock_that_was_set_back_counts_as_standing_still():
    first = Review("t.a", START, Grade.GOOD)
    early = Review("t.a", START - timedelta(days=300), Grade.GOOD)
    same = Review("t.a", START, Grade.GOOD)
    assert replay([first, early]) == replay([first, same])
    state = replay([first])["t.a"]
    assert intervals(state, early.time) == intervals(state, START)


def test_times_of_other_zones_are_turned_into_utc():
    zone = timezone(timedelta(hours=9))
    abroad = Review("t.a", START.astimezone(zone), Grade.GOOD)
    assert replay([abroad]) == replay([Review("t.a", START, Grade.GOOD)])
    assert intervals(None, abroad.time) == intervals(None, START)
    assert replay([abroad])["t.a"].last.time.utcoffset() == timedelta()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
def test_the_zone_of_the_learner_does_not_matter(monkeypatch):
    here = replay([Review("t.a", START, Grade.GOOD)]), intervals(None, START)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert (replay([Review("t.a", START, Grade.GOOD)]), intervals(None, START)) == here
        assert utc_now().utcoffset() == timedelta()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_missed_card_is_due_in_its_sitting_and_then_on_its_day():
    state = replay([Review("t.a", START, Grade.AGAIN)])["t.a"]
    assert is_due(state, START + timedelta(minutes=1))
    assert is_due(state, START + timedelta(hours=11, minutes=59))
    assert not is_due(state, START + timedelta(hours=12))
    assert is_due(state, state.due)


def test_remembered_counts_from_the_first_success_after_the_last_miss():
    state = replay(log([(Grade.GOOD, 0), (Grade.AGAIN, 10), (Grade.GOOD, 1), (Grade.GOOD, 7)]))["t.a"]
    assert state.remembered == timedelta(days=7)
    assert state.lapses == 1
    missed = replay([Review("t.a", START, Grade.AGAIN)])["t.a"]
    assert (missed.lapses, missed.remembered) == (0, timedelta())  # what was never known is not forgotten


def test_a_state_knows_its_last_review_and_the_time_to_the_next():
    reviews = log([(Grade.GOOD, 0), (Grade.EASY, 3)])
    state = replay(reviews)["t.a"]
    assert state.last == reviews[-1]
    assert state.interval == state.due - reviews[-1].time > timedelta(days=3)


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today"), (0.4, "today"), (1, "1 day"), (2, "2 days"), (59, "59 days"), (60, "2 months"), (729, "24 months"),
     (730, "2 years"), (1096, "3 years"), (-3, "today")],
)  # fmt: skip
def test_intervals_in_words(days, words):
    assert in_words(timedelta(days=days)) == words
