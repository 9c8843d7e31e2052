"""The exam on screen: writing first, without any answer; then marking, criterion by criterion; then what came of it."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import ipywidgets

from flashcards import collection
from flashcards.exam_attempt import Attempt, Mark
from flashcards.model import LETTERS, ExamQuestion, Option, counted
from flashcards.parsing.markdown import as_text
from flashcards.render.html import OR_ANOTHER, embedded
from flashcards.review_log.drafts import Draft
from flashcards.widgets.components import Frame, button, choice_list, row, visible


class ExamCard:
    """One attempt at an exam; what was answered goes to its draft at once, and a later run of the cell goes on from there.

    Every question has a field or letters of its own, so that what was typed or clicked before the next question showed
    belongs to the question that was on screen, however slow the kernel is.
    """

    def __init__(self, attempt: Attempt, draft: Draft) -> None:
        self.attempt = attempt
        self.draft = draft
        if (said := draft.read()) is not None:
            attempt.resume(said)
        draft.known = attempt.state()
        self.sheets = [self._sheet(number, question) for number, question in enumerate(attempt.questions)]
        self.sheet = ipywidgets.VBox()
        self.boxes = ipywidgets.VBox()
        self.next = button("Next", partial(self._go, 1), "fc-space", "fc-main", hint="Space")
        self.hand_in = button("Hand in", self._hand_in, "fc-main")
        self.anew = button("Begin anew", self._begin_anew, "fc-small", hint="Deletes these answers")
        self.next_row = row(self.next, self.hand_in, self.anew)
        self.back = button("Back", partial(self._go, -1), "fc-small", "fc-back-one", hint="Left arrow")
        self.frame = Frame(f"Exam: {attempt.exam.title}", self.sheet, self.boxes, self.next_row)
        self.frame.foot.children = [self.frame.hint, self.back]
        self._show()

    @property
    def box(self) -> Any:
        """The widget to display."""
        return self.frame.box

    def _sheet(self, number: int, question: ExamQuestion) -> Any:
        """Where a question is answered."""
        if question.card.options:
            letters = enumerate(LETTERS[: len(question.card.options)])
            return row(
                *(
                    button(
                        x, partial(self._pick, number, i), "fc-number", "fc-option", hint=f"Option {x} (key {i + 1})"
                    )
                    for i, x in letters
                )
            )
        paper = ipywidgets.Textarea(
            self.attempt.written[number], placeholder="Your answer, in a sentence or two", rows=4
        )
        paper.add_class("fc-paper")
        paper.observe(partial(self._write, number), names="value")
        return paper

    def _pick(self, number: int, option: int) -> None:
        if not self.attempt.handed_in:
            self.attempt.answer(option, number)
            self._save()
            self._show()

    def _write(self, number: int, change: Any) -> None:
        # What arrives after the paper was handed in was typed before: the field is gone by then.
        self.attempt.written[number] = change["new"]
        self._save()
        if self.attempt.handed_in or self.draft.notice:
            self._show()

    def _tick(self, number: int, criterion: int, change: Any) -> None:
        self.attempt.tick(criterion, bool(change["new"]), number)
        self._save()
        self.frame.place(self._position(), self._share())

    def _go(self, by: int) -> None:
        self.attempt.go(by)
        self._show()

    def _hand_in(self) -> None:
        if not self.attempt.handed_in:
            self.attempt.hand_in()
            self._save()
            self._show()

    def _begin_anew(self) -> None:
        self.attempt.clear()
        self.sheets = [self._sheet(number, question) for number, question in enumerate(self.attempt.questions)]
        self.draft.forget()
        self.draft.known = {}  # what is there still, if anything, gives way to the next answer
        self._show()

    def _save(self) -> None:
        self.draft.write(self.attempt.state())

    def _show(self) -> None:
        attempt, question = self.attempt, self.attempt.question
        writing = not attempt.handed_in
        self.sheet.children = (self.sheets[attempt.at],) if writing and question else ()
        visible(self.sheet, bool(self.sheet.children))
        self.boxes.children = self._criteria(question) if question and not writing else ()
        visible(self.boxes, bool(self.boxes.children))
        visible(self.next, question is not None)
        visible(self.hand_in, writing and question is None)
        visible(self.anew, question is None and not writing)
        visible(self.back, attempt.at > 0)
        front, back, hint = self._content(question)
        self.frame.show(
            front, back, position=self._position(), share=self._share(), hint=hint, notice=self.draft.notice
        )

    def _criteria(self, question: ExamQuestion) -> tuple[Any, ...]:
        """A box to tick and a line of text for each criterion."""
        at = self.attempt.at
        rows = []
        for i, criterion in enumerate(question.scheme):
            box = ipywidgets.Checkbox(
                value=i in self.attempt.ticked[at],
                description=counted(criterion.points, "point"),
                tooltip=criterion.text,
                indent=False,
            )
            box.observe(partial(self._tick, at, i), names="value")
            rows.append(row(box, ipywidgets.HTMLMath(embedded(question.card, criterion.html)), name="fc-criterion"))
        if rows:
            rows.append(ipywidgets.HTML(f"<em>{OR_ANOTHER}</em>"))
        return tuple(rows)

    def _content(self, question: ExamQuestion | None) -> tuple[str, str, str]:
        attempt = self.attempt
        if question is None:
            return (self._result() if attempt.handed_in else self._last_page()), "", ""
        card, picked = question.card, attempt.picked[attempt.at]
        if not attempt.handed_in:
            front = embedded(card, card.question + (_chosen(card.options, picked) if card.options else ""))
            keys = "<kbd>Space</kbd> goes on · <kbd>←</kbd> goes back"
            return front, "", keys if card.options else f"outside of your text: {keys}"
        if not attempt.exam.keyed:
            said = _chosen(card.options, picked) if card.options else self._own()
            return embedded(card, card.question + said), "", "the key is not in this copy"
        if card.options:
            front = embedded(card, card.question + choice_list(card.options, True, picked))
            return front, f'<div class="fc-note">{embedded(card, card.answer)}</div>', ""
        front = f"{embedded(card, card.question)}{self._own()}<p>Tick what your answer says.</p>"
        return front, "", "a tick only for what stands there, not for what was meant"

    def _own(self) -> str:
        own = as_text(self.attempt.written[self.attempt.at].strip()) or "<em>no answer</em>"
        return f'<blockquote class="fc-own" dir="auto">{own}</blockquote>'

    def _share(self) -> float:
        return self.attempt.at / max(len(self.attempt.questions), 1)

    def _position(self) -> str:
        attempt = self.attempt
        if (question := attempt.question) is None:
            return ""
        place = f"Question {attempt.at + 1} of {len(attempt.questions)}"
        if not attempt.handed_in or not attempt.exam.keyed:
            return f"{place} · {counted(question.points, 'point')}"
        return f"{place} · {_of(attempt.mark(attempt.at))}"

    def _last_page(self) -> str:
        left, questions = self.attempt.open, counted(len(self.attempt.questions), "question")
        missing = (
            f"{left} of {questions} {'has' if left == 1 else 'have'} no answer yet." if left else "All are answered."
        )
        return (
            '<div class="fc-end"><h3>That was the last question.</h3>'
            f"<p>{missing} Go back, or hand the paper in: then the marking begins, and no answer can change.</p></div>"
        )

    def _result(self) -> str:
        if not self.attempt.exam.keyed:
            return '<div class="fc-end"><h3>Handed in.</h3><p>The key is not in this copy: whoever has it can mark it.</p></div>'
        total, where = self.attempt.total(), collection.topics()
        share = total.got / total.points if total.points else 0.0
        rows = "".join(
            f"<tr><td>{escape(where.get(topic, topic))}</td><td>{_of(mark)}</td></tr>"
            for topic, mark in self.attempt.topics().items()
        )
        return (
            f'<div class="fc-end"><h3>{_of(total)} ({share:.0%})</h3>'
            f"<table><tr><th>notebook</th><th>points</th></tr>{rows}</table>"
            "<p>Where points are missing, go back to the notebook; its quiz is the last cell. Your answers stay on this "
            "machine until you begin anew.</p></div>"
        )


def _of(mark: Mark) -> str:
    return f"{mark.got} of {counted(mark.points, 'point')}"


def _chosen(options: tuple[Option, ...], picked: int | None) -> str:
    """Options without a verdict, the chosen one marked."""
    items = "".join(
        f'<li class="{"fc-chosen" if i == picked else ""}">'
        f"{'<span class=fc-tag>your choice</span>' if i == picked else ''}{option.html}</li>"
        for i, option in enumerate(options)
    )
    return f'<ol class="fc-choices">{items}</ol>'
