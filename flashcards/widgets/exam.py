"""The exam on screen: writing first, without any answer; then marking, criterion by criterion; then what came of it."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import ipywidgets

from flashcards import collection
from flashcards.exam_attempt import Attempt, Mark
from flashcards.model import LETTERS, ExamQuestion, Option
from flashcards.render.html import embedded
from flashcards.render.text import points
from flashcards.widgets.components import Frame, button, choice_list, row, visible


class ExamCard:
    """One attempt at an exam; nothing of it is saved."""

    def __init__(self, title: str, attempt: Attempt) -> None:
        self.attempt = attempt
        most = max((len(question.card.options) for question in attempt.questions), default=0)
        self.letters = [
            button(letter, partial(self._pick, i), "fc-number", hint=f"Option {letter} (key {i + 1})")
            for i, letter in enumerate(LETTERS[:most])
        ]
        self.letter_row = row(*self.letters)
        self.paper = ipywidgets.Textarea(placeholder="Your answer, in a sentence or two", rows=4)
        self.paper.add_class("fc-paper")
        self.paper.observe(self._write, names="value")
        self.boxes = ipywidgets.VBox()
        self.next = button("Next", partial(self._go, 1), "fc-space", "fc-main", hint="Space")
        self.hand_in = button("Hand in", self._hand_in, "fc-main")
        self.next_row = row(self.next, self.hand_in)
        self.back = button("Back", partial(self._go, -1), "fc-small", "fc-back-one", hint="Left arrow")
        self.frame = Frame(f"Exam: {title}", self.letter_row, self.paper, self.boxes, self.next_row)
        self.frame.foot.children = [self.frame.hint, self.back]
        self._show()

    @property
    def box(self) -> Any:
        """The widget to display."""
        return self.frame.box

    def _pick(self, option: int) -> None:
        question = self.attempt.question
        if not self.attempt.handed_in and question and option < len(question.card.options):
            self.attempt.answer(option)
            self._show()

    def _write(self, change: Any) -> None:
        if not self.attempt.handed_in and self.attempt.question and self.attempt.question.scheme:
            self.attempt.answer(change["new"])

    def _tick(self, criterion: int, change: Any) -> None:
        self.attempt.tick(criterion, bool(change["new"]))
        self.frame.place(self._position(), self._share())

    def _go(self, by: int) -> None:
        self.attempt.go(by)
        self._show()

    def _hand_in(self) -> None:
        if not self.attempt.handed_in:
            self.attempt.hand_in()
            self._show()

    def _show(self) -> None:
        attempt, question = self.attempt, self.attempt.question
        writing = not attempt.handed_in
        options = len(question.card.options) if question else 0
        for i, letter in enumerate(self.letters):
            visible(letter, i < options)
        visible(self.letter_row, writing and options > 0)
        written = bool(question and question.scheme)
        visible(self.paper, writing and written)
        if writing and written:
            self.paper.value = attempt.written[attempt.at]
        self.boxes.children = self._criteria(question) if question and not writing else ()
        visible(self.boxes, bool(self.boxes.children))
        visible(self.next, question is not None)
        visible(self.hand_in, writing and question is None)
        visible(self.next_row, question is not None or writing)
        visible(self.back, attempt.at > 0)
        front, back, hint = self._content(question)
        self.frame.show(front, back, position=self._position(), share=self._share(), hint=hint)

    def _criteria(self, question: ExamQuestion) -> tuple[Any, ...]:
        """A box to tick and a line of text for each criterion."""
        rows = []
        for i, criterion in enumerate(question.scheme):
            box = ipywidgets.Checkbox(
                value=i in self.attempt.ticked[self.attempt.at],
                description=points(criterion.points),
                tooltip=criterion.text,
                indent=False,
            )
            box.observe(partial(self._tick, i), names="value")
            rows.append(row(box, ipywidgets.HTMLMath(criterion.html), name="fc-criterion"))
        return tuple(rows)

    def _content(self, question: ExamQuestion | None) -> tuple[str, str, str]:
        attempt = self.attempt
        if question is None:
            return (self._result() if attempt.handed_in else self._last_page()), "", ""
        card, picked = question.card, attempt.picked[attempt.at]
        asked = embedded(card, card.question)
        if not attempt.handed_in:
            front = asked + (_chosen(card.options, picked) if card.options else "")
            keys = "<kbd>Space</kbd> goes on · <kbd>←</kbd> goes back"
            return front, "", keys if card.options else f"outside of your text: {keys}"
        if card.options:
            return (
                asked + choice_list(card.options, True, picked),
                f'<div class="fc-note">{embedded(card, card.answer)}</div>',
                "",
            )
        own = escape(attempt.written[attempt.at].strip()) or "<em>no answer</em>"
        front = f'{asked}<blockquote class="fc-own">{own}</blockquote><p>Tick what your answer says.</p>'
        return front, "", "a tick only for what stands there, not for what was meant"

    def _share(self) -> float:
        return self.attempt.at / max(len(self.attempt.questions), 1)

    def _position(self) -> str:
        attempt = self.attempt
        if (question := attempt.question) is None:
            return "nothing is saved"
        place = f"Question {attempt.at + 1} of {len(attempt.questions)}"
        if not attempt.handed_in:
            return f"{place} · {points(question.points)}"
        return f"{place} · {_of(attempt.mark(attempt.at))}"

    def _last_page(self) -> str:
        left = self.attempt.open
        missing = (
            f"{left} of {len(self.attempt.questions)} questions have no answer yet." if left else "All are answered."
        )
        return (
            '<div class="fc-end"><h3>That was the last question.</h3>'
            f"<p>{missing} Go back, or hand the paper in: then the mark schemes show, and no answer can change.</p></div>"
        )

    def _result(self) -> str:
        total, where = self.attempt.total(), collection.topics()
        share = total.got / total.points if total.points else 0.0
        rows = "".join(
            f"<tr><td>{escape(where.get(topic, topic))}</td><td>{_of(mark)}</td></tr>"
            for topic, mark in self.attempt.topics().items()
        )
        return (
            f'<div class="fc-end"><h3>{_of(total)} ({share:.0%})</h3>'
            f"<table><tr><th>notebook</th><th>points</th></tr>{rows}</table>"
            "<p>Where points are missing, go back to the notebook; its quiz is the last cell.</p></div>"
        )


def _of(mark: Mark) -> str:
    return f"{mark.got} of {points(mark.points)}"


def _chosen(options: tuple[Option, ...], picked: int | None) -> str:
    """Options without a verdict, the chosen one marked."""
    items = "".join(
        f'<li class="{"fc-chosen" if i == picked else ""}">'
        f"{'<span class=fc-tag>your choice</span>' if i == picked else ''}{option.html}</li>"
        for i, option in enumerate(options)
    )
    return f'<ol class="fc-choices">{items}</ol>'
