"""Quizzes, predictions and exams as plain text, for a terminal and for comparisons: the same for every reader on every day."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from flashcards.model import LETTERS, Card, Deck, Exam, Option, counted
from flashcards.prediction_prompt import PredictionPrompt


def quiz(deck: Deck) -> str:
    """The questions of a deck, one per line."""
    lines = [f"Quiz: {deck.title} ({counted(len(deck.cards), 'card')})"]
    for number, card in enumerate((card.shuffled() for card in deck.cards), 1):
        lines += textwrap.wrap(f"{number}. {card.question_text}", 100, subsequent_indent="   ")
        lines += _lead(card)
        lines += _options(card.options)
    return "\n".join(lines)


def review(limit: int) -> str:
    """What a review will show."""
    return f"Review: up to {counted(limit, 'card that is', 'cards that are')} due"


def prediction(prompt: PredictionPrompt) -> str:
    """A question inside the text, with its options."""
    return "\n".join([f"Predict: {prompt.question_text}", *_options(prompt.options)])


def exam(paper: Exam) -> str:
    """The questions of an exam and what each is worth."""
    lines = [f"Exam: {paper.title} ({length(paper)})"]
    for number, question in enumerate(paper.questions, 1):
        lines.append(f"{number}. {question.card.question_text} ({counted(question.points, 'point')})")
        lines += _lead(question.card)
        lines += _options(question.card.options)
    return "\n".join(lines)


def length(paper: Exam) -> str:
    """How long an exam is, in words."""
    return f"{counted(len(paper.questions), 'question')}, {counted(paper.points, 'point')}"


def _lead(card: Card) -> list[str]:
    """What stands below the question, pictures in words."""
    return [f"   {part}" for line in card.lead_text.splitlines() for part in textwrap.wrap(line, 97)]


def _options(options: Sequence[Option]) -> list[str]:
    return [f"   {letter}) {option.text}" for letter, option in zip(LETTERS, options, strict=False)]
