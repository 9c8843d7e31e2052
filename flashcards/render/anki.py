"""The decks as an Anki package.

Ids never change, so importing a newer export updates the notes and keeps the schedule: model and decks have fixed
numbers, and a note is known by the project and the id of its card.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flashcards.model import LETTERS, Card, Deck
from flashcards.render.html import with_images

PROJECT = "interpreting-vision-models"
COURSE = "Interpreting Vision Models"
MODEL_ID = 1_702_358_411
_STYLE = """
.card { font: 19px/1.45 system-ui, sans-serif; max-width: 42em; margin: 0 auto; padding: 12px; }
.fc-question { font-weight: 600; }
.fc-gap { color: #1976d2; border-bottom: 2px solid; padding: 0 .3em; }
mark { background: #ffc40055; color: inherit; }
img { max-width: 100%; background: #fff; }
ol { padding-left: 1.6em; } li { margin: .3em 0; }
.right { font-weight: 600; }
"""


def export(decks: Sequence[Deck], path: Path, timestamp: float | None = None) -> int:
    """Write an Anki package and give the number of its notes.

    `timestamp` (seconds; now unless given) must rise from one export to the next: Anki takes an edited note with the
    old time for a duplicate and leaves it as it was.
    """
    import genanki

    model = genanki.Model(
        MODEL_ID,
        COURSE,
        fields=[{"name": "Question"}, {"name": "Answer"}, {"name": "Id"}],
        templates=[{"name": "Card", "qfmt": "{{Question}}", "afmt": "{{Answer}}"}],
        css=_STYLE,
    )
    package = genanki.Package([_deck(genanki, model, deck) for deck in decks])
    cards = [card for deck in decks for card in deck.cards]
    package.media_files = sorted({str(card.folder / image) for card in cards for image in card.images})
    package.write_to_file(str(path), timestamp=time.time() if timestamp is None else timestamp)
    return len(cards)


def deck_id(name: str) -> int:
    """The number of a deck in Anki, made from its name: the same for ever."""
    return (1 << 30) + (zlib.crc32(f"{PROJECT}/{name}".encode()) & 0x3FFFFFFF)


def _deck(genanki: Any, model: Any, deck: Deck) -> Any:
    result = genanki.Deck(deck_id(deck.name), f"{COURSE}::{deck.name[:2]} {deck.title}")
    for card in deck.cards:
        result.add_note(
            genanki.Note(
                model=model,
                fields=[_flat(card, _front(card)), _flat(card, _back(card)), card.id],
                guid=genanki.guid_for(PROJECT, card.id),
                tags=[PROJECT, *deck.tags],
            )
        )
    return result


def _front(card: Card) -> str:
    return card.question + _options(card, solved=False)


def _back(card: Card) -> str:
    return f'{card.solved}{_options(card, solved=True)}<hr id="answer">{card.answer}'


def _options(card: Card, solved: bool) -> str:
    if not card.options:
        return ""
    items = [
        f'<li class="right">✓ {option.html}</li>' if solved and option.right else f"<li>{option.html}</li>"
        for option in card.options
    ]
    return f'<ol type="{LETTERS[0]}">{"".join(items)}</ol>'


def _flat(card: Card, html: str) -> str:
    """Anki keeps all pictures in one folder: address them by name alone."""
    return with_images(html, lambda relative: Path(relative).name)
