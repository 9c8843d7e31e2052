"""What decks and exams are made of: options, cards, questions, and the mistakes that are found in their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["basic", "cloze", "choice"]
#: Takes a mistake: its line and what is wrong.
Report = Callable[[int, str], None]
#: The options of a card have these names; each has a key, 1 to 9.
LETTERS = "ABCDEFGHI"


@dataclass(frozen=True)
class Option:
    """One answer to choose from."""

    html: str
    text: str
    right: bool
    source: str = field(default="", compare=False, repr=False)  # Markdown that may lie in any folder


@dataclass(frozen=True)
class Card:
    """One card. HTML has math as `\\(…\\)` and pictures by their address relative to `folder`."""

    id: str
    kind: Kind
    question: str  # HTML, clozes hidden
    solved: str  # HTML, clozes shown; for other kinds the same as the question
    answer: str  # HTML
    options: tuple[Option, ...]
    question_text: str
    solved_text: str
    answer_text: str
    images: tuple[str, ...]  # files, by their paths relative to `folder`
    folder: Path
    line: int
    lead_text: str = ""  # what stands between the heading and the options or the answer
    source: str = field(default="", compare=False, repr=False)  # the question, as Markdown that may lie in any folder

    @property
    def topic(self) -> str:
        """What it is about: the first word of its id."""
        return self.id.split(".")[0]


@dataclass(frozen=True)
class Deck:
    """A file of cards, for one notebook."""

    name: str
    title: str
    notebook: str
    tags: tuple[str, ...]
    cards: tuple[Card, ...]
    path: Path


@dataclass(frozen=True)
class Criterion:
    """One line of a mark scheme."""

    points: int
    html: str
    text: str
    source: str = field(default="", compare=False, repr=False)  # Markdown that may lie in any folder


@dataclass(frozen=True)
class ExamQuestion:
    """A question with its mark scheme; with options the scheme is empty and the right option is worth a point."""

    card: Card
    scheme: tuple[Criterion, ...]

    @property
    def points(self) -> int:
        """What a complete answer is worth."""
        return sum(criterion.points for criterion in self.scheme) if self.scheme else 1


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake in a deck or an exam; as text `file:line: message`."""

    file: str
    line: int
    message: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DeckError(ValueError):
    """A deck or an exam with mistakes; the message lists them all, one per line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def wrong_id(id: str) -> str:
    """What is wrong with an id, in words; empty for a good one."""
    if re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", id):
        return ""
    return f"bad id {id!r}; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'"
