"""Flashcards that remember: quizzes inside notebooks, and a log that brings each card back when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flashcards.figures import Chart
    from flashcards.quizzes import Shown

__all__ = ["calibration", "learning", "predict", "quiz", "review"]


def quiz(deck: str | Path, record: bool = True) -> Shown:
    """The cards of a deck, as a widget in Jupyter and as text anywhere else.

    Shows the cards that are new or due; a second run of the cell goes on where the first stopped. With `record=False`
    all cards are shown in their order for a lecture, and nothing is read or written.

    Args:
        deck: its name, like "04_occlusion", or the path of a Markdown file.
        record: whether grades are asked for and kept.

    Raises:
        ValueError: if there is no such deck.
        DeckError: if the deck has mistakes; all of them are listed.
    """
    from flashcards.quizzes import Quiz

    return Quiz(deck, record)


def review(limit: int = 20, before: str | None = None) -> Shown:
    """The cards that are due, from all decks or from those of the notebooks before one.

    Args:
        limit: show at most so many.
        before: a notebook, like "04_occlusion"; only cards of earlier notebooks are shown.

    Raises:
        ValueError: for an unknown notebook or a limit below 1.
    """
    from flashcards.quizzes import Due

    return Due(limit, before)


def predict(
    id: str, question: str, options: Sequence[str], answer: str | int, *, explanation: str = "", record: bool = True
) -> Shown:
    """A prompt inside the text: choose, say how sure you are, then see the answer. It never blocks a run.

    The first answer is kept under the id, for the calibration in the last notebook. "Ask the room" counts the hands of
    a lecture instead and keeps nothing.

    Args:
        id: a name for ever, like "occlusion.tripod".
        question, options, explanation: Markdown with dollar math; the explanation shows with the answer.
        answer: the right option, or its index.
        record: whether the answer is kept.

    Raises:
        ValueError: for a bad id, fewer than two options or a repeated one, or an answer that is not among them.
    """
    from flashcards.predictions import Predict

    return Predict(id, question, options, answer, explanation, record)


def calibration() -> Chart:
    """A figure of the learner's predictions: how sure they were, and how often they were right."""
    from flashcards import figures

    return figures.calibration()


def learning() -> Chart:
    """A figure of what is learned, deck by deck, and of what comes back in the next two weeks."""
    from flashcards import figures

    return figures.learning()
