"""The command line: `python -m flashcards check | due | stats | anki | export | forget | paper | bank`."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
import sys
from pathlib import Path

from flashcards import collection, stats
from flashcards.exam_paper import draw
from flashcards.model import DeckError, Exam, counted
from flashcards.render.gift import gift
from flashcards.render.moodle import xml
from flashcards.render.print import paper
from flashcards.render.sheet import sheet, write_pdf
from flashcards.render.text import length
from flashcards.review_log.drafts import drafts
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
    except (
        DeckError, _RefusedError, NewerFileError, ForeignFileError, DamagedFileError, OSError, sqlite3.Error
    ) as error:  # fmt: skip
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
    sheet = commands.add_parser("paper", help="draw a paper from an exam and write it, without its answers")
    sheet.add_argument("--seed", type=int, default=0, help="which paper is drawn")
    sheet.add_argument("--key", action="store_true", help="with the right options and the mark schemes")
    sheet.add_argument("--to", type=Path, metavar="FILE", help="FILE.md, .html or .pdf; Markdown on the screen if none")
    sheet.set_defaults(run=_paper)
    bank = commands.add_parser("bank", help="write all questions of an exam with their answers for a learning platform")
    bank.add_argument("--to", type=Path, metavar="FILE", required=True, help="FILE.xml for Moodle, FILE.gift for GIFT")
    bank.set_defaults(run=_bank)
    for command in (sheet, bank):
        command.add_argument("exam", nargs="?", default="course", help="the path of an exam; the course's own if none")
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
    paths = options.decks or None
    problems = [] if options.exam else collection.lint(paths) + collection.giveaways(paths)
    if options.exam or not options.decks:
        problems += collection.lint_exams(paths) + collection.exam_giveaways(paths)
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.exam and not problems:
        exams = [collection.load_exam(path) for path in options.decks or collection.find_exams()]
        keyless = "".join(f"; {exam.name} without its key, which is not here" for exam in exams if not exam.keyed)
        questions = sum(len(exam.questions) for exam in exams)
        print(f"{counted(len(exams), 'exam')}, {counted(questions, 'question')}, no mistakes{keyless}")
    elif not problems:
        decks = [collection.load(path) for path in options.decks or collection.find()]
        print(f"{counted(len(decks), 'deck')}, {counted(sum(len(d.cards) for d in decks), 'card')}, no mistakes")
    return 1 if problems else 0


def _due(options: argparse.Namespace) -> int:
    store = _store()
    now = utc_now()
    due = stats.due_cards(collection.load_all(), store.reviews() if store else [], now)
    for card, state in due:
        late = in_words(-days_until(state, now))
        print(f"{card.id:32} {'due today' if late == 'today' else f'{late} late':12} {card.solved_text}")
    print(f"{counted(len(due), 'card is', 'cards are')} due")
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
    print(
        f"\n{counted(len(reviews), 'review')}" + (f"; remembered on a later day: {right} of {total}" if total else "")
    )
    waits = stats.coming(decks, reviews, now, days=7)
    print(f"due now {waits[0]}; in 1 to 7 days: {' '.join(map(str, waits[1:]))}")
    known = {card.id for d in decks for card in d.cards}
    if gone := {review.card for review in reviews} - known:
        cards = counted(len(gone), "reviewed card is", "reviewed cards are")
        print(f"{cards} in no deck of the course: of your own decks, or removed since")
    predictions = store.predictions() if store else []
    if (score := stats.brier(predictions)) is not None:
        count = counted(len(stats.first_predictions(predictions)), "prediction")
        print(f"{count}, Brier score {score:.2f} (lower is better)")
    print(f"kept in {store.path}" if store else "progress is off (VISLIB_PROGRESS=off)")
    return 0


def _anki(options: argparse.Namespace) -> int:
    from flashcards.render.anki import export

    count = export(collection.load_all(), options.path)
    print(f"{counted(count, 'card')} written to {options.path}")
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
        written = f"{counted(len(reviews), 'review')} and {counted(len(predictions), 'prediction')}"
        print(f"{written} written to {options.path}")
    return 0


def _forget(options: argparse.Namespace) -> int:
    store = _store()
    if store is None or not (store.path.exists() or drafts()):
        print("there is no progress to forget")
        return 0
    if not options.yes:
        try:
            answer = input(f"Delete all progress in {store.path}, and the answers to exams beside it? Type yes: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            print("nothing was deleted")
            return 1
    for path in [*store.forget(), *drafts()]:
        path.unlink(missing_ok=True)
        print(f"deleted {path}")
    return 0


def _paper(options: argparse.Namespace) -> int:
    exam = draw(_exam(options.exam, keyed=options.key), options.seed)
    kind = options.to.suffix.lower() if options.to else ".md"
    if kind == ".md":
        text = paper(exam, key=options.key)
    elif kind in (".html", ".pdf"):
        text = sheet(exam, key=options.key)
    else:
        raise _RefusedError(f"the file is {options.to}; expected one that ends with .md, .html or .pdf")
    if options.to is None:
        print(text, end="")
        return 0
    if kind == ".pdf":
        write_pdf(text, options.to)
    else:
        options.to.write_text(text, encoding="utf-8")
    print(f"{length(exam)}, written to {options.to}")
    return 0


def _bank(options: argparse.Namespace) -> int:
    formats = {".xml": xml, ".gift": gift}
    if options.to.suffix.lower() not in formats:
        raise _RefusedError(f"the file is {options.to}; expected one that ends with .xml or .gift")
    exam = _exam(options.exam, keyed=True)
    options.to.write_text(formats[options.to.suffix.lower()](exam), encoding="utf-8")
    print(f"{length(exam)}, written to {options.to}")
    return 0


class _RefusedError(ValueError):
    """What cannot be carried out, in one sentence."""


def _exam(name: str, *, keyed: bool) -> Exam:
    try:
        exam = collection.load_exam(name)
    except DeckError:
        raise
    except ValueError as error:  # an unknown name
        raise _RefusedError(str(error)) from None
    if keyed and not exam.keyed:
        raise _RefusedError(f"the key of {exam.name} is not in this copy; expected the file that its 'key' names")
    return exam
