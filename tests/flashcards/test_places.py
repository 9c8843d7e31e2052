"""Every place of a card in every export: the pictures, formulas and code that stand there are shown there, and whole."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashcards.model import Card, Deck, Exam
from flashcards.parsing import markdown, pictures
from flashcards.parsing.cards import read_deck
from flashcards.parsing.exams import read_exam
from flashcards.render import anki, html
from flashcards.render.gift import gift
from flashcards.render.moodle import xml
from flashcards.render.print import paper
from flashcards.render.sheet import sheet
from tests.flashcards.test_exports import parse, questions
from tests.flashcards.test_grammar import FRONT, often

#: What is shown: its kind, and the content of a picture, the LaTeX of a formula or the text of code.
Thing = tuple[str, str]
Things = set[Thing]

# N stands for a number that no other thing has: what an author writes, and what is meant.
PICTURES = [
    ("![a dot](N.png)", "N.png"), ('![a *dot*](<a N.png> "a title")', "a N.png"), ("![a `]` dot](q&N.svg)", "q&N.svg"),
    ("[![a dot](N%25.png)](http://example.org)", "N%.png"), ("**![größe](größe/N.png)**", "größe/N.png"),
]  # fmt: skip
FORMULAS = [("$x_{N}<y$", "x_{N}<y"), ("$$\\frac{N}{2}$$", "\\frac{N}{2}"), ("*$\\alpha_{N}$*", "\\alpha_{N}")]
CODE = [
    ("`N < b`", "N < b"),
    ("`` a`N ``", "a`N"),
    ("`![a dot](N.png)`", "![a dot](N.png)"),
    ("`$N$ {a=b}~#`", "$N$ {a=b}~#"),
]
# As blocks, in which L stands for a line of things.
BLOCKS = [
    ("L", None), ("> L\n>\n> L", None), ("1. L\n2. L", None), ("| L | b |\n|---|---|\n| a \\| | L |", None),
    ("```python\nif N < 2:\n    a = {N: 1}\n\n    b\n```", "if N < 2:\n    a = {N: 1}\n\n    b"), ("    N = a  # b", "N = a  # b"),
    ("> ~~~\n> ![a dot](N.png)\n> ~~~", "![a dot](N.png)"),
]  # fmt: skip


class Author:
    """Writes files of which every place holds a picture, a formula and code, and knows which stand where."""

    def __init__(self, draw: Callable[[Any], Any], folder: Path) -> None:
        self.draw, self.folder = draw, folder
        self.count = 100
        self.places: dict[tuple[str, ...], Things] = {}

    def one(self, forms: Any) -> tuple[str, str]:
        self.count += 1
        written, meant = self.draw(st.sampled_from(forms))
        return written.replace("N", str(self.count)), meant and meant.replace("N", str(self.count))

    def line(self, *place: str) -> str:
        things = self.places.setdefault(place, set())
        (picture, name), (formula, latex), (code, text) = map(self.one, (PICTURES, FORMULAS, CODE))
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(name.encode())
        things |= {("picture", name), ("formula", latex), ("code", text)}
        return " and ".join(["A", *self.draw(st.permutations([picture, formula, code])), "so on"])

    def blocks(self, *place: str) -> str:
        written = [self.line(*place)]
        for _ in range(self.draw(st.integers(0, 2))):
            block, text = self.one(BLOCKS)
            written += [re.sub("L", lambda _: self.line(*place), block), self.line(*place)]
            self.places[place] |= {("code", text)} if text else set()
        return "\n\n".join(written)

    def choice(self, id: str) -> str:
        options = "\n".join(f"- [{' x'[i == 1]}] {self.line(id, f'option {i}')} {i}" for i in range(3))
        lead = self.blocks(id, "front") if self.draw(st.booleans()) else ""
        return f"\n## What is {self.line(id, 'front')}? {{#{id}}}\n\n{lead}\n\n{options}\n\n{self.blocks(id, 'back')}\n"

    def scheme(self, id: str) -> str:
        criteria = "\n".join(f"- ({i}) {self.line(id, 'back')} {i}" for i in (1, 2))
        return f"\n## Say why {self.line(id, 'front')}. {{#{id}}}\n\n{criteria}\n"

    def cloze(self, id: str) -> str:
        return (
            f"\n## {self.line(id, 'front')} {{{{{self.line(id, 'back')}}}}}. {{#{id}}}\n\n{self.blocks(id, 'back')}\n"
        )

    def basic(self, id: str) -> str:
        return f"\n## What is {self.line(id, 'front')}? {{#{id}}}\n\n{self.blocks(id, 'back')}\n"

    def save(self, *cards: str) -> Path:
        path = self.folder / "drawn.md"
        path.write_text(FRONT + "".join(cards), encoding="utf-8")
        return path

    def at(self, id: str = "", *sides: str) -> Things:
        """What stands in a file, on a card, or on some sides of each or of one."""
        return {
            thing
            for (card, side), things in self.places.items()
            if id in ("", card) and (not sides or side.split()[0] in sides or side in sides)
            for thing in things
        }


class Shown(HTMLParser):
    """The things on a page, which has its pictures inside unless `address` gives what they hold."""

    def __init__(self, page: str, address: Callable[[str], bytes] | None = None) -> None:
        super().__init__()
        self.things: Things = set()
        self.address = address or (lambda source: base64.b64decode(re.sub("^data:image/[a-z+]+;base64,", "", source)))
        self.code: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        math = re.findall(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", self.text, re.DOTALL)
        self.things |= {("formula", inline or displayed) for inline, displayed in math}

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "img" and given.get("class") == "formula":
            self.things.add(("formula", given["alt"]))
        elif tag == "img":
            self.things.add(("picture", self.address(given["src"]).decode()))
        elif tag == "br" and self.code:
            self.code.append("\n")
        elif tag == "code":
            self.code = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self.things.add(("code", "".join(self.code).rstrip("\n")))
            self.code = []

    def handle_data(self, data: str) -> None:
        if self.code:
            self.code.append(data)
        else:
            self.text += data


def shown(page: str, address: Callable[[str], bytes] | None = None) -> Things:
    return Shown(page, address).things


def in_moodle(element: Element | None) -> Things:
    """The things of an element of Moodle XML, with the files that travel in it."""
    assert element is not None
    files = {
        f"@@PLUGINFILE@@/{file.get('name')}": base64.b64decode(file.text or "") for file in element.findall("file")
    }
    return shown(element.findtext("text") or "", files.__getitem__)


def notes(decks: Iterable[Deck], folder: Path) -> list[list[Things]]:
    """The things in each field of each note of an Anki package."""
    anki.export(list(decks), folder / "out.apkg", timestamp=1)
    with zipfile.ZipFile(folder / "out.apkg") as package:
        media = {name: package.read(key) for key, name in json.loads(package.read("media")).items()}
        (folder / "notes").write_bytes(package.read("collection.anki2"))
    with closing(sqlite3.connect(folder / "notes")) as db:
        rows = [row[0].split("\x1f") for row in db.execute("SELECT flds FROM notes ORDER BY id")]
    return [[shown(field, media.__getitem__) for field in row] for row in rows]


def answers(card: Card) -> list[str]:
    """The places of its options, in their order: each ends with its number."""
    return [f"option {option.text[-1]}" for option in card.options]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


def exam_of(author: Author) -> Exam:
    exam, problems = read_exam(author.save(author.choice("t.one"), author.scheme("t.two")))
    assert problems == []
    return exam


@often
@given(st.data())
def test_every_place_of_an_exam_is_whole_in_every_bank_of_questions(folder, data):
    author = Author(data.draw, folder)
    exam = exam_of(author)
    for element, read, question in zip(questions(xml(exam)), parse(gift(exam))[1], exam.questions, strict=True):
        id = question.card.id
        assert in_moodle(element.find("questiontext")) == shown(read.text) == author.at(id, "front")
        for answer, (_, option), place in zip(
            element.findall("answer"), read.options, answers(question.card), strict=True
        ):
            assert in_moodle(answer) == shown(option) == author.at(id, place)
        told = element.find("generalfeedback" if question.card.options else "graderinfo")
        assert in_moodle(told) == shown(read.feedback) == author.at(id, "back")


@often
@given(st.data())
def test_every_place_of_an_exam_is_whole_on_the_page_and_on_paper(folder, data):
    author = Author(data.draw, folder)
    exam = exam_of(author)
    asked = author.at("", "front", "option")
    assert shown(html.exam(exam)) == shown(sheet(exam, key=True)) == author.at()
    assert shown(sheet(exam)) == asked
    for key in (False, True):  # the Markdown leaves the explanation of a choice out
        page = markdown.render(markdown.blocks(paper(exam, key=key)))
        told = author.at("t.two", "back") if key else set()
        assert shown(page, lambda source: Path(pictures.name_of(source)).read_bytes()) == asked | told


@often
@given(st.data())
def test_every_place_of_a_deck_is_whole_on_the_page_and_in_anki(folder, data):
    author = Author(data.draw, folder)
    ids = {"t.basic": author.basic, "t.cloze": author.cloze, "t.choice": author.choice}
    deck, problems = read_deck(author.save(*(write(id) for id, write in ids.items())))
    assert problems == []
    assert shown(html.quiz(deck)) == author.at()
    for id, (front, back, _) in zip(ids, notes([deck], folder), strict=True):
        assert front == author.at(id, "front", "option")
        assert back == author.at(id)
