"""When a card comes back: FSRS, replayed from the log of reviews.

Nothing is stored but the log. The state of a card is what its reviews, played in order, make of it, so an undone grade
leaves no trace and a new version of FSRS needs no migration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Any

#: A card graded *Again* belongs to the same sitting for this long, also after a restart.
SITTING = timedelta(hours=12)
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
    def remembered(self) -> timedelta:
        """For how long the card has been remembered, as shown by its reviews."""
        return self.last.time - self.since if self.since else timedelta()


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@cache
def _scheduler() -> Any:
    import fsrs

    # No steps of minutes: a card that was missed is repeated within the sitting by the quiz itself.
    return fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)


def _reviewed(state: State | None, grade: Grade, time: datetime) -> Any:
    import fsrs

    memory = state.memory if state else fsrs.Card(card_id=1)
    return _scheduler().review_card(memory, fsrs.Rating(grade), time)[0]


def after(state: State | None, review: Review) -> State:
    """The state of a card after one more review.

    A clock that was set back would date a review before the last one, which FSRS takes without a word: such a review
    counts as given at the moment of the last one.
    """
    time = review.time.astimezone(UTC)
    if state is not None:
        time = max(time, state.last.time)
    review = Review(review.card, time, review.grade)
    again = review.grade == Grade.AGAIN
    return State(
        memory=_reviewed(state, review.grade, time),
        last=review,
        since=None if again else (state.since if state and state.since else time),
        reviews=(state.reviews if state else 0) + 1,
        lapses=(state.lapses if state else 0) + (again and state is not None),
    )


def replay(reviews: Iterable[Review]) -> dict[str, State]:
    """The states of all cards that were ever reviewed."""
    states: dict[str, State] = {}
    for review in reviews:
        states[review.card] = after(states.get(review.card), review)
    return states


def intervals(state: State | None, now: datetime) -> dict[Grade, timedelta]:
    """For each grade, the time until the card would come back."""
    now = now.astimezone(UTC)
    return {grade: _reviewed(state, grade, now).due - now for grade in Grade}


def is_due(state: State, now: datetime) -> bool:
    """Whether a card waits for a review: its day has come, or it was missed in this sitting."""
    missed = state.last.grade == Grade.AGAIN and now - state.last.time < SITTING
    return missed or state.due <= now


def in_words(interval: timedelta) -> str:
    """An interval as a learner reads it: "3 days", "5 months"."""
    days = max(round(interval / timedelta(days=1)), 0)
    for size, unit in ((365, "year"), (30, "month"), (1, "day")):
        if days >= 2 * size or (size == 1 and days == 1):
            number = round(days / size)
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return "today"
