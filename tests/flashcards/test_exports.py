"""What a learning platform and a printer get: Moodle XML by its schema, GIFT by a parser, and pages that load nothing."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flashcards import collection
from flashcards.cli import main
from flashcards.exam_paper import draw
from flashcards.model import Exam
from flashcards.parsing.exams import read_exam
from flashcards.render.formulas import typeset
from flashcards.render.gift import gift
from flashcards.render.moodle import xml
from flashcards.render.sheet import sheet, write_pdf
from tests.flashcards.test_grammar import PICTURES, exams, often, written

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAPER = """+++
title = "Maps / and {more}: 100 %"
notebook = "04_occlusion"
tags = ["t"]
+++

## Which map is it, $x_1<x_2$ {or} `a=b`? {#t.one fact=12 level=apply}

![A ~left~, B right](my%20dot.png)

- [ ] A: *sharp* = $\\frac{1}{2}$
- [x] B ~ #2 {see}, \\\\alpha
- [ ] neither

Because `\\n`: so.

## Say why. {#t.two fact=hubs level=recall}

- (2) says $\\lvert\\nabla_x f(x)\\rvert_1$
- (1) says 100 % & "more"
"""


PAPER_WITH_CODE = """+++
title = "Code"
notebook = "09_review"
tags = ["exam"]
+++

## What does it print? {#t.code fact=12 level=apply}

```python
for i in range(2):
    print(i)
```

- [ ] nothing
- [x] two lines

