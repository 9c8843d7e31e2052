"""Questions as GIFT, the plain text format of question banks: https://docs.moodle.org/en/GIFT_format

GIFT knows no files, so pictures stand inside as data. What follows `####` is the general feedback: the explanation, and
for a written answer the mark scheme.
"""

from __future__ import annotations

import re

from flashcards.model import Card, Exam, ExamQuestion, counted
from flashcards.render.html import embedded, marks
from flashcards.render.moodle import category


def gift(exam: Exam) -> str:
    """The questions of an exam, each with its fact and level in a comment; its key must be there."""
    return "\n\n".join([f"$CATEGORY: {category(exam)}", *map(_question, exam.questions)]) + "\n"


def _question(question: ExamQuestion) -> str:
    card = question.card
    worth = counted(question.points, "point")
    comment = " ".join(filter(None, [card.fact and f"fact {card.fact},", card.level, worth]))
    answers = [f"{'=' if option.right else '~'}{_html(card, option.html)}" for option in card.options]
    told = _html(card, card.answer if card.options else marks(question))
    lines = [f"// {comment}", f"::{card.id}::[html]{_html(card, card.question)} {{"]
    return "\n".join([*lines, *answers, f"####{told}", "}"])


def _html(card: Card, html: str) -> str:
    """A piece of a card in one line: pictures inside, control characters and backslashes behind a backslash."""
    parts = re.split(r"(<pre.*?</pre>)", embedded(card, html), flags=re.DOTALL)  # code, whose lines count, stands apart
    lines = [
        re.sub(r"\n(?!</code>)", "<br>", p).replace("\n", "") if i % 2 else " ".join(p.split())
        for i, p in enumerate(parts)
    ]
    return re.sub(r"([\\~=#{}:])", r"\\\1", " ".join(filter(None, lines)))
