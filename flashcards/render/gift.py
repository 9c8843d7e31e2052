"""Questions as GIFT, the plain text format of question banks: https://docs.moodle.org/en/GIFT_format

GIFT knows no files, so pictures stand inside as data. What follows `####` is the general feedback: the explanation, and
for a written answer the mark scheme.
"""

from __future__ import annotations

import re

from flashcards.model import Exam, ExamQuestion
from flashcards.render.html import embedded, marks


def gift(exam: Exam) -> str:
    """The questions of an exam, each with its fact and level in a comment; its key must be there."""
    head = f"$CATEGORY: $course$/top/{' '.join(exam.title.split())}"
    return "\n\n".join([head, *map(_question, exam.questions)]) + "\n"


def _question(question: ExamQuestion) -> str:
    card = question.card
    comment = " ".join(filter(None, [card.fact and f"fact {card.fact},", card.level, f"{question.points} points"]))
    answers = [f"{'=' if option.right else '~'}{_escaped(option.html)}" for option in card.options]
    told = embedded(card, card.answer if card.options else marks(question))
    lines = [f"// {comment}", f"::{_escaped(card.id)}::[html]{_escaped(embedded(card, card.question))} {{"]
    return "\n".join([*lines, *answers, f"####{_escaped(told)}", "}"])


def _escaped(text: str) -> str:
    """A text in one line, its control characters behind backslashes; a backslash of its own is doubled."""
    parts = re.split(r"(<pre.*?</pre>)", text, flags=re.DOTALL)  # code, whose lines and indentation count
    lines = [
        re.sub(r"\n(?!</code>)", "<br>", p).replace("\n", "") if i % 2 else " ".join(p.split())
        for i, p in enumerate(parts)
    ]
    return re.sub(r"([\\~=#{}:])", r"\\\1", " ".join(filter(None, lines)))
