"""Exams: files in the format of the decks, in which a written answer is given by its mark scheme.

A question with options is worth one point. The answer to any other question is a list and nothing else, one criterion
per item, each with its points in front: `- (2) says that …`.
"""

from __future__ import annotations

import re
from pathlib import Path

from flashcards.model import Criterion, ExamQuestion, Problem, Report
from flashcards.parsing import checks, markdown
from flashcards.parsing.cards import Answered, read_answers

_POINTS = re.compile(r"\(([1-9][0-9]{0,2})\)\s+(?=\S)")


def read_exam(path: Path) -> tuple[str, tuple[ExamQuestion, ...], list[Problem]]:
    """The title of an exam, its questions, and every mistake in the file."""
    deck, answered, problems = read_answers(path)

    def problem(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    questions = []
    for found in answered:
        card = found.card
        if card.question != card.solved:
            problem(card.line, "a cloze; expected a question without one, with options or a mark scheme")
        scheme = () if card.options else _scheme(found, problem)
        questions.append(ExamQuestion(card, scheme))
    return deck.title, tuple(questions), sorted(problems)


def _scheme(answered: Answered, problem: Report) -> tuple[Criterion, ...]:
    """The criteria in the blocks of an answer."""
    back = answered.back
    start = next((i for i, token in enumerate(back) if token.type == "bullet_list_open" and token.level == 0), None)
    if start is None:
        problem(
            answered.card.line,
            "the question has neither options nor a mark scheme; expected '- (2) what earns two points'",
        )
        return ()
    for i, token in enumerate(back):
        if i != start and token.level == 0 and token.nesting >= 0:
            problem(checks.line_of(token), f"{checks.kind(token)} beside the mark scheme; expected a single list")
    end = next(i for i in range(start, len(back)) if back[i].type == "bullet_list_close" and back[i].level == 0)
    criteria = []
    for token in checks.paragraphs(back[start : end + 1], "a criterion", problem):
        match = _POINTS.match(token.content)
        if match is None:
            message = f"a criterion without points, {token.content!r}; expected a whole number in front, '- (2) says …'"
            problem(checks.line_of(token), message)
            continue
        text = token.content[match.end() :]
        says = markdown.inline(text)
        criteria.append(
            Criterion(
                int(match[1]), markdown.render_item(says), markdown.plain(says), answered.file.portable(text, says)
            )
        )
    return tuple(criteria)
