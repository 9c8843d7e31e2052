"""Cards without a kernel: plain text, and HTML that opens and closes by itself.

The same for every reader on every day: no progress, no dates, no shuffled order. It is what a notebook holds when it is
read on a web page, and what strict comparisons of outputs see.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

from flashcards.deck import Card, Deck, Option
from flashcards.markdown import with_images

LETTERS = "ABCDEFGHI"


def data_address(folder: Path, relative: str) -> str:
    """A picture as a `data:` address, so that a card needs no file beside it."""
    content = base64.b64encode((folder / relative).read_bytes()).decode("ascii")
    return f"data:image/{Path(relative).suffix.lstrip('.').replace('jpg', 'jpeg')};base64,{content}"


def embedded(card: Card, html: str) -> str:
    """A piece of a card's HTML with its pictures inside."""
    return with_images(html, lambda relative: data_address(card.folder, relative))


def quiz_text(deck: Deck) -> str:
    """The questions of a deck, one per line."""
    lines = [f"Quiz: {deck.title} ({len(deck.cards)} cards)"]
    for number, card in enumerate(deck.cards, 1):
        lines += textwrap.wrap(f"{number}. {card.question_text}", 100, subsequent_indent="   ")
        lines += [f"   {letter}) {option.text}" for letter, option in zip(LETTERS, card.options, strict=False)]
    return "\n".join(lines)


def quiz_html(deck: Deck) -> str:
    """A deck as a list of cards that open on a click, with no script at all."""
    cards = "\n".join(_details(number, card) for number, card in enumerate(deck.cards, 1))
    return page(f"Quiz: {deck.title}", f"{len(deck.cards)} cards. Answer first, then open the card.", cards)


def page(title: str, hint: str, content: str = "") -> str:
    """The frame of every fallback."""
    return (
        '<section class="flashcards" style="max-width: 46rem">\n'
        f"<p><strong>{escape(title)}</strong><br><em>{escape(hint)} Run this cell to start the live version.</em></p>\n"
        f"{content}\n</section>"
    )


def details(summary: str, content: str) -> str:
    """One card that opens on a click."""
    return (
        f'<details style="margin: 0.4rem 0; padding: 0.3rem 0.8rem; border-left: 3px solid #8aa">\n'
        f"<summary>{summary}</summary>\n{content}\n</details>"
    )


def lettered(options: Sequence[Option]) -> str:
    """Options with letters of their own: a page that is not trusted turns lettered lists into numbered ones."""
    lines = "<br>\n".join(f"{letter}) {option.html}" for letter, option in zip(LETTERS, options, strict=False))
    return f"<p>{lines}</p>" if options else ""


def _details(number: int, card: Card) -> str:
    listed = lettered(card.options)
    if card.kind == "choice":
        right = next(i for i, option in enumerate(card.options) if option.right)
        solution = f"<p><strong>{LETTERS[right]}: {card.options[right].html}</strong></p>\n"
    else:
        solution = card.solved + "\n" if card.kind == "cloze" else ""
    # The question stands outside of the fold where it needs room for a picture or for options.
    if listed or "<img" in card.question:
        question = card.question.replace('<p class="fc-question">', f"<p>{number}. ", 1)
        return embedded(card, f"{question}\n{listed}\n{details('Answer', solution + card.answer)}")
    question = card.question.removeprefix('<p class="fc-question">').removesuffix("</p>")
    return embedded(card, details(f"{number}. {question}", solution + card.answer))
