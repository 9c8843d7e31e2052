"""What decks and exams are made of: options, cards, questions, and the mistakes that are found in their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Literal
from urllib.parse import quote

Kind = Literal["basic", "cloze", "choice"]
#: Takes a mistake: its line and what is wrong.
Report = Callable[[int, str], None]
#: The options of a card have these names; each has a key, 1 to 9.
LETTERS = "ABCDEFGHI"
#: How deep a question of an exam goes.
LEVELS = ("recall", "understand", "apply")


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
    terms: tuple[str, ...] = ()  # the words that count in an answer: in bold, in a cloze, or the right option
    fact: str = ""  # the fact of the lectures that it asks for: its number, or a name for what goes beyond them
    level: str = ""  # one of LEVELS, or nothing
    notebook: str = ""
    section: str = ""  # the heading of the notebook that it comes from

    @property
    def topic(self) -> str:
        """What it is about: the first word of its id."""
        return self.id.split(".")[0]

    @property
    def address(self) -> str:
        """The address of its section, for a page in the folder of the notebooks."""
        return f"{self.notebook}.ipynb#{quote(self.section.replace(' ', '-'))}"

    def shuffled(self, seed: object = "") -> Card:
        """The same card with its options in an order that its id and `seed` decide."""
        if not self.options:
            return self
        return replace(self, options=tuple(Random(f"{self.id} {seed}").sample(self.options, len(self.options))))


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
    """A question with its mark scheme, which is empty for one with options and where the key is missing."""

    card: Card
    scheme: tuple[Criterion, ...]
    worth: int = 1  # the points of the right option, and those that the scheme of a bank's question must come to

    @property
    def points(self) -> int:
        """What a complete answer is worth."""
        return sum(criterion.points for criterion in self.scheme) if self.scheme else self.worth


@dataclass(frozen=True)
class Exam:
    """A file of questions: a paper as it stands, or with weights a bank from which papers are drawn."""

    name: str
    title: str
    questions: tuple[ExamQuestion, ...]
    keyed: bool = True  # whether the answers are here
    weights: Mapping[str, int] = field(default_factory=dict)  # fact -> the points of a question about it
    length: int = 0  # of a drawn paper, in questions

    @property
    def points(self) -> int:
        """What a complete paper is worth."""
        return sum(question.points for question in self.questions)


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


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 point", "2 points"; `many` is the plural where it is more than an "s"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def wrong_id(id: str) -> str:
    """What is wrong with an id, in words; empty for a good one."""
    if re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", id):
        return ""
    return f"bad id {id!r}; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'"
