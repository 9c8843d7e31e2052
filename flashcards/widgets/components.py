"""What the cards on screen are made of: ipywidgets for what is seen, one invisible anywidget for keys and focus.

`HTMLMath` typesets with JupyterLab's own MathJax, so it needs no network; the anywidget keeps JupyterLab's command keys
away from the card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from flashcards.model import LETTERS, Card, Option
from flashcards.parsing.markdown import as_text
from flashcards.render.html import embedded, section

_STATIC = Path(__file__).parent / "static"


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
        self.front = html("fc-front", "fc-live")
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
        self.notice.value = f"<p>{as_text(notice)}</p>" if notice else ""
        visible(self.notice, bool(notice))
        self.keys.label = f"{self.title}. {position}"
        self.keys.step += 1

    def place(self, position: str, share: float | None = None) -> None:
        """Say at the top where the reader is; `share` of the way is a bar."""
        bar = f'<div class="fc-bar"><span style="width:{100 * share:.0f}%"></span></div>' if share is not None else ""
        self.head.value = (
            f'<div class="fc-head"><strong>{as_text(self.title)}</strong><span>{as_text(position)}</span></div>{bar}'
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
    front = embedded(card, question + choice_list(card.options, revealed, picked))
    if not revealed:
        return front, ""
    # A cloze or an option is the short answer already; what follows is the explanation.
    note = card.kind != "basic"
    answer = embedded(card, card.answer)
    return front, (f'<div class="fc-note">{answer}</div>' if note and answer else answer) + section(card)


class PickRow:
    """The letters of a choice card and the button that reveals."""

    def __init__(self, cards: Sequence[Card], reveal: Callable[[int | None], None]) -> None:
        self.letters = [
            button(letter, lambda i=i: reveal(i), "fc-number", "fc-option", hint=f"Option {letter} (key {i + 1})")  # type: ignore[misc]
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
