"""Flashcards that remember: quizzes inside notebooks, and a log that brings each card back when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flashcards.charts import Chart
    from flashcards.display import Display

__all__ = ["calibration", "exam", "learning", "predict", "quiz", "review"]


def quiz(deck: str | Path, record: bool = True) -> Display:
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
    from flashcards.display import QuizDisplay

    return QuizDisplay(deck, record)


def review(limit: int = 20, before: str | None = None) -> Display:
    """The cards that are due, from all decks or from those of the notebooks before one.

    Args:
        limit: show at most so many.
        before: a notebook, like "04_occlusion"; only cards of earlier notebooks are shown.

    Raises:
        ValueError: for an unknown notebook or a limit below 1.
    """
    from flashcards.display import ReviewDisplay

    return ReviewDisplay(limit, before)


def predict(
    id: str,
    question: str,
    options: Sequence[str | float],
    answer: str | float,
    *,
    explanation: str = "",
    record: bool = True,
) -> Display:
    """A prompt inside the text: choose, say how sure you are, then see the answer. It never blocks a run.

    The first answer is kept under the id, for the calibration in the last notebook. "Ask the room" counts the hands of
    a lecture instead and keeps nothing.

    Args:
        id: a name for ever, like "occlusion.tripod".
        question, options, explanation: Markdown with dollar math and without pictures; an option may also be a number.
            The explanation shows with the answer.
        answer: the right option; where all options are texts, also its index.
        record: whether the answer is kept.

    Raises:
        ValueError: for a bad id, fewer than two options or a repeated one, an answer that is not among them, or a
            picture.
    """
    from flashcards.display import PredictionDisplay
    from flashcards.prediction_prompt import PredictionPrompt

    return PredictionDisplay(PredictionPrompt(id, question, options, answer, explanation, record))


def exam(name: str | Path = "course", seed: int = 0) -> Display:
    """An exam: write first, hand in, then mark the answers by their mark scheme.

    Questions with options are marked by the machine. A written answer is marked by whoever wrote it: each criterion of
    its scheme has a box to tick, worth what stands beside it. Without a kernel the questions can be read and printed,
    and the mark schemes unfold. Your answers are kept in a small file on your machine until you begin anew.

    Args:
        name: of an exam, like "course", or the path of a Markdown file in the format of the decks, in which the answer
            to a question without options is a list of criteria, each with its points: "- (2) says that …".
        seed: which paper is drawn from a bank such as that of the course, and in which order options stand.

    Raises:
        ValueError: if there is no such exam.
        DeckError: if the file has mistakes; all of them are listed.
    """
    from flashcards.display import ExamDisplay

    return ExamDisplay(name, seed)


def calibration() -> Chart:
    """A figure of the learner's predictions: how sure they were, how often they were right, and how certain that is.

    Each confidence that was used is a point with its 95 % interval (Wilson) and its counts; without predictions the
    figure says so.

    Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference, https://doi.org/10.1080/01621459.1927.10502953
    """
    from flashcards import charts

    return charts.calibration()


def learning() -> Chart:
    """A figure of what is learned, deck by deck, and of what comes back in the next two weeks."""
    from flashcards import charts

    return charts.learning()
