"""The card on screen: ipywidgets for what is seen, one invisible anywidget for keys and focus.

`HTMLMath` typesets with JupyterLab's own MathJax, so it needs no network; the anywidget keeps JupyterLab's command keys
away from the card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from flashcards.deck import Card, Option
from flashcards.fallback import LETTERS, embedded
from flashcards.schedule import Grade, in_words
from flashcards.session import Session, Walk

_STATIC = Path(__file__).parent / "static"
_GRADES = {Grade.AGAIN: "Again", Grade.HARD: "Hard", Grade.GOOD: "Good", Grade.EASY: "Easy"}


class Keys(anywidget.AnyWidget):
    """Keys and focus of the card that holds it; `step` changes with everything that shows."""

    # Text and not paths: with paths anywidget would watch the files when it finds itself in a development install.
    _esm = (_STATIC / "card.js").read_text(encoding="utf-8")
    _css = (_STATIC / "card.css").read_text(encoding="utf-8")
    label = traitlets.Unicode("").tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)


def html(*classes: str) -> Any:
    """A place for HTML with math."""
    widget = ipywidgets.HTMLMath()
    for name in classes:
        widget.add_class(name)
    return widget


def button(text: str, action: Callable[[], None], *classes: str, hint: str = "") -> Any:
    """A button that calls `action`."""
    widget = ipywidgets.Button(description=text, tooltip=hint)
    for name in ("fc-button", *classes):
        widget.add_class(name)
    widget.on_click(lambda _: action())
    return widget


def row(*children: Any, name: str = "fc-row") -> Any:
    """Widgets side by side."""
    box = ipywidgets.HBox(list(children))
    box.add_class(name)
    return box


def visible(widget: Any, show: bool) -> None:
    """Show a widget or take it out of the page."""
    widget.layout.display = None if show else "none"


class Frame:
    """What all cards share: title, position, content, controls, a notice, and the keys."""

    def __init__(self, title: str, *controls: Any) -> None:
        self.title = title
        self.head = ipywidgets.HTML()
        self.front = html("fc-front")
        self.back = html("fc-answer", "fc-live")
        self.controls = ipywidgets.VBox(list(controls))
        self.hint = ipywidgets.HTML()
        self.hint.add_class("fc-hint")
        self.notice = ipywidgets.HTML()
        self.notice.add_class("fc-notice")
        self.notice.add_class("fc-live")
        self.keys = Keys()
        self.foot = row(self.hint, name="fc-foot")
        self.box = ipywidgets.VBox([self.head, self.front, self.back, self.controls, self.foot, self.notice, self.keys])
        self.box.add_class("fc-card")

    def show(
        self,
        front: str,
        back: str = "",
        *,
        position: str = "",
        share: float | None = None,
        hint: str = "",
        notice: str = "",
    ) -> None:
        """Put new content on the card."""
        self.place(position, share)
        self.front.value = front
        self.back.value = back
        visible(self.back, bool(back))
        self.hint.value = hint
        self.notice.value = f"<p>{escape(notice)}</p>" if notice else ""
        visible(self.notice, bool(notice))
        self.keys.label = f"{self.title}. {position}"
        self.keys.step += 1

    def place(self, position: str, share: float | None = None) -> None:
        """Say at the top where the reader is; `share` of the way is a bar."""
        bar = f'<div class="fc-bar"><span style="width:{100 * share:.0f}%"></span></div>' if share is not None else ""
        self.head.value = (
            f'<div class="fc-head"><strong>{escape(self.title)}</strong><span>{escape(position)}</span></div>{bar}'
        )


def choice_list(options: Sequence[Option], revealed: bool, picked: int | None) -> str:
    """Options as a list, with the right one and the chosen one marked once revealed."""
    if not options:
        return ""
    items = []
    for i, option in enumerate(options):
        state = ("fc-right" if option.right else "fc-wrong" if i == picked else "") if revealed else ""
        mine = " · your choice" if i == picked else ""
        tag = f'<span class="fc-tag">{"✓ right" if option.right else "✗"}{mine}</span>' if state else ""
        items.append(f'<li class="{state}">{tag}{option.html}</li>')
    return f'<ol class="fc-choices{" fc-solved" if revealed else ""}">{"".join(items)}</ol>'


def faces(card: Card, revealed: bool, picked: int | None) -> tuple[str, str]:
    """Front and back of a card as they show now."""
    question = card.solved if revealed else card.question
    front = embedded(card, question) + choice_list(card.options, revealed, picked)
    if not revealed:
        return front, ""
    # A cloze or an option is the short answer already; what follows is the explanation.
    note = card.kind != "basic"
    answer = embedded(card, card.answer)
    return front, f'<div class="fc-note">{answer}</div>' if note and answer else answer


class PickRow:
    """The letters of a choice card and the button that reveals."""

    def __init__(self, cards: Sequence[Card], reveal: Callable[[int | None], None]) -> None:
        self.letters = [
            button(letter, lambda i=i: reveal(i), "fc-number", hint=f"Option {letter} (key {i + 1})")  # type: ignore[misc]
            for i, letter in enumerate(LETTERS[: max((len(card.options) for card in cards), default=0)])
        ]
        self.reveal = button("Show answer", lambda: reveal(None), "fc-space", "fc-main", hint="Space")
        self.row = row(*self.letters, self.reveal)

    def show(self, card: Card | None) -> None:
        """Fit the row to a card; None hides it."""
        for i, letter in enumerate(self.letters):
            visible(letter, card is not None and i < len(card.options))
        self.reveal.description = "I don't know" if card is not None and card.options else "Show answer"
        visible(self.row, card is not None)


class QuizCard:
    """A sitting with grades."""

    def __init__(self, title: str, session: Session, empty: str) -> None:
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
            self.frame.show(self._end(), position=done, share=share, notice=session.progress.notice)
            return
        if revealed:
            for grade, interval in session.intervals().items():
                # A missed card returns at the end of this sitting, whatever day FSRS would give it.
                wait = "today" if grade == Grade.AGAIN else in_words(interval)
                self.grades[grade].description = f"{_GRADES[grade]}\n{wait}"
        front, back = faces(card, revealed, session.picked)
        position = f"Card {session.done + 1} of {total}"
        if session.repeats:
            position += f" · {session.repeats} to repeat"
        self.frame.show(
            front, back, position=position, share=share, hint=_hint(card, revealed), notice=session.progress.notice
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
            words = "1 day" if days == 1 else f"{days} days"
            parts.append(f"<p>You have remembered this over {words}:</p>{embedded(card, card.solved)}")
        return f'<div class="fc-end">{"".join(parts)}</div>'


def _when(wait: str) -> str:
    return wait if wait == "today" else f"in {wait}"


def _hint(card: Card, revealed: bool) -> str:
    if revealed:
        return "<kbd>1</kbd>–<kbd>4</kbd> grade yourself · <kbd>u</kbd> undo"
    if card.options:
        return f"<kbd>1</kbd>–<kbd>{len(card.options)}</kbd> choose · <kbd>Space</kbd> shows the answer"
    return "Answer in your head first · <kbd>Space</kbd> shows the answer"


class WalkCard:
    """A deck shown to a room: forwards, back, and nothing is recorded."""

    def __init__(self, title: str, walk: Walk) -> None:
        self.walk = walk
        self.pick = PickRow(walk.cards, self._reveal)
        self.next = button("Next", lambda: self._go(1), "fc-space", "fc-main", hint="Space")
        self.next_row = row(self.next)
        self.back = button("Back", lambda: self._go(-1), "fc-small", "fc-back-one", hint="Left arrow")
        self.frame = Frame(title, self.pick.row, self.next_row)
        self.frame.foot.children = [self.frame.hint, self.back]
        self._show()

    @property
    def box(self) -> Any:
        """The widget to display."""
        return self.frame.box

    def _reveal(self, picked: int | None = None) -> None:
        self.walk.reveal(picked)
        self._show()

    def _go(self, by: int) -> None:
        self.walk.go(by)
        self._show()

    def _show(self) -> None:
        walk = self.walk
        card, total = walk.card, len(walk.cards)
        self.pick.show(card if not walk.revealed else None)
        visible(self.next_row, card is not None and walk.revealed)
        visible(self.back, walk.at > 0)
        if card is None:
            self.frame.show(
                '<div class="fc-end"><h3>That was the last card.</h3></div>', position="walkthrough", share=1.0
            )
            return
        front, back = faces(card, walk.revealed, walk.picked)
        self.frame.show(
            front,
            back,
            position=f"Card {walk.at + 1} of {total} · walkthrough, nothing is saved",
            share=walk.at / total,
            hint="<kbd>Space</kbd> goes on · <kbd>←</kbd> goes back",
        )
