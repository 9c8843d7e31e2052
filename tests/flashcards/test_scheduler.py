"""A state is a replay of the log."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import fsrs
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from flashcards.scheduler import Grade, Review, dated, days_until, in_words, intervals, is_due, replay, utc_now

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOGS = st.lists(st.tuples(st.sampled_from(list(Grade)), st.floats(0, 400)), min_size=1, max_size=25)


def log(steps: list[tuple[Grade, float]], card: str = "t.a") -> list[Review]:
    reviews, moment = [], START
    for grade, days in steps:
        moment += timedelta(days=days)
        reviews.append(Review(card, moment, grade))
    return reviews


def by_fsrs(reviews: list[Review]) -> fsrs.Card:
    """What fsrs itself makes of a log whose reviews were all given at noon of their days, here where the learner lives."""
    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    noons = [START + (r.time.astimezone().date() - START.date()) for r in reviews]
    logs = [fsrs.ReviewLog(1, fsrs.Rating(r.grade), noon, None) for r, noon in zip(reviews, noons, strict=True)]
    return scheduler.reschedule_card(fsrs.Card(card_id=1), logs)


def check_against_fsrs(reviews: list[Review]) -> None:
    state, expected = replay(reviews)["t.a"], by_fsrs(reviews)
    assert (state.memory.stability, state.memory.difficulty) == (expected.stability, expected.difficulty)
    assert state.interval == expected.due - expected.last_review
    assert state.last == reviews[-1]
    assert state.reviews == len(reviews)


@seed(date.today().toordinal())  # other logs every day, and the same ones all day long
@settings(max_examples=60, database=None, deadline=None)
@given(LOGS)
def test_the_replay_is_what_fsrs_itself_makes_of_the_days_of_the_log(steps):
    check_against_fsrs(log(steps))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def test_an_evening_and_the_next_morning_are_a_day_apart_wherever_the_learner_lives(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        evening = datetime(2026, 5, 4, 22).astimezone()
        for grade in Grade:
            found = []
            for hours in (0, 1, 10, 24):
                reviews = [Review("t.a", evening, Grade.GOOD), Review("t.a", evening + timedelta(hours=hours), grade)]
                check_against_fsrs(reviews)
                found.append(replay(reviews)["t.a"].memory.stability)
            assert found[0] == found[1] != found[2] == found[3]
    finally:
        monkeypatch.undo()
        time.tzset()


@seed(date.today().toordinal())
@settings(max_examples=40, database=None, deadline=None)
@given(LOGS, st.sampled_from(list(Grade)), st.floats(0, 100))
def test_the_interval_on_the_button_is_the_one_that_comes_true(steps, grade, days):
    reviews = log(steps)
    state = replay(reviews)["t.a"]
    now = reviews[-1].time + timedelta(days=days)
    promised = intervals(state, now)[grade]
    assert days_until(replay([*reviews, Review("t.a", now, grade)])["t.a"], now) == promised
    assert replay(reviews)["t.a"] == state  # asking has changed nothing


def test_first_intervals_are_days_and_rise_with_the_grade():
    again, *first = intervals(None, START).values()
    assert again == 0  # in this sitting still
    assert first == sorted(first)
    assert first[0] >= 1
    assert first[2] > first[1]


def test_cards_do_not_touch_each_other():
    a, b = log([(Grade.GOOD, 0), (Grade.AGAIN, 3)]), log([(Grade.EASY, 1), (Grade.HARD, 5)], "t.b")
    mixed = replay([a[0], b[0], a[1], b[1]])
    assert mixed == replay(a) | replay(b)


def at(days: float, grade: Grade = Grade.GOOD, card: str = "t.a") -> Review:
    return Review(card, START + timedelta(days=days), grade)


def test_a_clock_that_was_ahead_rules_no_longer_than_until_the_next_review():
    assert replay([at(13_000), at(0), at(3), at(14)]) == replay([at(0), at(0), at(3), at(14)])
    assert replay([at(0), at(5000, card="t.b"), at(3)]) == replay(
        [at(0), at(3, card="t.b"), at(3)]
    )  # another card tells
    assert replay([at(1), at(900, Grade.AGAIN), at(901), at(2)]) == replay([at(1), at(2, Grade.AGAIN), at(2), at(2)])


def test_a_clock_that_was_behind_counts_as_standing_still():
    assert replay([at(0), at(-300), at(7)]) == replay([at(0), at(0), at(7)])
    assert replay([at(0), at(2), at(-8000), at(-7999), at(3)]) == replay([at(0), at(2), at(2), at(2), at(3)])


def test_a_card_whose_last_review_lies_in_the_future_is_due_and_its_buttons_promise_days():
    state = replay([at(5000)])["t.a"]
    assert days_until(state, START) == 0
    assert intervals(state, START) == intervals(replay([at(0)])["t.a"], START)
    assert all(0 <= wait < 60 for wait in intervals(state, START).values())


def test_a_part_of_a_log_is_dated_by_the_whole_of_it():
    log = [at(0), at(5000, card="t.b"), at(3)]
    assert replay(review for review in dated(log) if review.card == "t.b")["t.b"] == replay(log)["t.b"]
    assert dated(dated(log)) == dated(log)
    assert dated([]) == []


def test_times_of_other_zones_are_turned_into_utc():
    zone = timezone(timedelta(hours=9))
    abroad = Review("t.a", START.astimezone(zone), Grade.GOOD)
    assert replay([abroad]) == replay([Review("t.a", START, Grade.GOOD)])
    assert intervals(None, abroad.time) == intervals(None, START)
    assert replay([abroad])["t.a"].last.time.utcoffset() == timedelta()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
def test_the_zone_of_the_learner_moves_a_review_by_a_day_at_most(monkeypatch):
    here = replay([Review("t.a", START, Grade.GOOD)]), intervals(None, START), replay([at(0), at(2), at(7)])
    two, three, between = (replay([at(0), at(days)])["t.a"].memory.stability for days in (2, 3, 2.3))
    assert between == two != three
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        there = replay([Review("t.a", START, Grade.GOOD)]), intervals(None, START), replay([at(0), at(2), at(7)])
        assert there == here  # the same hour on other days, for everybody
        assert replay([at(0), at(2.3)])["t.a"].memory.stability == three  # past midnight in Tokyo
        assert utc_now().utcoffset() == timedelta()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_missed_card_is_due_in_its_sitting_and_then_on_its_day():
    state = replay([Review("t.a", START, Grade.AGAIN)])["t.a"]
    assert is_due(state, START + timedelta(minutes=1))
    assert is_due(state, START.replace(hour=23, minute=59))
    assert is_due(state, START + timedelta(days=1, hours=-11))  # with no gap from its sitting to its day
    assert is_due(state, state.due)
    often = replay([at(0, Grade.EASY), at(8, Grade.EASY), at(90, Grade.EASY), at(900, Grade.AGAIN)])["t.a"]
    assert often.interval > timedelta(days=1)
    waits = [is_due(often, often.last.time + timedelta(days=day)) for day in (0, 1, often.interval.days)]
    assert waits == [True, False, True]


@pytest.mark.parametrize("hour", [0, 3, 12, 20, 23])
def test_a_card_is_due_when_its_day_has_come_whatever_the_hour(hour):
    evening = START.replace(hour=20)
    state = replay([Review("t.a", evening, Grade.HARD)])["t.a"]
    assert state.interval == timedelta(days=1)
    there = evening.replace(hour=hour)
    assert [days_until(state, there + timedelta(days=day)) for day in (0, 1, 2, 9)] == [1, 0, -1, -8]
    assert is_due(state, there + timedelta(days=1))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
@pytest.mark.parametrize(
    ("zone", "wait"), [("UTC", 1), ("Asia/Tokyo", 0), ("America/New_York", 1), ("Pacific/Kiritimati", 1)]
)
def test_the_day_is_that_of_the_learners_calendar(zone, wait, monkeypatch):
    state = replay([Review("t.a", START, Grade.HARD)])["t.a"]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert days_until(state, START.replace(hour=16)) == wait  # one in the morning in Tokyo
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
def test_an_hour_that_summer_takes_or_gives_moves_no_day(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for late in (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), datetime(2026, 10, 24, 21, 30, tzinfo=UTC)):
            state = replay([Review("t.a", late, Grade.HARD)])["t.a"]
            assert [days_until(state, late + timedelta(hours=h)) for h in (0, 1, 23)] == [1, 0, 0]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_remembered_counts_from_the_first_success_after_the_last_miss():
    state = replay(log([(Grade.GOOD, 0), (Grade.AGAIN, 10), (Grade.GOOD, 1), (Grade.GOOD, 7)]))["t.a"]
    assert state.remembered == 7
    assert state.lapses == 1
    missed = replay([Review("t.a", START, Grade.AGAIN)])["t.a"]
    assert (missed.lapses, missed.remembered) == (0, 0)  # what was never known is not forgotten


def test_a_state_knows_its_last_review_and_the_time_to_the_next():
    reviews = log([(Grade.GOOD, 0), (Grade.EASY, 3)])
    state = replay(reviews)["t.a"]
    assert state.last == reviews[-1]
    assert state.interval == state.due - reviews[-1].time > timedelta(days=3)


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today"), (1, "1 day"), (2, "2 days"), (59, "59 days"), (60, "2 months"), (729, "24 months"),
     (730, "2 years"), (1096, "3 years"), (-3, "today")],
)  # fmt: skip
def test_intervals_in_words(days, words):
    assert in_words(days) == words
