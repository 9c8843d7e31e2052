"""No sentence without its cause: every message of the package is expected by a test that brings it about.

And none with a number that does not fit its noun.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

import flashcards
from flashcards import charts, collection
from flashcards.cli import main
from flashcards.model import counted
from flashcards.render import html, text
from flashcards.render.gift import gift
from flashcards.render.print import paper
from flashcards.render.sheet import sheet
from flashcards.review_log.store import Prediction
from flashcards.scheduler import in_words

TELLERS = {"problem", "Problem", "ValueError", "RuntimeError", "NewerFileError", "ForeignFileError", "DamagedFileError",
           "ClozeError", "_damaged", "NotADirectoryError"}  # fmt: skip


def _texts(node: ast.AST) -> Iterator[str]:
    """The pieces of a text that do not depend on what came."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _messages() -> dict[str, str]:
    """The longest piece of every message, and where it is said."""
    found = {}
    for path in sorted(Path(flashcards.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                pieces = [text for argument in node.args for text in _texts(argument)] if name in TELLERS else []
                if pieces and len(longest := max(pieces, key=len)) >= 8:
                    found[longest] = f"{path.name}:{node.lineno}"
    return found


def test_every_message_is_expected_somewhere():
    here = Path(__file__).parent
    expected = [
        text
        for path in here.glob("test_*.py")
        if path != Path(__file__)
        for text in _texts(ast.parse(path.read_text()))
    ]
    expected = [text.replace("\\", "") for text in expected if len(text) >= 10]
    said = _messages()
    assert len(said) > 50
    missing = {
        place: message
        for message, place in said.items()
        if not any(message.replace("\\", "") in text or text in message.replace("\\", "") for text in expected)
    }
    assert missing == {}


NOUNS = (
    "answer", "brace", "card", "cell", "criterion", "day", "deck", "exam", "hand", "mistake", "note", "option", "point",
    "prediction", "question", "review", "row",
)  # fmt: skip
PLURALS = "|".join("criteria" if noun == "criterion" else f"{noun}s" for noun in NOUNS)


def test_no_noun_stands_behind_a_number_but_by_the_one_function():
    """A value in a text with a plural right behind it would say "1 cards"."""
    found = []
    for path in sorted(Path(flashcards.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for value, after in pairwise(node.values if isinstance(node, ast.JoinedStr) else []):
                said = (
                    str(after.value)
                    if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)
                    else ""
                )
                if re.match(rf" (?:\w+ )?(?:{PLURALS})\b", said):
                    found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


@pytest.mark.parametrize("count", [1, 2])
def test_a_number_fits_its_noun_in_all_that_is_said(count, write_deck, tmp_path, capsys):
    cards = "".join(f"\n## What? {{#t.c{i}}}\n\nThis.\n" for i in range(count))
    questions = "".join(f"\n## Why? {{#t.q{i}}}\n\n- (1) says *so*\n" for i in range(count))
    deck, file = collection.load(write_deck(cards)), write_deck(questions, name="exam.md")
    exam = collection.load_exam(file)
    predictions = [Prediction(f"t.p{i}", datetime(2026, 3, 1, tzinfo=UTC), "x", 0.9, True) for i in range(count)]
    chart = charts.calibration(predictions)
    for name in ("paper.md", "paper.html"):
        assert main(["paper", str(file), "--to", str(tmp_path / name)]) == 0
    assert main(["bank", str(file), "--to", str(tmp_path / "bank.gift")]) == 0
    assert main(["check", "--exam", str(file)]) == 0
    said = [
        text.quiz(deck), text.review(count), text.exam(exam), html.quiz(deck), html.review(count), html.exam(exam),
        gift(exam), paper(exam, key=True), sheet(exam, key=True), chart.alt, chart.figure.axes[0].get_title(),
        capsys.readouterr().out, in_words(count),
    ]  # fmt: skip
    for one in said:
        assert not re.search(rf"\b1 (?:\w+ )?(?:{PLURALS}|are|have|were)\b", one), one
        assert not re.search(rf"\b[02-9] (?:{'|'.join(NOUNS)}|is|has|was)\b", one), one
    assert [counted(number, "day") for number in range(3)] == ["0 days", "1 day", "2 days"]
    assert [counted(number, "card is", "cards are") for number in (1, 2)] == ["1 card is", "2 cards are"]
