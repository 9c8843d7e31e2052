"""All decks and exams of the course: find them, load one by its name, and look for mistakes in all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from flashcards.course import sections_of
from flashcards.model import Deck, DeckError, Exam, Problem, Report
from flashcards.parsing.cards import read_deck
from flashcards.parsing.exams import read_exam
from flashcards.parsing.quality import check_deck, check_exam

DECKS = Path(__file__).parent / "decks"
EXAMS = Path(__file__).parent / "exams"
RETIRED = Path(__file__).parent / "retired.txt"


def find() -> list[Path]:
    """The files of the decks, in the order of the course."""
    return sorted(path for path in DECKS.glob("*.md") if path.name != "README.md")


def find_exams() -> list[Path]:
    """The files of the exams."""
    return sorted(EXAMS.glob("*.md"))


def load(deck: str | Path) -> Deck:
    """A deck by name ("04_occlusion") or by path; `ValueError` for an unknown name, `DeckError` for a faulty deck."""
    path = _path(deck, "deck", DECKS, find)
    return _deck(path, path.stat().st_mtime_ns)


def load_all() -> list[Deck]:
    """All decks of the course."""
    return [load(path) for path in find()]


def exam_file(exam: str | Path) -> Path:
    """The file of an exam by name or by path; `ValueError` for an unknown name."""
    return _path(exam, "exam", EXAMS, find_exams)


def load_exam(exam: str | Path) -> Exam:
    """An exam by name or by path; `ValueError` for an unknown name, `DeckError` for mistakes."""
    found, problems = read_exam(exam_file(exam))
    if problems:
        raise DeckError(problems)
    return found


def topics() -> dict[str, str]:
    """Topic -> the notebook whose cards have it in their ids."""
    found: dict[str, str] = {}
    for deck in load_all():
        for card in deck.cards:
            found.setdefault(card.topic, deck.notebook)
    return found


def lint(paths: Iterable[Path] | None = None, retired: Path = RETIRED) -> list[Problem]:
    """Every mistake of all decks: those of each file, and ids or notebooks that are used twice or were retired."""
    gone = set(retired.read_text(encoding="utf-8-sig").split()) if retired.exists() else set()
    problems: list[Problem] = []
    ids: dict[str, str] = {}
    notebooks: dict[str, str] = {}
    for path in find() if paths is None else paths:
        deck, found = read_deck(path)
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


def lint_exams(paths: Iterable[Path] | None = None) -> list[Problem]:
    """Every mistake of all exams: those of each file, and ids that a card or another exam has."""
    taken = {card.id: path.name for path in find() for card in read_deck(path)[0].cards}
    problems: list[Problem] = []
    for path in find_exams() if paths is None else paths:
        exam, found = read_exam(path)
        problems += found
        for question in exam.questions:
            card = question.card
            if taken.get(card.id, path.name) != path.name:
                problems.append(
                    Problem(path.name, card.line, f"the id {card.id!r} is already taken in {taken[card.id]}")
                )
            taken.setdefault(card.id, path.name)
    return problems


def giveaways(paths: Iterable[Path] | None = None) -> list[Problem]:
    """Every card of all decks that can be answered from its wording, or that leads to no section of its notebook."""
    problems: list[Problem] = []
    for path in find() if paths is None else paths:
        deck, _ = read_deck(path)
        check_deck(deck.cards, sections_of(deck.notebook), _teller(path, problems))
    return sorted(problems)


def exam_giveaways(paths: Iterable[Path] | None = None) -> list[Problem]:
    """Every question of all exams that can be answered from its wording."""
    problems: list[Problem] = []
    for path in find_exams() if paths is None else paths:
        exam, _ = read_exam(path)
        check_exam([question.card for question in exam.questions], _teller(path, problems))
    return sorted(problems)


def _teller(path: Path, problems: list[Problem]) -> Report:
    return lambda line, message: problems.append(Problem(path.name, line, message))


def _path(given: str | Path, what: str, folder: Path, known: Callable[[], list[Path]]) -> Path:
    path = Path(given) if isinstance(given, Path) or str(given).endswith(".md") else folder / f"{given}.md"
    if not path.is_file():
        names = ", ".join(file.stem for file in known())
        raise ValueError(f"no {what} named {str(given)!r}; expected one of {names}, or the path of a file")
    return path.resolve()


# A file that has changed is read again: `modified` is part of what is remembered.
@lru_cache(maxsize=64)
def _deck(path: Path, modified: int) -> Deck:
    deck, problems = read_deck(path)
    if problems:
        raise DeckError(problems)
    return deck
