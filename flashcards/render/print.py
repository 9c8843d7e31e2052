"""An exam as Markdown, to be printed."""

from __future__ import annotations

from collections.abc import Sequence

from flashcards.model import ExamQuestion
from flashcards.render.text import points, total


def paper(title: str, questions: Sequence[ExamQuestion], *, key: bool = False) -> str:
    """The questions alone, or with `key` the right options and the mark schemes too."""
    lines = [f"# {title}", f"{len(questions)} questions, {total(questions)} points"]
    for number, question in enumerate(questions, 1):
        lines.append(f"**{number}.** {question.card.question_text} ({points(question.points)})")
        boxes = [f"- [{'x' if key and option.right else ' '}] {option.text}" for option in question.card.options]
        scheme = [f"- ({criterion.points}) {criterion.text}" for criterion in question.scheme if key]
        lines.append("\n".join([*boxes, *scheme]))
    return "\n\n".join(filter(None, lines)) + "\n"
