"""What makes a good file a bad test: a card that can be answered from its wording, or that leads to no section.

These are no mistakes of Markdown: a deck with them can be shown. `python -m flashcards check` refuses it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from flashcards.model import Card, Report, counted

_ENDINGS = re.compile(r"(?<=\w{3})(?:ing|ed|es|e|s|ly)+$")
_ABSOLUTE = re.compile(r"\b(?:all|always|any|cannot|must|never|only|whatever)\b", re.IGNORECASE)


def check_deck(cards: Sequence[Card], sections: Sequence[str] | None, problem: Report) -> None:
    """Tell what a deck gives away, and every card without one of `sections`, the headings of its notebook if known."""
    check_exam(cards, problem)
    for card in cards:
        if not card.terms:
            problem(card.line, "an answer without key terms; expected the words that count in bold, '**so**'")
        if not card.section:
            problem(card.line, "the card has no section; expected '# a heading of the notebook' above it")
        elif sections is not None and card.section not in sections:
            problem(card.line, f"the section is {card.section!r}; expected a heading of {card.notebook}")


def check_exam(cards: Sequence[Card], problem: Report) -> None:
    """Tell where a front contains a key term of its answer, and if how options are worded tells the right one too often."""
    for card in cards:
        front = f"{card.question_text} {card.lead_text}"
        for term in dict.fromkeys(card.terms):
            if tells(front, term):
                problem(card.line, f"the front contains {term!r}, a key term of its answer; expected it in the answer")
    asked = [card for card in cards if card.options]
    for option, is_right in (
        ("the longest option", _longest_is_right),
        ("the one option without an absolute word, such as 'only' or 'never',", _mildest_is_right),
        ("the option that shares most words with the question", _echo_is_right),
    ):
        given_away = [card for card in asked if is_right(card)]
        if 2 * len(given_away) > len(asked):
            names = ", ".join(card.id for card in given_away)
            message = f"{option} is right in {len(given_away)} of {counted(len(asked), 'card')} ({names}); expected at most half"
            problem(given_away[0].line, message)


def tells(front: str, term: str) -> bool:
    """Whether a text contains the words of a term one after the other, whatever their endings and hyphens."""
    return any(
        f" {' '.join(wanted)} " in f" {' '.join(words)} "
        for words in _spelled(front)
        for wanted in _spelled(term)
        if wanted
    )


def _spelled(text: str) -> Iterable[list[str]]:
    """The stems of the words, with hyphens taken for blanks and for nothing."""
    for hyphen in (" ", ""):
        yield [_ENDINGS.sub("", word) for word in re.findall(r"\w+", re.sub("[-‐‑]", hyphen, text.lower()))]


def _longest_is_right(card: Card) -> bool:
    right = max((len(option.text) for option in card.options if option.right), default=0)  # none without a key
    return all(option.right or len(option.text) < right for option in card.options)


def _mildest_is_right(card: Card) -> bool:
    mild = [option for option in card.options if not _ABSOLUTE.search(option.text)]
    return len(mild) == 1 < len(card.options) and mild[0].right


def _echo_is_right(card: Card) -> bool:
    asked = _words(f"{card.question_text} {card.lead_text}")
    shared = [(len(asked & _words(option.text)) / max(len(_words(option.text)), 1), option) for option in card.options]
    most = max(share for share, _ in shared)
    return [option.right for share, option in shared if share == most] == [True]


def _words(text: str) -> set[str]:
    """The stems of the words of three letters and more."""
    return {word for word in next(iter(_spelled(text))) if len(word) > 2}
