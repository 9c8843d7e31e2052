"""One attempt at an exam: first all answers, then all marks. It can be put down and taken up, and knows no widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flashcards.model import Exam, ExamQuestion


@dataclass(frozen=True)
class Mark:
    """What one question, one topic or the whole exam came to."""

    got: int
    points: int


class Attempt:
    """What was answered and how it was marked; no mark before the paper is handed in, no answer after."""

    def __init__(self, exam: Exam) -> None:
        self.exam = exam
        self.questions = exam.questions
        self.clear()

    def clear(self) -> None:
        """Begin anew, with an empty paper."""
        self.at = 0
        self.handed_in = False
        self.picked: list[int | None] = [None] * len(self.questions)
        self.written = [""] * len(self.questions)
        self.ticked: list[set[int]] = [set() for _ in self.questions]

    @property
    def question(self) -> ExamQuestion | None:
        """The question that shows; None after the last."""
        return self.questions[self.at] if self.at < len(self.questions) else None

    @property
    def open(self) -> int:
        """How many questions have no answer yet."""
        return sum(
            picked is None and not written.strip() for picked, written in zip(self.picked, self.written, strict=True)
        )

    def answer(self, given: int | str, number: int | None = None) -> None:
        """Answer a question, the one that shows unless its number is given: the index of an option, or a text.

        A later answer replaces an earlier one.
        """
        at, question = self._asked(number)
        if self.handed_in:
            raise RuntimeError("the paper is handed in; an answer can no longer change")
        if isinstance(given, str) and question.card.options:
            raise ValueError(f"the answer is {given!r}; expected the index of an option")
        if isinstance(given, int) and not 0 <= given < len(question.card.options):
            raise ValueError(f"the answer is option {given} of {len(question.card.options)}; expected one that exists")
        if isinstance(given, str):
            self.written[at] = given
        else:
            self.picked[at] = given

    def hand_in(self) -> None:
        """End the writing and begin the marking, at the first question."""
        self.at, self.handed_in = 0, True

    def tick(self, criterion: int, met: bool, number: int | None = None) -> None:
        """Say whether a written answer, the one that shows unless its number is given, meets a criterion."""
        if not self.handed_in:
            raise RuntimeError("marks were given before the paper was handed in; expected hand_in() first")
        at, question = self._asked(number)
        if not 0 <= criterion < len(question.scheme):
            raise ValueError(f"criterion {criterion} of {len(question.scheme)}; expected one that exists")
        (self.ticked[at].add if met else self.ticked[at].discard)(criterion)

    def go(self, by: int) -> None:
        """To the next question (1) or the one before (-1)."""
        self.at = min(max(self.at + by, 0), len(self.questions))

    def mark(self, number: int) -> Mark:
        """What a question came to."""
        question = self.questions[number]
        picked = self.picked[number]
        if picked is not None and question.card.options[picked].right:
            return Mark(question.points, question.points)
        return Mark(sum(question.scheme[i].points for i in self.ticked[number]), question.points)

    def total(self) -> Mark:
        """What the whole exam came to."""
        return _sum(self.mark(i) for i in range(len(self.questions)))

    def topics(self) -> dict[str, Mark]:
        """What each topic came to, in the order of the questions."""
        names = dict.fromkeys(question.card.topic for question in self.questions)
        return {
            name: _sum(self.mark(i) for i, question in enumerate(self.questions) if question.card.topic == name)
            for name in names
        }

    def state(self) -> dict[str, Any]:
        """All that was said, by the ids of the questions and the texts of options and criteria: fit for JSON."""
        said = {}
        for i, question in enumerate(self.questions):
            picked = self.picked[i]
            said[question.card.id] = {
                "written": self.written[i],
                "picked": None if picked is None else question.card.options[picked].text,
                "ticked": [question.scheme[j].text for j in sorted(self.ticked[i])],
            }
        return {"at": self.at, "handed_in": self.handed_in, "said": said}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave; what no longer stands in the exam is left out."""
        self.clear()
        for i, question in enumerate(self.questions):
            said = state["said"].get(question.card.id, {})
            options = [option.text for option in question.card.options]
            criteria = [criterion.text for criterion in question.scheme]
            self.written[i] = "" if options else str(said.get("written", ""))
            self.picked[i] = options.index(said["picked"]) if said.get("picked") in options else None
            self.ticked[i] = {criteria.index(text) for text in said.get("ticked", []) if text in criteria}
        self.handed_in = bool(state["handed_in"])
        self.at = min(max(int(state["at"]), 0), len(self.questions))

    def _asked(self, number: int | None) -> tuple[int, ExamQuestion]:
        at = self.at if number is None else number
        if not 0 <= at < len(self.questions):
            raise RuntimeError("there is no question left in this exam")
        return at, self.questions[at]


def _sum(marks: Iterable[Mark]) -> Mark:
    marks = list(marks)
    return Mark(sum(mark.got for mark in marks), sum(mark.points for mark in marks))
