"""Predict, then look: a question inside the text that asks for an answer and for how sure the reader is."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from flashcards.model import LETTERS, Option, wrong_id
from flashcards.parsing import markdown
from flashcards.review_log import buffer
from flashcards.review_log.store import Prediction
from flashcards.scheduler import utc_now

_LEVELS = (("leaning", 0.6), ("fairly sure", 0.75), ("sure", 0.9), ("certain", 0.99))


class PredictionPrompt:
    """A prediction asked of the reader; the first answer is the one that counts."""

    def __init__(
        self,
        id: str,
        question: str,
        options: Sequence[str | float],
        answer: str | float,
        explanation: str,
        record: bool,
    ) -> None:
        if wrong := wrong_id(id):
            raise ValueError(wrong)
        given = [options] if isinstance(options, str) else list(options)
        inline = [markdown.inline(str(option)) for option in given if _is_option(option)]
        texts = {markdown.plain(tokens) for tokens in inline}
        most = len(LETTERS)
        if not 2 <= len(given) <= most or len(texts - {""}) < len(given):
            raise ValueError(f"the options are {given!r}; expected 2 to {most} different texts or numbers")
        asked, told = markdown.blocks(question), markdown.blocks(explanation)
        for block in (*asked, *told, *(token for tokens in inline for token in tokens)):
            for token in (block, *(block.children or [])):
                if token.type == "image":
                    address = token.attrGet("src")
                    raise ValueError(
                        f"a prediction with the picture {address!r}; expected text, and pictures beside it"
                    )
        self.id = id
        self.record = record
        self.question = markdown.render(asked)
        self.question_text = markdown.plain_blocks(asked)
        self.explanation = markdown.render(told)
        self.right = _right(given, answer)
        self.options = tuple(
            Option(markdown.render_item(tokens), markdown.plain(tokens), i == self.right)
            for i, tokens in enumerate(inline)
        )

    @property
    def levels(self) -> tuple[tuple[str, float], ...]:
        """The confidences to choose from; the lowest is that of a guess."""
        return (("guessing", 1 / len(self.options)), *_LEVELS)

    def earlier(self) -> Prediction | None:
        """The first answer that was given, in this or an earlier run."""
        return next((p for p in buffer.current().predictions() if p.prediction == self.id), None)

    def commit(self, picked: int, confidence: float) -> None:
        """Keep an answer, unless there is one already: after the answer was seen, another would prove nothing."""
        if self.record and self.earlier() is None:
            option = self.options[picked]
            buffer.current().record(Prediction(self.id, utc_now(), option.text, confidence, option.right))


def _is_option(option: object) -> bool:
    return isinstance(option, str | Real) and not isinstance(option, bool)


def _right(options: Sequence[Any], answer: Any) -> int:
    """The number of the right option: the one that is the answer, or among texts the one with this index."""
    texts = all(isinstance(option, str) for option in options)
    if _is_option(answer):
        if answer in options:
            return options.index(answer)
        if texts and isinstance(answer, Integral) and 0 <= int(answer) < len(options):
            if str(answer) in options and options[int(answer)] != str(answer):
                raise ValueError(
                    f"the answer is {answer!r}, the index of one option and the text of another; expected a text"
                )
            return int(answer)
    raise ValueError(f"the answer is {answer!r}; expected one of {list(options)!r}{' or its index' if texts else ''}")
