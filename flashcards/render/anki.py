"""The decks as an Anki package.

Ids never change, so importing a newer export updates the notes and keeps the schedule: model and decks have fixed
numbers, and a note is known by the project and the id of its card.
"""

from __future__ import annotations

import re
import shutil
import time
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flashcards.model import LETTERS, Card, Deck
from flashcards.parsing.markdown import as_text
from flashcards.parsing.pictures import with_pictures

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
.section { font-size: 80%; opacity: .7; }
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
    cards = [card for deck in decks for card in deck.cards]
    media = media_names([card.folder / name for card in cards for name in card.images])
    package = genanki.Package([_deck(genanki, model, deck, media) for deck in decks])
    with TemporaryDirectory() as folder:
        for file, name in media.items():
            shutil.copyfile(file, Path(folder) / name)
        package.media_files = [str(Path(folder) / name) for name in sorted(set(media.values()))]
        package.write_to_file(str(path), timestamp=time.time() if timestamp is None else timestamp)
    return len(cards)


def media_names(files: Sequence[Path]) -> dict[Path, str]:
    """The name in Anki's one folder for each picture: its own, and with a number where others have the same name."""
    contents = {file: file.read_bytes() for file in sorted(set(files))}
    plain = {file: _media_name(file.name) for file in contents}
    same: dict[str, set[bytes]] = {}
    for file, name in plain.items():
        same.setdefault(name.casefold(), set()).add(contents[file])

    def unique(file: Path, name: str) -> str:
        number = f"-{zlib.crc32(contents[file]):08x}" if len(same[name.casefold()]) > 1 else ""
        return f"{Path(name).stem}{number}{Path(name).suffix}"

    return {file: unique(file, name) for file, name in plain.items()}


def _media_name(name: str) -> str:
    """A name as Anki keeps it; "%20" would be a blank."""
    return re.sub(r'[\x00-\x1f:*?"<>|/\\\[\]^#]|%(?=[0-9a-fA-F]{2})', "_", unicodedata.normalize("NFC", name))


def deck_id(name: str) -> int:
    """The number of a deck in Anki, made from its name: the same for ever."""
    return (1 << 30) + (zlib.crc32(f"{PROJECT}/{name}".encode()) & 0x3FFFFFFF)


def _deck(genanki: Any, model: Any, deck: Deck, media: Mapping[Path, str]) -> Any:
    title = re.sub(":{2,}", ":", deck.title)  # two colons would begin a deck within the deck
    result = genanki.Deck(deck_id(deck.name), f"{COURSE}::{deck.name[:2]} {title}")
    for card in (card.shuffled() for card in deck.cards):
        result.add_note(
            genanki.Note(
                model=model,
                fields=[*(_field(card, html, media) for html in (front(card), back(card))), card.id],
                guid=genanki.guid_for(PROJECT, card.id),
                tags=[PROJECT, *deck.tags],
            )
        )
    return result


def front(card: Card) -> str:
    """The question as Anki shows it."""
    return card.question + _options(card, solved=False)


def back(card: Card) -> str:
    """The question with its answer as Anki shows them."""
    section = (
        f'<p class="section">Notebook {as_text(card.notebook)}: {as_text(card.section)}</p>' if card.section else ""
    )
    return f'{card.solved}{_options(card, solved=True)}<hr id="answer">{card.answer}{section}'


def _options(card: Card, solved: bool) -> str:
    if not card.options:
        return ""
    items = [
        f'<li class="right">✓ {option.html}</li>' if solved and option.right else f"<li>{option.html}</li>"
        for option in card.options
    ]
    return f'<ol type="{LETTERS[0]}">{"".join(items)}</ol>'


def _field(card: Card, html: str, media: Mapping[Path, str]) -> str:
    """HTML as Anki takes it: pictures by name alone, and no text that it would take for a sound or for LaTeX."""
    html = re.sub(r"\[(?=sound:|anki:|/?latex\])", "[<wbr>", html)
    return with_pictures(html, lambda name: media[card.folder / name])
