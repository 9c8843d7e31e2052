"""The walkthrough on screen, for a lecture: a deck in its order, with nothing to grade."""

from __future__ import annotations

from typing import Any

from flashcards.study import LectureWalk
from flashcards.widgets.components import Frame, PickRow, button, faces, row, visible


class WalkCard:
    """A deck shown to a room: forwards, back, and nothing is recorded."""

    def __init__(self, title: str, walk: LectureWalk) -> None:
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
