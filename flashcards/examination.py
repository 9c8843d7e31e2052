"""Exams: questions in the format of the decks, with points and a mark scheme; one sitting; and what came of it.

A question with options is marked by the machine, and is worth one point. Any other question is answered in writing and
marked by its writer: the answer in the file is a list, one criterion per item, each with its points in front:
`- (2) says that …`. Nothing is written to the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import Any

from flashcards import deck as decks
from flashcards import fallback
from flashcards.deck import Card, DeckError, Problem
from flashcards.quizzes import Shown

EXAMS = Path(__file__).parent / "exams"
_CRITERION = re.compile(r"<li>\s*(?:<p>)?\(([1-9]\d*)\)\s+(.*?)(?:</p>)?\s*</li>", re.DOTALL)


@dataclass(frozen=True)
class Criterion:
    """One line of a mark scheme."""

    points: int
    html: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question with its mark scheme; with options the scheme is empty and the right option is worth a point."""

    card: Card
    scheme: tuple[Criterion, ...]

    @property
    def points(self) -> int:
        """What a complete answer is worth."""
        return sum(criterion.points for criterion in self.scheme) if self.scheme else 1

    @property
    def topic(self) -> str:
        """What it is about: the first word of its id, as in the ids of the cards."""
        return self.card.id.split(".")[0]


@dataclass(frozen=True)
class Mark:
    """What one question, one topic or the whole exam came to."""

    got: int
    points: int


def read(path: Path) -> tuple[str, tuple[Question, ...], list[Problem]]:
    """The title of an exam, its questions, and every mistake in the file."""
    parsed, problems = decks.parse(path)
    questions = []
    for card in parsed.cards:
        question = Question(card, () if card.options else _scheme(card.answer))
        if card.kind == "cloze":
            problems.append(Problem(path.name, card.line, "a cloze; expected a question with options or a mark scheme"))
        elif not card.options and not question.scheme:
            message = "the question has neither options nor a mark scheme; expected '- (2) what earns two points'"
            problems.append(Problem(path.name, card.line, message))
        questions.append(question)
    return parsed.title, tuple(questions), sorted(problems)


def _scheme(answer: str) -> tuple[Criterion, ...]:
    """The criteria in the HTML of an answer."""
    return tuple(
        Criterion(int(worth), says, unescape(re.sub(r"<[^>]*>", "", says)))
        for worth, says in _CRITERION.findall(answer)
    )


def files(folder: Path = EXAMS) -> list[Path]:
    """The exams of the course."""
    return sorted(folder.glob("*.md"))


def check(paths: Iterable[Path] | None = None) -> list[Problem]:
    """Every mistake of all exams: those of each file, and ids that a card or another exam has."""
    taken = {card.id: path.name for path in decks.deck_files() for card in decks.parse(path)[0].cards}
    problems: list[Problem] = []
    for path in files() if paths is None else paths:
        _, questions, found = read(path)
        problems += found
        for question in questions:
            card = question.card
            if taken.get(card.id, path.name) != path.name:
                problems.append(
                    Problem(path.name, card.line, f"the id {card.id!r} is already taken in {taken[card.id]}")
                )
            taken.setdefault(card.id, path.name)
    return problems


