"""One sitting with cards: which one shows, what has been graded, and what came of it. Knows nothing of widgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import random

from flashcards.model import Card
from flashcards.review_log.buffer import Entry, ReviewLog
from flashcards.scheduler import (
    Grade,
    Review,
    State,
    dated,
    days_until,
    in_words,
    intervals,
    is_due,
    missed_today,
    replay,
    utc_now,
)


@dataclass(frozen=True)
class Step:
    """A grade of this sitting, with the queue as it was before."""

    card: Card
    grade: Grade
    entry: Entry
    queue: tuple[Card, ...]


@dataclass(frozen=True)
class Summary:
    """What a sitting came to."""

    graded: int  # cards
    right: int  # cards that were not missed at the first try
    missed: tuple[Card, ...]
    coming: tuple[tuple[str, int], ...]  # ("3 days", number of cards), soonest first
    longest: tuple[Card, int] | None  # the card remembered for longest, and the days


class StudySession:
    """Cards in a queue. A card graded *Again* goes to its end, so the queue empties when all were remembered.

    The options of a card stand in a new order whenever it comes up, and in that order until it is graded.
    """

    def __init__(
        self, cards: Sequence[Card], queue: Sequence[Card], log: ReviewLog, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.cards = tuple(cards)
        self.log = log
        self.revealed = False
        self.picked: int | None = None
        self.steps: list[Step] = []
        self._clock = clock
        self._show(tuple(queue))

    @classmethod
    def of_deck(cls, cards: Sequence[Card], log: ReviewLog, clock: Callable[[], datetime] = utc_now) -> StudySession:
        """The cards of a deck that are new, due or missed in this sitting: so a sitting goes on after a restart."""
        states = replay(log.reviews())
        now = clock()
        known = {card.id: states.get(card.id) for card in cards}
        fresh = [card for card in cards if (state := known[card.id]) is None or not missed_today(state, now)]
        queue = [card for card in fresh if (state := known[card.id]) is None or is_due(state, now)]
        missed = [card for card in cards if (state := known[card.id]) is not None and missed_today(state, now)]
        return cls(cards, queue + missed, log, clock)

    @classmethod
    def of_due(
        cls, cards: Sequence[Card], limit: int, log: ReviewLog, clock: Callable[[], datetime] = utc_now
    ) -> StudySession:
        """At most `limit` cards that were seen before and are due, the longest overdue first."""
        states = replay(log.reviews())
        now = clock()
        due = sorted(
            (card for card in cards if card.id in states and is_due(states[card.id], now)),
            key=lambda card: (missed_today(states[card.id], now), states[card.id].due),
        )[:limit]
        return cls(due, due, log, clock)

    @property
    def card(self) -> Card | None:
        """The card that shows; None at the end."""
        return self._card

    @property
    def done(self) -> int:
        """How many cards need no more answer in this sitting."""
        return len(self.cards) - len({card.id for card in self._queue})

    @property
    def repeats(self) -> int:
        """How many of the waiting cards were missed before."""
        missed = {step.card.id for step in self.steps if step.grade == Grade.AGAIN}
        return len(missed & {card.id for card in self._queue})

    def reveal(self, picked: int | None = None) -> None:
        """Show the answer; `picked` is the option that was chosen."""
        if self.card is not None and not self.revealed:
            self.revealed = True
            self.picked = picked

    def intervals(self) -> dict[Grade, int]:
        """For each grade, in how many days the present card would come back."""
        card = self._present()
        return intervals(self._states().get(card.id), self._clock())

    def grade(self, grade: Grade) -> None:
        """Grade the present card and go on; the grade is saved first."""
        card = self._present()
        if not self.revealed:
            raise RuntimeError("a card was graded before its answer was shown; expected reveal() first")
        entry = self.log.record(Review(card.id, self._clock(), grade))
        self.steps.append(Step(card, grade, entry, self._queue))
        self._show(self._queue[1:] + ((card,) if grade == Grade.AGAIN else ()))

    def undo(self) -> None:
        """Take the last grade of this sitting back and show its card again."""
        if self.steps:
            step = self.steps.pop()
            self.log.withdraw(step.entry)
            self._show(step.queue)

    def summary(self) -> Summary:
        """What was right, what comes back when, and what has been remembered for longest."""
        states = self._states()
        now = self._clock()
        first: dict[str, Grade] = {}
        for step in self.steps:
            first.setdefault(step.card.id, step.grade)
        known = [(card, states[card.id]) for card in self.cards if card.id in states]
        waits = Counter(max(days_until(state, now), 0) for _, state in known)
        card, state = max(known, key=lambda pair: pair[1].remembered, default=(None, None))
        days = state.remembered if state else 0
        return Summary(
            graded=len(first),
            right=sum(grade != Grade.AGAIN for grade in first.values()),
            missed=tuple(card for card in self.cards if first.get(card.id) == Grade.AGAIN),
            coming=tuple((in_words(wait), count) for wait, count in sorted(waits.items())),
            longest=(card, days) if card and days else None,
        )

    def _show(self, queue: tuple[Card, ...]) -> None:
        self._queue, self.revealed, self.picked = queue, False, None
        self._card = queue[0].shuffled(random()) if queue else None

    def _present(self) -> Card:
        if self.card is None:
            raise RuntimeError("there is no card left in this sitting")
        return self.card

    def _states(self) -> dict[str, State]:
        own = {card.id for card in self.cards}
        return replay(review for review in dated(self.log.reviews()) if review.card in own)


class LectureWalk:
    """A deck in its order, forwards and back, for a lecture: nothing is graded, read or written.

    Options stand in the order of the page without a kernel, so that a room and its handout see the same letters.
    """

    def __init__(self, cards: Sequence[Card]) -> None:
        self.cards = tuple(card.shuffled() for card in cards)
        self.at = 0
        self.revealed = False
        self.picked: int | None = None

    @property
    def card(self) -> Card | None:
        """The card that shows; None after the last."""
        return self.cards[self.at] if self.at < len(self.cards) else None

    def reveal(self, picked: int | None = None) -> None:
        """Show the answer."""
        self.revealed, self.picked = self.card is not None, picked

    def go(self, by: int) -> None:
        """To the next card (1) or the one before (-1)."""
        self.at = min(max(self.at + by, 0), len(self.cards))
        self.revealed, self.picked = False, None
