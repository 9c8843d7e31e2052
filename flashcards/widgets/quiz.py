"""The quiz on screen: answer in your head, look, grade yourself."""

from __future__ import annotations

from html import escape
from typing import Any

from flashcards.model import Card, counted
from flashcards.render.html import embedded
from flashcards.scheduler import Grade, in_words
from flashcards.study import StudySession
from flashcards.widgets.components import Frame, PickRow, button, faces, row, visible

_GRADES = {Grade.AGAIN: "Again", Grade.HARD: "Hard", Grade.GOOD: "Good", Grade.EASY: "Easy"}


class QuizCard:
    """A sitting with grades."""

    def __init__(self, title: str, session: StudySession, empty: str) -> None:
        self.session = session
        self.empty = empty
        self.pick = PickRow(session.cards, self._reveal)
        self.grades = {
            grade: button(name, lambda g=grade: self._grade(g), "fc-number", f"fc-grade-{grade}", hint=f"Key {grade}")  # type: ignore[misc]
            for grade, name in _GRADES.items()
        }
        self.grade_row = row(*self.grades.values())
        self.undo = button("Undo", self._undo, "fc-small", "fc-undo", hint="Key u")
        self.frame = Frame(title, self.pick.row, self.grade_row)
        self.frame.foot.children = [self.frame.hint, self.undo]
        self._show()

    @property
    def box(self) -> Any:
        """The widget to display."""
        return self.frame.box

    def _reveal(self, picked: int | None = None) -> None:
        self.session.reveal(picked)
        self._show()

    def _grade(self, grade: Grade) -> None:
        if self.session.revealed:  # a click that arrives after the card has gone on means nothing
            self.session.grade(grade)
            self._show()

    def _undo(self) -> None:
        self.session.undo()
        self._show()

    def _show(self) -> None:
        session = self.session
        card, revealed = session.card, session.revealed
        self.pick.show(card if not revealed else None)
        visible(self.grade_row, card is not None and revealed)
        visible(self.undo, bool(session.steps))
        total = len(session.cards)
        share = session.done / total if total else None
        if card is None:
            done = f"{session.done} of {total} done" if total else ""
            self.frame.show(self._end(), position=done, share=share, notice=session.log.notice)
            return
        if revealed:
            for grade, days in session.intervals().items():
                self.grades[grade].description = f"{_GRADES[grade]}\n{in_words(days)}"
        front, back = faces(card, revealed, session.picked)
        position = f"Card {session.done + 1} of {total}"
        if session.repeats:
            position += f" · {session.repeats} to repeat"
        self.frame.show(
            front, back, position=position, share=share, hint=_hint(card, revealed), notice=session.log.notice
        )

    def _end(self) -> str:
        summary = self.session.summary()
        if not summary.graded:
            lead = f"<h3>Nothing to do</h3><p>{escape(self.empty)}</p>"
        else:
            lead = f"<h3>Done</h3><p><strong>{summary.right} of {summary.graded}</strong> right at the first try.</p>"
        parts = [lead]
        if summary.missed:
            items = "".join(f"<li>{embedded(card, card.solved)}</li>" for card in summary.missed)
            parts.append(f"<p>Worth a second look:</p><ul>{items}</ul>")
        if summary.coming:
            waits = ", ".join(f"{count} {_when(wait)}" for wait, count in summary.coming)
            parts.append(f"<p>They come back: {escape(waits)}.</p>")
        if summary.longest:
            card, days = summary.longest
            parts.append(f"<p>You have remembered this over {counted(days, 'day')}:</p>{embedded(card, card.solved)}")
        return f'<div class="fc-end">{"".join(parts)}</div>'


def _when(wait: str) -> str:
    return wait if wait == "today" else f"in {wait}"


def _hint(card: Card, revealed: bool) -> str:
    if revealed:
        return "<kbd>1</kbd>–<kbd>4</kbd> grade yourself · <kbd>u</kbd> undo"
    if card.options:
        return f"<kbd>1</kbd>–<kbd>{len(card.options)}</kbd> choose · <kbd>Space</kbd> shows the answer"
    return "Answer in your head first · <kbd>Space</kbd> shows the answer"