It counts.
"""


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    (tmp_path / "my dot.png").write_bytes(PNG)
    (tmp_path / "paper.md").write_text(PAPER, encoding="utf-8")
    return collection.load_exam(tmp_path / "paper.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn")
    for name in PICTURES:
        (path / name).write_bytes(b"dot")
    return path


@pytest.fixture(scope="module")
def course() -> Exam:
    return collection.load_exam("course")


# ---- Moodle XML ----

# What Moodle's importer (question/format/xml/format.php) reads: for each element its children, in any order, and how
# often each may stand there; "text" holds the content. Whatever else stands in a file, it would drop in silence.
ONCE, MANY = (1, 1), (0, None)
HTML = {"text": ONCE, "file": MANY}
COMMON = {
    "name": ONCE, "questiontext": ONCE, "generalfeedback": ONCE, "defaultgrade": ONCE, "penalty": ONCE, "hidden": ONCE,
    "idnumber": ONCE, "tags": ONCE,
}  # fmt: skip
CHOICE = COMMON | {"single": ONCE, "shuffleanswers": ONCE, "answernumbering": ONCE, "answer": (2, None)}
ESSAY = COMMON | {
    "responseformat": ONCE, "responserequired": ONCE, "responsefieldlines": ONCE, "attachments": ONCE,
    "attachmentsrequired": ONCE, "graderinfo": ONCE, "responsetemplate": ONCE,
}  # fmt: skip
CHILDREN = {
    "quiz": {"question": (1, None)}, "name": {"text": ONCE}, "category": {"text": ONCE}, "tag": {"text": ONCE},
    "tags": {"tag": MANY}, "questiontext": HTML, "generalfeedback": HTML, "graderinfo": HTML, "responsetemplate": HTML,
    "feedback": HTML, "answer": HTML | {"feedback": ONCE},
    "question category": {"category": ONCE}, "question multichoice": CHOICE, "question essay": ESSAY,
}  # fmt: skip
ATTRIBUTES = {
    "question": {"type"}, "answer": {"fraction", "format"}, "file": {"name", "path", "encoding"},
    **{name: {"format"} for name in ("questiontext", "generalfeedback", "graderinfo", "responsetemplate", "feedback")},
}  # fmt: skip
VALUES = {
    "defaultgrade": r"\d+(\.\d+)?", "penalty": r"0|1|0\.\d+", "hidden": "[01]", "single": "true|false",
    "shuffleanswers": "true|false", "answernumbering": "abc|ABCD|123|iii|none", "responserequired": "[01]",
    "responseformat": "editor|editorfilepicker|plain|monospaced|noinline", "responsefieldlines": r"\d+",
    "attachments": r"-?\d+", "attachmentsrequired": r"\d+", "idnumber": ".{1,100}",
}  # fmt: skip


def check(element: Element, path: str = "") -> None:
    """Check an element and all below it against the tables above."""
    here = f"{path}/{element.tag}"
    assert set(element.attrib) == ATTRIBUTES.get(element.tag, set()), here
    allowed = CHILDREN.get(f"{element.tag} {element.get('type')}" if element.tag == "question" else element.tag, {})
    found = [child.tag for child in element]
    assert set(found) <= set(allowed), (here, found)
    for name, (least, most) in allowed.items():
        assert least <= found.count(name) <= (most or 10**6), (here, name)
    if allowed:
        assert not (element.text or "").strip(), here
    if element.tag in VALUES:
        assert re.fullmatch(VALUES[element.tag], element.text or ""), (here, element.text)
    if element.get("format"):
        assert element.get("format") == "html", here
        files = {file.get("name") for file in element.findall("file")}
        text = element.findtext("text") or ""
        assert set(re.findall(r"@@PLUGINFILE@@/([^\"]*)", text)) == {str(name).replace("&", "&amp;") for name in files}
        assert not re.search(r'src="(?!@@PLUGINFILE@@/)', text), here
    for child in element:
        check(child, here)


def questions(text: str) -> list[Element]:
    root = ElementTree.fromstring(text.encode("utf-8"))
    check(root)
    category, *found = root
    assert category.get("type") == "category"
    assert sum(question.get("type") == "category" for question in found) == 0
    for question in found:
        if question.get("type") == "multichoice":
            fractions = [answer.get("fraction") for answer in question.findall("answer")]
            assert sorted(map(str, fractions)) == ["0"] * (len(fractions) - 1) + ["100"]
    return found


def test_the_bank_of_the_course_is_right_by_the_schema_of_moodle(course):
    found = questions(xml(course))
    assert [question.findtext("idnumber") for question in found] == [q.card.id for q in course.questions]
    for element, question in zip(found, course.questions, strict=True):
        assert element.findtext("defaultgrade") == str(question.points)
        tags = [tag.text for tag in element.iterfind("tags/tag/text")]
        assert tags[:2] == [f"fact {question.card.fact}", question.card.level]
        right = [a.findtext("text") for a in element.findall("answer") if a.get("fraction") == "100"]
        assert right == [option.html for option in question.card.options if option.right]
        if question.scheme:
            told = element.findtext("graderinfo/text") or ""
            assert all(criterion.html in told for criterion in question.scheme)
            assert "or another valid reason" in told
            assert element.findtext("generalfeedback/text") == ""  # students would see it


def test_pictures_and_formulas_travel_inside(exam):
    one, two = questions(xml(exam))
    text, file = one.findtext("questiontext/text") or "", one.find("questiontext/file")
    assert 'src="@@PLUGINFILE@@/my dot.png"' in text
    assert "\\(x_1&lt;x_2\\)" in text
    assert file is not None
    assert base64.b64decode(file.text or "") == PNG
    assert "\\(\\lvert\\nabla_x f(x)\\rvert_1\\)" in (two.findtext("graderinfo/text") or "")
    category = ElementTree.fromstring(xml(exam)).findtext("question/category/text")
    assert category == "$course$/top/Maps // and {more}: 100 %"


@pytest.mark.parametrize(
    "wrong",
    [
        ("<penalty>0</penalty>", ""),
        ("<penalty>0</penalty>", "<penalty>0</penalty><penalty>0</penalty>"),
        ("<penalty>0</penalty>", "<penalty>-1</penalty>"),
        ("<single>true</single>", "<single>yes</single>"),
        ('fraction="100"', 'fraction="50"'),
        ('format="html"', 'format="markdown"'),
        ("@@PLUGINFILE@@/", "img/"),
        ("<tags>", "<points>3</points><tags>"),
    ],
)
def test_the_schema_can_tell(wrong, exam):
    text = xml(exam)
    assert wrong[0] in text
    with pytest.raises(AssertionError):
        questions(text.replace(*wrong, 1))


# ---- GIFT ----


@dataclass
class Gift:
    """A question as a platform takes it from GIFT."""

    title: str
    text: str
    options: list[tuple[bool, str]] = field(default_factory=list)
    feedback: str = ""


def unescaped(text: str) -> str:
    assert not re.search(r"(?<!\\)(?:\\\\)*\\[^\\~=#{}:n]", text), (
        text
    )  # a backslash before what is no control character
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)


def parts(text: str, signs: str) -> list[tuple[str, str]]:
    """A text cut at each of the control characters that is not behind a backslash: (character, what follows)."""
    found, at = [("", "")], 0
    while at < len(text):
        if text[at] == "\\":
            found[-1] = (found[-1][0], found[-1][1] + text[at : at + 2])
            at += 2
        elif text[at] in signs:
            found.append((text[at], ""))
            at += 1
        else:
            found[-1] = (found[-1][0], found[-1][1] + text[at])
            at += 1
    return found


def parse(text: str) -> tuple[str, list[Gift]]:
    """The category and the questions of a file, strictly: a control character out of its place is refused."""
    category, found = "", []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in block.split("\n") if not line.startswith("//")]
        if lines[0].startswith("$CATEGORY: "):
            [line] = lines
            category = line.removeprefix("$CATEGORY: ")
            continue
        (_, none), (_, _), (_, title), (_, _), *rest = parts("\n".join(lines), ":")
        assert none == ""
        assert len(rest) == 1, rest
        body = rest[0][1]
        assert body.startswith("[html]"), body
        (_, asked), (opened, inside), (closed, after) = parts(body.removeprefix("[html]"), "{}")
        assert (opened, closed, after.strip()) == ("{", "}", "")
        question = Gift(unescaped(title), unescaped(asked.strip()))
        told, hashes = [], 0
        for sign, piece in parts(inside, "=~#"):
            hashes = hashes + 1 if sign == "#" else 0
            if sign in "=~" and sign:
                question.options.append((sign == "=", unescaped(piece.strip())))
            elif sign == "#" and piece:
                told.append((hashes, unescaped(piece.strip())))
            else:
                assert not piece.strip(), piece
        assert [count for count, _ in told] == [4]
        question.feedback = told[0][1]
        found.append(question)
    return category, found


def flat(html: str) -> str:
    return " ".join(html.split())


def test_the_bank_of_the_course_is_read_by_a_parser_of_gift(course):
    category, found = parse(gift(course))
    assert category == "$course$/top/Interpreting vision models"
    assert [question.title for question in found] == [question.card.id for question in course.questions]
    for read, question in zip(found, course.questions, strict=True):
        assert read.text == flat(question.card.question)
        assert read.options == [(option.right, flat(option.html)) for option in question.card.options]
        if question.scheme:
            assert "or another valid reason" in read.feedback
            assert all(flat(criterion.html) in read.feedback for criterion in question.scheme)
        else:
            assert read.feedback.endswith(flat(question.card.answer))


def test_the_lines_of_code_survive_gift(tmp_path):
    (tmp_path / "paper.md").write_text(PAPER_WITH_CODE, encoding="utf-8")
    _, [one] = parse(gift(collection.load_exam(tmp_path / "paper.md")))
    assert '<pre><code class="language-python">for i in range(2):<br>    print(i)</code></pre>' in one.text


def test_control_characters_and_pictures_survive_gift(exam):
    category, [one, two] = parse(gift(exam))
    assert category == "$course$/top/Maps // and {more}: 100 %"
    assert base64.b64encode(PNG).decode() in one.text
    assert "\\(x_1&lt;x_2\\) {or} <code>a=b</code>?" in one.text
    assert [right for right, _ in one.options] == [False, True, False]
    assert one.options[0][1] == "A: <em>sharp</em> = \\(\\frac{1}{2}\\)"
    assert one.options[1][1] == "B ~ #2 {see}, <span>\\</span>alpha"
    assert "<code>\\n</code>" in one.feedback
    assert "\\(\\lvert\\nabla_x f(x)\\rvert_1\\)" in two.feedback


def names(path: str) -> list[str]:
    """The categories of a path, as Moodle reads them (question/format.php): a slash that is doubled belongs to a name."""
    return [name.replace("//", "/").strip() for name in re.split("(?<!/)/(?!/)", path)]


@given(st.text("/ ab:&", min_size=1).filter(str.strip))
@example("Vision/Language")
@example("/a")
@example("a/ / /")
def test_a_title_is_one_category_in_every_bank(title):
    exam = Exam("e", title, ())
    category, _ = parse(gift(exam))
    assert category == ElementTree.fromstring(xml(exam)).findtext("question/category/text")
    assert names(category) == ["$course$", "top", " ".join(title.split())]


@pytest.mark.parametrize(
    "text",
    ["::a::[html]x: y {\n=b\n~c\n####d\n}", "::a::[html]x {\n=b = c\n~d\n#e\n}", "::a::[html]x {y} {\n####d\n}",
     "::a::[html]\\(x {\n####d\n}", "::a::[html]x {\n####d"],
)  # fmt: skip
def test_the_parser_can_tell(text):
    with pytest.raises((AssertionError, ValueError)):
        parse(text)


@often
@given(exams())
def test_whatever_stands_in_an_exam_it_is_exported_whole(folder, drawn):
    exam, problems = read_exam(written(folder, drawn))
    assert problems == []
    _, found = parse(gift(exam))
    for element, read, question in zip(questions(xml(exam)), found, exam.questions, strict=True):
        words = set(re.findall(r"w\d+w", question.card.question + question.card.lead_text))
        assert words <= set(re.findall(r"w\d+w", element.findtext("questiontext/text") or ""))
        assert words <= set(re.findall(r"w\d+w", read.text))
        answers = [(a.get("fraction") == "100", flat(a.findtext("text") or "")) for a in element.findall("answer")]
        assert [right for right, _ in answers] == [right for right, _ in read.options]
        assert [right for right, _ in answers] == [option.right for option in question.card.options]


# ---- paper ----


class Loads(HTMLParser):
    """What a page loads, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe"), tag
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset")]
        if tag not in ("img", "br", "hr", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("key", [False, True])
def test_a_sheet_holds_its_pictures_and_formulas_and_loads_nothing(exam, key):
    page = sheet(draw(exam, 1), key=key)
    loads = Loads(page)
    assert loads.open == []
    assert all(source.startswith("data:image/") for source in loads.sources)
    assert base64.b64encode(PNG).decode() in page
    assert 'class="formula" alt="x_1&lt;x_2"' in page
    assert "\\(" not in page
    assert ("or another valid reason" in page) == key
    assert ("says" in page) == ("Because" in page) == key
    assert ('class="lines"' in page) != key
    assert "paper-1: 2 questions, 4 points" in page


def test_a_formula_beyond_what_can_be_drawn_stands_as_it_is_and_code_stays_code():
    html = typeset("<p>\\(\\foo x&lt;y\\) <code>\\(x\\)</code> &amp; \\[x^2\\]<br />é &#36;</p>")
    assert html.startswith('<p><code>\\foo x&lt;y</code> <code>\\(x\\)</code> &amp; <span class="display"><img')
    assert html.endswith("</span><br />é &#36;</p>")
    assert typeset("<b>no formula</b>") == "<b>no formula</b>"


def test_letters_that_the_fonts_do_not_have_leave_the_latex_as_it_stands(caplog):
    for _ in range(2):
        assert typeset("\\(x_猫\\) and \\(\\text{כן}\\)") == "<code>x_猫</code> and <code>\\text{כן}</code>"
    assert typeset("\\(x_\\text{für}\\)").startswith("<img")
    assert caplog.records == []


@given(st.integers(0, 999))
def test_a_students_sheet_holds_no_word_of_the_key(course, seed):
    paper = draw(course, seed)
    page = sheet(paper)
    for question in paper.questions:
        assert all(criterion.html not in page for criterion in question.scheme)
        assert not question.card.options or question.card.answer not in page


def test_the_command_writes_what_the_name_of_the_file_says(tmp_path, capsys):
    for name in ("p.md", "p.HTML", "b.xml", "b.gift"):
        command = "paper" if name[0] == "p" else "bank"
        assert main([command, "--to", str(tmp_path / name)]) == 0
        said = "16 questions, 43 points" if command == "paper" else "54 questions, "
        assert capsys.readouterr().out.startswith(said)
    assert (tmp_path / "p.md").read_text(encoding="utf-8").startswith("# Interpreting")
    assert (tmp_path / "p.HTML").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    questions((tmp_path / "b.xml").read_text(encoding="utf-8"))
    parse((tmp_path / "b.gift").read_text(encoding="utf-8"))
    assert main(["paper", "--to", str(tmp_path / "p.doc")]) == 1
    assert "expected one that ends with .md, .html or .pdf" in capsys.readouterr().err
    assert main(["bank", "--to", str(tmp_path / "b.html")]) == 1
    assert "expected one that ends with .xml or .gift" in capsys.readouterr().err


def test_a_pdf_needs_chromium_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    assert main(["paper", "--to", str(tmp_path / "p.pdf")]) == 1
    said = capsys.readouterr().err
    assert "a PDF needs Chromium, and " in said
    assert "was found; set CHROMIUM to its path, or write .html" in said
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="and none was found"):
        write_pdf("", tmp_path / "p.pdf")
    monkeypatch.setenv("CHROMIUM", shutil.which("false", path="/usr/bin:/bin") or "/bin/false")
    with pytest.raises(OSError, match=r"made no PDF of .*p\.pdf"):
        write_pdf("", tmp_path / "p.pdf")


