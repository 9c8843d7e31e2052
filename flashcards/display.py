"""What the public calls return: objects that show themselves, live where there is a kernel to talk to."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from flashcards import collection
from flashcards.course import notebooks_before
from flashcards.exam_attempt import Attempt
from flashcards.exam_paper import draw
from flashcards.prediction_prompt import PredictionPrompt
from flashcards.render import html, text
from flashcards.review_log import buffer
from flashcards.review_log.drafts import draft_of
from flashcards.study import LectureWalk, StudySession


def in_jupyter() -> bool:
    """Whether there is a kernel that a widget could talk to."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class Display(ABC):
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


class QuizDisplay(Display):
    """The cards of one deck."""

    def __init__(self, name: str | Path, record: bool) -> None:
        self.deck = collection.load(name)
        self.record = record

    def text(self) -> str:
        return text.quiz(self.deck)

    def html(self) -> str:
        return html.quiz(self.deck)

    def widget(self) -> Any:
        if not self.record:
            from flashcards.widgets.walk import WalkCard

            return WalkCard(self.deck.title, LectureWalk(self.deck.cards)).box
        from flashcards.widgets.quiz import QuizCard

        session = StudySession.of_deck(self.deck.cards, buffer.current())
        return QuizCard(self.deck.title, session, "You know all of these for now. They come back on their day.").box


class ReviewDisplay(Display):
    """The cards that are due from several decks."""

    def __init__(self, limit: int, before: str | None) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; expected at least 1")
        self.limit = limit
        self.notebooks = None if before is None else notebooks_before(before)

    def text(self) -> str:
        return text.review(self.limit)

    def html(self) -> str:
        return html.review(self.limit)

    def widget(self) -> Any:
        from flashcards.widgets.quiz import QuizCard

        decks = [d for d in collection.load_all() if self.notebooks is None or d.notebook in self.notebooks]
        cards = [card for deck in decks for card in deck.cards]
        session = StudySession.of_due(cards, self.limit, buffer.current())
        return QuizCard("Review", session, "No card is due. Go on with the notebook.").box


class PredictionDisplay(Display):
    """A question inside the text, before its answer."""

    def __init__(self, prompt: PredictionPrompt) -> None:
        self.prompt = prompt

    def text(self) -> str:
        return text.prediction(self.prompt)

    def html(self) -> str:
        return html.prediction(self.prompt)

    def widget(self) -> Any:
        from flashcards.widgets.prediction import PredictionCard

        return PredictionCard(self.prompt).box


class ExamDisplay(Display):
    """An exam: an attempt at it where there is a kernel, a paper where there is none."""

    def __init__(self, name: str | Path, seed: int) -> None:
        self.exam = draw(collection.load_exam(name), seed)
        file = collection.exam_file(name)
        self.file = None if file in collection.find_exams() else file

    def text(self) -> str:
        return text.exam(self.exam)

    def html(self) -> str:
        return html.exam(self.exam)

    def widget(self) -> Any:
        from flashcards.widgets.exam import ExamCard

        return ExamCard(Attempt(self.exam), draft_of(self.exam.name, self.file)).box
