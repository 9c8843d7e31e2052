"""An exam as Markdown, to be printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import indent

from flashcards.model import ExamQuestion
from flashcards.render.text import points, total


def paper(title: str, questions: Sequence[ExamQuestion], *, key: bool = False) -> str:
    """The questions alone, or with `key` the right options and the mark schemes too; pictures by their full paths."""
    lines = [f"# {_literal(title)}", f"{len(questions)} questions, {total(questions)} points"]
    for number, question in enumerate(questions, 1):
        heading, *lead = question.card.source.split("\n\n", 1)
        lines += [f"**{number}.** {heading} ({points(question.points)})", *lead]
        boxes = [_item(f"- [{'x' if key and o.right else ' '}]", o.source) for o in question.card.options]
        scheme = [_item(f"- ({criterion.points})", criterion.source) for criterion in question.scheme if key]
        lines.append("\n".join([*boxes, *scheme]))
    return "\n\n".join(filter(None, lines)) + "\n"


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#$|~&])", r"\\\1", text)


def _item(begins: str, text: str) -> str:
    return indent(f"{begins} {text}", "  ").removeprefix("  ")
