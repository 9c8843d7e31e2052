"""Decks drawn from a grammar of Markdown: whatever stands in one is shown where it belongs, or told at its line.

Every construct holds a word of its own, so that it can be found again on the page, on the live card, in Anki and on
paper. What is drawn from the good constructs must come without a mistake; a single construct of the others must be told
at a line of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from flashcards import collection
from flashcards.model import Card
from flashcards.parsing import markdown, pictures
from flashcards.parsing.cards import read_deck
from flashcards.parsing.exams import read_exam
from flashcards.render import anki, html, text
from flashcards.render.print import paper
from flashcards.widgets.components import faces
from tests.conftest import THOROUGH
from tests.drawn import day

FRONT = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
HERE = "\x01"  # begins a line at which a mistake must be told
# W stands for a word that is found nowhere else.
INLINE = [
    "W", "W", "W, and so on", "*W*", "**W**", "~~W~~", "***W***", "`W`", "`` `W` ``", "`$W and $W`", "`[x] {{W}}`", "$W_{1}$",
    "$a<W$", "$$W^2$$", "$\\text{a {W}}$", "[W](http://example.org)", '[*W*](<http://example.org/a b> "W")',
    "![W](dot.png)", "![W $x$ `W` \\& W](my%20dot.png)", '![W](<my dot.png> "W")', "![W](r&d.png)", "![W](dot%25.svg)",
    "[![W](dot.png)](http://example.org)", "\\$W and \\$W", "\\*W\\*", "\\[x\\] W", "\\{\\{W\\}\\}", "\\\\(W\\\\)",
    "&#36;W&#36;", "\\\\begin{W}", "<b>W</b>", "<!-- W -->", "&amp;W", "&lt;W&gt;", "<http://example.org/W>", "W_W_W", "5 < 6 W",
    "W's \"W\"", "a[W] = b", "שלום W", "W עולם", "W: W; W", "\\#\\# W", "W {W} W", "@W", "W\\W", "*W `W` $W$*", "\\[^W]", "W^W",
    "W|W", "W [^a-W] W",
]  # fmt: skip
GOOD_BLOCKS: list[list[str]] = [
    ["```", "[x] {{W}} $W and $W", "", "## W", "```"], ["~~~ python", "W = 1  # W", "~~~"], ["    W = $1 + $2"],
    ["```", "W\u2028W\u2029W", "```"],
    ["````", "```", "W", "````"], ["$$", "W^2", "$$"], ["$$W$$"], ["***"], ["<div>", "W", "</div>"],
    ["| W | *W* |", "|---|:-:|", "| W | $W$ |", "| `W` | \\| W |"], ["| W |", "| - |"], ["W | W", "--- | ---", "W |"],
    ["> W", "W"], ["> W", ">", "> > W"], ["1) W", "2) W"], ["7. W", "8. W"], ["- [W](http://example.org)", "- (2) W"],
    ["+ W", "  W", "+ W"], ["- W", "  1. W", "     - W"], ["- ```", "  W", "  ```"], ["- > W", "-"], ["- | W |", "  |---|", "  | W |"],
    ["![W](dot.png)", "![W](dot.png)"], ["W  ", "W\\", "W"],
]  # fmt: skip
BAD: list[list[str]] = [
    [HERE + "##W {#t.none}"], [HERE + "\u00a0## W {#t.none}"], [HERE + "    ## W {#t.none}"], ["W", HERE + "##W"],
    [HERE + "> ## W"], [HERE + "- # W"], ["- W", "", HERE + "  ### W {#t.none}"], [HERE + "W", "---"],
    [HERE + "```", "W"], [HERE + "~~~", "W"], [HERE + "> ```", "> W"], [HERE + "- ````", "  ```", "", "  W"],
    [HERE + "```", "W", "## W {#t.none}", "```"],
    ["| W | W |", "|---|---|", HERE + "| W | W | W |"], ["> W |", "> |-|", HERE + "> `W|W` | W"],
    [HERE + "[W]: http://example.org"], [HERE + "[^1]: W"], ["[W][w]", "", HERE + "[w]: W 'W'"], [HERE + "[//]: # (W)"],
    ["W | W | W", HERE + "--- | ---"], ["W", HERE + "|---|---|"], ["| W | W | W |", HERE + "| - | :-: |", "| W |"],
    [HERE + "W[^1] W"], ["W", HERE + "*W* [^12] W"], ["W[^W]", "", HERE + "[^W]: W W"],
    [HERE + "1. [x] W", "2. [ ] W"], [HERE + "> - [x] W", "> - [ ] W"], [HERE + "[ ] W"], [HERE + "-[x] W"], ["- W", HERE + "- [] W"],
    ["1. W", HERE + "   - [ ] W"], ["W", HERE + "[x] W"], [HERE + "-\u00a0[ ] W"], [HERE + "• [ ] W"], ["- W", HERE + "- [x]W"],
    [HERE + "$ W"], [HERE + "W$"], [HERE + "$x_{W$"], [HERE + "$\\left( W$"], ["$$", "W", HERE, "W", "$$"], [HERE + "a $5 and $6 W"],
    [HERE + "![W](a b.png)"], [HERE + "[W](a b)"], [HERE + "[W](javascript:W)"], [HERE + "![](dot.png)"], [HERE + "![ ](dot.png)"],
    [HERE + "![W](none.png)"], [HERE + "![W](http://example.org/W.png)"], [HERE + "![W](notes.txt)"], [HERE + "![W](.)"],
    [HERE + "![W][w]"], ["W", HERE + "![W](../dot.png)"], [HERE + "![W](/dot.png)"], [HERE + "> ![W](C:/dot.png)"],
    ["`W", "W`", HERE + "W {{W}}"], [HERE + "{{W"], [HERE + "W}}"], [HERE + "W {#t.none}"], [HERE + "[](http://example.org/W)"],
    [HERE + "W\x08"], [HERE + "\ufeffW"], [HERE + "\x00 W"], [HERE + "\ufeff## W {#t.none}"],
    ["> " * 25 + "W"], ["- " * 25 + "W"], [HERE + "# "], [HERE + "# W", "", HERE + "# W", "", "##### W"], [HERE + "###### W"],
]  # fmt: skip
PICTURES = ("dot.png", "my dot.png", "r&d.png", "dot%.svg")


@dataclass
class Drawn:
    """The lines of a file, and where each word belongs: the number of its card and its side or option."""

    lines: list[str] = field(default_factory=list)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)
    right: dict[int, int] = field(default_factory=dict)
    points: dict[int, list[int]] = field(default_factory=dict)
    count: int = 0

    @property
    def text(self) -> str:
        return FRONT + "\n".join(self.lines).replace(HERE, "") + "\n"

    @property
    def wrong_lines(self) -> set[int]:
        return {i + FRONT.count("\n") for i, line in enumerate(self.lines, 1) if HERE in line}


class Writer:
    """Fills a file with constructs."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.drawn = Drawn()

    def fill(self, pattern: str, place: str) -> str:
        def word(match: Any) -> str:
            name = f"w{len(self.drawn.places)}w"
            self.drawn.places[name] = (self.drawn.count, place)
            return name

        return re.sub("W", word, pattern)

    def line(self, place: str) -> str:
        return " ".join(
            self.fill(self.draw(st.sampled_from(INLINE)), place) for _ in range(self.draw(st.integers(1, 3)))
        )

    def sentence(self, place: str) -> str:
        return self.fill("Now W ", place) + self.line(place)

    def block(self, place: str, depth: int = 0) -> list[str]:
        shape = self.draw(
            st.sampled_from(["text", "text", "block", "block", "quote", "list", "numbers"][: 7 if depth < 2 else 4])
        )
        if shape == "text":
            ends = self.draw(st.lists(st.sampled_from(["", "  ", "\\"]), max_size=2))
            return [self.sentence(place) + end for end in [*ends, ""]]
        if shape == "block":
            return [self.fill(line, place) for line in self.draw(st.sampled_from(GOOD_BLOCKS))]
        inner = self.blocks(place, depth + 1)
        return prefixed(inner, *{"quote": ("> ", "> "), "list": ("- ", "  "), "numbers": ("1. ", "   ")}[shape])

    def blocks(self, place: str, depth: int = 0) -> list[str]:
        """Some blocks, each between two paragraphs, so that none becomes a part of the one before."""
        lines = [self.sentence(place)]
        for _ in range(self.draw(st.integers(0, 2))):
            lines += ["", *self.block(place, depth), "", self.sentence(place)]
        return lines

    def card(self, bad: list[str] | None = None, exam: bool = False) -> None:
        lines, at = self.drawn.lines, self.drawn.count
        kind = self.draw(st.sampled_from(["choice", "scheme"] if exam else ["basic", "cloze", "choice"]))
        cloze = " {{" + self.fill("*W* $W$", "hidden") + "}}" if kind == "cloze" else ""
        lines += ["", f"## What {self.line('front')}{cloze} there? {{#t.c{at}}}", ""]
        if kind == "choice":
            if self.draw(st.booleans()):
                lines += [*self.blocks("front"), ""]
            count = self.draw(st.integers(2, 9))
            self.drawn.right[at] = self.draw(st.integers(0, count - 1))
            for i in range(count):
                lines.append(f"- [{'x' if i == self.drawn.right[at] else ' '}] {self.line(f'option {i}')} o{i}")
            lines.append("")
        elif self.draw(st.booleans()):
            lines += [self.fill("![W](dot.png)", "front"), ""]
        if kind == "scheme":
            self.drawn.points[at] = self.draw(st.lists(st.integers(1, 30), min_size=1, max_size=4))
            lines += [f"- ({n}) {self.sentence(f'criterion {i}')}" for i, n in enumerate(self.drawn.points[at])]
        else:
            lines += self.blocks("back")
            if bad is not None:
                wrong = [self.fill(line, "none") for line in bad]
                wrap = self.draw(st.sampled_from(["", "", "> ", "- "]))
                lines += ["", *prefixed(wrong, wrap, {"- ": "  "}.get(wrap, wrap))]
        self.drawn.count += 1


