"""Cards on a page without a kernel: HTML that opens and closes by itself, with no script at all.

The same for every reader on every day: no progress, no dates, and options in an order that does not change. It is what a
notebook holds when it is read on a web page, and what strict comparisons of outputs see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from flashcards.model import LETTERS, Card, Deck, Exam, ExamQuestion, Option, counted
from flashcards.parsing.markdown import as_text
from flashcards.parsing.pictures import data_address, with_pictures
from flashcards.prediction_prompt import PredictionPrompt
from flashcards.render.text import length

#: The last line of every mark scheme.
OR_ANOTHER = "or another valid reason: it earns the points of the one in whose place it stands"


def quiz(deck: Deck) -> str:
    """A deck as a list of cards that open on a click."""
    cards = "\n".join(_card(number, card.shuffled()) for number, card in enumerate(deck.cards, 1))
    return _page(f"Quiz: {deck.title}", f"{counted(len(deck.cards), 'card')}. Answer first, then open the card.", cards)


def review(limit: int) -> str:
    """What a review will show: which cards are due is not known without a kernel."""
    return _page("Review", f"Up to {counted(limit, 'card')} whose day has come.")


def prediction(prompt: PredictionPrompt) -> str:
    """A question inside the text, with its answer folded."""
    solution = f"{_right(prompt.options)}\n{prompt.explanation}"
    content = f"{prompt.question}\n{_lettered(prompt.options)}\n{_details('Answer', solution)}"
    return _page("Predict", "Commit to an answer before you open it.", content)


def exam(paper: Exam) -> str:
    """An exam to be answered on paper, with its marks folded if they are there."""
    content = "\n".join(_question(number, question, paper.keyed) for number, question in enumerate(paper.questions, 1))
    then = "Answer on paper, then open the mark schemes." if paper.keyed else "Answer on paper."
    return _page(f"Exam: {paper.title}", f"{length(paper)}. {then}", content)


def marks(question: ExamQuestion) -> str:
    """What earns the points of a question."""
    if question.card.options:
        return f"{_right(question.card.options)}\n{question.card.answer}"
    items = "".join(f"<li>{c.html} <em>({counted(c.points, 'point')})</em></li>" for c in question.scheme)
    return f"<ul>{items}<li><em>{OR_ANOTHER}</em></li></ul>"


def embedded(card: Card, html: str) -> str:
    """A piece of a card's HTML with its pictures inside, so that it needs no file beside it."""
    return with_pictures(html, lambda name: data_address(card.folder / name))


def section(card: Card) -> str:
    """A line that leads to the section of the notebook that a card comes from; nothing for a card without one."""
    if not card.section:
        return ""
    link = f'<a href="{escape(card.address)}" target="_blank" rel="noopener">{as_text(card.section)}</a>'
    return f'<p class="fc-section"><small>Notebook {as_text(card.notebook[:2])}: {link}</small></p>'


def _page(title: str, hint: str, content: str = "") -> str:
    return (
        '<section class="flashcards" style="max-width: 46rem">\n'
        f"<p><strong>{as_text(title)}</strong><br><em>{as_text(hint)} Run this cell to start the live version.</em></p>\n"
        f"{content}\n</section>"
    )


def _details(summary: str, content: str) -> str:
    return (
        f'<details style="margin: 0.4rem 0; padding: 0.3rem 0.8rem; border-left: 3px solid #8aa">\n'
        f"<summary>{summary}</summary>\n{content}\n</details>"
    )


def _lettered(options: Sequence[Option]) -> str:
    """Options with letters of their own: a page that is not trusted turns lettered lists into numbered ones."""
    lines = "<br>\n".join(f"{letter}) {option.html}" for letter, option in zip(LETTERS, options, strict=False))
    return f"<p>{lines}</p>" if options else ""


def _right(options: Sequence[Option]) -> str:
    letter, option = next(pair for pair in zip(LETTERS, options, strict=False) if pair[1].right)
    return f"<p><strong>{letter}: {option.html}</strong></p>"


def _card(number: int, card: Card) -> str:
    short = ""  # the answer to a cloze or a choice, before its explanation
    if card.kind == "choice":
        short = _right(card.options) + "\n"
    elif card.kind == "cloze":
        short = card.solved + "\n"
    back = "\n".join(filter(None, [card.answer, section(card)]))
    # The question stands outside of the fold where it needs room for a picture or for options.
    if card.options or "<img" in card.question:
        return embedded(
            card, f"{_numbered(number, card)}\n{_lettered(card.options)}\n{_details('Answer', short + back)}"
        )
    heading = re.compile("<p([^>]*)>(.*?)</p>", re.DOTALL)
    inline = heading.sub(lambda p: f"<span{p[1]}>{p[2]}</span>" if p[1] else p[2], _numbered(number, card), count=1)
    return embedded(card, _details(inline, short + back))


def _numbered(number: int, card: Card) -> str:
    """The question of a card with its number, which goes with the direction of the text."""
    return re.sub(r'<p class="fc-question"([^>]*)>', rf"<p\1>{number}. ", card.question, count=1)


def _question(number: int, question: ExamQuestion, keyed: bool) -> str:
    card = question.card
    asked = _numbered(number, card)
    asked = asked.replace("</p>", f" <em>({counted(question.points, 'point')})</em></p>", 1)
    folded = _details("Marks", marks(question)) if keyed else ""
    return embedded(card, f"{asked}\n{_lettered(card.options)}\n{folded}")