@pytest.mark.skipif(os.name == "nt", reason="the browser of this test is a script")
@pytest.mark.parametrize("done", ["echo half > $made; exit 1", "exit 0"])
def test_a_pdf_that_was_not_made_leaves_the_old_one_as_it_was(done, tmp_path, monkeypatch):
    browser, pdf = tmp_path / "browser", tmp_path / "p.pdf"
    browser.write_text(
        f"#!/bin/sh\nfor made; do case $made in --print-to-pdf=*) break;; esac; done; made=${{made#*=}}\n{done}\n"
    )
    browser.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(browser))
    pdf.write_text("old")
    with pytest.raises(OSError, match=r"made no PDF of .*p\.pdf: $"):
        write_pdf("", pdf)
    assert pdf.read_text() == "old"
    browser.write_text(browser.read_text().replace(done, "echo new > $made"))
    write_pdf("", pdf)
    assert pdf.read_text() == "new\n"


def test_a_browser_that_never_ends_is_told(tmp_path, monkeypatch):
    def wait(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setenv("CHROMIUM", sys.executable)
    monkeypatch.setattr(subprocess, "run", wait)
    with pytest.raises(OSError, match=r"made no PDF of .*p\.pdf within 120 seconds$"):
        write_pdf("", tmp_path / "p.pdf")


@pytest.mark.browser
def test_a_paper_is_printed(exam, tmp_path):
    write_pdf(sheet(exam), tmp_path / "p.pdf")
    content = (tmp_path / "p.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Image" in content
