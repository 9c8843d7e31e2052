"""The command line: `python -m flashcards check | due | stats | anki | export | forget | paper`."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
import sys
from pathlib import Path

from flashcards import collection, stats
from flashcards.model import DeckError
from flashcards.render.print import paper
from flashcards.review_log.store import DamagedFileError, ForeignFileError, NewerFileError, Store, default_path
from flashcards.scheduler import days_until, in_words, utc_now


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and give its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What goes to a file or to another program is UTF-8, also on Windows; a screen keeps its encoding.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (DeckError, NewerFileError, ForeignFileError, DamagedFileError, OSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flashcards", description="The flashcards of the course.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="list every mistake of the decks and exams as file:line: message")
    check.add_argument("decks", nargs="*", type=Path, help="decks; all decks and exams of the course if none is given")
    check.add_argument("--exam", action="store_true", help="the files are exams")
    check.set_defaults(run=_check)
    commands.add_parser("due", help="list the cards whose day has come").set_defaults(run=_due)
    commands.add_parser("stats", help="show what is learned and what is coming").set_defaults(run=_stats)
    anki = commands.add_parser("anki", help="write all cards as an Anki package")
    anki.add_argument("path", type=Path, help="the file to write, like cards.apkg")
    anki.set_defaults(run=_anki)
    export = commands.add_parser("export", help="write your progress as JSON")
    export.add_argument("path", type=Path, nargs="?", help="the file to write; the screen if none is given")
    export.set_defaults(run=_export)
    forget = commands.add_parser("forget", help="delete your progress for ever")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    forget.set_defaults(run=_forget)
    sheet = commands.add_parser("paper", help="print an exam as Markdown, without its answers")
    sheet.add_argument(
        "exam", nargs="?", default="course", help="the path of an exam; the course's own if none is given"
    )
    sheet.add_argument("--key", action="store_true", help="with the right options and the mark schemes")
    sheet.set_defaults(run=_paper)
    return parser


def _store() -> Store | None:
    path = default_path()
    return Store(path) if path else None


def _check(options: argparse.Namespace) -> int:
    missing = [path for path in options.decks if not path.is_file()]
    for path in missing:
        what = "a folder" if path.is_dir() else "no such file"
        print(f"{path}: {what}; expected a Markdown file", file=sys.stderr)
    if missing:
        return 1
    problems = [] if options.exam else collection.lint(options.decks or None)
    if options.exam or not options.decks:
        problems += collection.lint_exams(options.decks or None)
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.exam and not problems:
        exams = [collection.load_exam(path)[1] for path in options.decks or collection.find_exams()]
        print(f"{len(exams)} exams, {sum(map(len, exams))} questions, no mistakes")
    elif not problems:
        decks = [collection.load(path) for path in options.decks or collection.find()]
        print(f"{len(decks)} decks, {sum(len(d.cards) for d in decks)} cards, no mistakes")
    return 1 if problems else 0


def _due(options: argparse.Namespace) -> int:
    store = _store()
    now = utc_now()
    due = stats.due_cards(collection.load_all(), store.reviews() if store else [], now)
    for card, state in due:
        late = in_words(-days_until(state, now))
        print(f"{card.id:32} {'due today' if late == 'today' else f'{late} late':12} {card.solved_text}")
    print(f"{len(due)} {'card is' if len(due) == 1 else 'cards are'} due")
    return 0


def _stats(options: argparse.Namespace) -> int:
    store = _store()
    now = utc_now()
    decks = collection.load_all()
    reviews = store.reviews() if store else []
    print(f"{'deck':28} {'new':>5} {'learning':>9} {'learned':>8} {'due':>4}")
    for state in stats.deck_states(decks, reviews, now):
        print(f"{state.name:28} {state.new:5} {state.learning:9} {state.learned:8} {state.due:4}")
    right, total = stats.retention(reviews)
    print(f"\n{len(reviews)} reviews" + (f"; remembered on a later day: {right} of {total}" if total else ""))
    waits = stats.coming(decks, reviews, now, days=7)
    print(f"due now {waits[0]}; in 1 to 7 days: {' '.join(map(str, waits[1:]))}")
    known = {card.id for d in decks for card in d.cards}
    if gone := {review.card for review in reviews} - known:
        print(f"{len(gone)} reviewed cards are no longer in the decks")
    predictions = store.predictions() if store else []
    if (score := stats.brier(predictions)) is not None:
        count = len(stats.first_predictions(predictions))
        print(f"{count} predictions, Brier score {score:.2f} (lower is better)")
    print(f"kept in {store.path}" if store else "progress is off (VISLIB_PROGRESS=off)")
    return 0


def _anki(options: argparse.Namespace) -> int:
    from flashcards.render.anki import export

    count = export(collection.load_all(), options.path)
    print(f"{count} cards written to {options.path}")
    return 0


def _export(options: argparse.Namespace) -> int:
    store = _store()
    reviews = store.reviews() if store else []
    predictions = store.predictions() if store else []
    content = {
        "reviews": [{"card": r.card, "time": r.time.isoformat(), "grade": r.grade.name.lower()} for r in reviews],
        "predictions": [
            {
                "prediction": p.prediction,
                "time": p.time.isoformat(),
                "choice": p.choice,
                "confidence": p.confidence,
                "correct": p.correct,
            }
            for p in predictions
        ],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    if options.path is None:
        print(text)
    else:
        options.path.write_text(text + "\n", encoding="utf-8")
        print(f"{len(reviews)} reviews and {len(predictions)} predictions written to {options.path}")
    return 0


def _forget(options: argparse.Namespace) -> int:
    store = _store()
    if store is None or not store.path.exists():
        print("there is no progress to forget")
        return 0
    if not options.yes:
        try:
            answer = input(f"Delete all progress in {store.path}? Type yes: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            print("nothing was deleted")
            return 1
    for path in store.forget():
        print(f"deleted {path}")
    return 0


def _paper(options: argparse.Namespace) -> int:
    try:
        title, questions = collection.load_exam(options.exam)
    except ValueError as error:  # an unknown name, or a file with mistakes
        print(error, file=sys.stderr)
        return 1
    print(paper(title, questions, key=options.key), end="")
    return 0