def prefixed(lines: list[str], first: str, then: str) -> list[str]:
    """The lines in a quotation or an item; a mark stays in front."""
    begins = [first] + [then] * (len(lines) - 1)
    return [
        HERE * (HERE in line) + (begin + line.replace(HERE, "") if line or ">" in begin else "")
        for begin, line in zip(begins, lines, strict=True)
    ]


@st.composite
def decks(draw: Any) -> Drawn:
    writer = Writer(draw)
    for _ in range(draw(st.integers(1, 3))):
        writer.card()
    return writer.drawn


@st.composite
def exams(draw: Any) -> Drawn:
    writer = Writer(draw)
    for _ in range(draw(st.integers(1, 3))):
        writer.card(exam=True)
    return writer.drawn


@st.composite
def wrong_decks(draw: Any) -> Drawn:
    writer = Writer(draw)
    cards = draw(st.integers(1, 2))
    for i in range(cards):
        writer.card(draw(st.sampled_from(BAD)) if i == 0 else None)
    return writer.drawn


class Seen(HTMLParser):
    """What a reader sees of a page: its text, the words of its pictures, and apart from each other the stretches of text
    between two tags outside of code, in which MathJax looks for formulas."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.stretches = [""]
        self.code = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.code += tag in ("code", "pre")
        self.words += [value or "" for name, value in attrs if name in ("alt", "title", "href")]
        if tag not in ("br", "wbr"):
            self.stretches.append("")

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag in ("code", "pre")
        self.stretches.append("")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if not self.code:
            self.stretches[-1] += data

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def formulas(page: str) -> int:
    """How many formulas MathJax finds; fails where something else than a formula could be taken for one."""
    found = 0
    for stretch in Seen(page).stretches:
        math = re.findall(r"\\\((?:(?!\\\)).)*\\\)|\\\[(?:(?!\\\]).)*\\\]", stretch, re.DOTALL)
        rest = stretch
        for formula in math:
            rest = rest.replace(formula, "", 1)
        assert rest.count("$") < 2, stretch
        assert "\\begin" not in rest, stretch
        found += len(math)
    return found


def words_in(page: str) -> set[str]:
    return set(re.findall(r"w\d+w", page))


def sides(drawn: Drawn, card: int, *places: str) -> set[str]:
    return {word for word, (at, place) in drawn.places.items() if at == card and place.split()[0] in places}


def check_card(drawn: Drawn, at: int, card: Card) -> None:
    """Everything drawn for a card is on its own side, in every view."""
    asked, hidden = sides(drawn, at, "front"), sides(drawn, at, "hidden")
    told = sides(drawn, at, "back")
    options = sides(drawn, at, "option")
    assert words_in(Seen(card.question).text) == asked
    assert words_in(Seen(card.solved).text) == asked | hidden
    assert words_in(Seen(card.answer).text) == told
    for i, option in enumerate(card.options):
        assert words_in(Seen(option.html).text) == {w for w in options if drawn.places[w] == (at, f"option {i}")}
        assert option.right == (drawn.right[at] == i)
    assert len(card.options) == len({drawn.places[w] for w in options})
    assert words_in(Seen("".join(faces(card, False, None))).text) == asked | options
    assert words_in(Seen("".join(faces(card, True, 0))).text) == asked | options | hidden | told
    assert words_in(Seen(anki.front(card)).text) == asked | options
    assert words_in(Seen(anki.back(card)).text) == asked | options | hidden | told
    for page in (card.question, card.solved, card.answer, *(option.html for option in card.options)):
        for address in re.findall(r'<img src="([^"]*)"', page):
            assert pictures.name_of(re.sub("&amp;", "&", address)) in PICTURES
            assert address not in "".join(faces(card, True, 0))  # it travels inside the card
    assert "[x]" not in re.sub(r"<code.*?</code>", "", card.question + card.answer, flags=re.DOTALL).replace(
        "\\", ""
    ) or ("\\[x\\]" in drawn.text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn")
    for name in (*PICTURES, "notes.txt"):
        (path / name).write_bytes(b"dot")
    return path


def written(folder: Path, drawn: Drawn) -> Path:
    path = folder / "drawn.md"
    path.write_text(drawn.text, encoding="utf-8", newline="\n")
    return path


def often(check: Any) -> Any:
    """2,000 draws and other ones in every run of `make test-all`; otherwise a few, the same all day long."""
    return settings(max_examples=2000)(check) if THOROUGH else seed(day().toordinal())(settings(max_examples=25)(check))


@often
@given(decks())
def test_what_a_deck_says_is_shown_where_it_belongs(folder, drawn):
    deck, problems = read_deck(written(folder, drawn))
    assert problems == []
    assert [card.id for card in deck.cards] == [f"t.c{i}" for i in range(drawn.count)]
    for at, card in enumerate(deck.cards):
        check_card(drawn, at, card)
    page = html.quiz(deck)
    assert words_in(Seen(page).text) == set(drawn.places)
    spoken = {w for w, (_, place) in drawn.places.items() if place.split()[0] in ("front", "option")}
    assert words_in(text.quiz(deck)) <= spoken
    formulas(page)
    for card in deck.cards:
        formulas(anki.front(card) + anki.back(card))


@often
@given(wrong_decks())
def test_what_a_deck_cannot_show_is_told_at_its_line(folder, drawn):
    _, problems = read_deck(written(folder, drawn))
    told = {problem.line for problem in problems}
    assert told
    assert told <= set(range(1, drawn.text.count("\n") + 1))
    if drawn.wrong_lines:
        # A fence that is left open ends where the next one was meant to begin, and the last one of all stays open.
        fences = [number for number, line in enumerate(drawn.text.splitlines(), 1) if "```" in line]
        open_ = fences[-1:] if drawn.wrong_lines & set(fences) else []
        assert {*drawn.wrong_lines, *open_} & told, [str(problem) for problem in problems]


@often
@given(exams())
def test_what_an_exam_says_is_asked_and_marked(folder, drawn):
    exam, problems = read_exam(written(folder, drawn))
    questions = exam.questions
    assert problems == []
    assert [[c.points for c in question.scheme] for question in questions] == [
        drawn.points.get(at, []) for at in range(drawn.count)
    ]
    for at, question in enumerate(questions):
        for i, criterion in enumerate(question.scheme):
            own = {w for w in sides(drawn, at, "criterion") if drawn.places[w] == (at, f"criterion {i}")}
            assert words_in(Seen(criterion.html).text) == own
    assert words_in(Seen(html.exam(exam)).text) == set(drawn.places)
    formulas(html.exam(exam))
    asked = {w for w, (_, place) in drawn.places.items() if place.split()[0] in ("front", "option")}
    marked = {w for w, (_, place) in drawn.places.items() if place.split()[0] == "criterion"}
    for key in (False, True):
        printed = paper(exam, key=key)
        assert words_in(printed) == asked | (marked if key else set())
        page = markdown.render(markdown.blocks(printed))
        assert words_in(Seen(page).text) == asked | (marked if key else set())
        for address in re.findall(r'<img src="([^"]*)"', page):
            assert Path(pictures.name_of(re.sub("&amp;", "&", address))).is_file()


@pytest.mark.parametrize("inner", [("", ""), ("> ", "> "), ("- ", "  "), ("1. ", "   ")], ids=str)
@pytest.mark.parametrize("outer", [("", ""), ("> ", "> "), ("- ", "  ")], ids=str)
def test_every_construct_that_is_told_is_told_in_every_place(outer, inner, folder):
    for pattern in BAD:
        writer = Writer(lambda strategy: None)
        wrong = prefixed(prefixed([writer.fill(line, "none") for line in pattern], *inner), *outer)
        writer.drawn.lines = ["", "## What? {#t.a}", "", "Word.", "", *wrong, "", "## How? {#t.b}", "", "So."]
        _, problems = read_deck(written(folder, writer.drawn))
        told = {problem.line for problem in problems}
        assert told, pattern
        assert not writer.drawn.wrong_lines or told & writer.drawn.wrong_lines, (pattern, problems)


def test_the_course_itself_stays_free_of_what_is_told():
    assert collection.lint() == collection.lint_exams() == []
