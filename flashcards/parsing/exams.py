"""Exams: files in the format of the decks, in which a written answer is given by its mark scheme.

A question with options is worth one point. The answer to any other question is a list, one criterion per item, each
with its points in front: `- (2) says that …`.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from flashcards.model import Criterion, ExamQuestion, Problem
from flashcards.parsing.cards import read_deck

_CRITERION = re.compile(r"<li>\s*(?:<p>)?\(([1-9]\d*)\)\s+(.*?)(?:</p>)?\s*</li>", re.DOTALL)


def read_exam(path: Path) -> tuple[str, tuple[ExamQuestion, ...], list[Problem]]:
    """The title of an exam, its questions, and every mistake in the file."""
    deck, problems = read_deck(path)
    questions = []
    for card in deck.cards:
        question = ExamQuestion(card, () if card.options else _scheme(card.answer))
        if card.kind == "cloze":
            problems.append(Problem(path.name, card.line, "a cloze; expected a question with options or a mark scheme"))
        elif not card.options and not question.scheme:
            message = "the question has neither options nor a mark scheme; expected '- (2) what earns two points'"
            problems.append(Problem(path.name, card.line, message))
        questions.append(question)
    return deck.title, tuple(questions), sorted(problems)


def _scheme(answer: str) -> tuple[Criterion, ...]:
    """The criteria in the HTML of an answer."""
    return tuple(
        Criterion(int(worth), says, unescape(re.sub(r"<[^>]*>", "", says)))
        for worth, says in _CRITERION.findall(answer)
    )
