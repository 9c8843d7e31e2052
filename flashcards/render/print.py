"""An exam as Markdown, to be printed."""

from __future__ import annotations

import re
from textwrap import indent

from flashcards.model import Exam, counted
from flashcards.render.html import OR_ANOTHER
from flashcards.render.text import length


def paper(exam: Exam, *, key: bool = False) -> str:
    """The questions alone, or with `key` the right options and the mark schemes too; pictures by their full paths."""
    lines = [f"# {_literal(exam.title)}", length(exam)]
    for number, question in enumerate(exam.questions, 1):
        heading, *lead = question.card.source.split("\n\n", 1)
        lines += [f"**{number}.** {heading} ({counted(question.points, 'point')})", *lead]
        boxes = [_item(f"- [{'x' if key and o.right else ' '}]", o.source) for o in question.card.options]
        scheme = [_item(f"- ({criterion.points})", criterion.source) for criterion in question.scheme if key]
        last = [f"- *{OR_ANOTHER}*"] if scheme else []
        lines.append("\n".join([*boxes, *scheme, *last]))
    return "\n\n".join(filter(None, lines)) + "\n"


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#$|~&])", r"\\\1", text)


def _item(begins: str, text: str) -> str:
    return indent(f"{begins} {text}", "  ").removeprefix("  ")
