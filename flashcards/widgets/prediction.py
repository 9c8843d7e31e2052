"""The prediction on screen: choose, say how sure you are, and only then see; or count the hands of a room."""

from __future__ import annotations

from functools import partial
from typing import Any

from flashcards.model import LETTERS, counted
from flashcards.parsing.markdown import as_text
from flashcards.prediction_prompt import PredictionPrompt
from flashcards.review_log import buffer
from flashcards.widgets.components import Frame, button, choice_list, row, visible


class PredictionCard:
    """Three views of one question: answering, answered, and the tally of a room."""

    def __init__(self, asked: PredictionPrompt) -> None:
        self.asked = asked
        self.picked: int | None = None
        self.confidence: float | None = None
        self.hands: list[int] | None = None  # one count per option while a room is asked
        self.raised: list[int] = []  # in the order in which they were counted
        self.revealed = False
        self.seen = False  # the answer was shown: what is said after that proves nothing, and is not saved
        self.correct = False
        self.choice = ""  # the one that is saved
        if asked.record and (earlier := asked.earlier()):
            texts = [option.text for option in asked.options]
            self.picked = texts.index(earlier.choice) if earlier.choice in texts else None
            self.choice, self.correct = earlier.choice, earlier.correct
            self.confidence, self.revealed, self.seen = earlier.confidence, True, True
        letters = LETTERS[: len(asked.options)]
        self.letters = row(
            *(button(x, partial(self._pick, i), "fc-number", "fc-option") for i, x in enumerate(letters))
        )
        self.levels = row(
            *(button(f"{level:.0%}\n{name}", partial(self._commit, level), "fc-number") for name, level in asked.levels)
        )
        self.count = row(
            *(button(f"{x}  +1", partial(self._raise, i), "fc-number", "fc-option") for i, x in enumerate(letters)),
            button("Show answer", self._reveal, "fc-space", "fc-main", hint="Space"),
        )
        self.change = button(
            "Change my answer", partial(self._pick, None), "fc-small", "fc-back-one", hint="Left arrow"
        )
        self.undo = button("Undo", self._lower, "fc-small", "fc-undo", hint="Key u")
        self.room = button("Ask the room", self._ask_room, "fc-small")
        self.alone = button("Answer alone", self._answer_alone, "fc-small")
        self.frame = Frame("Predict", self.letters, self.levels, self.count)
        self.frame.foot.children = [self.frame.hint, self.change, self.undo, self.room, self.alone]
        self._show()

    @property
    def box(self) -> Any:
        """The widget to display."""
        return self.frame.box

    def _pick(self, option: int | None) -> None:
        if not self.revealed:
            self.picked = option
        self._show()

    def _commit(self, confidence: float) -> None:
        if self.picked is not None and not self.revealed:
            if not self.seen:
                self.asked.commit(self.picked, confidence)
            self.correct = self.picked == self.asked.right
            self.confidence, self.revealed, self.seen = confidence, True, True
        self._show()

    def _ask_room(self) -> None:
        self.hands, self.raised, self.revealed = [0] * len(self.asked.options), [], False
        self._show()

    def _answer_alone(self) -> None:
        self.hands, self.picked, self.confidence, self.revealed = None, None, None, False
        self._show()

    def _raise(self, option: int) -> None:
        if self.hands is not None:
            self.hands[option] += 1
            self.raised.append(option)
        self._show()

    def _lower(self) -> None:
        if self.hands is not None and self.raised:
            self.hands[self.raised.pop()] -= 1
        self._show()

    def _reveal(self) -> None:
        if self.hands is not None:
            self.revealed = self.seen = True
        self._show()

    def _show(self) -> None:
        room, revealed, picked = self.hands is not None, self.revealed, self.picked
        visible(self.letters, not room and not revealed and picked is None)
        visible(self.levels, not room and not revealed and picked is not None)
        visible(self.count, room and not revealed)
        visible(self.change, not room and not revealed and picked is not None)
        visible(self.undo, room and not revealed and bool(self.raised))
        visible(self.room, (not room and picked is None) or (revealed and not room))
        visible(self.alone, room)
        front = f'<div class="fc-question">{self.asked.question}</div>' + choice_list(
            self.asked.options, revealed, picked
        )
        if self.hands is not None:
            front += _tally(self.hands)
        elif picked is not None and not revealed:
            front += f"<p><strong>{LETTERS[picked]}.</strong> How sure are you?</p>"
        self.frame.show(
            front, self._back(), position=self._position(), hint=self._hint(), notice=buffer.current().notice
        )

    def _back(self) -> str:
        if not self.revealed:
            return ""
        right = self.asked.options[self.asked.right]
        if self.hands is not None:
            total = sum(self.hands)
            lead = f"<p>{LETTERS[self.asked.right]}: {right.html}</p>"
            if total:
                got = self.hands[self.asked.right]
                lead += f"<p>{got} of {counted(total, 'hand')} {'was' if got == 1 else 'were'} right.</p>"
        else:
            verdict = "Right" if self.correct else "Not this time"
            sure = f", and you were {self.confidence:.0%} sure" if self.confidence is not None else ""
            lead = f"<p>{verdict}{sure}.</p>"
            if self.picked is None:
                lead += f"<p>Your answer, “{as_text(self.choice)}”, is no longer among the options.</p>"
        return lead + self.asked.explanation

    def _position(self) -> str:
        if self.hands is not None:
            hands = sum(self.hands)
            return f"{counted(hands, 'hand')} · nothing is saved"
        if self.revealed:
            return ""
        return "the answer was shown · nothing is saved" if self.seen else "commit to an answer, then look"

    def _hint(self) -> str:
        if self.revealed:
            return ""
        if self.hands is not None:
            return f"<kbd>1</kbd>–<kbd>{len(self.hands)}</kbd> count a hand · <kbd>u</kbd> undo"
        count = len(self.asked.options) if self.picked is None else len(self.asked.levels)
        return f"<kbd>1</kbd>–<kbd>{count}</kbd> choose"


def _tally(hands: list[int]) -> str:
    total = max(sum(hands), 1)
    rows = "".join(
        f'<strong>{letter}</strong><span style="--share:{100 * count / total:.0f}%"></span><span>{count}</span>'
        for letter, count in zip(LETTERS, hands, strict=False)
    )
    return f'<div class="fc-tally">{rows}</div>'
