"""Flashcards that remember: quizzes inside notebooks, and a log that brings each card back when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from flashcards.quizzes import Shown

__all__ = ["quiz", "review"]


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
