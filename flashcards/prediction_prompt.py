"""Predict, then look: a question inside the text that asks for an answer and for how sure the reader is."""

from __future__ import annotations

from collections.abc import Sequence

from flashcards.model import LETTERS, Option, wrong_id
from flashcards.parsing import markdown
from flashcards.review_log import buffer
from flashcards.review_log.store import Prediction
from flashcards.scheduler import utc_now

_LEVELS = (("leaning", 0.6), ("fairly sure", 0.75), ("sure", 0.9), ("certain", 0.99))


class PredictionPrompt:
    """A prediction asked of the reader; the first answer is the one that counts."""

    def __init__(
        self, id: str, question: str, options: Sequence[str], answer: str | int, explanation: str, record: bool
    ) -> None:
        if wrong := wrong_id(id):
            raise ValueError(wrong)
        most = len(LETTERS)
        if not 2 <= len(options) <= most or len(set(options)) < len(options):
            raise ValueError(f"the options are {list(options)!r}; expected 2 to {most} different texts")
        right = answer if isinstance(answer, int) else options.index(answer) if answer in options else -1
        if not 0 <= right < len(options):
            raise ValueError(f"the answer is {answer!r}; expected one of {list(options)!r} or its index")
        self.id = id
        self.record = record
        self.question = markdown.render(markdown.blocks(question))
        self.question_text = markdown.plain_blocks(markdown.blocks(question))
        self.explanation = markdown.render(markdown.blocks(explanation))
        inline = enumerate(map(markdown.inline, options))
        self.options = tuple(
            Option(markdown.render_inline(tokens), markdown.plain(tokens), i == right) for i, tokens in inline
        )
        self.right = right

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
