"""What the log says about the learner: how many cards are new, learned, due; what is coming; how sure and how right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flashcards.model import Card, Deck
from flashcards.review_log.store import Prediction
from flashcards.scheduler import LEARNED, Grade, Review, State, dated, day, days_until, is_due, replay


@dataclass(frozen=True)
class DeckState:
    """How far a deck has come."""

    name: str
    title: str
    new: int
    learning: int
    learned: int  # comes back after three weeks or more
    due: int


@dataclass(frozen=True)
class Level:
    """The predictions made with one confidence."""

    confidence: float
    right: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        """Within which shares the true one lies, with 95 % confidence (Wilson's interval)."""
        from scipy.stats import binomtest

        low, high = binomtest(self.right, self.total).proportion_ci(method="wilson")
        return float(low), float(high)


def deck_states(decks: Sequence[Deck], reviews: Iterable[Review], now: datetime) -> list[DeckState]:
    """The state of each deck."""
    states = replay(reviews)
    result = []
    for deck in decks:
        seen = [states[card.id] for card in deck.cards if card.id in states]
        learned = sum(state.interval >= LEARNED for state in seen)
        due = sum(is_due(state, now) for state in seen)
        result.append(DeckState(deck.name, deck.title, len(deck.cards) - len(seen), len(seen) - learned, learned, due))
    return result


def due_cards(decks: Sequence[Deck], reviews: Iterable[Review], now: datetime) -> list[tuple[Card, State]]:
    """The cards whose day has come, the longest overdue first."""
    states = replay(reviews)
    cards = [card for deck in decks for card in deck.cards if card.id in states]
    due = [(card, states[card.id]) for card in cards if is_due(states[card.id], now)]
    return sorted(due, key=lambda pair: pair[1].due)


def coming(decks: Sequence[Deck], reviews: Iterable[Review], now: datetime, days: int = 14) -> list[int]:
    """How many cards come back now (index 0) and in each of the next `days` days."""
    states = replay(reviews)
    ids = {card.id for deck in decks for card in deck.cards}
    waits = Counter(max(days_until(state, now), 0) for card, state in states.items() if card in ids)
    return [waits[wait] for wait in range(days + 1)]


def retention(reviews: Iterable[Review]) -> tuple[int, int]:
    """Of the reviews on a later day than the card's last one: how many remembered the card, and how many there were."""
    last: dict[str, date] = {}
    right = total = 0
    for review in dated(reviews):
        today = day(review.time)
        if last.get(review.card, today) < today:
            total += 1
            right += review.grade != Grade.AGAIN
        last[review.card] = today
    return right, total


def first_predictions(predictions: Iterable[Prediction]) -> list[Prediction]:
    """The first answer to every question: later ones were given after the answer was seen."""
    first: dict[str, Prediction] = {}
    for prediction in predictions:
        first.setdefault(prediction.prediction, prediction)
    return list(first.values())


def calibration(predictions: Iterable[Prediction]) -> list[Level]:
    """For each confidence that was used: how often it was right. Only first answers count."""
    counts: dict[float, list[bool]] = {}
    for prediction in first_predictions(predictions):
        counts.setdefault(round(prediction.confidence, 2), []).append(prediction.correct)
    return [Level(level, sum(right), len(right)) for level, right in sorted(counts.items())]


def brier(predictions: Iterable[Prediction]) -> float | None:
    """The mean squared distance between confidence and truth (lower is better; always saying 50 % scores 0.25)."""
    first = first_predictions(predictions)
    if not first:
        return None
    return sum((p.confidence - p.correct) ** 2 for p in first) / len(first)
