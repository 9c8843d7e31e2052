"""What `quiz` and `review` return: objects that show themselves, live where there is a kernel to talk to."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from flashcards import deck, fallback, progress
from flashcards.course import notebooks_before
from flashcards.session import Session, Walk


def in_jupyter() -> bool:
    """Whether there is a kernel that a widget could talk to."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class Shown(ABC):
    """Shows itself: plain text and HTML that never change, and in Jupyter a widget on top.

    Showing writes nothing.
    """

    @abstractmethod
    def text(self) -> str:
        """For a terminal, and for comparisons."""

    @abstractmethod
    def html(self) -> str:
        """For a page without a kernel."""

    @abstractmethod
    def widget(self) -> Any:
        """The live card, an ipywidget; a fresh one at every call."""

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": self.text(), "text/html": self.html()}
        if in_jupyter():
            live = self.widget()._repr_mimebundle_()
            data = live[0] if isinstance(live, tuple) else live
            bundle |= {kind: value for kind, value in (data or {}).items() if kind not in bundle}
        return bundle


class Quiz(Shown):
    """The cards of one deck."""

    def __init__(self, name: str | Path, record: bool) -> None:
        self.deck = deck.load(name)
        self.record = record

    def text(self) -> str:
        return fallback.quiz_text(self.deck)

    def html(self) -> str:
        return fallback.quiz_html(self.deck)

    def widget(self) -> Any:
        from flashcards.widget import QuizCard, WalkCard

        if not self.record:
            return WalkCard(self.deck.title, Walk(self.deck.cards)).box
        session = Session.of_deck(self.deck.cards, progress.current())
        return QuizCard(self.deck.title, session, "You know all of these for now. They come back on their day.").box


class Due(Shown):
    """The cards that are due from several decks."""

    def __init__(self, limit: int, before: str | None) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; expected at least 1")
        self.limit = limit
        self.notebooks = None if before is None else notebooks_before(before)

    def text(self) -> str:
        return f"Review: up to {self.limit} cards that are due"

    def html(self) -> str:
        return fallback.page("Review", f"Up to {self.limit} cards whose day has come.")

    def widget(self) -> Any:
        from flashcards.widget import QuizCard

        decks = [d for d in deck.load_all() if self.notebooks is None or d.notebook in self.notebooks]
        cards = [card for d in decks for card in d.cards]
        session = Session.of_due(cards, self.limit, progress.current())
        return QuizCard("Review", session, "No card is due. Go on with the notebook.").box
