"""Decks: Markdown files with a card under every second-level heading.

`parse` reads one file and finds all its mistakes at once; `check` does so for many and also compares them with each
other; `load` gives a deck or refuses it with the whole list. How a deck is written stands in the decks' own README.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from flashcards.course import NOTEBOOKS

DECKS = Path(__file__).parent / "decks"
RETIRED = Path(__file__).parent / "retired.txt"
Kind = Literal["basic", "cloze", "choice"]


@dataclass(frozen=True)
class Option:
    """One answer to choose from."""

    html: str
    text: str
    right: bool


@dataclass(frozen=True)
class Card:
    """One card. HTML has math as `\\(…\\)` and pictures by their path relative to `folder`."""

    id: str
    kind: Kind
    question: str  # HTML, clozes hidden
    solved: str  # HTML, clozes shown; for other kinds the same as the question
    answer: str  # HTML
    options: tuple[Option, ...]
    question_text: str
    solved_text: str
    answer_text: str
    images: tuple[str, ...]
    folder: Path
    line: int


@dataclass(frozen=True)
class Deck:
    """A file of cards, for one notebook."""

    name: str
    title: str
    notebook: str
    tags: tuple[str, ...]
    cards: tuple[Card, ...]
    path: Path


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake in a deck; as text `file:line: message`."""

    file: str
    line: int
    message: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DeckError(ValueError):
    """A deck with mistakes; the message lists them all, one per line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def parse(path: Path) -> tuple[Deck, list[Problem]]:
    """The deck in a file, as far as it can be read, and every mistake found on the way."""
    from flashcards._cards import read_cards

    problems: list[Problem] = []

    def problem(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem(1, f"the file is not UTF-8 text: {error.reason} at byte {error.start}")
        text = ""
    meta, skipped = _front_matter(text, problem) if text or not problems else ({}, 0)
    # Blank lines in place of the front matter keep every line number true.
    body = "\n" * skipped + "\n".join(text.split("\n")[skipped:])
    cards = read_cards(body, path.parent, problem)
    if not cards and not problems:
        problem(1, "the deck has no cards; expected headings '## question {#id}'")
    deck = Deck(
        path.stem, meta.get("title", path.stem), meta.get("notebook", ""), tuple(meta.get("tags", ())), cards, path
    )
    return deck, sorted(problems)


def _front_matter(text: str, problem: Any) -> tuple[dict[str, Any], int]:
    """The TOML between the two `+++` lines, and how many lines it takes."""
    lines = text.split("\n")
    if lines[0].rstrip() != "+++":
        problem(1, "the file begins without front matter; expected '+++', then title, notebook and tags, then '+++'")
        return {}, 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "+++"), None)
    if end is None:
        problem(1, "the front matter opened with '+++' is never closed with '+++'")
        # The cards are read all the same, so that their mistakes are found too.
        return {}, next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    try:
        meta = tomllib.loads("\n".join(lines[1:end]))
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        problem(1 + int(where[1]) if where else end + 1, f"the front matter is not TOML: {error}")
        return {}, end + 1

    def line_of(key: str) -> int:
        return next((i for i, line in enumerate(lines[:end], 1) if line.split("=")[0].strip() == key), 1)

    for key in sorted(meta.keys() - {"title", "notebook", "tags"}):
        problem(line_of(key), f"unknown key {key!r} in the front matter; expected title, notebook and tags")
    for key in ("title", "notebook"):
        if key not in meta:
            problem(1, f"the front matter has no {key}")
        elif not isinstance(meta[key], str) or not meta[key].strip():
            problem(line_of(key), f"the {key} is {meta[key]!r}; expected a text")
            del meta[key]
    tags = meta.get("tags", [])
    if "tags" not in meta:
        problem(1, "the front matter has no tags")
    elif not isinstance(tags, list) or not all(isinstance(tag, str) and re.fullmatch(r"[\w-]+", tag) for tag in tags):
        problem(line_of("tags"), f"the tags are {tags!r}; expected a list of words without blanks")
        del meta["tags"]
    if meta.get("notebook", NOTEBOOKS[0]) not in NOTEBOOKS:
        problem(line_of("notebook"), f"unknown notebook {meta['notebook']!r}; expected one of {', '.join(NOTEBOOKS)}")
    return meta, end + 1


def deck_files(folder: Path = DECKS) -> list[Path]:
    """The decks of a folder in the order of the course."""
    return sorted(path for path in folder.glob("*.md") if path.name != "README.md")


def check(paths: Iterable[Path] | None = None, retired: Path = RETIRED) -> list[Problem]:
    """Every mistake of all decks: those of each file, and ids or notebooks that are used twice or were retired."""
    gone = set(retired.read_text(encoding="utf-8").split()) if retired.exists() else set()
    problems: list[Problem] = []
    ids: dict[str, str] = {}
    notebooks: dict[str, str] = {}
    for path in deck_files() if paths is None else paths:
        deck, found = parse(path)
        problems += found
        if deck.notebook in notebooks:
            problems.append(
                Problem(path.name, 1, f"notebook {deck.notebook!r} already has the deck {notebooks[deck.notebook]}")
            )
        elif deck.notebook:
            notebooks[deck.notebook] = path.name
        for card in deck.cards:
            here = f"{path.name}:{card.line}"
            if card.id in gone:
                problems.append(Problem(path.name, card.line, f"the id {card.id!r} is retired; expected a new one"))
            if card.id in ids and not ids[card.id].startswith(f"{path.name}:"):
                problems.append(Problem(path.name, card.line, f"the id {card.id!r} is already taken at {ids[card.id]}"))
            ids.setdefault(card.id, here)
    return problems


def load(deck: str | Path) -> Deck:
    """A deck by name ("04_occlusion") or by path; `ValueError` for an unknown name, `DeckError` for a faulty deck."""
    path = Path(deck) if isinstance(deck, Path) or str(deck).endswith(".md") else DECKS / f"{deck}.md"
    if not path.is_file():
        names = ", ".join(file.stem for file in deck_files())
        raise ValueError(f"no deck named {str(deck)!r}; expected one of {names}, or the path of a file")
    return _load(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _load(path: Path, modified: int) -> Deck:
    deck, problems = parse(path)
    if problems:
        raise DeckError(problems)
    return deck


def load_all() -> list[Deck]:
    """All decks of the course."""
    return [load(path) for path in deck_files()]