def load(exam: str | Path) -> tuple[str, tuple[Question, ...]]:
    """Title and questions of an exam by name or by path; `ValueError` for an unknown name, `DeckError` for mistakes."""
    path = Path(exam) if isinstance(exam, Path) or str(exam).endswith(".md") else EXAMS / f"{exam}.md"
    if not path.is_file():
        names = ", ".join(file.stem for file in files())
        raise ValueError(f"no exam named {str(exam)!r}; expected one of {names}, or the path of a file")
    return _load(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _load(path: Path, modified: int) -> tuple[str, tuple[Question, ...]]:
    title, questions, problems = read(path)
    if problems:
        raise DeckError(problems)
    return title, questions


def paper(title: str, questions: Sequence[Question], *, key: bool = False) -> str:
    """An exam as Markdown, to be printed: the questions alone, or with `key` the right options and the mark schemes too."""
    lines = [f"# {title}", f"{len(questions)} questions, {sum(question.points for question in questions)} points"]
    for number, question in enumerate(questions, 1):
        points = "1 point" if question.points == 1 else f"{question.points} points"
        lines.append(f"**{number}.** {question.card.question_text} ({points})")
        boxes = [f"- [{'x' if key and option.right else ' '}] {option.text}" for option in question.card.options]
        scheme = [f"- ({criterion.points}) {criterion.text}" for criterion in question.scheme if key]
        lines.append("\n".join([*boxes, *scheme]))
    return "\n\n".join(filter(None, lines)) + "\n"


class Sitting:
    """One exam: first all answers, then all marks. No answer shows before the paper is handed in."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        self.at = 0
        self.handed_in = False
        self.picked: list[int | None] = [None] * len(self.questions)
        self.written = [""] * len(self.questions)
        self.ticked: list[set[int]] = [set() for _ in self.questions]

    @property
    def question(self) -> Question | None:
        """The question that shows; None after the last."""
        return self.questions[self.at] if self.at < len(self.questions) else None

    @property
    def open(self) -> int:
        """How many questions have no answer yet."""
        return sum(
            picked is None and not written.strip() for picked, written in zip(self.picked, self.written, strict=True)
        )

    def answer(self, given: int | str) -> None:
        """Answer the question that shows: the index of an option, or a text. A later answer replaces an earlier one."""
        question = self._present()
        if self.handed_in:
            raise RuntimeError("the paper is handed in; an answer can no longer change")
        if isinstance(given, str) and not question.scheme:
            raise ValueError(f"the answer is {given!r}; expected the index of an option")
        if isinstance(given, int) and not 0 <= given < len(question.card.options):
            raise ValueError(f"the answer is option {given} of {len(question.card.options)}; expected one that exists")
        if isinstance(given, str):
            self.written[self.at] = given
        else:
            self.picked[self.at] = given

    def hand_in(self) -> None:
        """End the writing and begin the marking, at the first question."""
        self.at, self.handed_in = 0, True

    def tick(self, criterion: int, met: bool) -> None:
        """Say whether the written answer that shows meets a criterion of its scheme."""
        if not self.handed_in:
            raise RuntimeError("marks were given before the paper was handed in; expected hand_in() first")
        if not 0 <= criterion < len(self._present().scheme):
            raise ValueError(f"criterion {criterion} of {len(self._present().scheme)}; expected one that exists")
        (self.ticked[self.at].add if met else self.ticked[self.at].discard)(criterion)

    def go(self, by: int) -> None:
        """To the next question (1) or the one before (-1)."""
        self.at = min(max(self.at + by, 0), len(self.questions))

    def mark(self, number: int) -> Mark:
        """What a question came to."""
        question = self.questions[number]
        if question.scheme:
            return Mark(sum(question.scheme[i].points for i in self.ticked[number]), question.points)
        picked = self.picked[number]
        return Mark(int(picked is not None and question.card.options[picked].right), question.points)

    def total(self) -> Mark:
        """What the whole exam came to."""
        return _sum(self.mark(i) for i in range(len(self.questions)))

    def topics(self) -> dict[str, Mark]:
        """What each topic came to, in the order of the questions."""
        names = dict.fromkeys(question.topic for question in self.questions)
        return {
            name: _sum(self.mark(i) for i, question in enumerate(self.questions) if question.topic == name)
            for name in names
        }

    def _present(self) -> Question:
        if self.question is None:
            raise RuntimeError("there is no question left in this exam")
        return self.question


def _sum(marks: Iterable[Mark]) -> Mark:
    marks = list(marks)
    return Mark(sum(mark.got for mark in marks), sum(mark.points for mark in marks))


def notebooks() -> dict[str, str]:
    """Topic -> the notebook whose cards have it in their ids."""
    found: dict[str, str] = {}
    for loaded in decks.load_all():
        for card in loaded.cards:
            found.setdefault(card.id.split(".")[0], loaded.notebook)
    return found


class Exam(Shown):
    """An exam as `flashcards.exam` returns it."""

    def __init__(self, name: str | Path) -> None:
        self.title, self.questions = load(name)

    def text(self) -> str:
        lines = [f"Exam: {self.title} ({len(self.questions)} questions, {self._points()} points)"]
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.card.question_text} ({points(question.points)})")
            options = zip(fallback.LETTERS, question.card.options, strict=False)
            lines += [f"   {letter}) {option.text}" for letter, option in options]
        return "\n".join(lines)

    def html(self) -> str:
        content = "\n".join(_printed(number, question) for number, question in enumerate(self.questions, 1))
        hint = f"{len(self.questions)} questions, {self._points()} points. Answer on paper, then open the mark schemes."
        return fallback.page(f"Exam: {self.title}", hint, content)

    def widget(self) -> Any:
        from flashcards.exam_widget import ExamCard

        return ExamCard(self.title, Sitting(self.questions)).box

    def _points(self) -> int:
        return sum(question.points for question in self.questions)


def points(number: int) -> str:
    """A number of points in words."""
    return f"{number} point{'' if number == 1 else 's'}"


def _printed(number: int, question: Question) -> str:
    card = question.card
    asked = card.question.replace('<p class="fc-question">', f"<p>{number}. ", 1)
    asked = asked.replace("</p>", f" <em>({points(question.points)})</em></p>", 1)
    if question.scheme:
        solution = scheme_html(question)
    else:
        right = next(i for i, option in enumerate(card.options) if option.right)
        solution = f"<p><strong>{fallback.LETTERS[right]}: {card.options[right].html}</strong></p>\n{card.answer}"
    return fallback.embedded(card, f"{asked}\n{fallback.lettered(card.options)}\n{fallback.details('Marks', solution)}")


def scheme_html(question: Question) -> str:
    """A mark scheme as a list."""
    items = "".join(f"<li>{c.html} <em>({points(c.points)})</em></li>" for c in question.scheme)
    return f"<ul>{items}</ul>"
