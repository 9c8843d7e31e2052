"""Quizzes, predictions and exams as plain text, for a terminal and for comparisons: the same for every reader on every day."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from flashcards.model import LETTERS, Card, Deck, ExamQuestion, Option
from flashcards.prediction_prompt import PredictionPrompt


def quiz(deck: Deck) -> str:
    """The questions of a deck, one per line."""
    lines = [f"Quiz: {deck.title} ({len(deck.cards)} cards)"]
    for number, card in enumerate(deck.cards, 1):
        lines += textwrap.wrap(f"{number}. {card.question_text}", 100, subsequent_indent="   ")
        lines += _lead(card)
        lines += _options(card.options)
    return "\n".join(lines)


def review(limit: int) -> str:
    """What a review will show."""
    return f"Review: up to {limit} cards that are due"


def prediction(prompt: PredictionPrompt) -> str:
    """A question inside the text, with its options."""
    return "\n".join([f"Predict: {prompt.question_text}", *_options(prompt.options)])


def exam(title: str, questions: Sequence[ExamQuestion]) -> str:
    """The questions of an exam and what each is worth."""
    lines = [f"Exam: {title} ({len(questions)} questions, {total(questions)} points)"]
    for number, question in enumerate(questions, 1):
        lines.append(f"{number}. {question.card.question_text} ({points(question.points)})")
        lines += _lead(question.card)
        lines += _options(question.card.options)
    return "\n".join(lines)


def points(number: int) -> str:
    """A number of points in words."""
    return f"{number} point{'' if number == 1 else 's'}"


def total(questions: Iterable[ExamQuestion]) -> int:
    """The points of a whole exam."""
    return sum(question.points for question in questions)


def _lead(card: Card) -> list[str]:
    """What stands below the question, pictures in words."""
    return [f"   {part}" for line in card.lead_text.splitlines() for part in textwrap.wrap(line, 97)]


def _options(options: Sequence[Option]) -> list[str]:
    return [f"   {letter}) {option.text}" for letter, option in zip(LETTERS, options, strict=False)]
