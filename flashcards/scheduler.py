"""When a card comes back: FSRS, replayed from the log of reviews.

Nothing is stored but the log. The state of a card is what its reviews, played in order, make of it, so an undone grade
leaves no trace and a new version of FSRS needs no migration.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Any

from flashcards.model import counted

#: From this interval on a card counts as learned in the statistics.
LEARNED = timedelta(days=21)


class Grade(IntEnum):
    """How well a card was remembered."""

    AGAIN = 1
    HARD = 2
    GOOD = 3
    EASY = 4


@dataclass(frozen=True)
class Review:
    """One grade, given at one moment (UTC)."""

    card: str
    time: datetime
    grade: Grade


@dataclass(frozen=True)
class State:
    """What the reviews of one card amount to."""

    memory: Any  # fsrs.Card
    last: Review
    since: datetime | None  # the first of the successful reviews that no *Again* has followed
    reviews: int
    lapses: int

    @property
    def due(self) -> datetime:
        """When the card should come back."""
        due: datetime = self.memory.due
        return due

    @property
    def interval(self) -> timedelta:
        """From the last review to the next."""
        return self.due - self.last.time

    @property
    def remembered(self) -> int:
        """Over how many days the card has been remembered, as shown by its reviews."""
        return (day(self.last.time) - day(self.since)).days if self.since else 0


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@cache
def _scheduler() -> Any:
    import fsrs

    # No steps of minutes: a card that was missed is repeated within the sitting by the quiz itself.
    return fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)


def day(moment: datetime) -> date:
    """The day of the learner's calendar."""
    return moment.astimezone().date()


def after(state: State | None, review: Review) -> State:
    """The state of a card after one more review.

    A review that is dated before the last one counts as given together with it: one of the two clocks was wrong, and the
    card must not wait for a day that was never near. Between two reviews lie days of the learner's calendar, by which a
    card comes back, and not the blocks of 24 hours that `fsrs` counts: an evening and the next morning are a day apart.
    """
    import fsrs

    time = review.time.astimezone(UTC)
    memory = fsrs.Card(card_id=1) if state is None else copy(state.memory)
    if state is not None:
        memory.last_review = time - timedelta(days=max((day(time) - day(state.last.time)).days, 0))
    again = review.grade == Grade.AGAIN
    return State(
        memory=_scheduler().review_card(memory, fsrs.Rating(review.grade), time)[0],
        last=Review(review.card, time, review.grade),
        since=None if again else (min(state.since, time) if state and state.since else time),
        reviews=(state.reviews if state else 0) + 1,
        lapses=(state.lapses if state else 0) + (again and state is not None),
    )


def dated(reviews: Iterable[Review]) -> list[Review]:
    """The reviews of a log, in its order, by dates that never go back.

    A clock that was wrong shows in the order of the log. What is dated after the last review of all was given when the
    clock was ahead, and counts as given with the review that follows; what is dated before its predecessor was given when
    the clock was behind, and counts as given with that one.
    """
    log = list(reviews)
    times = [review.time.astimezone(UTC) for review in log]
    for i in range(len(log) - 2, -1, -1):
        if times[i] > times[-1]:
            times[i] = times[i + 1]
    for i in range(1, len(log)):
        times[i] = max(times[i], times[i - 1])
    return [Review(review.card, time, review.grade) for review, time in zip(log, times, strict=True)]


def replay(reviews: Iterable[Review]) -> dict[str, State]:
    """The states of all cards that were ever reviewed; of a part of the log only if it was `dated` as a whole."""
    states: dict[str, State] = {}
    for review in dated(reviews):
        states[review.card] = after(states.get(review.card), review)
    return states


def days_until(state: State, now: datetime) -> int:
    """The days of the calendar until a card comes back, negative when it is late.

    0 also for a card that was missed today, which belongs to this sitting still, and for one whose last review lies in the
    future, where a wrong clock has put it.
    """
    today, last = day(now), day(state.last.time)
    if last > today or (last == today and state.last.grade == Grade.AGAIN):
        return 0
    return (last - today).days + round(state.interval / timedelta(days=1))


def is_due(state: State, now: datetime) -> bool:
    """Whether a card waits for a review: its day has come, or it was missed today."""
    return days_until(state, now) <= 0


def missed_today(state: State, now: datetime) -> bool:
    """Whether a card waits only because it was missed in this sitting."""
    return state.last.grade == Grade.AGAIN and day(state.last.time) == day(now)


def intervals(state: State | None, now: datetime) -> dict[Grade, int]:
    """For each grade, the days until the card would come back."""
    return {grade: days_until(after(state, Review("", now, grade)), now) for grade in Grade}


def in_words(days: int) -> str:
    """A number of days as a learner reads it: "3 days", "5 months"."""
    for size, unit in ((365, "year"), (30, "month"), (1, "day")):
        if days >= 2 * size or (size == 1 and days == 1):
            return counted(round(days / size), unit)
    return "today"
